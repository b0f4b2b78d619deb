//! The audit log: append-only, numbered, hashed into a Merkle tree, signed from time to time.
//!
//! Events come from the outbox only (see [`crate::outbox`]). Each is one leaf of the tree of RFC 6962; the hashes of
//! the tree stand beside the events, so that a proof costs a handful of reads. A signed checkpoint says how many
//! events there were and what they hash to: who keeps one notices any later change of what it covers.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use api::audit::{AuditEvent, AuditPage, AuditQuery};
use api::bundle::{Bundle, Proof};
use api::note::{NoteError, VerifierKey};
use rusqlite::Connection;
use tokio::sync::watch;

use crate::kv::{Clock, Entry, Fault, Revision};
use crate::outbox::{self, Drained};
use crate::sqlite::{Pool, Schema, open_reader, open_writer};

mod append;
mod checkpoint;
mod export;
mod query;
mod tree;
mod verify;

pub use checkpoint::{CheckpointSigner, SignedCheckpoint};
pub use verify::{Problem, Report};

/// Connections that read the log at the same time.
const READERS: usize = 3;
/// Events in one page of a query, unless told.
pub const PAGE_EVENTS: usize = 100;
/// Events in one page of a query, at most.
pub const PAGE_EVENTS_MOST: usize = 1000;
/// Events that are looked at for one page of a query for text. A page that ends there is short and has a cursor.
pub const TEXT_SCANNED: u64 = 100_000;
/// Events in one export.
pub const EXPORT_EVENTS: usize = 100_000;
/// Bytes of the events in one export: 64 MiB.
pub const EXPORT_BYTES: usize = 64 << 20;

/// Why the audit log has no answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AuditError {
    /// Nobody can sign yet.
    #[error("the audit log has no key to sign checkpoints with")]
    NoSigner,
    /// The signer's name or key is not usable.
    #[error("the audit log's key is not usable")]
    Signer(#[source] NoteError),
    /// There is no such event, or not yet so many.
    #[error("the audit log has {size} events; {asked} was asked for")]
    Beyond {
        /// What was asked for.
        asked: u64,
        /// What there is.
        size: u64,
    },
    /// The request has more events than an export holds.
    #[error(
        "the request has more than {EXPORT_EVENTS} events, or more than {EXPORT_BYTES} bytes of them"
    )]
    TooMany,
    /// The log contradicts itself.
    #[error("the audit log is damaged ({0}): run `tctl audit verify`")]
    Damaged(String),
    /// The backend failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<rusqlite::Error> for AuditError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Fault(error.into())
    }
}

impl From<tlog_tiles::Error> for AuditError {
    fn from(error: tlog_tiles::Error) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// The audit log of a store. A clone is the same log.
#[derive(Clone)]
pub struct Audit {
    inner: Arc<Inner>,
}

struct Inner {
    writer: Mutex<Option<Connection>>,
    readers: Pool,
    size: watch::Sender<u64>,
    signer: OnceLock<Arc<dyn CheckpointSigner>>,
    former: Mutex<Vec<VerifierKey>>,
    /// The last checkpoint that was put down elsewhere.
    witnessed: Mutex<Option<String>>,
    following: OnceLock<(watch::Receiver<Revision>, watch::Receiver<Drained>)>,
    clock: Clock,
}

/// Computes a log again that nobody has open.
pub(crate) fn verify_file(path: &Path, keys: &[VerifierKey]) -> Result<Report, AuditError> {
    verify::verify(&open_reader(path)?, keys, &[])
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").field("size", &*self.inner.size.borrow()).finish_non_exhaustive()
    }
}

impl Audit {
    pub(crate) fn open(path: &Path, clock: Clock, pages: Option<u32>) -> Result<Self, Fault> {
        let writer = open_writer(path, Schema::Audit)?;
        if let Some(pages) = pages {
            writer.pragma_update(None, "max_page_count", pages)?;
        }
        let size = tree::size(&writer)?;
        let readers = Pool::open(path, READERS)?;
        Ok(Self {
            inner: Arc::new(Inner {
                writer: Mutex::new(Some(writer)),
                readers,
                size: watch::channel(size).0,
                signer: OnceLock::new(),
                former: Mutex::new(Vec::new()),
                witnessed: Mutex::new(None),
                following: OnceLock::new(),
                clock,
            }),
        })
    }

    /// Where the outbox and its drainer are, so that a reader can wait until they are one.
    pub(crate) fn follow(
        &self,
        head: watch::Receiver<Revision>,
        drained: watch::Receiver<Drained>,
    ) {
        let _ = self.inner.following.set((head, drained));
    }

    /// Who signs checkpoints. The first signer stays.
    ///
    /// # Errors
    /// [`AuditError::Signer`] when its name cannot stand in a note.
    pub fn sign_with(&self, signer: Arc<dyn CheckpointSigner>) -> Result<VerifierKey, AuditError> {
        let key = checkpoint::key_of(signer.as_ref())?;
        let _ = self.inner.signer.set(signer);
        Ok(key)
    }

    /// A key that signed checkpoints before: those still verify.
    pub fn signed_before_with(&self, key: VerifierKey) {
        if let Ok(mut former) = self.inner.former.lock() {
            former.push(key);
        }
    }

    /// The key checkpoints are signed with.
    ///
    /// # Errors
    /// [`AuditError::NoSigner`].
    pub fn key(&self) -> Result<VerifierKey, AuditError> {
        checkpoint::key_of(self.inner.signer.get().ok_or(AuditError::NoSigner)?.as_ref())
    }

    /// How many events there are, and the next time there are more: what followers wait for.
    #[must_use]
    pub fn size(&self) -> watch::Receiver<u64> {
        self.inner.size.subscribe()
    }

    /// Waits until every event committed before this call is in the log. Every question below waits so itself, so
    /// whoever did something finds it.
    ///
    /// # Errors
    /// When events cannot be moved into the log.
    pub async fn settled(&self) -> Result<(), AuditError> {
        let Some((head, drained)) = self.inner.following.get() else { return Ok(()) };
        let head = *head.borrow();
        let mut drained = drained.clone();
        let there = |drained: &Drained| drained.revision >= head || drained.fault.is_some();
        let drained = drained.wait_for(there).await.map_err(|_| Fault::Closed)?;
        match &drained.fault {
            Some(fault) if drained.revision < head => Err(fault.clone().into()),
            Some(_) | None => Ok(()),
        }
    }

    /// A page of the events for which everything in `query` holds. What is in the log can be read also while events
    /// cannot be moved into it, as on a full disk.
    ///
    /// # Errors
    /// See [`AuditError`].
    pub async fn query(&self, query: AuditQuery) -> Result<AuditPage, AuditError> {
        let _ = self.settled().await;
        self.read(move |connection| query::page(connection, &query)).await
    }

    /// One event by its number.
    ///
    /// # Errors
    /// See [`AuditError`].
    pub async fn event(&self, seq: u64) -> Result<Option<AuditEvent>, AuditError> {
        self.read(move |connection| query::event(connection, seq)).await
    }

    /// Signs how the log stands now.
    ///
    /// # Errors
    /// [`AuditError::NoSigner`], or why it cannot be kept.
    pub async fn checkpoint(&self) -> Result<SignedCheckpoint, AuditError> {
        self.settled().await?;
        self.checkpoint_if_signed().await
    }

    /// As [`Audit::checkpoint`], of what is in the log, without waiting for what is on its way.
    pub(crate) async fn checkpoint_if_signed(&self) -> Result<SignedCheckpoint, AuditError> {
        let signer = Arc::clone(self.inner.signer.get().ok_or(AuditError::NoSigner)?);
        let now = (self.inner.clock)();
        self.write(move |connection| checkpoint::sign(connection, signer.as_ref(), now)).await
    }

    /// Proves that event `seq` is in the log of `size` events; of the whole log unless told.
    ///
    /// # Errors
    /// [`AuditError::Beyond`] when there are not so many.
    pub async fn prove(&self, seq: u64, size: Option<u64>) -> Result<Proof, AuditError> {
        self.settled().await?;
        self.read(move |connection| tree::prove(connection, seq, size)).await
    }

    /// Proves that the log of `older` events is a beginning of the log of `size` events; of the whole unless told.
    ///
    /// # Errors
    /// [`AuditError::Beyond`] when there are not so many.
    pub async fn consistency(&self, older: u64, size: Option<u64>) -> Result<Proof, AuditError> {
        self.settled().await?;
        self.read(move |connection| tree::consistency(connection, older, size)).await
    }

    /// Everything that belongs to a request, with proofs and a fresh checkpoint: [`api::bundle::verify`] checks it.
    ///
    /// # Errors
    /// See [`AuditError`].
    pub async fn export(&self, request: &str) -> Result<Bundle, AuditError> {
        let checkpoint = self.checkpoint().await?;
        let key = self.key()?;
        let request = request.to_owned();
        self.read(move |connection| export::bundle(connection, &request, &key, &checkpoint)).await
    }

    /// A checkpoint that stands outside the log: the log must agree with it. Tells whether it is another one than the
    /// last.
    pub(crate) fn witness(&self, note: String) -> bool {
        self.inner.witnessed.lock().is_ok_and(|mut last| last.replace(note.clone()) != Some(note))
    }

    /// Computes the whole log again: every event, every hash, every checkpoint, against the key of the signer and those
    /// of [`Audit::signed_before_with`]; without a signer, checkpoints are not looked at. How the log stands is signed
    /// first, so that a checkpoint covers what is verified up to now, also just after a start. The last checkpoint also
    /// stands in the state, so a log put back to an older copy is noticed. `trusted` are signed checkpoints kept
    /// elsewhere, which this log must still agree with.
    ///
    /// # Errors
    /// When the log cannot be read. What is wrong with it is in the report.
    pub async fn verify(&self, mut trusted: Vec<String>) -> Result<Report, AuditError> {
        self.settled().await?;
        // A log on a full disk, or a damaged one, is verified all the same: the report says how much of it is signed.
        match self.checkpoint_if_signed().await {
            Ok(_) | Err(AuditError::NoSigner) => {}
            Err(error) => {
                tracing::warn!(%error, "the audit log could not be signed before it was verified")
            }
        }
        if let Ok(witnessed) = self.inner.witnessed.lock() {
            trusted.extend(witnessed.clone());
        }
        let mut keys: Vec<VerifierKey> = self.key().into_iter().collect();
        if let Ok(former) = self.inner.former.lock() {
            keys.extend(former.iter().cloned());
        }
        self.read(move |connection| verify::verify(connection, &keys, &trusted)).await
    }

    /// The revision of the last commit whose events were moved here.
    pub(crate) async fn last_revision(&self) -> Result<Option<Revision>, Fault> {
        self.inner
            .readers
            .with(|connection| Ok(outbox::revision(&append::drained(connection)?)))
            .await
    }

    /// Does something while nothing is written to the log.
    pub(crate) async fn while_still<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let inner = Arc::clone(&self.inner);
        let task = tokio::task::spawn_blocking(move || {
            let _still = inner.writer.lock().map_err(|_| Fault::Closed)?;
            work()
        });
        task.await.map_err(|_| Fault::Closed)?
    }

    /// Appends events from the outbox, in their order, except those it has already taken.
    pub(crate) async fn append(&self, events: Vec<Entry>) -> Result<(), Fault> {
        let appended = self.write(move |connection| append::append(connection, &events)).await;
        let size = appended.map_err(|error| match error {
            AuditError::Fault(fault) => fault,
            AuditError::Damaged(what) => Fault::Corrupt(what),
            AuditError::NoSigner
            | AuditError::Signer(_)
            | AuditError::Beyond { .. }
            | AuditError::TooMany => Fault::Io(error.to_string()),
        })?;
        self.inner.size.send_if_modified(|known| std::mem::replace(known, size) != size);
        Ok(())
    }

    pub(crate) async fn close(&self) {
        if let Ok(mut writer) = self.inner.writer.lock()
            && let Some(connection) = writer.take()
        {
            let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
        self.inner.readers.close();
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, AuditError> + Send + 'static,
    ) -> Result<T, AuditError> {
        // One transaction, so that all of an answer is of one moment.
        self.inner.readers.with(move |connection| read(&*connection.transaction()?)).await
    }

    async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&mut Connection) -> Result<T, AuditError> + Send + 'static,
    ) -> Result<T, AuditError> {
        let inner = Arc::clone(&self.inner);
        let task = tokio::task::spawn_blocking(move || {
            let mut writer = inner.writer.lock().map_err(|_| Fault::Closed)?;
            write(writer.as_mut().ok_or(Fault::Closed)?)
        });
        task.await.map_err(|_| Fault::Closed)?
    }
}
