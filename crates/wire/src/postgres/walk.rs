//! Frames where they lie in a buffer (section 53.2, "Message Flow"; 53.7): `type u8 · length u32 · body`, the length
//! counting itself.
//!
//! The walker looks at five bytes of each frame and at as much of its body as its reader asks for. What it has not
//! taken stays with the caller, who reads more behind it. So a buffer never has to be longer than one head and what
//! is read at once, however long a frame is.

use super::Malformed;

/// Type and length.
pub const HEADER: usize = 5;
/// The longest frame that either side takes, its length included (PostgreSQL's `MaxAllocSize`: 1 GiB less one byte).
pub const MAX_LENGTH: u32 = 0x3fff_ffff;

/// The beginning of a frame, or all of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Frame<'a> {
    /// Its type.
    pub kind: u8,
    /// As much of its body as lies in the buffer.
    pub body: &'a [u8],
    /// Bytes of the body that have not been seen yet.
    pub rest: usize,
}

impl Frame<'_> {
    /// Whether the whole body is in `body`.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.rest == 0
    }

    /// Bytes that the frame takes in the buffer it was found in.
    #[must_use]
    pub const fn taken(&self) -> usize {
        self.body.len().saturating_add(HEADER)
    }
}

/// Walks over the frames of one direction.
#[derive(Debug, Default)]
pub struct Walker {
    /// Bytes of the last frame's body that are still to come.
    rest: usize,
}

impl Walker {
    /// A walker that stands before a frame.
    #[must_use]
    pub const fn new() -> Self {
        Self { rest: 0 }
    }

    /// Bytes of the last frame's body that are still to come. Zero between frames.
    #[must_use]
    pub const fn rest(&self) -> usize {
        self.rest
    }

    /// Takes what belongs to the last frame off the front of `bytes`; how many bytes that were.
    pub fn pass(&mut self, bytes: &mut &[u8]) -> usize {
        let passed = self.rest.min(bytes.len());
        self.rest = self.rest.saturating_sub(passed);
        *bytes = bytes.get(passed..).unwrap_or_default();
        passed
    }

    /// Takes the next frame off the front of `bytes`, once the whole of its body or the first `hold(kind)` bytes are
    /// there. `None` when they are not: then `bytes` is as it was, except for what belonged to the frame before.
    ///
    /// # Errors
    /// On a length that no frame has. Nothing sensible can follow.
    #[inline]
    pub fn next<'a>(
        &mut self,
        bytes: &mut &'a [u8],
        hold: impl FnOnce(u8) -> usize,
    ) -> Result<Option<Frame<'a>>, Malformed> {
        if self.rest > 0 {
            self.pass(bytes);
        }
        let Some((&[kind, a, b, c, d], after)) = bytes.split_first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([a, b, c, d]);
        if !(4..=MAX_LENGTH).contains(&length) {
            return Err(Malformed::Length { kind, length });
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX).saturating_sub(4);
        if after.len() < length && after.len() < hold(kind) {
            return Ok(None);
        }
        let (body, after) = after.split_at_checked(length).unwrap_or((after, &[]));
        self.rest = length.saturating_sub(body.len());
        *bytes = after;
        Ok(Some(Frame { kind, body, rest: self.rest }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::write;
    use super::*;

    fn frames() -> Vec<u8> {
        let mut out = Vec::new();
        write::query(&mut out, "select 1");
        write::frame(&mut out, b'd', |out| out.extend_from_slice(&[7; 40]));
        write::sync(&mut out);
        write::parse(&mut out, b"s", "select $1");
        write::frame(&mut out, b'd', |_| {});
        out
    }

    /// Half of the types are looked at.
    fn hold(kind: u8) -> usize {
        if kind == b'd' { 0 } else { 6 }
    }

    /// Walks as a relay does, which reads `sizes` bytes at a time: every byte comes out once, in order.
    fn walk(bytes: &[u8], sizes: impl Iterator<Item = usize>) -> (Vec<u8>, Vec<(u8, usize)>) {
        let (mut walker, mut buffer) = (Walker::new(), Vec::new());
        let (mut out, mut found, mut input) = (Vec::new(), Vec::new(), bytes);
        for size in sizes {
            let (read, rest) = input.split_at(size.min(input.len()));
            input = rest;
            buffer.extend_from_slice(read);
            let mut left = &buffer[..];
            while let Some(frame) = walker.next(&mut left, hold).unwrap() {
                assert!(frame.body.len() >= hold(frame.kind) || frame.is_whole());
                found.push((frame.kind, frame.body.len() + frame.rest));
            }
            assert!(left.len() < HEADER + 6, "what stays is bounded");
            let taken = buffer.len() - left.len();
            out.extend(buffer.drain(..taken));
        }
        assert!(buffer.is_empty() && walker.rest() == 0);
        (out, found)
    }

    #[test]
    fn frames_are_the_same_wherever_they_are_cut() {
        let bytes = frames();
        let whole = walk(&bytes, core::iter::once(bytes.len()));
        assert_eq!(whole.0, bytes);
        assert_eq!(whole.1, [(b'Q', 9), (b'd', 40), (b'S', 0), (b'P', 14), (b'd', 0)]);
        for cut in 0..bytes.len() {
            assert_eq!(walk(&bytes, [cut, bytes.len()].into_iter()), whole, "cut at {cut}");
        }
        assert_eq!(walk(&bytes, core::iter::repeat_n(1, bytes.len())), whole);
    }

    #[test]
    fn impossible_lengths_end_it() {
        for length in [0, 3, MAX_LENGTH + 1, u32::MAX] {
            let bytes = [&[b'Q'][..], &length.to_be_bytes(), &[0; 16]].concat();
            let error = Walker::new().next(&mut &bytes[..], hold);
            assert_eq!(error, Err(Malformed::Length { kind: b'Q', length }));
        }
    }

    #[test]
    fn a_gibibyte_is_walked_without_being_kept() {
        let header = [&[b'd'][..], &MAX_LENGTH.to_be_bytes()].concat();
        let mut walker = Walker::new();
        let frame = walker.next(&mut &header[..], hold).unwrap().unwrap();
        let mut rest = frame.rest;
        let block = vec![0; 1 << 20];
        while rest > 0 {
            let mut left = &block[..block.len().min(rest)];
            rest -= walker.pass(&mut left);
        }
        assert_eq!(walker.rest(), 0);
    }
}
