//! The statements of a session: judged before they are passed on, written down with what became of them.
//!
//! ```text
//!   judge ──► (passed on) ──► sent ──► … ──► done ──► batch ──► the recording, one message for many
//!     └ no: audited, told                                 32 KiB, or 200 ms
//! ```
//!
//! One of these belongs to a session's relay. Nothing here waits except [`Statements::poll_flush`] and
//! [`Statements::finish`], and nothing of another thread is woken by a statement, only by a full batch.

mod prepared;
mod refusal;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use access::ask::Action;
use access::role::options::RecordValues;
use access::statement::{StatementClass, StatementClasses};
use futures_util::future::BoxFuture;
use tokio::time::{Instant, Sleep};
use wire::cast::statement;
use wire::sql::Dialect;

use super::Protocol;
use crate::bell::Seldom;
use crate::live::Session;
use crate::record::{Batch, Broken, ChannelId, Counts, Purpose, StatementsLeft};

pub(crate) use prepared::{Prepared, Text};
pub(crate) use refusal::Refusal;
pub(crate) use wire::cast::statement::{Kept, Outcome, Values};

/// Bytes of a batch at which it is handed over.
const BATCH: usize = 32 * 1024;
/// How long a statement waits for its batch to fill.
const BATCH_AGE: Duration = Duration::from_millis(200);
/// Bytes of statements that are running; beyond, they are written down without waiting for their ends.
const MAX_RUNNING: usize = 64 * 1024;

/// A statement that was passed on and is not answered yet.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Ticket(u64);

/// A statement that is running.
#[derive(Debug)]
struct Running {
    /// When it was passed on; `None` once it was answered out of turn.
    since: Option<Instant>,
    /// Where its text and values stand in `heads`; nothing when they were written down already.
    head: std::ops::Range<usize>,
}

/// The statements of a session. See the module.
pub(crate) struct Statements {
    session: Arc<Session>,
    channel: ChannelId,
    dialect: Dialect,
    plain_backslashes: bool,
    tally: Tally,
    /// The number of the first statement in `running`.
    first: u64,
    running: VecDeque<Running>,
    /// Whether the session has a recording; without one, statements are judged and counted.
    kept: bool,
    /// Texts and values of those that are running, as JSON without its end.
    heads: Vec<u8>,
    batch: Batch,
    /// Bytes that were handed over, for how long a text's number is good.
    written: u64,
    /// Texts that were given a number.
    numbered: u32,
    /// When the batch is handed over though it is not full. Made with its first statement.
    due: Option<Seldom<Sleep>>,
    /// Refusals that wait for the audit log: not more than a door reads at once, since it then asks to flush.
    refusals: VecDeque<serde_json::Value>,
    /// A hand-over that waits for room.
    waiting: Option<BoxFuture<'static, Result<(), Broken>>>,
}

/// How many statements a session had, and what came of them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Tally {
    /// Passed on.
    pub(crate) statements: u64,
    /// Rows, as the database counted them.
    pub(crate) rows: u64,
    /// Answered with an error.
    pub(crate) errors: u64,
    /// Not passed on.
    pub(crate) refused: u64,
}

impl std::fmt::Debug for Statements {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Statements").field("tally", &self.tally).finish_non_exhaustive()
    }
}

impl Statements {
    /// Begins the record of a connection.
    ///
    /// # Errors
    /// The recording is broken: the session must not go on.
    pub(crate) async fn begin(session: &Arc<Session>, protocol: Protocol) -> Result<Self, Broken> {
        let (user, name) = match &session.caller.ask.action {
            Action::Db { user, name } => (user.as_deref(), name.as_deref()),
            Action::App { .. }
            | Action::Desktop { .. }
            | Action::Kube { .. }
            | Action::Ssh { .. } => (None, None),
        };
        let account = format!("{}@{}", user.unwrap_or_default(), name.unwrap_or_default());
        let purpose = Purpose::Statements { protocol: protocol.as_str(), account };
        let channel = session.recording.begin(purpose).await?;
        let dialect = match protocol {
            Protocol::Postgres => Dialect::Postgres,
            Protocol::MySql => Dialect::MySql,
        };
        Ok(Self {
            session: Arc::clone(session),
            channel,
            dialect,
            plain_backslashes: false,
            tally: Tally::default(),
            first: 1,
            running: VecDeque::new(),
            kept: session.recording.is_kept(),
            heads: Vec::new(),
            batch: Batch::default(),
            written: 0,
            numbered: 0,
            due: None,
            refusals: VecDeque::new(),
            waiting: None,
        })
    }

    /// On this server a backslash in a string escapes nothing, other than by default: texts with one are not
    /// understood.
    pub(crate) fn backslashes_are_plain(&mut self) {
        self.plain_backslashes = true;
    }

    /// Whether a text may be run or prepared. When it may not, that is written down and audited.
    ///
    /// # Errors
    /// What the client is told.
    pub(crate) fn judge(&mut self, text: Text<'_>) -> Result<Prepared, Refusal> {
        let prepared = Prepared::new(text);
        self.judge_again(&prepared)?;
        Ok(prepared)
    }

    /// Whether a text that was judged before may still be run: the policy may have changed.
    ///
    /// # Errors
    /// As [`Self::judge`].
    pub(crate) fn judge_again(&mut self, prepared: &Prepared) -> Result<(), Refusal> {
        let rights = self.session.rights();
        if rights.terms.allow_every_statement() {
            return Ok(());
        }
        let classes = if self.plain_backslashes && prepared.text().contains(&b'\\') {
            StatementClasses::of(StatementClass::Unknown)
        } else {
            prepared.classes(self.dialect)
        };
        if rights.terms.allow_statement(classes) {
            return Ok(());
        }
        let refusal = Refusal::new(prepared, classes, &rights.terms);
        self.refused(prepared, &refusal);
        Err(refusal)
    }

    /// A text is not passed on, for `why` and not for what it does. That is written down and audited.
    pub(crate) fn forbid(&mut self, text: Text<'_>, why: &str) {
        let refusal = Refusal::because(why);
        self.refused(&Prepared::new(text), &refusal);
    }

    /// Where values bound to a statement are put, if any are kept.
    pub(crate) fn values(&self) -> Option<Values> {
        match self.session.rights().values {
            RecordValues::Full => Some(Values::new(Kept::Full)),
            RecordValues::Masked => Some(Values::new(Kept::Lengths)),
            RecordValues::Off => None,
        }
    }

    /// A statement is passed on.
    pub(crate) fn sent(&mut self, prepared: &Prepared, values: Option<&Values>) -> Ticket {
        let n = self.first.saturating_add(self.running.len() as u64);
        self.tally.statements = self.tally.statements.saturating_add(1);
        let begin = self.heads.len();
        if self.kept {
            statement::open(n, &mut self.heads);
            prepared.write(&mut self.numbered, self.written, &mut self.heads);
            if let Some(values) = values {
                statement::values(values, &mut self.heads);
            }
        }
        let head = begin..self.heads.len();
        self.running.push_back(Running { since: Some(Instant::now()), head });
        if self.heads.len() > MAX_RUNNING {
            self.tell_running();
        }
        Ticket(n)
    }

    /// A statement was answered.
    pub(crate) fn done(&mut self, Ticket(n): Ticket, outcome: Outcome<'_>) {
        self.tally.rows = self.tally.rows.saturating_add(outcome.rows.unwrap_or(0));
        let failed = u64::from(outcome.error.is_some());
        self.tally.errors = self.tally.errors.saturating_add(failed);
        let index = n.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        let Some(running) = index.and_then(|index| self.running.get_mut(index)) else { return };
        let Some(since) = running.since.take() else { return };
        if self.kept {
            let now = Instant::now();
            let json = self.batch.begin(now);
            match self.heads.get(running.head.clone()) {
                Some(head) if !head.is_empty() => json.extend_from_slice(head),
                Some(_) | None => statement::open(n, json),
            }
            statement::outcome(&outcome, now.duration_since(since), json);
            statement::close(json);
            self.batch.end();
        }
        self.forget_answered();
    }

    /// Hands over what is due. Pending means that the recording is behind: nothing more may be taken from the client
    /// until it is ready. Wakes the task when something becomes due.
    ///
    /// # Errors
    /// The recording is broken, or the audit log: the session must not go on.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                match waiting.as_mut().poll(cx) {
                    Poll::Ready(result) => {
                        self.waiting = None;
                        result?;
                    }
                    Poll::Pending => return Poll::Pending,
                }
            }
            if let Some(refusal) = self.refusals.pop_front() {
                self.waiting = Some(self.audit(refusal));
                continue;
            }
            let idle = self.batch.is_empty() && self.heads.is_empty();
            if idle || !(self.batch.len() >= BATCH || self.is_due(cx)) {
                return Poll::Ready(Ok(()));
            }
            self.tell_running();
            self.hand_over()?;
        }
    }

    /// Whether something has waited long enough. Sets the alarm when it is not set.
    fn is_due(&mut self, cx: &mut Context<'_>) -> bool {
        let due = self.due.get_or_insert_with(|| Seldom::new(tokio::time::sleep(BATCH_AGE)));
        Pin::new(due).poll(cx).is_ready()
    }

    /// Writes down what is running: what has been begun is on record however it ends.
    fn tell_running(&mut self) {
        let now = Instant::now();
        for running in &mut self.running {
            let head = std::mem::take(&mut running.head);
            let Some(head) = self.heads.get(head).filter(|head| !head.is_empty()) else { continue };
            if running.since.is_some() {
                let json = self.batch.begin(now);
                json.extend_from_slice(head);
                statement::sent(json);
                statement::close(json);
                self.batch.end();
            }
        }
        self.heads = Vec::new();
    }

    fn hand_over(&mut self) -> Result<(), Broken> {
        self.due = None;
        let batch = std::mem::take(&mut self.batch);
        self.written = self.written.saturating_add(batch.len() as u64);
        match self.session.recording.statements(self.channel, batch) {
            Ok(()) => Ok(()),
            Err(StatementsLeft::Broken(why)) => Err(why),
            Err(StatementsLeft::Full(batch)) => {
                let (session, channel) = (Arc::clone(&self.session), self.channel);
                self.waiting = Some(Box::pin(async move {
                    session.recording.statements_waiting(channel, batch).await
                }));
                Ok(())
            }
        }
    }

    /// Writes down everything there is, also what never was answered, and how many statements there were. For the end
    /// of a session.
    pub(crate) async fn finish(mut self) {
        self.end_running();
        self.session.recording.count(self.tally.counts());
        // A recording or an audit log that is broken has ended the session already.
        if let Some(waiting) = self.waiting.take() {
            let _ = waiting.await;
        }
        while let Some(refusal) = self.refusals.pop_front() {
            let _ = self.audit(refusal).await;
        }
        let batch = std::mem::take(&mut self.batch);
        if !batch.is_empty() {
            let _ = self.session.recording.statements_waiting(self.channel, batch).await;
        }
    }

    /// What was never answered is written down as such.
    fn end_running(&mut self) {
        let now = Instant::now();
        for (n, running) in (self.first..).zip(std::mem::take(&mut self.running)) {
            let Some(since) = running.since.filter(|_| self.kept) else { continue };
            let json = self.batch.begin(now);
            match self.heads.get(running.head) {
                Some(head) if !head.is_empty() => json.extend_from_slice(head),
                Some(_) | None => statement::open(n, json),
            }
            statement::outcome(&Outcome::default(), now.duration_since(since), json);
            statement::lost(json);
            statement::close(json);
            self.batch.end();
        }
        self.heads = Vec::new();
    }

    /// A statement is not passed on.
    fn refused(&mut self, prepared: &Prepared, refusal: &Refusal) {
        let n = self.first.saturating_add(self.running.len() as u64);
        self.tally.refused = self.tally.refused.saturating_add(1);
        self.refusals.push_back(refusal.event(prepared));
        if self.kept {
            let json = self.batch.begin(Instant::now());
            statement::open(n, json);
            prepared.write_inline(json);
            statement::refused(&refusal.classes, json);
            statement::close(json);
            self.batch.end();
        }
        // It has a number among those that are passed on, and is answered.
        self.running.push_back(Running { since: None, head: 0..0 });
        self.forget_answered();
    }

    fn audit(&self, refusal: serde_json::Value) -> BoxFuture<'static, Result<(), Broken>> {
        let session = Arc::clone(&self.session);
        Box::pin(async move {
            session.note("db.statement.refused", refusal).await.map_err(|_| Broken::Unwritable)
        })
    }

    fn forget_answered(&mut self) {
        while self.running.front().is_some_and(|running| running.since.is_none()) {
            self.running.pop_front();
            self.first = self.first.saturating_add(1);
        }
        if self.running.is_empty() {
            self.heads.clear();
        }
    }
}

impl Drop for Statements {
    /// A relay that went away without a word still leaves what it had.
    fn drop(&mut self) {
        self.end_running();
        let batch = std::mem::take(&mut self.batch);
        if !batch.is_empty() {
            self.session.recording.statements_last(self.channel, batch);
        }
    }
}

impl Tally {
    /// As `session.ended` has them.
    fn counts(self) -> Counts {
        let Self { statements, rows, errors, refused } = self;
        vec![
            ("statements", statements),
            ("rows", rows),
            ("statement_errors", errors),
            ("statements_refused", refused),
        ]
    }
}
