//! One direction of a relay: what was read, how much of it may be written on, and no memory when there is nothing.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

/// Bytes read from a side that was quiet, on the stack: a connection without traffic holds no buffer.
const FIRST_READ: usize = 4 * 1024;
/// Bytes read at once from a side that has just filled a smaller read.
const LONG_READ: usize = 64 * 1024;
/// Nothing more is read while this much waits to be written.
pub(super) const MOST: usize = 64 * 1024;

/// One direction. The front of its buffer, `ready` bytes of it, may be written.
#[derive(Debug, Default)]
pub(super) struct Lane {
    pub(super) buf: BytesMut,
    pub(super) ready: usize,
    /// Bytes at the front that have been looked at.
    pub(super) seen: usize,
    /// The last read filled its space.
    busy: bool,
    /// Written, and perhaps not sent yet.
    unflushed: bool,
}

impl Lane {
    /// A lane that begins with bytes read ahead.
    pub(super) fn new(ahead: BytesMut) -> Self {
        Self { buf: ahead, ready: 0, seen: 0, busy: false, unflushed: false }
    }

    /// What may not be written yet.
    pub(super) fn undecided(&self) -> &[u8] {
        self.buf.get(self.ready..).unwrap_or_default()
    }

    /// Lets `n` more bytes be written.
    pub(super) fn pass(&mut self, n: usize) {
        self.ready = self.ready.saturating_add(n).min(self.buf.len());
    }

    /// Lets everything be written.
    pub(super) fn pass_all(&mut self) {
        self.ready = self.buf.len();
        self.seen = self.ready;
    }

    /// What has not been looked at.
    pub(super) fn unseen(&self) -> &[u8] {
        self.buf.get(self.seen..).unwrap_or_default()
    }

    /// Keeps `len` bytes of the buffer, and takes back the rest.
    pub(super) fn truncate(&mut self, len: usize) {
        self.buf.truncate(len);
        self.seen = self.seen.min(len);
        self.ready = self.ready.min(len);
    }

    /// Whether all that may be written has been, and sent.
    pub(super) fn is_drained(&self) -> bool {
        self.ready == 0 && !self.unflushed
    }

    /// Reads once. `Ready(Ok(0))` is the end.
    pub(super) fn poll_fill<R: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut R,
    ) -> Poll<io::Result<usize>> {
        if self.buf.capacity() == 0 {
            let mut space = [MaybeUninit::uninit(); FIRST_READ];
            let mut space = ReadBuf::uninit(&mut space);
            ready!(Pin::new(from).poll_read(cx, &mut space))?;
            let read = space.filled();
            self.busy = read.len() == FIRST_READ;
            self.buf.extend_from_slice(read);
            return Poll::Ready(Ok(read.len()));
        }
        let room = if self.busy { LONG_READ } else { FIRST_READ };
        if self.buf.capacity().saturating_sub(self.buf.len()) < FIRST_READ {
            self.buf.reserve(room);
        }
        let spare = self.buf.capacity().saturating_sub(self.buf.len());
        let read = ready!(poll_read_buf(Pin::new(from), cx, &mut self.buf));
        self.busy = read.as_ref().is_ok_and(|n| *n >= spare.min(16 * 1024));
        Poll::Ready(read)
    }

    /// Gives back the memory of a quiet direction.
    pub(super) fn rest(&mut self) {
        if self.buf.is_empty() {
            self.buf = BytesMut::new();
            self.busy = false;
        }
    }

    /// Writes what may be written, and sees that it is sent. Whether any byte went.
    pub(super) fn poll_drain<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut W,
    ) -> io::Result<bool> {
        let mut moved = false;
        while self.ready > 0 {
            let bytes = self.buf.get(..self.ready).unwrap_or_default();
            match Pin::new(&mut *to).poll_write(cx, bytes) {
                Poll::Pending => return Ok(moved),
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(written) => {
                    let n = written?;
                    self.buf.advance(n);
                    self.ready = self.ready.saturating_sub(n);
                    self.seen = self.seen.saturating_sub(n);
                    self.unflushed = true;
                    moved = true;
                }
            }
        }
        if self.unflushed
            && let Poll::Ready(flushed) = Pin::new(to).poll_flush(cx)
        {
            flushed?;
            self.unflushed = false;
        }
        Ok(moved)
    }
}
