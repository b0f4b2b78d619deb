//! SPDY/3.1 frames as they pass ("SPDY Protocol - Draft 3.1", section 2), both directions of one connection, and the
//! channels in them.
//!
//! Each direction compresses its headers in one zlib stream, so every block is unpacked, wanted or not. Only a stream's
//! `streamtype` is looked at. Bodies are passed by where they lie; a frame of headers is kept until it is whole.

use std::collections::BTreeMap;

use flate2::{Decompress, FlushDecompress, Status};

use super::channel::{Channel, Listener, Unfollowed};

/// What both sides' compressors know from the beginning (section 2.6.10.1).
pub const DICTIONARY: &[u8; 1423] = include_bytes!("spdy3.dictionary");

/// A frame's head (section 2.2).
const HEAD: usize = 8;
/// The longest frame of headers. Clients send some hundred bytes.
const MAX_HEADERS: usize = 16 * 1024;
/// The most bytes that one block of headers unpacks to.
const MAX_UNPACKED: usize = 64 * 1024;
/// Streams of one connection that are known at once.
const MAX_STREAMS: usize = 1024;
/// Headers of one stream.
const MAX_PAIRS: u32 = 256;

/// Types of control frames (section 2.6).
const SYN_STREAM: u16 = 1;
const SYN_REPLY: u16 = 2;
const RST_STREAM: u16 = 3;
const HEADERS: u16 = 8;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// From the server.
    Down,
    /// From the client.
    Up,
}

/// Follows one connection.
#[derive(Debug)]
pub struct Spdy {
    up: Direction,
    down: Direction,
    streams: BTreeMap<u32, Channel>,
}

#[derive(Debug)]
struct Direction {
    head: [u8; HEAD],
    head_len: usize,
    frame: Option<Frame>,
    unpack: Decompress,
    primed: bool,
}

#[derive(Debug)]
struct Frame {
    kind: Kind,
    left: usize,
}

#[derive(Debug)]
enum Kind {
    Data(u32),
    /// Headers, as much of them as was seen.
    Headers(u16, Vec<u8>),
    Other,
}

impl Default for Spdy {
    fn default() -> Self {
        Self::new()
    }
}

impl Spdy {
    /// Follows a connection from its first frame.
    #[must_use]
    pub fn new() -> Self {
        Self { up: Direction::new(), down: Direction::new(), streams: BTreeMap::new() }
    }

    /// Follows some more bytes that go `way`.
    ///
    /// # Errors
    /// At a frame that is none; nothing that comes after it can be followed.
    pub fn follow(
        &mut self,
        way: Way,
        mut bytes: &[u8],
        listener: &mut impl Listener,
    ) -> Result<(), Unfollowed> {
        let Self { up, down, streams } = self;
        let direction = match way {
            Way::Up => up,
            Way::Down => down,
        };
        while !bytes.is_empty() {
            match &mut direction.frame {
                None => {
                    let (first, rest) = bytes.split_at(1);
                    direction.take_head(first);
                    bytes = rest;
                    if direction.head_len == HEAD {
                        direction.read_head()?;
                    }
                }
                Some(frame) => {
                    let (body, rest) = bytes.split_at(frame.left.min(bytes.len()));
                    match &mut frame.kind {
                        Kind::Data(stream) => {
                            if let Some(channel) = streams.get(stream) {
                                listener.heard(*channel, body);
                            }
                        }
                        Kind::Headers(_, seen) => seen.extend_from_slice(body),
                        Kind::Other => {}
                    }
                    frame.left = frame.left.saturating_sub(body.len());
                    bytes = rest;
                }
            }
            if direction.frame.as_ref().is_some_and(|frame| frame.left == 0)
                && let Some(Frame { kind: Kind::Headers(kind, body), .. }) = direction.frame.take()
            {
                direction.read_headers(kind, &body, streams)?;
            }
        }
        Ok(())
    }
}

impl Spdy {
    /// The stream that is open for `channel`.
    #[must_use]
    pub fn stream(&self, channel: Channel) -> Option<u32> {
        self.streams.iter().find(|(_, open)| **open == channel).map(|(id, _)| *id)
    }

    /// The frame that says `text` on `channel` as the server's last word there; `None` where no such stream is open, or
    /// a frame is under way.
    #[must_use]
    pub fn last_word(&self, channel: Channel, text: &[u8]) -> Option<Vec<u8>> {
        if self.down.frame.is_some() || self.down.head_len > 0 {
            return None;
        }
        let id = self.stream(channel)?;
        let text = text.get(..usize::from(u16::MAX)).unwrap_or(text);
        let mut frame = id.to_be_bytes().to_vec();
        // FLAG_FIN (section 2.2.2), then a length of three bytes.
        let length = u32::try_from(text.len()).ok()?;
        frame.extend((1 << 24 | length).to_be_bytes());
        frame.extend(text);
        Some(frame)
    }
}

impl Direction {
    fn new() -> Self {
        let unpack = Decompress::new(true);
        Self { head: [0; HEAD], head_len: 0, frame: None, unpack, primed: false }
    }

    fn take_head(&mut self, byte: &[u8]) {
        if let (Some(place), Some(byte)) = (self.head.get_mut(self.head_len), byte.first()) {
            *place = *byte;
            self.head_len = self.head_len.saturating_add(1);
        }
    }

    fn read_head(&mut self) -> Result<(), Unfollowed> {
        let [a, b, c, d, _flags, x, y, z] = self.head;
        self.head_len = 0;
        let left = u32::from_be_bytes([0, x, y, z]) as usize;
        let kind = if a & 0x80 == 0 {
            Kind::Data(u32::from_be_bytes([a, b, c, d]))
        } else {
            if u16::from_be_bytes([a & 0x7f, b]) != 3 {
                return Err(Unfollowed::Spdy("it is of another version than 3"));
            }
            match u16::from_be_bytes([c, d]) {
                kind @ (SYN_STREAM | SYN_REPLY | RST_STREAM | HEADERS) => {
                    if left > MAX_HEADERS {
                        return Err(Unfollowed::Spdy("its headers are too long"));
                    }
                    Kind::Headers(kind, Vec::with_capacity(left))
                }
                // SETTINGS, PING, GOAWAY, WINDOW_UPDATE.
                4 | 6 | 7 | 9 => Kind::Other,
                _ => return Err(Unfollowed::Spdy("it is of no kind that there is")),
            }
        };
        self.frame = Some(Frame { kind, left });
        Ok(())
    }

    fn read_headers(
        &mut self,
        kind: u16,
        body: &[u8],
        streams: &mut BTreeMap<u32, Channel>,
    ) -> Result<(), Unfollowed> {
        let short = Unfollowed::Spdy("it is shorter than its kind");
        let (id, rest) = body.split_first_chunk::<4>().ok_or(short)?;
        let id = u32::from_be_bytes(*id) & 0x7fff_ffff;
        let block = match kind {
            RST_STREAM => {
                streams.remove(&id);
                return Ok(());
            }
            // The stream it belongs to, its priority, and a credential's slot stand before the block.
            SYN_STREAM => rest.get(6..).ok_or(short)?,
            _ => rest,
        };
        let unpacked = self.unpack(block)?;
        if kind == SYN_STREAM {
            if streams.len() >= MAX_STREAMS {
                return Err(Unfollowed::Spdy("more streams are open than may be"));
            }
            if let Some(channel) = stream_type(&unpacked)? {
                streams.insert(id, channel);
            }
        }
        Ok(())
    }

    /// Unpacks one block of the direction's zlib stream; each ends with a sync flush (section 2.6.10.1).
    fn unpack(&mut self, block: &[u8]) -> Result<Vec<u8>, Unfollowed> {
        let broken = Unfollowed::Spdy("its headers cannot be unpacked");
        let mut out = Vec::with_capacity(1024);
        let begin = self.unpack.total_in();
        loop {
            let done = usize::try_from(self.unpack.total_in().saturating_sub(begin)).unwrap_or(0);
            let rest = block.get(done..).unwrap_or_default();
            let before = (self.unpack.total_in(), out.len());
            match self.unpack.decompress_vec(rest, &mut out, FlushDecompress::Sync) {
                Ok(Status::Ok | Status::BufError) => {}
                Ok(Status::StreamEnd) => return Err(broken),
                Err(error) if error.needs_dictionary().is_some() && !self.primed => {
                    self.primed = true;
                    self.unpack.set_dictionary(DICTIONARY).map_err(|_| broken)?;
                    continue;
                }
                Err(_) => return Err(broken),
            }
            let moved = before != (self.unpack.total_in(), out.len());
            let done = usize::try_from(self.unpack.total_in().saturating_sub(begin)).unwrap_or(0);
            if done >= block.len() && out.len() < out.capacity() {
                return Ok(out);
            }
            if !moved && out.len() < out.capacity() {
                return Err(broken);
            }
            if out.len() >= MAX_UNPACKED {
                return Err(Unfollowed::Spdy("its headers are too long"));
            }
            out.reserve(1024);
        }
    }
}

/// The channel that a stream's headers name: a count, then names and values, each with its length (section 2.6.10).
fn stream_type(block: &[u8]) -> Result<Option<Channel>, Unfollowed> {
    let wrong = Unfollowed::Spdy("its headers do not add up");
    let mut rest = block;
    let number = |rest: &mut &[u8]| {
        let (number, after) = rest.split_first_chunk::<4>().ok_or(wrong)?;
        *rest = after;
        Ok(u32::from_be_bytes(*number))
    };
    let count = number(&mut rest)?;
    if count > MAX_PAIRS {
        return Err(wrong);
    }
    let text = |rest: &mut &[u8]| {
        let length = usize::try_from(number(rest)?).unwrap_or(usize::MAX);
        let (text, after) = rest.split_at_checked(length).ok_or(wrong)?;
        *rest = after;
        Ok::<_, Unfollowed>(text.to_vec())
    };
    let mut found = None;
    for _ in 0..count {
        let (name, value) = (text(&mut rest)?, text(&mut rest)?);
        if name == b"streamtype" {
            found = Channel::from_name(&value);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
