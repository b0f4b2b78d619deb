//! The archive's entries, read one after the other. What is written is [`api::recording::tape`]'s.

use std::io::{self, Read};

use api::recording::tape::{BLOCK, padding, parse};

/// Bytes of comments that are skipped at a time, at most.
const MAX_COMMENT: u64 = 64 * 1024;

/// Reads an archive from a stream that cannot go back.
#[derive(Debug)]
pub(super) struct Archive<R> {
    input: R,
    left: u64,
    padding: usize,
}

/// Why there is no next entry.
#[derive(Debug, thiserror::Error)]
pub(super) enum ArchiveError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it holds what is no part of a backup")]
    Foreign,
}

/// An entry's name and size.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) bytes: u64,
}

impl<R: Read> Archive<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, left: 0, padding: 0 }
    }

    /// The next file, whose bytes are then read from this; none at the end. What was not read of the one before is
    /// skipped.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, ArchiveError> {
        loop {
            self.skip()?;
            let mut block = [0; BLOCK];
            self.input.read_exact(&mut block)?;
            if block.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            let (kind, name, bytes) = parse(&block).ok_or(ArchiveError::Foreign)?;
            let entry = Entry { name: name.to_owned(), bytes };
            (self.left, self.padding) = (bytes, padding(bytes));
            match kind {
                b'0' => return Ok(Some(entry)),
                b'g' if bytes <= MAX_COMMENT => {}
                _ => return Err(ArchiveError::Foreign),
            }
        }
    }

    fn skip(&mut self) -> io::Result<()> {
        let rest = self.left.saturating_add(self.padding as u64);
        let skipped = io::copy(&mut (&mut self.input).take(rest), &mut io::sink())?;
        (self.left, self.padding) = (0, 0);
        if skipped == rest { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

impl<R: Read> Read for Archive<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        if most == 0 {
            return Ok(0);
        }
        let read = self.input.read(into.get_mut(..most).unwrap_or_default())?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        Ok(read)
    }
}
