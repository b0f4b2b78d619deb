//! WebSocket frames as they pass (RFC 6455, section 5), one direction, and the channels in them.
//!
//! The first byte of a message names its channel. Nothing is kept but the head of the frame that is being read, so a
//! frame may be as long as it likes.

use super::channel::{Channel, Listener, Unfollowed};

/// Bytes that are unmasked at once.
const CHUNK: usize = 4096;
/// The longest head: two bytes, a length of eight, a mask of four.
const MAX_HEAD: usize = 14;

/// Who sends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sender {
    /// The client, whose frames are masked (section 5.1).
    Client,
    /// The server, whose frames are not.
    Server,
}

/// Follows one direction.
#[derive(Clone, Debug)]
pub struct WebSocket {
    sender: Sender,
    head: [u8; MAX_HEAD],
    head_len: usize,
    /// Bytes of the frame's body that are still to come; `None` while its head is read.
    left: Option<u64>,
    mask: [u8; 4],
    /// How many bytes of the frame's body were seen, modulo 4.
    turn: usize,
    opcode: u8,
    fin: bool,
    /// Whether a message of several frames is under way.
    in_message: bool,
    /// The channel of the message, once its first byte was seen.
    channel: Option<Option<Channel>>,
    closed: bool,
}

impl WebSocket {
    /// Follows what `sender` sends after the handshake.
    #[must_use]
    pub const fn new(sender: Sender) -> Self {
        Self {
            sender,
            head: [0; MAX_HEAD],
            head_len: 0,
            left: None,
            mask: [0; 4],
            turn: 0,
            opcode: 0,
            fin: true,
            in_message: false,
            channel: None,
            closed: false,
        }
    }

    /// Follows some more bytes.
    ///
    /// # Errors
    /// At a frame that is none; nothing that comes after it can be followed.
    pub fn follow(
        &mut self,
        mut bytes: &[u8],
        listener: &mut impl Listener,
    ) -> Result<(), Unfollowed> {
        while !bytes.is_empty() {
            if self.closed {
                return Err(Unfollowed::WebSocket("something follows its last frame"));
            }
            match self.left {
                None => {
                    let (first, rest) = bytes.split_at(1);
                    self.take_head(first);
                    bytes = rest;
                    self.read_head()?;
                }
                Some(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    let (body, rest) = bytes.split_at(here);
                    self.take_body(body, listener);
                    bytes = rest;
                    self.left = Some(left.saturating_sub(here as u64));
                }
            }
            if self.left == Some(0) {
                self.end_frame();
            }
        }
        Ok(())
    }

    /// Whether a frame of one's own may be put between what has passed and what comes.
    #[must_use]
    pub const fn is_between_frames(&self) -> bool {
        self.left.is_none() && self.head_len == 0 && !self.in_message && !self.closed
    }

    fn take_head(&mut self, byte: &[u8]) {
        if let (Some(place), Some(byte)) = (self.head.get_mut(self.head_len), byte.first()) {
            *place = *byte;
            self.head_len = self.head_len.saturating_add(1);
        }
    }

    /// Reads the head, if it is whole.
    fn read_head(&mut self) -> Result<(), Unfollowed> {
        let wrong = |why| Err(Unfollowed::WebSocket(why));
        let head = self.head.get(..self.head_len).unwrap_or_default();
        let [first, second, rest @ ..] = head else { return Ok(()) };
        let masked = second & 0x80 != 0;
        if first & 0x70 != 0 {
            return wrong("a reserved bit is set");
        }
        if masked != (self.sender == Sender::Client) {
            return wrong("it is masked, or is not, against the rule");
        }
        let (wide, short) = match second & 0x7f {
            126 => (2, 0),
            127 => (8, 0),
            short => (0, u64::from(short)),
        };
        let (length, mask) = match (rest.split_at_checked(wide), masked) {
            (Some((length, mask)), true) if mask.len() == 4 => (length, mask),
            (Some((length, [])), false) => (length, [].as_slice()),
            (Some(_) | None, _) => return Ok(()),
        };
        let length = if wide == 0 {
            short
        } else {
            length.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte))
        };
        self.mask = mask.try_into().unwrap_or([0; 4]);
        (self.fin, self.opcode) = (first & 0x80 != 0, first & 0x0f);
        let is_control = self.opcode >= 8;
        match self.opcode {
            0 if !self.in_message => return wrong("it goes on with a message that was not begun"),
            1 | 2 if self.in_message => return wrong("a message begins inside another one"),
            0..=2 => {}
            8..=10 if !self.fin || length > 125 => {
                return wrong("a control frame is too long, or in parts");
            }
            8..=10 => {}
            _ => return wrong("it is of no kind that there is"),
        }
        if length > i64::MAX as u64 {
            return wrong("its length is out of range");
        }
        if !is_control && self.opcode != 0 {
            self.channel = None;
        }
        (self.left, self.turn, self.head_len) = (Some(length), 0, 0);
        Ok(())
    }

    fn take_body(&mut self, body: &[u8], listener: &mut impl Listener) {
        if self.opcode >= 8 {
            return;
        }
        let mut clear = [0; CHUNK];
        for part in body.chunks(CHUNK) {
            let Some(clear) = clear.get_mut(..part.len()) else { continue };
            for (to, from) in clear.iter_mut().zip(part) {
                *to = from ^ self.mask.get(self.turn).copied().unwrap_or(0);
                self.turn = self.turn.wrapping_add(1) % 4;
            }
            let clear: &[u8] = clear;
            let (channel, bytes) = match (self.channel, clear.split_first()) {
                (Some(channel), _) => (channel, clear),
                (None, Some((number, rest))) => {
                    let channel = Channel::from_number(*number);
                    self.channel = Some(channel);
                    (channel, rest)
                }
                (None, None) => continue,
            };
            if let Some(channel) = channel.filter(|_| !bytes.is_empty()) {
                listener.heard(channel, bytes);
            }
        }
    }

    fn end_frame(&mut self) {
        self.left = None;
        match self.opcode {
            8 => self.closed = true,
            9.. => {}
            _ => self.in_message = !self.fin,
        }
    }
}

/// A message of the server on `channel`; of `text` up to 64 KiB are sent.
#[must_use]
pub fn message(channel: u8, text: &[u8]) -> Vec<u8> {
    let text = text.get(..usize::from(u16::MAX) - 1).unwrap_or(text);
    let length = u16::try_from(text.len().saturating_add(1)).unwrap_or(u16::MAX);
    let mut frame = vec![0x82, 126];
    frame.extend(length.to_be_bytes());
    frame.push(channel);
    frame.extend(text);
    frame
}

/// The server's last frame (section 5.5.1), with the status of a normal end: kubectl does not look at what came before
/// any other.
pub const CLOSE: [u8; 4] = [0x88, 2, 0x03, 0xe8];

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(sender: Sender, parts: &[&[u8]]) -> Result<Vec<(Channel, Vec<u8>)>, Unfollowed> {
        let mut heard: Vec<(Channel, Vec<u8>)> = Vec::new();
        let mut socket = WebSocket::new(sender);
        for part in parts {
            socket.follow(part, &mut |channel, bytes: &[u8]| match heard.last_mut() {
                Some((last, all)) if *last == channel => all.extend_from_slice(bytes),
                Some(_) | None => heard.push((channel, bytes.to_vec())),
            })?;
        }
        Ok(heard)
    }

    /// A ping between two halves of a message, a message of another channel, a long one, the end.
    fn conversation() -> Vec<u8> {
        let mut bytes = vec![0x02, 3, 1, b'h', b'e', 0x89, 1, b'!', 0x80, 3, b'l', b'l', b'o'];
        bytes.extend([0x82, 2, 2, b'e']);
        bytes.extend([0x82, 126, 0x01, 0x00, 1]);
        bytes.extend([b'x'; 255]);
        bytes.extend([0x88, 0]);
        bytes
    }

    #[test]
    fn channels_are_heard_wherever_the_bytes_are_cut() {
        let bytes = conversation();
        let whole = follow(Sender::Server, &[&bytes]).unwrap();
        assert_eq!(whole.len(), 3);
        assert_eq!(whole[0], (Channel::Stdout, b"hello".to_vec()));
        assert_eq!(whole[1], (Channel::Stderr, b"e".to_vec()));
        assert_eq!(whole[2].1.len(), 255);
        for at in 0..bytes.len() {
            let (one, other) = bytes.split_at(at);
            assert_eq!(follow(Sender::Server, &[one, other]).unwrap(), whole, "{at}");
        }
    }

    #[test]
    fn what_the_client_masks_is_read() {
        let mask = [9, 8, 7, 6];
        let clear = b"\0ls\n";
        let mut bytes = vec![0x82, 0x84, 9, 8, 7, 6];
        bytes.extend(clear.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        assert_eq!(
            follow(Sender::Client, &[&bytes]).unwrap(),
            [(Channel::Stdin, b"ls\n".to_vec())]
        );
    }

    #[test]
    fn what_breaks_the_protocol_is_not_followed() {
        for bytes in [
            &[0x82, 0x81, 0, 0, 0, 0, 1][..],
            &[0xc2, 1, 1],
            &[0x80, 1, 1],
            &[0x02, 1, 1, 0x82, 1, 1],
            &[0x83, 0],
            &[0x09, 0],
            &[0x89, 126, 0, 200],
            &[0x82, 127, 0xff, 0, 0, 0, 0, 0, 0, 0],
            &[0x88, 0, 0x82, 0],
        ] {
            assert!(follow(Sender::Server, &[bytes]).is_err(), "{bytes:?}");
        }
        assert!(follow(Sender::Client, &[&[0x82, 1, 1]]).is_err());
    }
}
