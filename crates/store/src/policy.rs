//! The policy as everyone in this process decides by it: a snapshot that follows the store.
//!
//! ```text
//!   commit ──► watch ──► feed ──► snapshot ──► changed()     live sessions ask again
//!                                    └───────► at_least()    whoever wrote reads what was written
//! ```
//!
//! Nothing is decided half: changes are understood first and put into the snapshot together. A document that cannot be
//! understood might be a lock; so then the snapshot is emptied, and permits nothing, until all of it can be read again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use access::name::{ClusterName, RequestId};
use access::policy::Policy;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::kv::{Change, Clock, Fault, Kv, Range, ReadError, Revision, Watch, WatchError};
use crate::requests;
use crate::stored::{self, Part, Unreadable};

/// The documents the policy is made of. Requests come by the index of the open ones.
const DOCUMENTS: [&str; 9] = [
    stored::ROLE,
    stored::USER,
    stored::NODE,
    stored::DB,
    stored::KUBE,
    stored::APP,
    stored::LOCK,
    stored::RULE,
    stored::SETTINGS,
];
const WATCHED: [&str; 10] = [
    stored::ROLE,
    stored::USER,
    stored::NODE,
    stored::DB,
    stored::KUBE,
    stored::APP,
    stored::LOCK,
    stored::RULE,
    stored::SETTINGS,
    stored::REQUEST,
];
/// How often requests that are over leave the snapshot, and an unreadable policy is read again. What is over grants
/// nothing from the moment it ends, whenever this is.
const TICK: Duration = Duration::from_secs(1);
/// Requests that leave at once.
const TIDIED: usize = 256;

/// Where the policy is read. A clone is the same policy.
#[derive(Clone)]
pub struct PolicyHandle {
    policy: Arc<RwLock<Policy>>,
    changed: watch::Receiver<Revision>,
    followed: watch::Receiver<Revision>,
    fault: watch::Receiver<Option<String>>,
}

impl fmt::Debug for PolicyHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyHandle")
            .field("followed", &*self.followed.borrow())
            .finish_non_exhaustive()
    }
}

impl PolicyHandle {
    /// Reads the policy. Nothing changes while `read` runs, so it must be short, and must not read again inside.
    pub fn read<T>(&self, read: impl FnOnce(&Policy) -> T) -> T {
        // A panic while the policy was written cannot leave it half changed: each change is one call.
        read(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells when the policy has changed: what live sessions wait for to ask again. Other commits do not wake it.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<Revision> {
        self.changed.clone()
    }

    /// How far the policy has followed the store.
    #[must_use]
    pub fn revision(&self) -> Revision {
        *self.followed.borrow()
    }

    /// Why nothing is permitted: a document that cannot be read. For whoever watches over the daemon.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.fault.borrow().clone()
    }

    /// Waits until the policy knows everything up to `revision`: whoever wrote then decides by what was written.
    ///
    /// Returns at once when the store is closed.
    pub async fn at_least(&self, revision: Revision) {
        let _ = self.followed.clone().wait_for(|followed| *followed >= revision).await;
    }
}

/// Why a policy cannot be made.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum LoadError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

/// Loads the policy and follows the store from there, until the store is closed.
pub(crate) async fn spawn(
    kv: Arc<dyn Kv>,
    cluster: ClusterName,
    clock: Clock,
) -> Result<PolicyHandle, ReadError> {
    let mut feed = Feed { kv, cluster, clock, ends: BTreeMap::new(), due: BTreeSet::new() };
    let (policy, at, why) = feed.load_or_close().await?;
    let policy = Arc::new(RwLock::new(policy));
    let (changed_sender, changed) = watch::channel(at);
    let (followed_sender, followed) = watch::channel(at);
    let (fault_sender, fault) = watch::channel(why);
    let told = Told { changed: changed_sender, followed: followed_sender, fault: fault_sender };
    tokio::spawn(feed.follow(Arc::clone(&policy), at, told));
    Ok(PolicyHandle { policy, changed, followed, fault })
}

/// A policy that nobody keeps up to date permits nothing: neither after the store was closed, nor should the feed ever
/// end otherwise.
struct Closing {
    policy: Arc<RwLock<Policy>>,
    cluster: ClusterName,
}

impl Drop for Closing {
    fn drop(&mut self) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) =
            Policy::new(self.cluster.clone());
    }
}

/// Whom the feed tells.
struct Told {
    changed: watch::Sender<Revision>,
    followed: watch::Sender<Revision>,
    fault: watch::Sender<Option<String>>,
}

struct Feed {
    kv: Arc<dyn Kv>,
    cluster: ClusterName,
    clock: Clock,
    /// When each open request is over, and the same in the order of time.
    ends: BTreeMap<RequestId, Timestamp>,
    due: BTreeSet<(Timestamp, RequestId)>,
}

impl Feed {
    /// Reads everything the policy is made of, and the revision to watch from.
    async fn load(&mut self) -> Result<(Policy, Revision), LoadError> {
        let mut policy = Policy::new(self.cluster.clone());
        self.ends.clear();
        self.due.clear();
        // Pages are of different moments. Watching from before the first gives every change since once more, in order,
        // and applying a change again changes nothing.
        let at = self.kv.revision();
        for prefix in DOCUMENTS {
            let mut range = Range::prefix(prefix);
            loop {
                let page = self.kv.range(range.clone()).await?;
                for entry in &page.entries {
                    self.apply(&mut policy, &entry.key, Some(&entry.value))?;
                }
                let Some(last) = page.entries.last().filter(|_| page.more) else { break };
                range = range.after(&last.key);
            }
        }
        let mut range = Range::prefix(requests::OPEN);
        loop {
            let page = self.kv.range(range.clone()).await?;
            let keys = page
                .entries
                .iter()
                .filter_map(|entry| requests::key_of_index(&entry.key))
                .collect();
            for entry in self.kv.fetch(keys).await?.into_iter().flatten() {
                self.apply(&mut policy, &entry.key, Some(&entry.value))?;
            }
            let Some(last) = page.entries.last().filter(|_| page.more) else { break };
            range = range.after(&last.key);
        }
        Ok((policy, at))
    }

    fn apply(
        &mut self,
        policy: &mut Policy,
        key: &str,
        value: Option<&[u8]>,
    ) -> Result<(), Unreadable> {
        if let Some(part) = Part::read(key, value)? {
            self.put(policy, part);
        }
        Ok(())
    }

    fn put(&mut self, policy: &mut Policy, part: Part) {
        if let Part::Request(request) = &part {
            self.expect_end(request.id(), requests::end(request));
        }
        part.apply(policy, (self.clock)());
    }

    fn expect_end(&mut self, id: RequestId, end: Option<Timestamp>) {
        let before = match end {
            Some(end) => self.ends.insert(id, end),
            None => self.ends.remove(&id),
        };
        if let Some(before) = before {
            self.due.remove(&(before, id));
        }
        self.due.extend(end.map(|end| (end, id)));
    }

    /// Loads the policy; one that permits nothing, and why, when a document cannot be read. The admin socket asks no
    /// policy, so there the document can be mended.
    async fn load_or_close(&mut self) -> Result<(Policy, Revision, Option<String>), ReadError> {
        let before = self.kv.revision();
        match self.load().await {
            Ok((policy, at)) => Ok((policy, at, None)),
            Err(LoadError::Read(error)) => Err(error),
            Err(LoadError::Unreadable(error)) => {
                Ok((Policy::new(self.cluster.clone()), before, Some(error.to_string())))
            }
        }
    }

    async fn follow(mut self, policy: Arc<RwLock<Policy>>, at: Revision, told: Told) {
        let _closing = Closing { policy: Arc::clone(&policy), cluster: self.cluster.clone() };
        let mut watch = self.watch(at);
        let mut tick = tokio::time::interval(TICK);
        let sound = |told: &Told| told.fault.borrow().is_none();
        loop {
            let reload = tokio::select! {
                batch = watch.next() => match batch {
                    Ok(batch) if batch.changes.is_empty() => {
                        told.followed.send_replace(batch.revision);
                        false
                    }
                    Ok(batch) if sound(&told) && self.take(&policy, &batch.changes) => {
                        told.followed.send_replace(batch.revision);
                        told.changed.send_replace(batch.revision);
                        false
                    }
                    Err(WatchError::Fault(Fault::Closed)) => return,
                    Ok(_) | Err(WatchError::Compacted(_) | WatchError::Fault(_)) => true,
                },
                _ = tick.tick() => {
                    self.tidy(&policy).await;
                    !sound(&told)
                }
            };
            if reload {
                let (loaded, revision, why) = match self.load_or_close().await {
                    Ok(loaded) => loaded,
                    Err(ReadError::Fault(Fault::Closed)) => return,
                    Err(error) => (
                        Policy::new(self.cluster.clone()),
                        self.kv.revision(),
                        Some(error.to_string()),
                    ),
                };
                if let Some(why) =
                    why.as_ref().filter(|why| told.fault.borrow().as_ref() != Some(*why))
                {
                    tracing::error!(
                        why,
                        "the policy cannot be read: nothing is permitted until it can"
                    );
                }
                *policy.write().unwrap_or_else(PoisonError::into_inner) = loaded;
                watch = self.watch(revision);
                told.fault.send_replace(why);
                told.followed.send_replace(revision);
                told.changed.send_replace(revision);
            }
        }
    }

    fn watch(&self, after: Revision) -> Watch {
        self.kv.watch(WATCHED.iter().map(|&prefix| prefix.to_owned()).collect(), after)
    }

    /// Puts the changes into the snapshot, all or, when one cannot be understood, none.
    fn take(&mut self, policy: &RwLock<Policy>, changes: &[Change]) -> bool {
        let parts: Result<Vec<Part>, Unreadable> = changes
            .iter()
            .filter_map(|change| Part::read(&change.key, change.value.as_deref()).transpose())
            .collect();
        match parts {
            Ok(parts) if parts.is_empty() => true,
            Ok(parts) => {
                let mut policy = policy.write().unwrap_or_else(PoisonError::into_inner);
                for part in parts {
                    self.put(&mut policy, part);
                }
                true
            }
            Err(error) => {
                tracing::error!(%error, "a change of the policy cannot be read");
                false
            }
        }
    }

    /// Lets requests go that are over, from the snapshot and from the index of open ones, and says so in the log.
    async fn tidy(&mut self, policy: &RwLock<Policy>) {
        let now = (self.clock)();
        let over = self.due.iter().take_while(|(end, _)| *end <= now).take(TIDIED);
        for id in over.map(|(_, id)| *id).collect::<Vec<_>>() {
            // Whatever fails here is tried again with the next tick.
            if requests::expire(self.kv.as_ref(), id, now).await.is_err() {
                return;
            }
            self.expect_end(id, None);
            policy.write().unwrap_or_else(PoisonError::into_inner).remove_request(&id);
        }
    }
}
