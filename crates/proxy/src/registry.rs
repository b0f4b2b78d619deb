//! Live sessions, as the rest of the house sees them: a key for each under `/session/`, on a lease, so that a
//! daemon that dies takes its sessions off the list.
//!
//! The lease may end while the daemon lives: the machine slept, the clock was set. Then there is a new lease, and
//! every session that still lives is listed on it again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use serde_json::json;
use store::kv::{Fault, LeaseId};
use store::{Commit, CommitError, Store};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::live::Session;
use crate::record::Mode;

/// How long sessions stay listed after their daemon was last heard of.
const LEASE: SignedDuration = SignedDuration::from_secs(30);
/// How long a session must have lasted to be listed. Most connections to databases are over before, and two commits
/// for each would cost as much as all the rest of it.
const SETTLED: Duration = Duration::from_millis(250);
/// How often the lease is kept.
const KEEP_EVERY: Duration = Duration::from_secs(10);

/// The list of live sessions. Not on the way of any: the list is written beside the session, not before it.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    store: Store,
    lease: Arc<tokio::sync::Mutex<Option<LeaseId>>>,
    /// What is to be listed: values by key.
    live: Arc<Mutex<BTreeMap<String, String>>>,
}

/// A session's place in the list.
#[derive(Debug)]
pub(crate) struct Entry {
    registry: Registry,
    key: String,
    /// Whether it was written, once that is known.
    written: JoinHandle<bool>,
    /// Dropped when the session is over.
    end: oneshot::Sender<()>,
}

impl Registry {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, lease: Arc::default(), live: Arc::default() }
    }

    /// Lists a session, once it has lasted a moment.
    pub(crate) fn enter(&self, session: &Session) -> Entry {
        let rights = session.rights();
        let requests: Vec<_> = rights.requests.iter().map(ToString::to_string).collect();
        let value = json!({
            "id": session.id.to_string(),
            "user": session.caller.identity.user.as_str(),
            "target": session.caller.target().as_str(),
            "login": session.caller.account(),
            "started": session.now(),
            "requests": requests,
            "recorded": rights.keep.mode != Mode::Off,
        });
        self.list(format!("/session/{}", session.id), value.to_string())
    }

    fn list(&self, key: String, value: String) -> Entry {
        let (registry, at) = (self.clone(), key.clone());
        let (end, over) = oneshot::channel();
        let written = tokio::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(SETTLED) => {}
                _ = over => return false,
            }
            registry.live().insert(at.clone(), value.clone());
            if let Err(error) = registry.write(&at, &value).await {
                tracing::warn!(%error, "a session is not listed");
            }
            true
        });
        Entry { registry: self.clone(), key, written, end }
    }

    /// Writes one place, on a new lease if the one we had is over.
    async fn write(&self, key: &str, value: &str) -> Result<(), CommitError> {
        let lease = self.lease().await?;
        let put = |lease| self.store.commit(Commit::new().put(key, value.to_owned()).lease(lease));
        match put(lease).await {
            Err(CommitError::LeaseEnded(_)) => {
                self.forget(lease).await;
                put(self.lease().await?).await.map(drop)
            }
            written => written.map(drop),
        }
    }

    /// The lease of this daemon, made when there is none.
    async fn lease(&self) -> Result<LeaseId, CommitError> {
        let mut held = self.lease.lock().await;
        match *held {
            Some(lease) => Ok(lease),
            None => {
                let lease = self.store.lease(LEASE).await?;
                *held = Some(lease);
                tokio::spawn(self.clone().keep(lease));
                Ok(lease)
            }
        }
    }

    /// This lease is over; the next who needs one makes one.
    async fn forget(&self, lease: LeaseId) {
        let mut held = self.lease.lock().await;
        if *held == Some(lease) {
            *held = None;
        }
    }

    /// Keeps a lease while it lasts. Once it is over, lists again whoever is still there.
    fn keep(self, lease: LeaseId) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            loop {
                match self.store.keep(lease, LEASE).await {
                    Ok(()) => {}
                    Err(CommitError::LeaseEnded(_)) => break,
                    Err(CommitError::Fault(Fault::Closed)) => return,
                    Err(error) => tracing::debug!(%error, "the list's lease could not be kept"),
                }
                tokio::time::sleep(KEEP_EVERY).await;
            }
            self.forget(lease).await;
            self.list_again().await;
        })
    }

    /// Writes the places of all that live, after their lease took them off the list.
    async fn list_again(&self) {
        let live = self.live().clone();
        for (key, value) in live {
            if let Err(error) = self.write(&key, &value).await {
                tracing::warn!(%error, "a session is not listed");
            }
            // It may have left while it was written.
            if !self.live().contains_key(&key) {
                self.remove(key).await;
            }
        }
    }

    async fn remove(&self, key: String) {
        if let Err(error) = self.store.commit(Commit::new().delete(key)).await {
            tracing::debug!(%error, "an ended session stays listed until its lease ends");
        }
    }

    fn live(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Takes the session off the list.
    pub(crate) async fn leave(self) {
        drop(self.end);
        let written = self.written.await.unwrap_or(true);
        self.registry.live().remove(&self.key);
        if written {
            self.registry.remove(self.key).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use store::Range;

    /// Waits until these are listed.
    async fn until<F: Future<Output = Vec<String>>>(listed: impl Fn() -> F, wanted: &[&str]) {
        tokio::time::timeout(Duration::from_secs(10), async { while listed().await != wanted {} })
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn a_lease_that_ended_is_replaced_and_who_lives_is_listed_again() {
        let dir = tempfile::tempdir().unwrap();
        let time = Arc::new(Mutex::new("2026-11-22T12:00:00Z".parse::<Timestamp>().unwrap()));
        let hand = Arc::clone(&time);
        let clock = Arc::new(move || *hand.lock().unwrap());
        let options = store::Options::new("demo".parse().unwrap(), clock);
        let store = Store::open(&dir.path().join("data"), options).await.unwrap();
        let listed = || async {
            let page = store.range(Range::prefix("/session/")).await.unwrap();
            page.entries.into_iter().map(|entry| entry.key.to_string()).collect::<Vec<_>>()
        };
        let registry = Registry::new(store.clone());
        let early = registry.list("/session/early".into(), "1".into());
        registry.list("/session/gone".into(), "1".into()).leave().await;
        until(&listed, &["/session/early"]).await;

        // The machine sleeps for longer than the lease.
        *time.lock().unwrap() += LEASE * 2;
        let old = registry.lease().await.unwrap();
        let late = registry.list("/session/late".into(), "1".into());
        until(&listed, &["/session/late"]).await;
        assert_ne!(registry.lease().await.unwrap(), old);

        // The keeper of the old lease notices, and lists the one that was there before.
        registry.clone().keep(old).await;
        assert_eq!(listed().await, ["/session/early", "/session/late"]);
        early.leave().await;
        late.leave().await;
        assert!(listed().await.is_empty());
        store.close().await.unwrap();
    }
}
