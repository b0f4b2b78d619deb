//! Lines of a recording into the bytes of a part, and back: one zstd frame inside one age file.

use std::io::{self, Read as _, Write as _};

use super::{Recipient, RecordingKey};

/// zstd's own default: terminal output shrinks to a tenth at more than 200 MB/s.
const LEVEL: i32 = 3;
/// The most a part may unpack to, in bytes: far above what is ever put into one.
pub const MAX_PART: u64 = 32 << 20;

/// Compresses and encrypts parts. It holds a compression context of about a megabyte, so there is one per writer
/// thread, not one per session.
pub struct Press {
    zstd: zstd::bulk::Compressor<'static>,
    recipient: Recipient,
}

impl std::fmt::Debug for Press {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Press").field("recipient", &self.recipient).finish_non_exhaustive()
    }
}

impl Press {
    /// A press for this recipient.
    ///
    /// # Errors
    /// No memory for the context.
    pub fn new(recipient: Recipient) -> io::Result<Self> {
        Ok(Self { zstd: zstd::bulk::Compressor::new(LEVEL)?, recipient })
    }

    /// The bytes of a part that holds `lines`.
    ///
    /// # Errors
    /// The encryption failed, for want of randomness.
    pub fn pack(&mut self, lines: &[u8]) -> io::Result<Vec<u8>> {
        let packed = self.zstd.compress(lines)?;
        let recipient: &dyn age::Recipient = &self.recipient.0;
        let encryptor = age::Encryptor::with_recipients(std::iter::once(recipient))
            .map_err(io::Error::other)?;
        let mut writer = encryptor.wrap_output(Vec::with_capacity(packed.len() + 512))?;
        writer.write_all(&packed)?;
        writer.finish()
    }
}

/// The lines of a part.
///
/// # Errors
/// It is no age file for this key, it was changed (every byte is authenticated), or it is larger than [`MAX_PART`].
pub fn unpack(part: &[u8], key: &RecordingKey) -> io::Result<Vec<u8>> {
    let decryptor = age::Decryptor::new_buffered(part).map_err(invalid)?;
    let plain =
        decryptor.decrypt(std::iter::once(&key.0 as &dyn age::Identity)).map_err(invalid)?;
    let mut lines = Vec::new();
    zstd::stream::read::Decoder::new(plain)?.take(MAX_PART + 1).read_to_end(&mut lines)?;
    if u64::try_from(lines.len()).unwrap_or(u64::MAX) > MAX_PART {
        return Err(invalid(format!("a part is larger than {MAX_PART} bytes")));
    }
    Ok(lines)
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_opens_with_its_key_and_with_no_other() {
        let key = RecordingKey::generate();
        let mut press = Press::new(key.recipient()).unwrap();
        for lines in [&b""[..], b"[0,\"o\",\"x\"]\n", &vec![b'a'; 2 << 20]] {
            let part = press.pack(lines).unwrap();
            assert_eq!(unpack(&part, &key).unwrap(), lines);
            assert!(unpack(&part, &RecordingKey::generate()).is_err());
        }
    }

    #[test]
    fn a_flipped_bit_anywhere_is_found() {
        let key = RecordingKey::generate();
        let part = Press::new(key.recipient()).unwrap().pack(b"[0,\"o\",\"secret\"]\n").unwrap();
        for at in 0..part.len() {
            let mut changed = part.clone();
            changed[at] ^= 1;
            assert!(unpack(&changed, &key).is_err(), "byte {at}");
        }
        for cut in 0..part.len() {
            assert!(unpack(&part[..cut], &key).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_part_that_unpacks_without_end_is_refused() {
        let key = RecordingKey::generate();
        let bomb = vec![0; usize::try_from(MAX_PART).unwrap() + 1];
        let part = Press::new(key.recipient()).unwrap().pack(&bomb).unwrap();
        assert!(part.len() < 64 * 1024);
        assert_eq!(unpack(&part, &key).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
