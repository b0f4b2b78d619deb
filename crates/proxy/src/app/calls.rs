//! The calls of a visit, written down with what became of them.
//!
//! ```text
//!   begin ──► (passed on) ──► done, or dropped ──► batch ──► the recording, one message for many
//!                                                   32 KiB, or 200 ms
//! ```
//!
//! Calls end on the connections they came by, many at once. They gather behind one short lock of their visit; whoever
//! fills the batch hands it over, and the visit's own task does when it has waited long enough. When the recorder is
//! behind, new calls wait in [`Calls::room`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Method;
use tokio::sync::Notify;
use tokio::time::Instant;
use wire::cast::call::Call;

use super::body::Seen;
use super::visit::{Stay, Visit};
use crate::live::Session;
use crate::record::{Batch, Broken, ChannelId, Purpose, StatementsLeft};

/// Bytes of a batch at which it is handed over.
const BATCH: usize = 32 * 1024;
/// Bytes of a batch beyond which new calls wait.
const MOST: usize = 1024 * 1024;
/// How long a call waits for its batch to fill.
pub(super) const BATCH_AGE: Duration = Duration::from_millis(200);

/// The calls of a visit.
#[derive(Debug)]
pub(super) struct Calls {
    channel: ChannelId,
    /// Whether the session has a recording; without one, calls are counted.
    kept: bool,
    batch: Mutex<Batch>,
    /// Bytes in the batch, to be looked at without the lock.
    waiting: AtomicU64,
    /// Told when a batch begins.
    pub(super) begun: Notify,
    /// Told when a batch was handed over.
    gone: Notify,
    next: AtomicU64,
    calls: AtomicU64,
    errors: AtomicU64,
    refused: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
}

impl Calls {
    /// Begins the record of a visit.
    pub(super) async fn begin(session: &Session, purpose: Purpose) -> Result<Self, Broken> {
        let channel = session.recording.begin(purpose).await?;
        Ok(Self {
            channel,
            kept: session.recording.is_kept(),
            batch: Mutex::new(Batch::calls()),
            waiting: AtomicU64::new(0),
            begun: Notify::new(),
            gone: Notify::new(),
            next: AtomicU64::new(1),
            calls: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
        })
    }

    /// Returns when there is room for one more call in the record.
    pub(super) async fn room(&self) {
        while self.waiting.load(Ordering::Relaxed) >= MOST as u64 {
            let gone = self.gone.notified();
            if self.waiting.load(Ordering::Relaxed) < MOST as u64 {
                return;
            }
            gone.await;
        }
    }

    /// Writes a call down. Whether the batch is full.
    fn write(&self, call: Call<'_>) -> bool {
        let add = |sum: &AtomicU64, n: u64| _ = sum.fetch_add(n, Ordering::Relaxed);
        add(if call.refused.is_some() { &self.refused } else { &self.calls }, 1);
        add(&self.errors, u64::from(call.error.is_some()));
        add(&self.received, call.received);
        add(&self.sent, call.sent);
        if !self.kept {
            return false;
        }
        let mut batch = self.batch();
        let first = batch.is_empty();
        call.write(batch.begin(Instant::now()));
        batch.end();
        let length = batch.len();
        drop(batch);
        self.waiting.store(length as u64, Ordering::Relaxed);
        if first {
            self.begun.notify_one();
        }
        length >= BATCH
    }

    /// Hands over what there is, if the recorder takes it now.
    fn try_hand_over(&self, session: &Session) {
        let mut batch = self.batch();
        if batch.is_empty() {
            return;
        }
        let full = std::mem::replace(&mut *batch, Batch::calls());
        match session.recording.statements(self.channel, full) {
            // A recording that is broken ends the visit by itself.
            Ok(()) | Err(StatementsLeft::Broken(_)) => self.emptied(),
            Err(StatementsLeft::Full(full)) => *batch = full,
        }
    }

    /// Hands over what there is, and waits until it is taken.
    ///
    /// # Errors
    /// The recording is broken.
    pub(super) async fn hand_over(&self, session: &Session) -> Result<(), Broken> {
        let full = std::mem::replace(&mut *self.batch(), Batch::calls());
        self.emptied();
        if full.is_empty() {
            return Ok(());
        }
        session.recording.statements_waiting(self.channel, full).await
    }

    /// What `session.ended` says.
    pub(super) fn count(&self, session: &Session) {
        let read = |sum: &AtomicU64| sum.load(Ordering::Relaxed);
        session.recording.count(vec![
            ("calls", read(&self.calls)),
            ("errors", read(&self.errors)),
            ("refused", read(&self.refused)),
            ("bytes_in", read(&self.received)),
            ("bytes_out", read(&self.sent)),
        ]);
    }

    fn emptied(&self) {
        self.waiting.store(0, Ordering::Relaxed);
        self.gone.notify_waiters();
    }

    fn batch(&self) -> MutexGuard<'_, Batch> {
        self.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a call asked for, as it came.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) uri: http::Uri,
}

/// A call that is under way. It is written down once: when it is done, or when whoever held it has gone.
#[derive(Debug)]
pub(super) struct Open {
    stay: Stay,
    n: u64,
    asked: Asked,
    since: Instant,
    status: Option<u16>,
    seen: Option<Arc<Seen>>,
    received: u64,
    sent: u64,
    upgraded: bool,
    error: Option<&'static str>,
    refused: Option<Box<str>>,
    written: bool,
}

impl Open {
    pub(super) fn begin(stay: Stay, asked: Asked) -> Self {
        let n = stay.visit().calls.next.fetch_add(1, Ordering::Relaxed);
        Self {
            stay,
            n,
            asked,
            since: Instant::now(),
            status: None,
            seen: None,
            received: 0,
            sent: 0,
            upgraded: false,
            // Until it is done.
            error: Some("client_left"),
            refused: None,
            written: false,
        }
    }

    pub(super) fn visit(&self) -> &Arc<Visit> {
        self.stay.visit()
    }

    pub(super) fn asked(&self) -> &Asked {
        &self.asked
    }

    /// The request's body is counted there.
    pub(super) fn receives(&mut self, seen: Option<Arc<Seen>>) {
        self.seen = seen;
    }

    pub(super) fn answered(&mut self, status: u16) {
        self.status = Some(status);
    }

    /// Bytes of the answer's body went to the client.
    pub(super) fn sent(&mut self, bytes: u64) {
        self.sent = self.sent.saturating_add(bytes);
        self.visit().session.heard();
    }

    pub(super) fn fail(&mut self, why: &'static str) {
        self.error = Some(why);
        self.write();
    }

    /// It was not passed on.
    pub(super) fn refuse(mut self, status: u16, why: &str) {
        (self.status, self.error, self.refused) = (Some(status), None, Some(why.into()));
        self.write();
    }

    /// The connection became one of another protocol, and is over.
    pub(super) fn tunnelled(mut self, received: u64, sent: u64, cut: bool) {
        (self.upgraded, self.received, self.sent) = (true, received, sent);
        self.error = cut.then_some("cut");
        self.write();
    }

    /// The answer was passed on to its end.
    pub(super) fn finish(&mut self) {
        if !self.written {
            self.error = None;
        }
        self.write();
    }

    /// The same of an answer without a body.
    pub(super) fn done(mut self) {
        self.finish();
    }

    fn write(&mut self) {
        if std::mem::replace(&mut self.written, true) {
            return;
        }
        let visit = self.stay.visit();
        let error = if visit.ended.is_cancelled() && self.error.is_some() {
            Some("cut")
        } else {
            self.error
        };
        let call = Call {
            n: self.n,
            method: self.asked.method.as_str(),
            path: self.asked.uri.path(),
            query: self.asked.uri.query().map_or(0, str::len),
            status: self.status,
            took: self.since.elapsed(),
            received: self.seen.as_ref().map_or(self.received, |seen| seen.bytes()),
            sent: self.sent,
            upgraded: self.upgraded,
            error,
            refused: self.refused.as_deref(),
        };
        if visit.calls.write(call) {
            visit.calls.try_hand_over(&visit.session);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.write();
    }
}
