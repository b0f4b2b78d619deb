//! Many bytes in one system call, for a reader that asks for few at a time.
//!
//! TLS reads a connection in steps of 4 KiB, a fifth of a record. That is right for an idle connection and for one with
//! short messages, and four system calls too many where records are full. So a reader that was given all it asked for
//! is served out of one long read from then on, until a read finds nothing. Then the memory is given back.

use tokio::io::ReadBuf;

/// Bytes of a long read.
pub(super) const LONG: usize = 64 * 1024;
/// Whoever has room for more than this reads long by himself.
const SHORT: usize = 8 * 1024;

/// What was read at once and not taken yet.
#[derive(Debug, Default)]
pub(super) struct Gulp {
    bytes: Vec<u8>,
    taken: usize,
    /// The last read gave all that it was asked for, or came close.
    busy: bool,
}

impl Gulp {
    /// Gives what there is; whether there was anything.
    pub(super) fn give(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let left = self.bytes.get(self.taken..).unwrap_or_default();
        let Some(given) = left.get(..left.len().min(buf.remaining())).filter(|b| !b.is_empty())
        else {
            return false;
        };
        buf.put_slice(given);
        self.taken = self.taken.saturating_add(given.len());
        true
    }

    /// Where the next read goes to, if not to the reader himself.
    pub(super) fn space(&mut self, buf: &ReadBuf<'_>) -> Option<&mut Vec<u8>> {
        if !self.busy || buf.remaining() > SHORT {
            return None;
        }
        self.bytes.clear();
        self.taken = 0;
        self.bytes.reserve_exact(LONG);
        Some(&mut self.bytes)
    }

    /// A read gave so many bytes of those that a reader asked for himself.
    pub(super) fn saw(&mut self, read: usize, asked: usize) {
        self.busy = read == asked;
    }

    /// There is nothing to read.
    pub(super) fn rest(&mut self) {
        *self = Self::default();
    }
}
