//! One direction of a connection: what was read from one side and has not been written to the other.
//!
//! ```text
//!   buf:  [ sent ........ | clear to send ........ | not yet looked at ]
//!         0            sent                    clear               len
//! ```
//!
//! It is filled while nothing of it was written, then written until nothing is left: a batch that came together
//! leaves together, and a side that does not take what it is given is not read for. When it is empty it holds no
//! memory.

use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;
use wire::postgres::Malformed;
use wire::postgres::walk::Walker;

/// Bytes that are gathered before they are written.
pub(super) const BATCH: usize = 64 * 1024;
/// Bytes that are read at once in a quiet direction.
const QUIET: usize = 4 * 1024;

/// One direction. See the module.
#[derive(Debug, Default)]
pub(super) struct Tube {
    pub(super) buf: Vec<u8>,
    sent: usize,
    pub(super) clear: usize,
    pub(super) walker: Walker,
    /// Bytes at the front of `buf` that end a frame whose beginning has been written.
    lead: usize,
    /// The rest of the frame that is being walked over is not passed on.
    dropping: bool,
    /// Whether the writer has been given bytes that it may still hold.
    unflushed: bool,
    /// Bytes to read at once; 0 before the first read.
    size: usize,
}

impl Tube {
    /// A tube that has `said` to pass on as it is, and `read` still to look at.
    pub(super) fn new(said: Vec<u8>, read: &[u8]) -> Self {
        let clear = said.len();
        let mut buf = said;
        buf.extend_from_slice(read);
        Self { buf, clear, ..Self::default() }
    }

    /// Whether it may be filled.
    pub(super) fn has_room(&self) -> bool {
        self.sent == 0 && self.clear < BATCH && !self.unflushed
    }

    /// Whether the bytes that were walked over end with a frame.
    pub(super) fn is_between_frames(&self) -> bool {
        self.walker.rest() == 0
    }

    /// Reads once.
    pub(super) fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        source: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.buf.capacity() == 0 {
            // On the stack: most messages are short, and a buffer of their own length is soon had.
            let mut space = [MaybeUninit::uninit(); QUIET];
            let mut space = ReadBuf::uninit(&mut space);
            ready!(Pin::new(source).poll_read(cx, &mut space))?;
            let read = space.filled();
            self.size = if read.len() == QUIET { BATCH } else { QUIET };
            self.buf.extend_from_slice(read);
            return Poll::Ready(Ok(read.len()));
        }
        let size = self.size.clamp(QUIET, BATCH);
        if self.buf.capacity().saturating_sub(self.buf.len()) < size {
            self.buf.reserve(size);
        }
        let mut space = (&mut self.buf).limit(size);
        let read = ready!(poll_read_buf(Pin::new(source), cx, &mut space))?;
        self.size = match read {
            // TLS gives what one record holds, so a full record is a sign that more will come.
            read if read >= size || read >= QUIET => size.saturating_mul(4),
            read if read < size / 8 => size / 2,
            _ => size,
        };
        Poll::Ready(Ok(read))
    }

    /// Gives back the memory of a quiet direction.
    pub(super) fn rest(&mut self) {
        if self.buf.is_empty() {
            self.buf = Vec::new();
        }
    }

    /// Writes what is clear to be sent; ready when nothing is left. Whether anything moved is in `moved`.
    pub(super) fn poll_drain<S: AsyncWrite + Unpin>(
        &mut self,
        sink: &mut S,
        moved: &mut bool,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while let Some(bytes) = self.buf.get(self.sent..self.clear).filter(|b| !b.is_empty()) {
            let written = ready!(Pin::new(&mut *sink).poll_write(cx, bytes))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent = self.sent.saturating_add(written);
            self.unflushed = true;
            *moved = true;
        }
        if self.sent > 0 {
            self.forget_sent();
        }
        if self.unflushed {
            ready!(Pin::new(sink).poll_flush(cx))?;
            self.unflushed = false;
            // There is room again, which may be all that the other side waits for.
            *moved = true;
        }
        Poll::Ready(Ok(()))
    }

    /// All that was clear is sent.
    fn forget_sent(&mut self) {
        if self.clear == self.buf.len() {
            self.buf.clear();
            self.lead = if self.dropping { 0 } else { self.walker.rest() };
        } else {
            // What has not been looked at begins with a frame.
            self.buf.drain(..self.clear);
            self.lead = 0;
        }
        (self.sent, self.clear) = (0, 0);
        if self.buf.is_empty() && self.buf.capacity() > BATCH.saturating_mul(2) {
            self.buf = Vec::new();
        }
    }

    /// Looks at the frames that have come. `look` is given each with what has been seen of it, and says what to pass on
    /// instead of it, if not it.
    ///
    /// # Errors
    /// Those of the frames, and of `look`. What was looked at before is clear to be sent.
    pub(super) fn walk(
        &mut self,
        hold: fn(u8) -> usize,
        mut look: impl FnMut(wire::postgres::walk::Frame<'_>) -> Result<Look, Malformed>,
    ) -> Result<(), Malformed> {
        loop {
            self.drop_rest();
            let total = self.buf.len();
            let mut left = self.buf.get(self.clear..).unwrap_or_default();
            let instead = loop {
                let before = left.len();
                let found = self.walker.next(&mut left, hold);
                let Some(frame) = found? else {
                    self.clear = total.saturating_sub(left.len());
                    return Ok(());
                };
                // The frame before this one may have ended in these bytes too.
                let start = total.saturating_sub(left.len()).saturating_sub(frame.taken());
                debug_assert!(start >= total.saturating_sub(before));
                self.clear = start;
                match look(frame)? {
                    Look::Pass => self.clear = start.saturating_add(frame.taken()),
                    Look::Instead(bytes) => break (start, frame.taken(), bytes),
                    Look::Wait => {
                        self.walker = Walker::new();
                        return Ok(());
                    }
                }
            };
            let (start, taken, bytes) = instead;
            self.dropping = self.walker.rest() > 0;
            self.replace(start..start.saturating_add(taken), &bytes);
        }
    }

    /// Takes out what belongs to a frame that is not passed on.
    fn drop_rest(&mut self) {
        if self.dropping {
            let mut left = self.buf.get(self.clear..).unwrap_or_default();
            let dropped = self.walker.pass(&mut left);
            self.buf.drain(self.clear..self.clear.saturating_add(dropped).min(self.buf.len()));
            self.dropping = self.walker.rest() > 0;
        }
    }

    /// Puts `bytes`, whole frames of our own, in the place of a frame; they are clear to be sent.
    fn replace(&mut self, range: Range<usize>, bytes: &[u8]) {
        let end = range.end.min(self.buf.len());
        let start = range.start.min(end);
        self.buf.splice(start..end, bytes.iter().copied());
        self.clear = start.saturating_add(bytes.len());
    }

    /// Adds whole frames of our own after what is clear to be sent. Only between frames.
    pub(super) fn say(&mut self, bytes: &[u8]) {
        self.replace(self.clear..self.clear, bytes);
    }

    /// Forgets every frame of which nothing was sent. How many bytes are still missing of the one of which something
    /// was: when there are any, all that is in the tube belongs to it.
    pub(super) fn cut(&mut self) -> usize {
        let begun = self.buf.get(self.lead..self.clear);
        let Some(mut left) = begun else {
            return self.lead.saturating_sub(self.clear);
        };
        let mut walker = Walker::new();
        loop {
            let at = self.clear.saturating_sub(left.len());
            if at >= self.sent {
                self.buf.truncate(at);
                self.clear = at;
                self.walker = Walker::new();
                return 0;
            }
            match walker.next(&mut left, |_| 0) {
                Ok(Some(frame)) if frame.is_whole() => {}
                Ok(Some(frame)) => return frame.rest,
                // Not possible: all of this was walked over before.
                Ok(None) | Err(_) => return usize::MAX,
            }
        }
    }
}

/// What becomes of a frame.
#[derive(Debug)]
pub(super) enum Look {
    /// It is passed on as it is.
    Pass,
    /// These whole frames are passed on instead; none, if it is empty.
    Instead(Vec<u8>),
    /// Nothing is passed on for now; it is looked at again.
    Wait,
}
