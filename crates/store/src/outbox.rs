//! Events on their way from a commit into the audit log.
//!
//! ```text
//!   commit ──same transaction──► /outbox/<revision>/<n> ──append, with the key──► audit log
//!                                        └───────────────── then removed ──────────┘
//! ```
//!
//! The log remembers, in the transaction that appends, the last outbox key it took. A crash at any instant leaves an
//! event in the outbox, or in both, and what is in both is not taken again: none is lost, none comes twice.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::audit::{Audit, AuditError};
use crate::kv::{Commit, CommitError, Fault, Kv, OUTBOX, Range, ReadError, Revision};

/// Revisions that may wait for the audit log before commits with events wait for it.
const BACKLOG: u64 = 50_000;
/// How long a commit waits for the audit log before it is refused.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the drainer waits before it tries again what failed.
const RETRY: Duration = Duration::from_millis(500);
/// How often the log is signed, if it has grown.
const SIGNED: Duration = Duration::from_secs(10);
/// Events moved at once.
const MOVED: usize = 1000;

/// The key of an event of a commit: keys sort as the events happened.
pub(crate) fn key(revision: Revision, n: usize) -> String {
    format!("{OUTBOX}{:016x}/{n:04x}", revision.0)
}

/// The revision in an outbox key.
pub(crate) fn revision(key: &str) -> Option<Revision> {
    let (revision, _) = key.strip_prefix(OUTBOX)?.split_once('/')?;
    u64::from_str_radix(revision, 16).ok().map(Revision)
}

/// How far the drainer has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drained {
    /// The events of every commit up to here are in the audit log.
    pub(crate) revision: Revision,
    /// Why it does not come further.
    pub(crate) fault: Option<Fault>,
}

/// Moves events until the store is stopped; then moves what is left.
pub(crate) fn spawn(
    kv: Arc<dyn Kv>,
    audit: Audit,
    head: watch::Receiver<Revision>,
    mut stopped: watch::Receiver<bool>,
) -> (watch::Receiver<Drained>, JoinHandle<()>) {
    let (sender, drained) = watch::channel(Drained::default());
    let mut head = head;
    let task = tokio::spawn(async move {
        let mut signing = tokio::time::interval(SIGNED);
        loop {
            let stopping = *stopped.borrow_and_update();
            let upto = *head.borrow_and_update();
            match drain(kv.as_ref(), &audit).await {
                Ok(()) => {
                    sender.send_replace(Drained { revision: upto, fault: None });
                }
                Err(Fault::Closed) => return,
                Err(fault) => {
                    if sender.borrow().fault.as_ref() != Some(&fault) {
                        tracing::error!(%fault, "events cannot be moved into the audit log; they wait");
                    }
                    sender.send_modify(|drained| drained.fault = Some(fault));
                    if stopping {
                        return;
                    }
                    tokio::select! {
                        () = tokio::time::sleep(RETRY) => {}
                        changed = stopped.changed() => if changed.is_err() { return },
                    }
                    continue;
                }
            }
            if stopping {
                return;
            }
            tokio::select! {
                changed = head.changed() => if changed.is_err() { return },
                changed = stopped.changed() => if changed.is_err() { return },
                _ = signing.tick() => if let Err(error) = sign(kv.as_ref(), &audit).await {
                    tracing::error!(%error, "the audit log could not be signed");
                },
            }
        }
    });
    (drained, task)
}

/// Where the last checkpoint stands in the state: a log that was put back to an older copy does not agree with it.
pub(crate) const WITNESS: &str = "/audit/checkpoint";

/// Signs how the log stands, if anyone can and it has grown, and puts the checkpoint down in the state too.
pub(crate) async fn sign(kv: &dyn Kv, audit: &Audit) -> Result<(), AuditError> {
    let checkpoint = match audit.checkpoint_if_signed().await {
        Err(AuditError::NoSigner) => return Ok(()),
        signed => signed?,
    };
    if checkpoint.size > 0 && audit.witness(checkpoint.note.clone()) {
        kv.commit(Commit::new().put(WITNESS, checkpoint.note)).await.map_err(commit_fault)?;
    }
    Ok(())
}

/// Moves everything that waits.
async fn drain(kv: &dyn Kv, audit: &Audit) -> Result<(), Fault> {
    loop {
        let page = kv.range(Range::prefix(OUTBOX).limit(MOVED)).await.map_err(read_fault)?;
        let Some(last) = page.entries.last() else { return Ok(()) };
        let beyond = format!("{}\0", last.key);
        audit.append(page.entries).await?;
        kv.commit(Commit::new().delete_range(OUTBOX.into(), beyond)).await.map_err(commit_fault)?;
        if !page.more {
            return Ok(());
        }
    }
}

fn read_fault(error: ReadError) -> Fault {
    match error {
        ReadError::Fault(fault) => fault,
        ReadError::Invalid(invalid) => Fault::Io(invalid.to_string()),
    }
}

fn commit_fault(error: CommitError) -> Fault {
    match error {
        CommitError::Fault(fault) => fault,
        CommitError::Conflict(_) | CommitError::LeaseEnded(_) | CommitError::Invalid(_) => {
            Fault::Io(error.to_string())
        }
    }
}

/// Waits until the audit log has nearly caught up with `head`: that bounds the outbox.
pub(crate) async fn room(
    mut drained: watch::Receiver<Drained>,
    head: Revision,
) -> Result<(), Fault> {
    let enough = |drained: &Drained| head.0.saturating_sub(drained.revision.0) < BACKLOG;
    if enough(&drained.borrow()) {
        return Ok(());
    }
    let waited =
        tokio::time::timeout(PATIENCE, drained.wait_for(enough)).await.map(|room| room.is_ok());
    match waited {
        Ok(true) => Ok(()),
        Ok(false) => Err(Fault::Closed),
        Err(_) => {
            let fault = drained.borrow().fault.clone();
            Err(fault.unwrap_or_else(|| Fault::Io("the audit log cannot follow".into())))
        }
    }
}
