//! Taking a backup: a thread that reads and copies, a bounded queue, a stream.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::audit::{NewEvent, code};
use api::recording::files::{FileDigest, SEAL, Sha};
use api::recording::tape::{self, END};
use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::{OwnedRwLockReadGuard, mpsc};
use tokio_stream::wrappers::ReceiverStream;

use super::snapshot::{Pinned, Snapshot};
use super::{BackupError, FORMAT, HEADER, Header, RECORDINGS, SUMS, Tally};
use crate::kv::{Fault, OUTBOX};
use crate::recording::{Lying, RESERVE, Shelf};
use crate::store::{AUDIT, STATE, Store};

/// Where copies lie until they have been read, inside the data directory. There is one, so one backup at a time.
pub(crate) const STAGING: &str = "backup.staging";
/// Bytes handed on at a time.
const PIECE: usize = 256 * 1024;
/// Pieces that wait for whoever reads.
const WAITING: usize = 4;
/// How long a reader may take nothing.
const STALLED: Duration = Duration::from_secs(60);

/// A backup that has begun: its moment is fixed, nothing of it has been read.
#[derive(Debug)]
pub struct Backup {
    header: Header,
    snapshot: Snapshot,
    staging: Staging,
    recordings: Option<(Shelf, OwnedRwLockReadGuard<()>)>,
}

/// A backup as it is read, piece by piece. Dropping it ends the backup.
pub type Stream = ReceiverStream<Result<Bytes, BackupError>>;

/// The folder of copies; it goes when this does.
#[derive(Debug)]
struct Staging(PathBuf);

impl Drop for Staging {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "copies made for a backup cannot be removed");
        }
    }
}

impl Backup {
    /// Fixes the moment of a backup of `store`, and of the recordings on `shelf`.
    ///
    /// Until it is read or dropped, no recording is retired.
    ///
    /// # Errors
    /// [`BackupError::Running`], [`BackupError::NoRoom`], or why the databases cannot be read.
    pub async fn begin(
        store: &Store,
        shelf: Option<&Shelf>,
        (cluster, version): (&str, &str),
        now: Timestamp,
    ) -> Result<Self, BackupError> {
        let staging = stage(store.directory())?;
        let recordings = match shelf {
            Some(shelf) => Some((shelf.clone(), shelf.keep_all().await)),
            None => None,
        };
        let snapshot = store.snapshot().await?;
        let needed = snapshot.state.bytes()?.max(snapshot.audit.bytes()?).saturating_add(RESERVE);
        let free = free(store.directory())?;
        if free < needed {
            return Err(BackupError::NoRoom { free, needed });
        }
        let number = |pinned: &Pinned, sql: &'static str| {
            pinned.ask(|connection| {
                Ok(connection.query_row(sql, [], |row| row.get::<_, i64>(0))?.unsigned_abs())
            })
        };
        let header = Header {
            format: FORMAT.to_owned(),
            version: version.to_owned(),
            cluster: cluster.to_owned(),
            taken: now,
            revision: number(&snapshot.state, "SELECT value FROM counter WHERE name = 'revision'")?,
            events: number(&snapshot.audit, "SELECT count(*) FROM event")?,
            recordings: shelf.is_some(),
        };
        Ok(Self { header, snapshot, staging, recordings })
    }

    /// What it is of.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Reads it. Must be called on a runtime.
    #[must_use]
    pub fn into_stream(self) -> Stream {
        let (pieces, stream) = mpsc::channel(WAITING);
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || {
            let mut press = Press { pieces, runtime, tally: Tally::default() };
            if let Err(error) = self.write(&mut press) {
                tracing::warn!(%error, "a backup broke off");
                // Whoever left is not told.
                let _ = press.wait(Err(error));
            }
        });
        ReceiverStream::new(stream)
    }

    fn write(self, press: &mut Press) -> Result<(), BackupError> {
        let Self { header, snapshot, staging, recordings } = self;
        press.document(HEADER, &header)?;
        // Decided by the same databases that are copied: what they do not know is not in this backup.
        let lying = match &recordings {
            Some((shelf, _)) => known(&snapshot, shelf.lying()?)?,
            None => Vec::new(),
        };
        press.database(snapshot.state, &staging.0.join(STATE), STATE)?;
        press.database(snapshot.audit, &staging.0.join(AUDIT), AUDIT)?;
        for (recording, sealed) in lying {
            press.recording(&recording, sealed)?;
        }
        let sums = std::mem::take(&mut press.tally).finish();
        press.document(SUMS, &sums)?;
        press.send(Bytes::from_static(&END))
    }
}

/// Whether a recording's seal is in the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sealed {
    Yes,
    /// The session ran. After a restore its parts are sealed as those of a daemon that stopped in the middle.
    NotYet,
}

/// The recordings whose session had begun.
fn known(snapshot: &Snapshot, lying: Vec<Lying>) -> Result<Vec<(Lying, Sealed)>, Fault> {
    let waiting = snapshot.state.ask(outbox)?;
    snapshot.audit.ask(|log| {
        let mut all = Vec::new();
        for recording in lying {
            if !happened(log, &waiting, &recording.session, code::SESSION_STARTED)? {
                continue;
            }
            let sealed = happened(log, &waiting, &recording.session, code::RECORDING_SEALED)?;
            all.push((recording, if sealed { Sealed::Yes } else { Sealed::NotYet }));
        }
        Ok(all)
    })
}

/// Session and code of events that wait for the log.
type Waiting = BTreeSet<(String, String)>;

fn outbox(state: &Connection) -> Result<Waiting, Fault> {
    let mut statement = state.prepare("SELECT value FROM entry WHERE key >= ?1 AND key < ?2")?;
    let mut rows = statement.query((OUTBOX, format!("{OUTBOX}\u{7f}")))?;
    let mut waiting = Waiting::new();
    while let Some(row) = rows.next()? {
        let event: NewEvent =
            serde_json::from_slice(row.get_ref(0)?.as_bytes().unwrap_or_default())
                .map_err(|error| Fault::Corrupt(format!("an event in the outbox: {error}")))?;
        waiting.extend(event.session.map(|session| (session, event.code.into_owned())));
    }
    Ok(waiting)
}

/// Whether an event is in the log, or on its way there.
fn happened(log: &Connection, waiting: &Waiting, session: &str, code: &str) -> Result<bool, Fault> {
    if waiting.contains(&(session.to_owned(), code.to_owned())) {
        return Ok(true);
    }
    let found = log
        .prepare_cached("SELECT 1 FROM event WHERE session = ?1 AND code = ?2 LIMIT 1")?
        .query_row((session, code), |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

/// Makes archive of files, and sends it.
struct Press {
    pieces: mpsc::Sender<Result<Bytes, BackupError>>,
    runtime: Handle,
    tally: Tally,
}

impl Press {
    fn send(&self, bytes: impl Into<Bytes>) -> Result<(), BackupError> {
        self.wait(Ok(bytes.into()))
    }

    fn wait(&self, piece: Result<Bytes, BackupError>) -> Result<(), BackupError> {
        let sent = self
            .runtime
            .block_on(async { tokio::time::timeout(STALLED, self.pieces.send(piece)).await });
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(BackupError::Left(STALLED.as_secs())),
        }
    }

    fn document<T: Serialize>(&mut self, name: &str, document: &T) -> Result<(), BackupError> {
        let bytes = serde_json::to_vec_pretty(document)
            .map_err(|source| BackupError::File { path: name.into(), source: source.into() })?;
        self.tally.add(&FileDigest::of(name, &bytes));
        self.send(entry(name, &bytes))
    }

    /// Copies a database, sends the copy, and removes it.
    fn database(&mut self, from: Pinned, copy: &Path, name: &str) -> Result<(), BackupError> {
        let at = |source| BackupError::File { path: copy.to_owned(), source };
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(copy).map_err(at)?;
        // A reader believes that we are alive while it hears of us.
        from.copy(copy, || self.send(comment()))?;
        drop(from);
        let mut file = fs::File::open(copy).map_err(at)?;
        let bytes = file.metadata().map_err(at)?.len();
        self.send(tape::header(name, bytes).to_vec())?;
        let (mut sha, mut left) = (Sha::new(), bytes);
        while left > 0 {
            let mut piece = Vec::with_capacity(PIECE);
            let read = file.by_ref().take(PIECE as u64).read_to_end(&mut piece).map_err(at)?;
            if read == 0 {
                return Err(at(io::ErrorKind::UnexpectedEof.into()));
            }
            sha.update(&piece);
            left = left.saturating_sub(read as u64);
            self.send(piece)?;
        }
        self.send(vec![0; tape::padding(bytes)])?;
        self.tally.add(&FileDigest { name: name.to_owned(), bytes, sha256: sha.finish() });
        fs::remove_file(copy).map_err(at)
    }

    fn recording(&mut self, recording: &Lying, sealed: Sealed) -> Result<(), BackupError> {
        let mut names = match recording.files() {
            // A session that was refused after all leaves nothing.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            names => names
                .map_err(|source| BackupError::File { path: recording.path.clone(), source })?,
        };
        if sealed == Sealed::Yes {
            names.push(SEAL.to_owned());
        }
        for name in names {
            let path = recording.path.join(&name);
            let bytes = fs::read(&path).map_err(|source| BackupError::File { path, source })?;
            let name = format!("{RECORDINGS}/{}/{}/{name}", recording.day, recording.session);
            self.tally.add(&FileDigest::of(&name, &bytes));
            self.send(entry(&name, &bytes))?;
        }
        Ok(())
    }
}

fn entry(name: &str, bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len() as u64;
    let mut all = tape::header(name, length).to_vec();
    all.extend_from_slice(bytes);
    all.resize(all.len() + tape::padding(length), 0);
    all
}

/// An entry that says nothing: the keyword `comment` of an extended header is ignored (POSIX.1-2001, pax).
fn comment() -> Vec<u8> {
    const RECORD: &[u8] = b"19 comment=copying\n";
    let length = RECORD.len() as u64;
    let mut all = tape::header_of(b'g', "pax_global_header", length).to_vec();
    all.extend_from_slice(RECORD);
    all.resize(all.len() + tape::padding(length), 0);
    all
}

fn stage(directory: &Path) -> Result<Staging, BackupError> {
    let path = directory.join(STAGING);
    match fs::DirBuilder::new().mode(0o700).create(&path) {
        Ok(()) => Ok(Staging(path)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(BackupError::Running),
        Err(source) => Err(BackupError::File { path, source }),
    }
}

fn free(directory: &Path) -> Result<u64, BackupError> {
    let disk = rustix::fs::statvfs(directory)
        .map_err(|error| BackupError::File { path: directory.to_owned(), source: error.into() })?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}
