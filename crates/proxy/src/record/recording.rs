//! A session's recording, as its door holds it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use store::recording::{Meta, Outcome};
use tokio::sync::{TryAcquireError, mpsc, oneshot};
use tokio::time::Instant;
use wire::cast::Stream;

use super::batch::Batch;
use super::clerk::Done;
use super::fuse::Fuse;
use super::queue::{Close, Message, Queue, What};
use super::tally::{Tallies, Totals};
use super::{Broken, ChannelId, Clock, Ending, Input, Keep, Mode, Purpose};

/// A session's recording. Clones are handles of one recording; it is closed once, or when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Recording(Arc<Inner>);

struct Inner {
    meta: Meta,
    mode: Mode,
    input: Input,
    /// What each open channel has carried. A session's channels run in one task, so nobody waits for this lock.
    tallies: Mutex<BTreeMap<u32, Box<Tallies>>>,
    /// None where nothing is recorded.
    line: Option<Line>,
    next: AtomicU32,
    closed: AtomicBool,
    /// What `session.ended` says beside the outcome.
    counts: OnceLock<Counts>,
    done: mpsc::UnboundedSender<Done>,
    clock: Clock,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording")
            .field("session", &self.meta.session)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// The way to the session's writer.
pub(super) struct Line {
    queue: Queue,
    session: u64,
    fuse: Arc<Fuse>,
}

impl Line {
    pub(super) fn new(queue: Queue, session: u64, fuse: Arc<Fuse>) -> Self {
        Self { queue, session, fuse }
    }

    pub(super) fn discard(self) {
        // A writer that is gone holds nothing.
        let _ = self.queue.send_now(self.message(What::Discard));
    }

    fn message(&self, what: What) -> Message {
        Message { session: self.session, at: Instant::now(), what }
    }

    async fn send(&self, what: What) -> Result<(), Broken> {
        self.fuse.whole()?;
        self.queue.send(self.message(what)).await.map_err(|_| Broken::Unwritable)
    }
}

/// Numbers by their names.
pub(crate) type Counts = Vec<(&'static str, u64)>;

/// Why statements were not taken.
pub(crate) enum StatementsLeft {
    /// There is no room now.
    Full(Batch),
    /// There will never be.
    Broken(Broken),
}

impl Recording {
    pub(super) fn new(
        meta: Meta,
        keep: Keep,
        line: Option<Line>,
        done: mpsc::UnboundedSender<Done>,
        clock: Clock,
    ) -> Self {
        let (next, closed) = (AtomicU32::new(0), AtomicBool::new(false));
        let (counts, tallies) = (OnceLock::new(), Mutex::default());
        let Keep { mode, input, .. } = keep;
        Self(Arc::new(Inner {
            meta,
            mode,
            input,
            tallies,
            line,
            next,
            closed,
            counts,
            done,
            clock,
        }))
    }

    /// Whose session this is.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.0.meta
    }

    /// A channel's program starts.
    ///
    /// # Errors
    /// The recording is broken, and the session must not go on without it; so for all that follow.
    pub async fn begin(&self, purpose: Purpose) -> Result<ChannelId, Broken> {
        let channel = self.0.next.fetch_add(1, Ordering::Relaxed);
        if self.is_kept() {
            let tallies = Tallies::new(&purpose, self.0.input);
            self.0.tallies().insert(channel, Box::new(tallies));
        }
        self.send(What::Begin { channel, purpose }).await?;
        Ok(ChannelId(channel))
    }

    /// Bytes from the target's stdout (or terminal), on their way to the client. Waits while the disk is behind.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn output(&self, channel: ChannelId, bytes: &Bytes) -> Result<(), Broken> {
        self.bytes(channel, Stream::Output, bytes).await
    }

    /// Bytes from the target's stderr.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn error(&self, channel: ChannelId, bytes: &Bytes) -> Result<(), Broken> {
        self.bytes(channel, Stream::Error, bytes).await
    }

    /// Bytes from the client, on their way to the target.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn input(&self, channel: ChannelId, bytes: &Bytes) -> Result<(), Broken> {
        self.bytes(channel, Stream::Input, bytes).await
    }

    /// The terminal has a new size.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn resize(&self, channel: ChannelId, cols: u16, rows: u16) -> Result<(), Broken> {
        self.send(What::Resize { channel: channel.0, cols, rows }).await
    }

    /// A marker: something happened that the reader of the recording should see (a warning shown, a forward opened).
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn note(&self, channel: Option<ChannelId>, text: &str) -> Result<(), Broken> {
        let channel = channel.map_or(0, |channel| channel.0);
        self.send(What::Note { channel, text: text.to_owned() }).await
    }

    /// A channel's program has ended; its totals and digests are written.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn end(&self, channel: ChannelId, ending: Ending) -> Result<(), Broken> {
        let tallies = self.0.tallies().remove(&channel.0);
        let totals = Box::new(tallies.map_or_else(Totals::default, |tallies| tallies.totals()));
        self.send(What::End { channel: channel.0, ending, totals }).await
    }

    /// Whether anything is kept.
    pub(crate) fn is_kept(&self) -> bool {
        self.0.line.is_some()
    }

    /// What `session.ended` is to say of this session beside how it ended. The first word counts.
    pub(crate) fn count(&self, counts: Counts) {
        let _: Result<(), Counts> = self.0.counts.set(counts);
    }

    /// Statements of a database session, if there is room for them now; else they come back.
    pub(crate) fn statements(
        &self,
        channel: ChannelId,
        batch: Batch,
    ) -> Result<(), StatementsLeft> {
        let Some(line) = &self.0.line else { return Ok(()) };
        let broken = |why| match self.0.mode {
            Mode::Strict => Err(StatementsLeft::Broken(why)),
            Mode::BestEffort | Mode::Off => Ok(()),
        };
        if let Err(why) = line.fuse.whole() {
            return broken(why);
        }
        let what = What::Statements { channel: channel.0, batch, paid: true };
        match line.queue.try_send(line.message(what)) {
            Ok(()) => Ok(()),
            Err((message, TryAcquireError::NoPermits)) => {
                // It comes back as it went.
                let What::Statements { batch, .. } = message.what else {
                    return broken(Broken::Unwritable);
                };
                Err(StatementsLeft::Full(batch))
            }
            Err((_, TryAcquireError::Closed)) => broken(Broken::Unwritable),
        }
    }

    /// Statements of a database session, once there is room for them.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub(crate) async fn statements_waiting(
        &self,
        channel: ChannelId,
        batch: Batch,
    ) -> Result<(), Broken> {
        self.send(What::Statements { channel: channel.0, batch, paid: true }).await
    }

    /// The last statements of a session that goes away and can wait for nothing.
    pub(crate) fn statements_last(&self, channel: ChannelId, batch: Batch) {
        if let Some(line) = &self.0.line {
            let what = What::Statements { channel: channel.0, batch, paid: false };
            // A writer that is gone writes nothing.
            let _ = line.queue.send_now(line.message(what));
        }
    }

    /// Returns when the recording is over in a session that must not go on without it; else never.
    pub async fn broken(&self) -> Broken {
        match (self.0.mode, &self.0.line) {
            (Mode::Strict, Some(line)) => line.fuse.blown().await,
            (Mode::Strict | Mode::BestEffort | Mode::Off, _) => std::future::pending().await,
        }
    }

    /// Seals the recording and commits `session.ended` and `recording.sealed`; both are in the audit log when this
    /// returns. A second close does nothing.
    pub async fn close(&self, outcome: Outcome, now: Timestamp) {
        if let Some(closed) = self.0.close(outcome, now) {
            // An answer that never comes means that the house falls; the sweep at the next start does the rest.
            let _ = closed.await;
        }
    }

    async fn bytes(&self, channel: ChannelId, stream: Stream, bytes: &Bytes) -> Result<(), Broken> {
        if bytes.is_empty() {
            return Ok(());
        }
        let kept = match self.0.tallies().get_mut(&channel.0) {
            Some(tallies) => tallies.take(stream, bytes),
            None => return Ok(()),
        };
        if kept.is_empty() {
            return self.whole();
        }
        self.send(What::Bytes { channel: channel.0, stream, bytes: kept }).await
    }

    /// # Errors
    /// As [`Self::begin`].
    fn whole(&self) -> Result<(), Broken> {
        match (self.0.mode, &self.0.line) {
            (Mode::Strict, Some(line)) => line.fuse.whole(),
            (Mode::Strict | Mode::BestEffort | Mode::Off, _) => Ok(()),
        }
    }

    async fn send(&self, what: What) -> Result<(), Broken> {
        let Some(line) = &self.0.line else { return Ok(()) };
        match (line.send(what).await, self.0.mode) {
            (Err(broken), Mode::Strict) => Err(broken),
            (Ok(()) | Err(_), _) => Ok(()),
        }
    }
}

impl Inner {
    fn tallies(&self) -> MutexGuard<'_, BTreeMap<u32, Box<Tallies>>> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self, outcome: Outcome, ended: Timestamp) -> Option<oneshot::Receiver<()>> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return None;
        }
        let (closed, answer) = oneshot::channel();
        let counts = self.counts.get().cloned().unwrap_or_default();
        match &self.line {
            Some(line) => {
                let open = std::mem::take(&mut *self.tallies());
                let totals = open.into_iter().map(|(channel, one)| (channel, one.totals()));
                let totals = totals.collect();
                let close = Close { outcome, ended, counts, totals, closed };
                line.queue.send_now(line.message(What::Close(Box::new(close)))).ok()?;
            }
            None => {
                let meta = Box::new(self.meta.clone());
                self.done.send(Done::Unrecorded { meta, outcome, ended, counts, closed }).ok()?;
            }
        }
        Some(answer)
    }
}

impl Drop for Inner {
    /// A door that went away without a word (its task was cancelled, or panicked) still leaves a sealed recording.
    fn drop(&mut self) {
        let ended = (self.clock)();
        drop(self.close(Outcome::Failed("abandoned".to_owned()), ended));
    }
}
