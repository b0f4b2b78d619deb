//! Frames: a length of three bytes, a sequence number, a payload.

use bytes::{BufMut, BytesMut};

/// Bytes before a payload.
pub const HEADER: usize = 4;
/// The longest payload of a frame. A frame as long as this is continued by the next one, which may be empty.
pub const MAX_FRAME: usize = 0xff_ffff;

/// The head of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// Bytes of the payload.
    pub len: u32,
    /// Counts the frames of an exchange, both sides together, from 0, and wraps.
    pub seq: u8,
}

impl Header {
    /// Reads it from the front of `bytes`; `None` when there are fewer than [`HEADER`].
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [a, b, c, seq, ..] => {
                Some(Self { len: u32::from_le_bytes([*a, *b, *c, 0]), seq: *seq })
            }
            _ => None,
        }
    }

    /// Whether the next frame continues this one's packet.
    #[must_use]
    pub const fn continues(self) -> bool {
        self.len as usize == MAX_FRAME
    }
}

/// A whole packet at the front of a buffer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Packet<'a> {
    /// Its sequence number.
    pub seq: u8,
    /// What it says.
    pub payload: &'a [u8],
    /// The bytes it takes in the buffer.
    pub len: usize,
}

/// A packet that is longer than what is awaited.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a MySQL packet of {len} bytes came where at most {limit} are taken")]
pub struct TooLong {
    /// Its length.
    pub len: usize,
    /// What would have been taken.
    pub limit: usize,
}

/// Reads one packet of at most `limit` bytes from the front of `bytes`; `None` when not all of it is there. For the
/// handshake, whose packets are short.
///
/// # Errors
/// When it is longer than that.
pub fn take(bytes: &[u8], limit: usize) -> Result<Option<Packet<'_>>, TooLong> {
    let Some(header) = Header::read(bytes) else { return Ok(None) };
    let len = header.len as usize;
    let limit = limit.min(MAX_FRAME.saturating_sub(1));
    if len > limit {
        return Err(TooLong { len, limit });
    }
    let end = HEADER.saturating_add(len);
    Ok(bytes.get(HEADER..end).map(|payload| Packet { seq: header.seq, payload, len: end }))
}

/// Writes `payload` as a packet that begins with `seq`, in as many frames as it needs. The sequence number that comes
/// after it.
pub fn put_packet(out: &mut BytesMut, mut seq: u8, mut payload: &[u8]) -> u8 {
    loop {
        let (frame, rest) = payload.split_at_checked(MAX_FRAME).unwrap_or((payload, &[]));
        let len = (frame.len() as u32).to_le_bytes();
        out.put_slice(len.get(..3).unwrap_or_default());
        out.put_u8(seq);
        out.put_slice(frame);
        seq = seq.wrapping_add(1);
        if frame.len() < MAX_FRAME {
            return seq;
        }
        payload = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_read_when_its_last_byte_is_there() {
        let mut out = BytesMut::new();
        assert_eq!(put_packet(&mut out, 255, b"hello"), 0);
        for end in 0..out.len() {
            assert_eq!(take(&out[..end], 64), Ok(None));
        }
        assert_eq!(take(&out, 64), Ok(Some(Packet { seq: 255, payload: b"hello", len: 9 })));
        assert_eq!(take(&out, 4), Err(TooLong { len: 5, limit: 4 }));
    }

    #[test]
    fn a_length_of_sixteen_mebibytes_is_refused_before_a_byte_of_it_came() {
        assert!(take(&[0xff, 0xff, 0xff, 0], usize::MAX).is_err());
    }

    #[test]
    fn a_packet_that_fills_its_frame_is_followed_by_an_empty_one() {
        let mut out = BytesMut::new();
        assert_eq!(put_packet(&mut out, 3, &vec![7; MAX_FRAME]), 5);
        assert_eq!(&out[HEADER + MAX_FRAME..], [0, 0, 0, 4]);
        assert_eq!(Header::read(&out), Some(Header { len: 0xff_ffff, seq: 3 }));
    }
}
