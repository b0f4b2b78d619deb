//! Reading the protocol's integers and strings, and writing them.

use bytes::{BufMut, BytesMut};

/// A packet that is not what it should be.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a MySQL packet is malformed: {what} at byte {at}")]
pub struct Malformed {
    /// What was expected there.
    pub what: &'static str,
    /// The offset in the packet's payload, in bytes.
    pub at: usize,
}

/// Reads one payload from its front.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    whole: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(whole: &'a [u8]) -> Self {
        Self { whole, at: 0 }
    }

    pub(super) const fn malformed(&self, what: &'static str) -> Malformed {
        Malformed { what, at: self.at }
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.whole.get(self.at..).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    pub(super) fn take(&mut self, n: usize, what: &'static str) -> Result<&'a [u8], Malformed> {
        let taken = self.rest().get(..n).ok_or_else(|| self.malformed(what))?;
        self.at = self.at.saturating_add(n);
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<[u8; N], Malformed> {
        let malformed = self.malformed(what);
        self.take(N, what)?.try_into().map_err(|_| malformed)
    }

    pub(super) fn u8(&mut self, what: &'static str) -> Result<u8, Malformed> {
        self.array(what).map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self, what: &'static str) -> Result<u16, Malformed> {
        self.array(what).map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32, Malformed> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, what: &'static str) -> Result<u64, Malformed> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A length-encoded integer ("Protocol::LengthEncodedInteger").
    pub(super) fn lenenc(&mut self, what: &'static str) -> Result<u64, Malformed> {
        let malformed = self.malformed(what);
        match self.u8(what)? {
            byte @ 0..=0xfa => Ok(byte.into()),
            0xfc => self.u16(what).map(u64::from),
            0xfd => {
                let [a, b, c] = self.array(what)?;
                Ok(u32::from_le_bytes([a, b, c, 0]).into())
            }
            0xfe => self.u64(what),
            0xfb | 0xff => Err(malformed),
        }
    }

    /// A length-encoded string.
    pub(super) fn lenenc_bytes(&mut self, what: &'static str) -> Result<&'a [u8], Malformed> {
        let malformed = self.malformed(what);
        let len = usize::try_from(self.lenenc(what)?).map_err(|_| malformed)?;
        self.take(len, what)
    }

    /// A string that ends with a zero byte; at the end of a packet some leave the zero out.
    pub(super) fn until_zero(&mut self) -> &'a [u8] {
        let rest = self.rest();
        let end = rest.iter().position(|b| *b == 0);
        self.at = self.at.saturating_add(end.map_or(rest.len(), |end| end.saturating_add(1)));
        rest.get(..end.unwrap_or(rest.len())).unwrap_or(rest)
    }

    /// A string that must end with a zero byte.
    pub(super) fn zero_ended(&mut self, what: &'static str) -> Result<&'a [u8], Malformed> {
        if !self.rest().contains(&0) {
            return Err(self.malformed(what));
        }
        Ok(self.until_zero())
    }
}

/// Bytes that are meant to be text.
pub(super) fn text<'a>(
    bytes: &'a [u8],
    what: &'static str,
    at: usize,
) -> Result<&'a str, Malformed> {
    core::str::from_utf8(bytes)
        .map_err(|e| Malformed { what, at: at.saturating_add(e.valid_up_to()) })
}

/// Writes a length-encoded integer.
pub(super) fn put_lenenc(out: &mut BytesMut, n: u64) {
    match n {
        0..=0xfa => out.put_slice(n.to_le_bytes().get(..1).unwrap_or_default()),
        0xfb..=0xffff => {
            out.put_u8(0xfc);
            out.put_slice(n.to_le_bytes().get(..2).unwrap_or_default());
        }
        0x1_0000..=0xff_ffff => {
            out.put_u8(0xfd);
            out.put_slice(n.to_le_bytes().get(..3).unwrap_or_default());
        }
        0x100_0000.. => {
            out.put_u8(0xfe);
            out.put_u64_le(n);
        }
    }
}

/// Writes a length-encoded string.
pub(super) fn put_lenenc_bytes(out: &mut BytesMut, bytes: &[u8]) {
    put_lenenc(out, bytes.len() as u64);
    out.put_slice(bytes);
}

/// Writes a string and the zero that ends it. A zero within would end it earlier, so it is cut there.
pub(super) fn put_zero_ended(out: &mut BytesMut, bytes: &[u8]) {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    out.put_slice(bytes.get(..end).unwrap_or_default());
    out.put_u8(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_read_as_it_was_written_and_never_from_a_part_of_it() {
        for n in [0, 1, 250, 251, 252, 65535, 65536, 0xff_ffff, 0x100_0000, u64::MAX] {
            let mut out = BytesMut::new();
            put_lenenc(&mut out, n);
            assert_eq!(Cursor::new(&out).lenenc("n"), Ok(n));
            for end in 0..out.len() {
                assert!(Cursor::new(&out[..end]).lenenc("n").is_err(), "{n} cut at {end}");
            }
        }
    }

    #[test]
    fn a_length_beyond_the_packet_says_where_it_stands() {
        let mut cursor = Cursor::new(&[7, 0xfe, 255, 255, 255, 255, 255, 255, 255, 255, 1]);
        assert_eq!(cursor.u8("a byte"), Ok(7));
        let error = cursor.lenenc_bytes("a name").unwrap_err();
        assert_eq!(error.to_string(), "a MySQL packet is malformed: a name at byte 10");
    }
}
