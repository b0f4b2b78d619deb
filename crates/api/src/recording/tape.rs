//! The files of a recording in one stream: a tar archive, as any `tar` unpacks it (POSIX.1-1988, ustar).
//!
//! Written with [`header`], [`padding`] and [`END`]; read piece by piece with [`Tape`], which believes nothing: plain
//! files with proper names only, nothing else.

use super::files::is_file_name;

/// Bytes of a block: a header has one, and files are filled up to whole ones.
pub const BLOCK: usize = 512;
/// What stands at the end.
pub const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];
/// The media type.
pub const TAR: &str = "application/x-tar";
/// The largest file, in bytes: above the largest part.
const MAX_FILE: u64 = 64 << 20;
/// Where a header says what.
const SIZE: std::ops::Range<usize> = 124..136;
const SUM: std::ops::Range<usize> = 148..156;

/// The largest size that eleven octal digits hold; beyond, the size is written in binary, as GNU and BSD tar read it.
const MAX_OCTAL: u64 = 0o777_7777_7777;

/// What stands before a file. Its name must be a proper one: it is cut at 100 bytes.
#[must_use]
pub fn header(name: &str, bytes: u64) -> [u8; BLOCK] {
    header_of(b'0', name, bytes)
}

/// What stands before an entry of this kind (POSIX.1-2001, `typeflag`): `0` is a file, `g` an extended header.
#[must_use]
pub fn header_of(kind: u8, name: &str, bytes: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    put(&mut block, 0, name.as_bytes().get(..100).unwrap_or(name.as_bytes()));
    put(&mut block, 100, b"0000600\0");
    put(&mut block, 108, b"0000000\0");
    put(&mut block, 116, b"0000000\0");
    if bytes <= MAX_OCTAL {
        put(&mut block, SIZE.start, format!("{bytes:011o}\0").as_bytes());
    } else {
        put(&mut block, SIZE.start, &[0x80]);
        put(&mut block, SIZE.end - 8, &bytes.to_be_bytes());
    }
    put(&mut block, 136, b"00000000000\0");
    put(&mut block, 156, &[kind]);
    put(&mut block, 257, b"ustar\x0000");
    let sum = sum(&block);
    put(&mut block, SUM.start, format!("{sum:06o}\0 ").as_bytes());
    block
}

/// How many zeros stand after a file.
#[must_use]
pub fn padding(bytes: u64) -> usize {
    let over = usize::try_from(bytes % BLOCK as u64).unwrap_or(0);
    if over == 0 { 0 } else { BLOCK - over }
}

/// A piece of what was read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Piece<'a> {
    /// A file begins.
    Begin(&'a str),
    /// Its next bytes.
    Bytes(&'a [u8]),
}

/// The stream is not what it should be.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TapeError {
    /// Not a plain file of a recording.
    #[error("the archive of the recording holds what is no file of a recording")]
    Foreign,
    /// It breaks off.
    #[error("the archive of the recording breaks off")]
    Short,
}

/// Reads a stream.
#[derive(Debug, Default)]
pub struct Tape {
    block: Vec<u8>,
    left: u64,
    padding: usize,
    ended: bool,
}

impl Tape {
    /// Takes the next bytes and gives `sink` what is in them.
    ///
    /// # Errors
    /// [`TapeError::Foreign`], or the sink's.
    pub fn push<E: From<TapeError>>(
        &mut self,
        mut bytes: &[u8],
        mut sink: impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        while !bytes.is_empty() && !self.ended {
            let take = |wanted: u64| usize::try_from(wanted).unwrap_or(usize::MAX).min(bytes.len());
            if self.left > 0 {
                let (now, rest) = bytes.split_at(take(self.left));
                sink(Piece::Bytes(now))?;
                self.left -= now.len() as u64;
                bytes = rest;
            } else if self.padding > 0 {
                let (now, rest) = bytes.split_at(take(self.padding as u64));
                self.padding -= now.len();
                bytes = rest;
            } else {
                let (now, rest) = bytes.split_at(take((BLOCK - self.block.len()) as u64));
                self.block.extend_from_slice(now);
                bytes = rest;
                if self.block.len() == BLOCK {
                    self.begin(&mut sink)?;
                }
            }
        }
        Ok(())
    }

    /// Whether it came to its end.
    ///
    /// # Errors
    /// [`TapeError::Short`].
    pub fn finish(self) -> Result<(), TapeError> {
        if self.ended { Ok(()) } else { Err(TapeError::Short) }
    }

    fn begin<E: From<TapeError>>(
        &mut self,
        sink: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let block = std::mem::take(&mut self.block);
        if block.iter().all(|byte| *byte == 0) {
            self.ended = true;
            return Ok(());
        }
        let (name, bytes) = entry(&block).ok_or(TapeError::Foreign)?;
        (self.left, self.padding) = (bytes, padding(bytes));
        sink(Piece::Begin(name))
    }
}

fn entry(block: &[u8]) -> Option<(&str, u64)> {
    let (kind, name, bytes) = parse(block)?;
    (kind == b'0' && is_file_name(name) && bytes <= MAX_FILE).then_some((name, bytes))
}

/// Kind, name and size of the entry that a header stands before; nothing if it is no header.
#[must_use]
pub fn parse(block: &[u8]) -> Option<(u8, &str, u64)> {
    let octal = |field| u64::from_str_radix(text(field)?.trim(), 8).ok();
    let name = text(block.get(..100)?)?;
    let size = block.get(SIZE)?;
    let bytes = match size.split_first_chunk::<4>()? {
        ([0x80, 0, 0, 0], rest) => u64::from_be_bytes(rest.try_into().ok()?),
        _ => octal(size)?,
    };
    let kind = *block.get(156)?;
    (octal(block.get(SUM)?)? == sum(block)).then_some((kind, name, bytes))
}

fn text(field: &[u8]) -> Option<&str> {
    std::str::from_utf8(field.split(|byte| *byte == 0).next()?).ok()
}

/// The sum of all bytes, those of the sum itself taken as blanks.
fn sum(block: &[u8]) -> u64 {
    let byte = |(i, byte): (usize, &u8)| if SUM.contains(&i) { 32 } else { u64::from(*byte) };
    block.iter().enumerate().map(byte).sum()
}

fn put(block: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    for (to, from) in block.iter_mut().skip(at).zip(bytes) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tape(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut all = Vec::new();
        for (name, bytes) in files {
            all.extend(header(name, bytes.len() as u64));
            all.extend_from_slice(bytes);
            all.extend(vec![0; padding(bytes.len() as u64)]);
        }
        all.extend(END);
        all
    }

    fn read(bytes: &[u8], step: usize) -> Result<Vec<(String, Vec<u8>)>, TapeError> {
        let mut tape = Tape::default();
        let mut files: Vec<(String, Vec<u8>)> = Vec::new();
        for piece in bytes.chunks(step) {
            tape.push(piece, |piece| {
                match piece {
                    Piece::Begin(name) => files.push((name.to_owned(), Vec::new())),
                    Piece::Bytes(bytes) => files.last_mut().unwrap().1.extend_from_slice(bytes),
                }
                Ok::<_, TapeError>(())
            })?;
        }
        tape.finish().map(|()| files)
    }

    #[test]
    fn what_is_written_is_read_in_any_pieces() {
        let part = [7; BLOCK + 1];
        let files: [(&str, &[u8]); 3] = [
            ("meta.json", b"{}"),
            ("000000-0.cast.zst.age", &part),
            ("000001-5.cast.zst.age", b""),
        ];
        let bytes = tape(&files);
        for step in [1, 100, BLOCK, bytes.len()] {
            let read = read(&bytes, step).unwrap();
            assert!(read.iter().map(|(n, b)| (n.as_str(), b.as_slice())).eq(files), "{step}");
        }
        assert_eq!(read(&bytes[..bytes.len() - END.len()], 99), Err(TapeError::Short));
    }

    #[test]
    fn names_that_lead_elsewhere_and_broken_headers_are_refused() {
        for name in ["../meta.json", "/etc/passwd", "sealed.json", ""] {
            assert_eq!(read(&tape(&[(name, b"x")]), 512), Err(TapeError::Foreign), "{name}");
        }
        let mut bytes = tape(&[("meta.json", b"{}")]);
        bytes[125] ^= 1;
        assert_eq!(read(&bytes, 512), Err(TapeError::Foreign));
    }

    #[test]
    fn sizes_beyond_octal_are_read_as_written() {
        for bytes in [0, 1, MAX_OCTAL, MAX_OCTAL + 1, u64::MAX] {
            assert_eq!(parse(&header("state.db", bytes)), Some((b'0', "state.db", bytes)));
        }
        assert_eq!(parse(&[0; BLOCK]), None);
        assert_eq!(parse(&[b'7'; BLOCK]), None);
    }

    #[test]
    fn stock_tar_reads_it() {
        use std::io::Write as _;
        use std::process::{Command, Stdio};
        let mut tar = Command::new("tar")
            .args(["-tv"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let bytes = tape(&[("meta.json", b"{}"), ("000000-0.cast.zst.age", b"abc")]);
        tar.stdin.take().unwrap().write_all(&bytes).unwrap();
        let listed = tar.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&listed.stdout).into_owned();
        assert!(
            listed.status.success() && text.contains(" 3 ") && text.contains("000000-0"),
            "{text}"
        );
    }
}
