//! Recordings that grow older than they are kept are retired, by one daemon at a time.

use crate::house::Clock;
use jiff::SignedDuration;
use std::time::Duration;
use store::recording::{RetireError, Retired, Shelf, relist, retire};
use store::{Absent, Commit, CommitError, Store};
use tokio_util::sync::CancellationToken;

/// How often recordings are looked through.
const EVERY: Duration = Duration::from_secs(3600);
/// Whoever has this key, by a lease, looks through them.
const DUTY: &str = "/duty/retention";
/// How long a daemon that stopped in the middle keeps others from it.
const LEASE: SignedDuration = SignedDuration::from_mins(5);

/// The duty of retention.
#[derive(Debug)]
pub(crate) struct Retention {
    pub(crate) store: Store,
    pub(crate) shelf: Shelf,
    /// How long recordings are kept after their session ended; for ever without.
    pub(crate) keep: Option<SignedDuration>,
}

impl Retention {
    /// Looks through the recordings now and then, until `stop`.
    pub(crate) async fn run(self, clock: Clock, stop: CancellationToken) {
        let work = async {
            if let Err(error) = relist(&self.store, &self.shelf).await {
                tracing::error!(%error, "retired recordings cannot be listed");
            }
            let Some(keep) = self.keep else { return };
            let mut look = tokio::time::interval(EVERY);
            loop {
                look.tick().await;
                match self.look(keep, &clock).await {
                    Ok(Retired { retired: 0, kept: 0 }) => {}
                    Ok(Retired { retired, kept }) => {
                        tracing::info!(
                            retired,
                            kept,
                            "recordings older than {keep:#} were looked at"
                        );
                    }
                    Err(error) => {
                        tracing::error!(%error, "recordings cannot be retired; they stay")
                    }
                }
            }
        };
        tokio::select! {
            () = work => {}
            () = stop.cancelled() => {}
        }
    }

    async fn look(&self, keep: SignedDuration, clock: &Clock) -> Result<Retired, RetireError> {
        let lease = self.store.lease(LEASE).await?;
        let duty = Commit::new().expecting(DUTY, Absent).put(DUTY, "").lease(lease);
        match self.store.commit(duty).await {
            // Another daemon is at it, or one that stopped in the middle was a moment ago.
            Err(CommitError::Conflict(_)) => {
                self.store.end_lease(lease).await?;
                return Ok(Retired::default());
            }
            committed => committed?,
        };
        let (mut done, mut after) = (Retired::default(), None);
        loop {
            let now = clock();
            // A time before all recordings, if the duration is longer than time.
            let before = now.checked_sub(keep).unwrap_or(jiff::Timestamp::MIN);
            let (step, last) = retire(&self.store, &self.shelf, before, (after, now)).await?;
            done.retired += step.retired;
            done.kept += step.kept;
            if last.is_none() {
                break;
            }
            after = last;
            self.store.keep(lease, LEASE).await?;
        }
        self.store.end_lease(lease).await?;
        Ok(done)
    }
}
