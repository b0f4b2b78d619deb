//! Where recordings stand.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::page::Page;
use api::recording::files::digest_over;
use api::recording::{RecordingQuery, RecordingState, RecordingView};
use jiff::Timestamp;
use tokio::sync::{OwnedRwLockReadGuard, RwLock, watch};

use super::catalogue::Catalogue;
use super::folder::{Folder, Seal};
use super::spool::Progress;
use super::{Meta, Outcome, Press, Recipient, Sealed, Spool};

/// Bytes that must be free on the disk for a new session to begin, so that those that run can be sealed.
pub const RESERVE: u64 = 64 << 20;
/// The longest session id that is believed, in bytes.
const MAX_ID: usize = 64;
/// How many recordings one step of retention looks at.
const RETIRE_STEP: usize = 100;

/// All recordings. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shelf(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    recipient: Recipient,
    reserve: u64,
    catalogue: Catalogue,
    live: Mutex<BTreeMap<String, watch::Receiver<Progress>>>,
    /// Whoever copies recordings reads, whoever removes them writes.
    kept: Arc<RwLock<()>>,
}

/// Why recordings cannot be opened or asked for.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// The catalogue could not be read or written.
    #[error("cannot use the catalogue of recordings")]
    Catalogue(#[from] rusqlite::Error),
    /// A folder could not be read or written.
    #[error("cannot use the folder of recordings `{path}`")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others can read the folder.
    #[error(
        "others can read the folder of recordings `{path}`: its mode is {mode:o}; run `chmod 700 {path}`"
    )]
    Readable {
        /// Which.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The task was stopped: the house is closing.
    #[error("interrupted")]
    Interrupted,
}

/// Why a recording cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The catalogue did not take it.
    #[error("cannot list the new recording")]
    Catalogue(#[from] rusqlite::Error),
    /// The disk did not take it.
    #[error("cannot write the new recording")]
    Disk(#[source] io::Error),
    /// The disk is nearly full.
    #[error("only {free} bytes are free for recordings; {reserve} are kept in reserve")]
    Full {
        /// Bytes free.
        free: u64,
        /// Bytes that must be.
        reserve: u64,
    },
    /// The id is no session id, so it is no folder's name either.
    #[error("not a session id")]
    Id,
}

impl Shelf {
    /// Opens the folder `dir`, making it where there is none.
    ///
    /// # Errors
    /// It cannot be written, others can read it, or its catalogue is broken.
    pub fn open(dir: &Path, recipient: Recipient) -> Result<Self, ShelfError> {
        Self::open_with(dir, recipient, RESERVE)
    }

    /// As [`Self::open`], with another reserve of free bytes.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(dir: &Path, recipient: Recipient, reserve: u64) -> Result<Self, ShelfError> {
        let at = |source| ShelfError::Folder { path: dir.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(at)?;
        let mode = fs::metadata(dir).map_err(at)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(ShelfError::Readable { path: dir.to_owned(), mode });
        }
        let catalogue = Catalogue::open(&dir.join("catalogue.sqlite"))?;
        let (live, kept) = (Mutex::default(), Arc::default());
        Ok(Self(Arc::new(Inner { dir: dir.to_owned(), recipient, reserve, catalogue, live, kept })))
    }

    /// A press for this shelf's key: one per writer thread.
    ///
    /// # Errors
    /// No memory.
    pub fn press(&self) -> io::Result<Press> {
        Press::new(self.0.recipient.clone())
    }

    /// Begins a recording. Blocks on the disk.
    ///
    /// # Errors
    /// There is not enough room, or the disk does not take it. Nothing is left of it.
    pub fn create(&self, meta: &Meta) -> Result<Spool, CreateError> {
        let path = self.path(meta.started, &meta.session).ok_or(CreateError::Id)?;
        let free = rustix::fs::statvfs(&self.0.dir)
            .map_err(|error| CreateError::Disk(error.into()))
            .map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize))?;
        if free < self.0.reserve {
            return Err(CreateError::Full { free, reserve: self.0.reserve });
        }
        let (folder, first) = Folder::create(path, meta).map_err(CreateError::Disk)?;
        if let Err(error) = self.0.catalogue.put(&meta.view()) {
            // The first error is the one to tell.
            let _ = folder.remove();
            return Err(error.into());
        }
        let (progress, receiver) = watch::channel(Progress::default());
        // Followers clone this receiver; `Spool::followed` does not count it.
        self.running().insert(meta.session.clone(), receiver);
        Ok(Spool::new(self.clone(), folder, meta.clone(), first, progress))
    }

    /// The events of `sealed` are in the audit log: it is listed as what it is.
    ///
    /// # Errors
    /// The catalogue did not take it; the sweep at the next start will.
    pub fn settle(&self, sealed: &Sealed) -> Result<(), ShelfError> {
        Ok(self.0.catalogue.put(&sealed.view())?)
    }

    /// Seals what a daemon that stopped left open. Called once, before anything is created; the caller commits the
    /// events of each and then settles it. Blocks on the disk.
    ///
    /// # Errors
    /// The folder or the catalogue cannot be read. One recording that cannot be sealed does not stop the others: it
    /// stays as it is and is logged.
    pub fn sweep(&self) -> Result<Vec<Sealed>, ShelfError> {
        let known = self.0.catalogue.sessions()?;
        let mut open: Vec<Folder> = Vec::new();
        for view in self.0.catalogue.live()? {
            open.extend(self.path(view.started, &view.session).map(Folder));
        }
        for folder in self.folders()? {
            if folder.is_vanished() {
                folder
                    .remove()
                    .map_err(|source| ShelfError::Folder { path: folder.0.clone(), source })?;
                continue;
            }
            let name = folder.0.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !known.contains(&name) {
                self.adopt(folder, &mut open)?;
            }
        }
        let mut sealed = Vec::new();
        for folder in open {
            match recover(&folder) {
                Ok(Some(one)) => sealed.push(one),
                // Its folder is gone: there is nothing to list.
                Ok(None) => self
                    .0
                    .catalogue
                    .remove(&folder.0.file_name().unwrap_or_default().to_string_lossy())?,
                Err(error) => {
                    tracing::error!(folder = %folder.0.display(), %error, "a recording left open cannot be sealed");
                }
            }
        }
        Ok(sealed)
    }

    /// A folder the catalogue does not know: listed if it has a seal, else one more to recover.
    fn adopt(&self, folder: Folder, open: &mut Vec<Folder>) -> Result<(), ShelfError> {
        match (folder.meta(), folder.read_seal()) {
            (Ok(meta), Ok(Some(seal))) => self.settle(&Sealed::new(meta, seal)),
            (Ok(_), Ok(None)) => {
                open.push(folder);
                Ok(())
            }
            (Err(error), _) | (_, Err(error)) => {
                tracing::warn!(folder = %folder.0.display(), %error, "not a recording, left alone");
                Ok(())
            }
        }
    }

    /// The recordings that `query` asks for, newest first.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    pub async fn list(&self, query: RecordingQuery) -> Result<Page<RecordingView>, ShelfError> {
        self.blocking(move |shelf| {
            let mut page = shelf.0.catalogue.list(&query)?;
            page.items.iter_mut().for_each(|view| shelf.refresh(view));
            Ok(page)
        })
        .await
    }

    /// One recording.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    pub async fn find(&self, session: &str) -> Result<Option<RecordingView>, ShelfError> {
        let session = session.to_owned();
        self.blocking(move |shelf| {
            let mut view = shelf.0.catalogue.find(&session)?;
            view.iter_mut().for_each(|view| shelf.refresh(view));
            Ok(view)
        })
        .await
    }

    /// Recordings that ended before `before` and still lie here, oldest first, beyond `after`: a hundred at most.
    pub(super) async fn old(
        &self,
        before: Timestamp,
        after: Option<RecordingView>,
    ) -> Result<Vec<RecordingView>, ShelfError> {
        self.blocking(move |shelf| {
            Ok(shelf.0.catalogue.older_than(before, after.as_ref(), RETIRE_STEP)?)
        })
        .await
    }

    /// Removes the files of a recording, and lists it as retired. Its event must be on the record.
    pub(super) async fn remove(
        &self,
        view: RecordingView,
        at: Timestamp,
    ) -> Result<(), ShelfError> {
        let _nobody_copies = Arc::clone(&self.0.kept).write_owned().await;
        self.blocking(move |shelf| {
            if shelf.running().contains_key(&view.session) {
                return Ok(());
            }
            let Some(folder) = shelf.folder(&view) else { return Ok(()) };
            let failed = |source| ShelfError::Folder { path: folder.0.clone(), source };
            // Gone at once, also for who looks after a crash; what is left of it then the next sweep removes.
            let gone = folder.vanish().map_err(failed)?;
            let retired =
                RecordingView { state: RecordingState::Retired, retired: Some(at), ..view.clone() };
            shelf.0.catalogue.put(&retired)?;
            gone.map_or(Ok(()), |gone| gone.remove()).map_err(failed)
        })
        .await
    }

    /// Lists a recording that was retired, if it is not listed: the catalogue was lost.
    pub(super) async fn relist(&self, view: RecordingView) -> Result<(), ShelfError> {
        self.blocking(move |shelf| match shelf.0.catalogue.find(&view.session)? {
            Some(_) => Ok(()),
            None => Ok(shelf.0.catalogue.put(&view)?),
        })
        .await
    }

    /// While this is held, no recording is removed.
    pub(crate) async fn keep_all(&self) -> OwnedRwLockReadGuard<()> {
        Arc::clone(&self.0.kept).read_owned().await
    }

    /// Every recording that lies on the shelf, oldest day first. Blocks on the disk.
    pub(crate) fn lying(&self) -> Result<Vec<Lying>, ShelfError> {
        let mut all: Vec<Lying> = self.folders()?.iter().filter_map(Lying::of).collect();
        all.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(all)
    }

    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        ask: impl FnOnce(Self) -> Result<T, ShelfError> + Send + 'static,
    ) -> Result<T, ShelfError> {
        let shelf = self.clone();
        tokio::task::spawn_blocking(move || ask(shelf))
            .await
            .map_err(|_| ShelfError::Interrupted)?
    }

    pub(super) fn follow(&self, session: &str) -> Option<watch::Receiver<Progress>> {
        self.running().get(session).cloned()
    }

    pub(super) fn forget(&self, session: &str) {
        self.running().remove(session);
    }

    pub(super) fn discard(&self, folder: &Folder, session: &str) {
        if let Err(error) = folder.remove() {
            tracing::warn!(folder = %folder.0.display(), %error, "a recording that never began cannot be removed");
        }
        if let Err(error) = self.0.catalogue.remove(session) {
            tracing::warn!(session, %error, "a recording that never began cannot be unlisted");
        }
    }

    pub(super) fn listed(&self, session: &str) -> Result<Option<Folder>, ShelfError> {
        Ok(self.0.catalogue.find(session)?.and_then(|view| self.folder(&view)))
    }

    pub(super) fn folder(&self, view: &RecordingView) -> Option<Folder> {
        self.path(view.started, &view.session).map(Folder)
    }

    fn refresh(&self, view: &mut RecordingView) {
        if let Some(progress) = self.running().get(&view.session) {
            let Progress { parts, bytes } = *progress.borrow();
            (view.parts, view.bytes) = (parts, bytes);
        }
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<String, watch::Receiver<Progress>>> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The folder's path; none if the id could be anything but one folder's name.
    fn path(&self, started: Timestamp, session: &str) -> Option<PathBuf> {
        is_folder_name(session)
            .then(|| self.0.dir.join(started.strftime("%Y-%m-%d").to_string()).join(session))
    }

    fn folders(&self) -> Result<Vec<Folder>, ShelfError> {
        let read = |path: &Path| -> io::Result<Vec<PathBuf>> {
            let mut folders = Vec::new();
            for entry in fs::read_dir(path)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    folders.push(entry.path());
                }
            }
            Ok(folders)
        };
        let mut all = Vec::new();
        for day in read(&self.0.dir)
            .map_err(|source| ShelfError::Folder { path: self.0.dir.clone(), source })?
        {
            let found = read(&day).map_err(|source| ShelfError::Folder { path: day, source })?;
            all.extend(found.into_iter().map(Folder));
        }
        Ok(all)
    }
}

/// A recording as it lies on the shelf, whoever it is of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Lying {
    pub(crate) session: String,
    pub(crate) day: String,
    pub(crate) path: PathBuf,
}

impl Lying {
    fn of(folder: &Folder) -> Option<Self> {
        let word = |path: &Path| path.file_name()?.to_str().map(str::to_owned);
        let (session, day) = (word(&folder.0)?, word(folder.0.parent()?)?);
        is_folder_name(&session).then(|| Self { session, day, path: folder.0.clone() })
    }

    /// The names of its files, without its seal.
    pub(crate) fn files(&self) -> io::Result<Vec<String>> {
        Folder(self.path.clone()).names()
    }
}

/// Whether a session's id is one folder's name, and nothing else.
pub(crate) fn is_folder_name(session: &str) -> bool {
    let safe = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !session.is_empty() && session.len() <= MAX_ID && session.bytes().all(safe)
}

/// Seals a folder as it lies; none if there is no folder.
fn recover(folder: &Folder) -> io::Result<Option<Sealed>> {
    if !folder.0.is_dir() {
        return Ok(None);
    }
    let meta = match folder.meta() {
        Ok(meta) => meta,
        // The daemon stopped before it had begun to write: there is nothing to keep.
        Err(_) if folder.parts()?.is_empty() => return folder.remove().map(|()| None),
        Err(error) => return Err(error),
    };
    if let Some(seal) = folder.read_seal()? {
        return Ok(Some(Sealed::new(meta, seal)));
    }
    folder.tidy()?;
    let ended = folder.last_written()?.max(meta.started);
    let files = folder.digests()?;
    let seal = Seal {
        outcome: Outcome::Interrupted,
        ended,
        recovered: true,
        broken: false,
        digest: digest_over(&files),
        files,
    };
    folder.seal(&seal)?;
    Ok(Some(Sealed::new(meta, seal)))
}
