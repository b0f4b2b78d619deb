//! Live sessions, as the rest of the house sees them: a key for each under `/session/`, on a lease, so that a
//! daemon that dies takes its sessions off the list.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;
use store::{Commit, Store};
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;

use crate::live::Session;
use crate::record::Mode;

/// How long sessions stay listed after their daemon was last heard of.
const LEASE: SignedDuration = SignedDuration::from_secs(30);
/// How often the lease is kept.
const KEEP_EVERY: Duration = Duration::from_secs(10);

/// The list of live sessions. Not on the way of any: the list is written beside the session, not before it.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    store: Store,
    lease: Arc<OnceCell<store::kv::LeaseId>>,
}

/// A session's place in the list.
#[derive(Debug)]
pub(crate) struct Entry {
    store: Store,
    key: String,
    written: JoinHandle<()>,
}

impl Registry {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, lease: Arc::new(OnceCell::new()) }
    }

    /// Lists a session.
    pub(crate) async fn enter(&self, session: &Session) -> Entry {
        let rights = session.rights();
        let requests: Vec<_> = rights.requests.iter().map(ToString::to_string).collect();
        let value = json!({
            "id": session.id.to_string(),
            "user": session.caller.identity.user.as_str(),
            "target": session.caller.target.as_str(),
            "login": session.caller.login.as_str(),
            "started": session.now(),
            "requests": requests,
            "recorded": rights.keep.mode != Mode::Off,
        });
        let key = format!("/session/{}", session.id);
        let (registry, at) = (self.clone(), key.clone());
        let written = tokio::spawn(async move {
            let commit = Commit::new().put(at, value.to_string());
            let commit = match registry.lease().await {
                Ok(lease) => commit.lease(lease),
                Err(error) => return tracing::warn!(%error, "a session is not listed"),
            };
            if let Err(error) = registry.store.commit(commit).await {
                tracing::warn!(%error, "a session is not listed");
            }
        });
        Entry { store: self.store.clone(), key, written }
    }

    async fn lease(&self) -> Result<store::kv::LeaseId, store::CommitError> {
        let made = self.lease.get_or_try_init(|| async {
            let lease = self.store.lease(LEASE).await?;
            let store = self.store.clone();
            tokio::spawn(async move {
                // Ends with the store, whose closing fails the next keep.
                while store.keep(lease, LEASE).await.is_ok() {
                    tokio::time::sleep(KEEP_EVERY).await;
                }
            });
            Ok(lease)
        });
        made.await.copied()
    }
}

impl Entry {
    /// Takes the session off the list.
    pub(crate) async fn leave(self) {
        let _ = self.written.await;
        if let Err(error) = self.store.commit(Commit::new().delete(self.key)).await {
            tracing::debug!(%error, "an ended session stays listed until its lease ends");
        }
    }
}
