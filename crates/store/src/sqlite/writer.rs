//! The one thread that writes.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use super::apply::Applying;
use super::recent::Recent;
use super::{SqliteOptions, lease};
use crate::kv::{Commit, CommitError, Fault, LeaseId, Revision, limits};

/// How many low bits of a change's id count the changes inside one revision.
pub(super) const CHANGE_BITS: u32 = 16;
/// How often the writer looks at the clock while a lease runs: a clock handle cannot wake it.
const LEASE_TICK: Duration = Duration::from_millis(50);
/// The log is trimmed each time this many revisions are too old.
const TRIM: u64 = 1000;

type Reply<T> = oneshot::Sender<Result<T, CommitError>>;

/// Something the writer shall do.
pub(super) enum Task {
    Commit { commit: Commit, events: Vec<String>, reply: Reply<Revision> },
    Lease { ttl: SignedDuration, reply: Reply<LeaseId> },
    Keep { lease: LeaseId, ttl: SignedDuration, reply: Reply<()> },
    EndLease { lease: LeaseId, reply: Reply<()> },
    Compact { upto: Revision, reply: Reply<()> },
    Advance { revision: Revision, reply: Reply<()> },
}

/// A task and its place in the queue.
pub(super) struct Job {
    pub(super) task: Task,
    pub(super) _permits: [OwnedSemaphorePermit; 2],
}

/// An answer that waits for the transaction.
enum Answered {
    Revision(Reply<Revision>, Result<Revision, CommitError>),
    Lease(Reply<LeaseId>, Result<LeaseId, CommitError>),
    Done(Reply<()>, Result<(), CommitError>),
}

impl Answered {
    fn fault(&self) -> Option<Fault> {
        let error = match self {
            Self::Revision(_, result) => result.as_ref().err(),
            Self::Lease(_, result) => result.as_ref().err(),
            Self::Done(_, result) => result.as_ref().err(),
        };
        match error {
            Some(CommitError::Fault(fault)) => Some(fault.clone()),
            Some(
                CommitError::Conflict(_) | CommitError::LeaseEnded(_) | CommitError::Invalid(_),
            )
            | None => None,
        }
    }

    /// Tells the committer; one that no longer listens is not an error. A fault of the transaction overrides success,
    /// never a refusal: that one stands whatever became of the others.
    fn send(self, fault: Option<&Fault>) {
        fn told<T>(
            result: Result<T, CommitError>,
            fault: Option<&Fault>,
        ) -> Result<T, CommitError> {
            match fault {
                Some(fault) => result.and_then(|_| Err(fault.clone().into())),
                None => result,
            }
        }
        match self {
            Self::Revision(reply, result) => drop(reply.send(told(result, fault))),
            Self::Lease(reply, result) => drop(reply.send(told(result, fault))),
            Self::Done(reply, result) => drop(reply.send(told(result, fault))),
        }
    }
}

/// What the writer knows of the database without asking it.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub(super) head: Revision,
    pub(super) compacted: Revision,
    next_lease_end: Option<i64>,
}

impl State {
    pub(super) fn load(connection: &Connection) -> Result<Self, Fault> {
        let counter = |name: &str| -> Result<Revision, Fault> {
            let value: i64 = connection.query_row(
                "SELECT value FROM counter WHERE name = ?1",
                [name],
                |row| row.get(0),
            )?;
            Ok(Revision(value.cast_unsigned()))
        };
        Ok(Self {
            head: counter("revision")?,
            compacted: counter("compacted")?,
            next_lease_end: lease::next_end(connection)?,
        })
    }
}

pub(super) struct Writer {
    connection: Connection,
    state: State,
    options: SqliteOptions,
    jobs: mpsc::Receiver<Job>,
    recent: Arc<Recent>,
    head: watch::Sender<Revision>,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        state: State,
        options: SqliteOptions,
        jobs: mpsc::Receiver<Job>,
        recent: Arc<Recent>,
        head: watch::Sender<Revision>,
    ) -> Self {
        Self { connection, state, options, jobs, recent, head }
    }

    /// Writes until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let mut group: Vec<Job> = Vec::with_capacity(limits::GROUP_COMMITS);
        loop {
            match self.wait() {
                Ok(Some(job)) => {
                    group.push(job);
                    group.extend(self.jobs.try_iter().take(limits::GROUP_COMMITS - 1));
                }
                Ok(None) => {
                    let now = lease::micros((self.options.clock)());
                    if self.state.next_lease_end.is_none_or(|end| end > now) {
                        continue;
                    }
                }
                Err(mpsc::RecvError) => break,
            }
            self.write(&mut group);
        }
        // Leave one file behind, as small as it can be; if that fails, the next start recovers.
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }

    /// The next job; `None` when it is time to look at the leases.
    fn wait(&self) -> Result<Option<Job>, mpsc::RecvError> {
        if self.state.next_lease_end.is_none() {
            return self.jobs.recv().map(Some);
        }
        match self.jobs.recv_timeout(LEASE_TICK) {
            Ok(job) => Ok(Some(job)),
            Err(mpsc::RecvTimeoutError::Timeout) => Ok(None),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(mpsc::RecvError),
        }
    }

    /// One transaction for the whole group, then the news, then the answers.
    fn write(&mut self, group: &mut Vec<Job>) {
        let mut permits = Vec::with_capacity(group.len());
        let mut tasks = Vec::with_capacity(group.len());
        for job in group.drain(..) {
            permits.push(job._permits);
            tasks.push(job.task);
        }
        let mut answers = Vec::with_capacity(tasks.len());
        let now = (self.options.clock)();
        let fault = self.transact(tasks, &mut answers, now).err();
        if let Some(fault) = &fault {
            tracing::error!(%fault, commits = answers.len(), "the store could not write");
        }
        for answer in answers {
            answer.send(fault.as_ref());
        }
    }

    fn transact(
        &mut self,
        tasks: Vec<Task>,
        answers: &mut Vec<Answered>,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let mut state = self.state;
        let tx = match self.connection.transaction_with_behavior(TransactionBehavior::Immediate) {
            Ok(tx) => tx,
            Err(error) => {
                let fault = Fault::from(error);
                answers.extend(tasks.into_iter().map(|task| refuse(task, &fault)));
                return Err(fault);
            }
        };
        let mut applying = Applying::new(&tx, state.head, now);
        let mut leases_changed = false;
        let mut fault = None;
        if state.next_lease_end.is_some_and(|end| end <= lease::micros(now)) {
            leases_changed = true;
            // Before anything else, so that no commit of this group sees a key whose time is over.
            fault = lease::due(&tx, now).and_then(|due| applying.end_leases(&due)).err();
        }
        for task in tasks {
            let answer = match &fault {
                Some(fault) => refuse(task, fault),
                None => apply(&tx, &mut applying, &mut state, task, &mut leases_changed, now),
            };
            fault = fault.or_else(|| answer.fault());
            answers.push(answer);
        }
        if let Some(fault) = fault {
            return Err(fault);
        }
        let (head, changes) = (applying.revision, applying.changes);
        state.head = state.head.max(head);
        let oldest = Revision(state.head.0.saturating_sub(self.options.log_revisions));
        if oldest.0 >= state.compacted.0 + TRIM {
            compact(&tx, &mut state, oldest)?;
        }
        if leases_changed {
            state.next_lease_end = lease::next_end(&tx)?;
        }
        if state.head != self.state.head {
            tx.prepare_cached("UPDATE counter SET value = ?1 WHERE name = 'revision'")?
                .execute([state.head.0.cast_signed()])?;
        }
        tx.commit()?;
        self.state = state;
        self.recent.publish(state.head, state.compacted, changes);
        self.head.send_if_modified(|known| std::mem::replace(known, state.head) != state.head);
        Ok(())
    }
}

fn refuse(task: Task, fault: &Fault) -> Answered {
    let error = || CommitError::from(fault.clone());
    match task {
        Task::Commit { reply, .. } => Answered::Revision(reply, Err(error())),
        Task::Lease { reply, .. } => Answered::Lease(reply, Err(error())),
        Task::Keep { reply, .. }
        | Task::EndLease { reply, .. }
        | Task::Compact { reply, .. }
        | Task::Advance { reply, .. } => Answered::Done(reply, Err(error())),
    }
}

fn apply(
    tx: &Transaction<'_>,
    applying: &mut Applying<'_>,
    state: &mut State,
    task: Task,
    leases_changed: &mut bool,
    now: Timestamp,
) -> Answered {
    match task {
        Task::Commit { commit, events, reply } => {
            let result = applying.commit(&commit, &events);
            Answered::Revision(reply, result)
        }
        Task::Lease { ttl, reply } => {
            *leases_changed = true;
            Answered::Lease(reply, lease::grant(tx, ttl, now))
        }
        Task::Keep { lease, ttl, reply } => {
            *leases_changed = true;
            Answered::Done(reply, lease::keep(tx, lease, ttl, now))
        }
        Task::EndLease { lease, reply } => {
            *leases_changed = true;
            let result = match applying.end_leases(&[lease]) {
                Ok(true) => Ok(()),
                Ok(false) => Err(CommitError::LeaseEnded(lease)),
                Err(fault) => Err(fault.into()),
            };
            Answered::Done(reply, result)
        }
        Task::Compact { upto, reply } => {
            let upto = upto.min(applying.revision);
            Answered::Done(reply, compact(tx, state, upto).map_err(CommitError::from))
        }
        Task::Advance { revision, reply } => {
            applying.revision = applying.revision.max(revision);
            Answered::Done(reply, Ok(()))
        }
    }
}

fn compact(tx: &Transaction<'_>, state: &mut State, upto: Revision) -> Result<(), Fault> {
    if upto <= state.compacted {
        return Ok(());
    }
    let beyond = (upto.0 + 1) << CHANGE_BITS;
    tx.prepare_cached("DELETE FROM change WHERE id < ?1")?.execute([beyond.cast_signed()])?;
    tx.prepare_cached("UPDATE counter SET value = ?1 WHERE name = 'compacted'")?
        .execute([upto.0.cast_signed()])?;
    state.compacted = upto;
    Ok(())
}
