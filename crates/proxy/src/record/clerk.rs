//! Takes what sessions leave behind to the audit log, and lists their recordings once it is there.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use store::Store;
use store::recording::{Meta, NewEvent, Outcome, Sealed, Shelf};
use tokio::sync::{mpsc, oneshot};

use super::Clock;
use super::recording::Counts;

/// Sessions whose ends are committed at once.
const BATCH: usize = 64;
/// How long to wait before the audit log is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// Where the events of sessions go: the audit log. Durable when it returns.
pub trait Ledger: Send + Sync + 'static {
    /// Commits the events, all or none.
    fn record(
        &self,
        events: Vec<NewEvent>,
    ) -> BoxFuture<'_, Result<(), Box<dyn Error + Send + Sync>>>;
}

impl Ledger for Store {
    fn record(
        &self,
        events: Vec<NewEvent>,
    ) -> BoxFuture<'_, Result<(), Box<dyn Error + Send + Sync>>> {
        Box::pin(async move { Store::record(self, events).await.map_err(Into::into) })
    }
}

/// A session that is over.
pub(super) enum Done {
    /// Its recording is complete.
    Sealed { sealed: Box<Sealed>, counts: Counts, closed: oneshot::Sender<()> },
    /// It had none.
    Unrecorded {
        meta: Box<Meta>,
        outcome: Outcome,
        ended: Timestamp,
        counts: Counts,
        closed: oneshot::Sender<()>,
    },
}

impl Done {
    fn events(&self, now: Timestamp) -> Vec<NewEvent> {
        match self {
            Self::Sealed { sealed, counts, .. } => {
                vec![counted(sealed.ended_event(), counts), sealed.sealed_event(now)]
            }
            Self::Unrecorded { meta, outcome, ended, counts, .. } => {
                let event = meta.ended_event(outcome, *ended).with("recorded", false);
                vec![counted(event, counts)]
            }
        }
    }
}

/// What there was in the session, beside how it ended.
fn counted(event: NewEvent, counts: &Counts) -> NewEvent {
    counts.iter().fold(event, |event, (name, count)| event.with(name, *count))
}

/// Runs until all writers and recordings are gone.
pub(super) async fn run(
    shelf: Shelf,
    ledger: Arc<dyn Ledger>,
    clock: Clock,
    mut done: mpsc::UnboundedReceiver<Done>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while done.recv_many(&mut batch, BATCH).await > 0 {
        let events: Vec<NewEvent> = batch.iter().flat_map(|one| one.events(clock())).collect();
        // INVARIANT: a session whose end is not in the audit log is listed as live, and the sweep at the next start
        // tells the log. So this may wait for the log as long as the house stands.
        while let Err(error) = ledger.record(events.clone()).await {
            tracing::error!(
                error,
                sessions = batch.len(),
                "the audit log does not take the end of sessions; trying again"
            );
            tokio::time::sleep(RETRY).await;
        }
        let (sealed, waiting) = sort(batch.drain(..));
        settle(shelf.clone(), sealed).await;
        for closed in waiting {
            // Whoever closed it may not wait for it.
            let _ = closed.send(());
        }
    }
}

fn sort(batch: impl Iterator<Item = Done>) -> (Vec<Sealed>, Vec<oneshot::Sender<()>>) {
    let (mut all, mut waiting) = (Vec::new(), Vec::new());
    for one in batch {
        match one {
            Done::Sealed { sealed, closed, .. } => {
                all.push(*sealed);
                waiting.push(closed);
            }
            Done::Unrecorded { closed, .. } => waiting.push(closed),
        }
    }
    (all, waiting)
}

/// Lists recordings as what they are. What fails here, the sweep at the next start does.
pub(super) async fn settle(shelf: Shelf, sealed: Vec<Sealed>) {
    let settled = tokio::task::spawn_blocking(move || {
        for one in &sealed {
            if let Err(error) = shelf.settle(one) {
                tracing::warn!(session = one.meta.session, %error, "a sealed recording cannot be listed as such");
            }
        }
    });
    if settled.await.is_err() {
        tracing::warn!("sealed recordings are listed at the next start: the house is closing");
    }
}
