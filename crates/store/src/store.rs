//! The store as a whole: one data directory, and everything that lives in it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use access::name::ClusterName;
use api::audit::NewEvent;
use jiff::SignedDuration;
use tokio::sync::watch;

use crate::audit::{Audit, AuditError};
use crate::backup::snapshot::Snapshot;
use crate::backup::{HALF_RESTORED, STAGING};
use crate::directory::Directory;
use crate::documents::Documents;
use crate::kv::{
    Clock, Commit, CommitError, Entry, Fault, Kv, LeaseId, Page, Range, ReadError, Revision, Watch,
    limits,
};
use crate::outbox::{self, Drained};
use crate::policy::{self, PolicyHandle};
use crate::requests::Requests;
use crate::secrets::Secrets;
use crate::sqlite::{SqliteKv, SqliteOptions};

pub(crate) const STATE: &str = "state.db";
pub(crate) const AUDIT: &str = "audit.db";

/// How a [`Store`] is opened.
#[derive(Clone)]
pub struct Options {
    /// The cluster's name, which the policy knows.
    pub cluster: ClusterName,
    /// The daemon's clock.
    pub clock: Clock,
    /// How many revisions the change log keeps.
    pub log_revisions: u64,
    /// The state may grow to so many pages of 4 KiB; beyond, commits are refused as on a full disk.
    pub state_pages: Option<u32>,
    /// The same for the audit log; beyond, events wait in the state.
    pub audit_pages: Option<u32>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("log_revisions", &self.log_revisions)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// The usual numbers, for this cluster, with this clock.
    #[must_use]
    pub fn new(cluster: ClusterName, clock: Clock) -> Self {
        Self {
            cluster,
            clock,
            log_revisions: limits::LOG_REVISIONS,
            state_pages: None,
            audit_pages: None,
        }
    }
}

/// Why a data directory cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file or the directory cannot be used.
    #[error("cannot use `{}`", path.display())]
    Directory {
        /// This one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The path is something else.
    #[error("`{}` is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// Others than its owner can read it.
    #[error("`{}` can be read by its group or by others (mode {mode:04o}): run `chmod {wanted:04o} {}`", path.display(), path.display())]
    Readable {
        /// This file or directory.
        path: PathBuf,
        /// What it is.
        mode: u32,
        /// What it must be.
        wanted: u32,
    },
    /// Another daemon runs on it.
    #[error("another daemon{} uses this data directory (`{}` is locked)", holder.map_or(String::new(), |pid| format!(" (process {pid})")), path.display())]
    InUse {
        /// The lock.
        path: PathBuf,
        /// The other's process id, if it can be read.
        holder: Option<u32>,
    },
    /// A restore into it broke off.
    #[error("a restore into `{}` did not finish: remove the directory and restore again", .0.display())]
    HalfRestored(PathBuf),
    /// The database cannot be used.
    #[error("cannot open `{}`", path.display())]
    Database {
        /// This file.
        path: PathBuf,
        /// What is wrong with it.
        source: Fault,
    },
    /// State could not be read.
    #[error("cannot read the stored state")]
    State(#[from] ReadError),
    /// State could not be written.
    #[error("cannot write to the store")]
    Write(#[from] CommitError),
}

/// Everything that must not be lost. A clone is the same store.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    directory: Directory,
    kv: Arc<SqliteKv>,
    audit: Audit,
    policy: PolicyHandle,
    drained: watch::Receiver<Drained>,
    drainer: std::sync::Mutex<Option<tokio::task::JoinHandle<()>>>,
    stop: watch::Sender<bool>,
}

impl Drop for Inner {
    /// A store that nobody holds any more ends by itself: what was queued is written, events that still wait are moved
    /// at the next start, and the directory stays locked until the last write.
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.kv.shut();
    }
}

impl Store {
    /// Opens a data directory, or makes it.
    ///
    /// A document that cannot be read does not stop it: then nothing is permitted, and [`PolicyHandle::fault`] tells.
    ///
    /// # Errors
    /// When the directory is not private, not writable, used by another daemon, or damaged.
    pub async fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        let dir = dir.to_owned();
        let (cluster, clock) = (options.cluster.clone(), Arc::clone(&options.clock));
        let opening = tokio::task::spawn_blocking(move || {
            let directory = Directory::open(&dir)?;
            if dir.join(HALF_RESTORED).exists() {
                return Err(OpenError::HalfRestored(dir));
            }
            clear(&dir.join(STAGING))?;
            let path = directory.file(STATE)?;
            let mut how = SqliteOptions::new(Arc::clone(&options.clock));
            how.log_revisions = options.log_revisions;
            how.pages = options.state_pages;
            how.hold = directory.hold();
            let kv = SqliteKv::open(&path, how)
                .map_err(|source| OpenError::Database { path, source })?;
            let path = directory.file(AUDIT)?;
            let audit = Audit::open(&path, options.clock, options.audit_pages)
                .map_err(|source| OpenError::Database { path, source })?;
            Ok::<_, OpenError>((directory, kv, audit))
        });
        let (directory, kv, audit) =
            opening.await.map_err(|_| ReadError::Fault(Fault::Closed))??;
        let kv = Arc::new(kv);
        // After a restore the log may know later revisions than the state: they must not be given again, or the
        // events of new commits would look as if they had been moved already.
        if let Some(seen) = audit.last_revision().await.map_err(ReadError::from)? {
            kv.advance(seen).await?;
        }
        let witness = kv.fetch(vec![outbox::WITNESS.into()]).await?.pop().flatten();
        if let Some(note) = witness.and_then(|entry| String::from_utf8(entry.value.to_vec()).ok()) {
            audit.witness(note);
        }
        let (stop, stopped) = watch::channel(false);
        let (drained, drainer) =
            outbox::spawn(Arc::<SqliteKv>::clone(&kv), audit.clone(), kv.head(), stopped);
        audit.follow(kv.head(), drained.clone());
        let drainer = std::sync::Mutex::new(Some(drainer));
        let policy = policy::spawn(Arc::<SqliteKv>::clone(&kv), cluster, clock).await?;
        Ok(Self { inner: Arc::new(Inner { directory, kv, audit, policy, drained, drainer, stop }) })
    }

    /// Makes all of the commit happen, durably, with its events, or nothing of it.
    ///
    /// Waits while too much is queued, or while too many events wait for the audit log. Once it was first polled, the
    /// commit may happen even if the answer is not waited for.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] when someone was faster; see [`CommitError`].
    pub async fn commit(&self, commit: Commit) -> Result<Revision, CommitError> {
        if !commit.events.is_empty() {
            outbox::room(self.inner.drained.clone(), self.inner.kv.revision()).await?;
        }
        self.inner.kv.commit(commit).await
    }

    /// Writes events that change no state. Durable when it returns; waits when the log cannot follow.
    ///
    /// # Errors
    /// See [`CommitError`]. What could not be recorded must not happen.
    pub async fn record(&self, events: Vec<NewEvent>) -> Result<(), CommitError> {
        if events.is_empty() {
            return Ok(());
        }
        self.commit(Commit::new().events(events)).await.map(|_| ())
    }

    /// The last revision committed.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.inner.kv.revision()
    }

    /// One entry.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn load(&self, key: impl Into<String>) -> Result<Option<Entry>, ReadError> {
        Ok(self.inner.kv.fetch(vec![key.into()]).await?.pop().flatten())
    }

    /// Several entries, in the order asked, from one snapshot.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn fetch(&self, keys: Vec<String>) -> Result<Vec<Option<Entry>>, ReadError> {
        self.inner.kv.fetch(keys).await
    }

    /// A page of keys, in order.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn range(&self, range: Range) -> Result<Page, ReadError> {
        self.inner.kv.range(range).await
    }

    /// The changes after a revision of keys that begin with any of these prefixes.
    #[must_use]
    pub fn watch(&self, prefixes: &[&str], after: Revision) -> Watch {
        self.inner.kv.watch(prefixes.iter().map(|&prefix| prefix.to_owned()).collect(), after)
    }

    /// A lease that ends after `ttl` unless it is kept: give it to [`Commit::lease`].
    ///
    /// # Errors
    /// See [`CommitError`].
    pub async fn lease(&self, ttl: SignedDuration) -> Result<LeaseId, CommitError> {
        self.inner.kv.lease(ttl).await
    }

    /// Lets a lease end `ttl` from now instead.
    ///
    /// # Errors
    /// [`CommitError::LeaseEnded`] when it is over.
    pub async fn keep(&self, lease: LeaseId, ttl: SignedDuration) -> Result<(), CommitError> {
        self.inner.kv.keep(lease, ttl).await
    }

    /// Ends a lease and removes its keys.
    ///
    /// # Errors
    /// [`CommitError::LeaseEnded`] when it is over.
    pub async fn end_lease(&self, lease: LeaseId) -> Result<(), CommitError> {
        self.inner.kv.end_lease(lease).await
    }

    /// The policy everyone in this process decides by.
    #[must_use]
    pub fn policy(&self) -> PolicyHandle {
        self.inner.policy.clone()
    }

    /// Access requests.
    #[must_use]
    pub fn requests(&self) -> Requests {
        Requests::new(self.clone())
    }

    /// Roles, users, nodes, locks, tokens, rules.
    #[must_use]
    pub fn documents(&self) -> Documents {
        Documents::new(self.clone())
    }

    /// The audit log.
    #[must_use]
    pub fn audit(&self) -> &Audit {
        &self.inner.audit
    }

    /// Sealed bytes by name.
    #[must_use]
    pub fn secrets(&self) -> Secrets {
        Secrets::new(self.clone())
    }

    /// The data directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.inner.directory.path()
    }

    /// State and audit log of one moment: every event that was committed is in one of them.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot, Fault> {
        let [state, log] = [STATE, AUDIT].map(|name| self.directory().join(name));
        Snapshot::take(&self.inner.audit, &state, &log).await
    }

    /// Copies state and audit log of one moment, in use, into a directory that is made with mode 0700 and must not
    /// exist. Start a daemon on the copy to go on from there.
    ///
    /// # Errors
    /// When the directory exists, or the copy cannot be written.
    pub async fn backup(&self, to: &Path) -> Result<(), OpenError> {
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(to)
            .map_err(|source| OpenError::Directory { path: to.to_owned(), source })?;
        let copy = Directory::open(to)?;
        let failed = |name: &str| {
            let path = to.join(name);
            move |source| OpenError::Database { path, source }
        };
        let Snapshot { state, audit } = self.snapshot().await.map_err(failed(STATE))?;
        for (name, pinned) in [(STATE, state), (AUDIT, audit)] {
            let path = copy.file(name)?;
            let copied =
                tokio::task::spawn_blocking(move || pinned.copy(&path, || Ok::<_, Fault>(())));
            copied.await.map_err(|_| Fault::Closed).flatten().map_err(failed(name))?;
        }
        Ok(())
    }

    /// Finishes what was asked, moves every event into the audit log, signs a last checkpoint if there is a signer,
    /// and closes the files. Every clone of the store is closed with it.
    ///
    /// # Errors
    /// When the last checkpoint cannot be written; the store is closed nevertheless.
    pub async fn close(&self) -> Result<(), AuditError> {
        self.inner.stop.send_replace(true);
        let drainer = self.inner.drainer.lock().ok().and_then(|mut drainer| drainer.take());
        if let Some(drainer) = drainer {
            let _ = drainer.await;
        }
        let signed = outbox::sign(self.inner.kv.as_ref(), &self.inner.audit).await;
        self.inner.kv.close().await;
        self.inner.audit.close().await;
        self.inner.directory.release();
        signed
    }
}

/// Removes what a backup left that was being taken when the daemon stopped.
fn clear(staging: &Path) -> Result<(), OpenError> {
    match std::fs::remove_dir_all(staging) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(OpenError::Directory { path: staging.to_owned(), source })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
