//! From a backup to a data directory.
//!
//! The directory is marked until everything in it is proven; nothing opens a marked one. What breaks off takes away
//! what it made.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use api::note::VerifierKey;
use api::recording::files::{FileDigest, SEAL, Sha, is_file_name};
use rusqlite::OptionalExtension as _;
use serde::de::DeserializeOwned;

use super::archive::{Archive, ArchiveError, Entry};
use super::{FORMAT, HEADER, Header, RECORDINGS, SUMS, Shown, Sums, Tally};
use crate::audit::{AuditError, Report, verify_file};
use crate::directory::Directory;
use crate::kv::Fault;
use crate::recording::is_folder_name;
use crate::sqlite::open_reader;
use crate::store::{AUDIT, OpenError, STATE};

/// What marks a directory that is being restored into.
pub const HALF_RESTORED: &str = "restoring";
/// The one file that may lie in a directory that is restored into: nothing else can be put there first.
pub const SEAL_KEY: &str = "seal.key";
/// Bytes of the first and of the last file, at most.
const MAX_DOCUMENT: u64 = 64 * 1024;
/// Bytes moved at a time.
const PIECE: usize = 256 * 1024;

/// Why a backup cannot be restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is something already.
    #[error("`{}` is not empty: `{found}` is in it. Restore into a directory that is new or empty", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
        /// Something in it.
        found: String,
    },
    /// The directory cannot be used.
    #[error(transparent)]
    Directory(#[from] OpenError),
    /// It is something else.
    #[error("this is not a backup: {0}")]
    Foreign(String),
    /// It cannot be read to its end.
    #[error("the backup breaks off after {bytes} bytes of its files: copy it again")]
    Short {
        /// How many bytes there were.
        bytes: u64,
    },
    /// Its files are not those that were written.
    #[error(
        "the backup was changed after it was taken, or damaged: its files do not hash to what its last file says"
    )]
    Changed,
    /// It cannot be read.
    #[error("cannot read the backup")]
    Read(#[source] io::Error),
    /// A file cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A database cannot be used.
    #[error("cannot use the restored `{file}`")]
    Database {
        /// Which.
        file: &'static str,
        /// Why.
        source: Fault,
    },
    /// The log cannot be verified.
    #[error("cannot verify the restored audit log")]
    Audit(#[from] AuditError),
}

/// A data directory whose files are those of the backup. Unless it is [`Unpacked::finish`]ed, it is emptied again.
#[derive(Debug)]
pub struct Unpacked {
    header: Header,
    bytes: u64,
    // INVARIANT: dropped, and emptied, before the lock on the directory is let go.
    made: Made,
    directory: Directory,
}

/// What was made, to be removed unless all goes well.
#[derive(Debug)]
struct Made {
    dir: PathBuf,
    keep: bool,
}

impl Drop for Made {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        let files = [STATE, AUDIT, "state.db-journal", "audit.db-journal", "lock"];
        for name in files {
            let _ = fs::remove_file(self.dir.join(name));
        }
        let _ = fs::remove_dir_all(self.dir.join(RECORDINGS));
        // The mark goes last: while anything is left, nothing opens the directory.
        let _ = fs::remove_file(self.dir.join(HALF_RESTORED));
    }
}

/// Unpacks a backup into `to`, which is made, or must be empty but for [`SEAL_KEY`]. Tells `each` how many bytes have
/// been written. Blocks on both.
///
/// # Errors
/// See [`RestoreError`]. Then `to` holds nothing of it.
pub fn unpack(
    input: impl Read,
    to: &Path,
    mut each: impl FnMut(u64),
) -> Result<Unpacked, RestoreError> {
    empty(to)?;
    let directory = Directory::open(to)?;
    let made = Made { dir: to.to_owned(), keep: false };
    private(&to.join(HALF_RESTORED))?;
    let mut archive = Archive::new(input);
    let mut tally = Tally::default();
    let header = begin(&mut archive, &mut tally)?;
    let mut databases = 0;
    loop {
        let entry = next(&mut archive, &tally)?;
        if entry.name == SUMS {
            let told: Sums = document(&mut archive, &entry, &tally).map(|(told, _)| told)?;
            if told != std::mem::take(&mut tally).finish() {
                return Err(RestoreError::Changed);
            }
            if databases != 2 {
                return Err(RestoreError::Foreign("a database is missing".to_owned()));
            }
            let bytes = told.bytes;
            sync(to)?;
            return Ok(Unpacked { header, bytes, made, directory });
        }
        let path = place(to, &entry.name)?;
        databases += usize::from(entry.name == STATE || entry.name == AUDIT);
        tally.add(&write(&mut archive, &entry, &path, &tally)?);
        each(tally.bytes);
    }
}

impl Unpacked {
    /// What the backup is of.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Bytes of its files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The sealed bytes of a secret.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, RestoreError> {
        let read = || -> Result<Option<Vec<u8>>, Fault> {
            let connection = open_reader(&self.directory.path().join(STATE))?;
            let key = crate::secrets::key(name);
            let found = connection
                .query_row("SELECT value FROM entry WHERE key = ?1", [key], |row| row.get(0))
                .optional()?;
            Ok(found)
        };
        read().map_err(|source| RestoreError::Database { file: STATE, source })
    }

    /// Checks the state's pages, and computes the whole audit log again ([`crate::audit::Audit::verify`]).
    ///
    /// # Errors
    /// A database is damaged. What is wrong with the log is in the report.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<Report, RestoreError> {
        let check = || -> Result<(), Fault> {
            let connection = open_reader(&self.directory.path().join(STATE))?;
            let found: String =
                connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            if found == "ok" { Ok(()) } else { Err(Fault::Corrupt(found)) }
        };
        check().map_err(|source| RestoreError::Database { file: STATE, source })?;
        Ok(verify_file(&self.directory.path().join(AUDIT), keys)?)
    }

    /// Lets a daemon open the directory.
    ///
    /// # Errors
    /// The mark cannot be removed; then everything is.
    pub fn finish(mut self) -> Result<Header, RestoreError> {
        let mark = self.directory.path().join(HALF_RESTORED);
        fs::remove_file(&mark).map_err(|source| RestoreError::Write { path: mark, source })?;
        sync(self.directory.path())?;
        self.made.keep = true;
        Ok(self.header.clone())
    }
}

fn empty(to: &Path) -> Result<(), RestoreError> {
    let unread = |source| OpenError::Directory { path: to.to_owned(), source };
    let items = match fs::read_dir(to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        items => items.map_err(unread)?,
    };
    for item in items {
        let name = item.map_err(unread)?.file_name();
        if name != SEAL_KEY {
            let found = Shown(&name.to_string_lossy()).to_string();
            return Err(RestoreError::NotEmpty { path: to.to_owned(), found });
        }
    }
    Ok(())
}

fn begin<R: Read>(archive: &mut Archive<R>, tally: &mut Tally) -> Result<Header, RestoreError> {
    let entry = next(archive, tally)?;
    if entry.name != HEADER {
        let first = Shown(&entry.name);
        return Err(RestoreError::Foreign(format!("its first file is `{first}`, not `{HEADER}`")));
    }
    let (header, file): (Header, _) = document(archive, &entry, tally)?;
    if header.format != FORMAT {
        return Err(RestoreError::Foreign(format!(
            "its format is `{}`, this program reads `{FORMAT}`",
            Shown(&header.format)
        )));
    }
    tally.add(&file);
    Ok(header)
}

fn next<R: Read>(archive: &mut Archive<R>, tally: &Tally) -> Result<Entry, RestoreError> {
    match archive.next() {
        Ok(Some(entry)) => Ok(entry),
        // The last file says that it is whole; this came before it.
        Ok(None) => Err(RestoreError::Short { bytes: tally.bytes }),
        Err(ArchiveError::Io(error)) => Err(unread(error, tally)),
        Err(error @ ArchiveError::Foreign) => Err(RestoreError::Foreign(error.to_string())),
    }
}

fn unread(error: io::Error, tally: &Tally) -> RestoreError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        RestoreError::Short { bytes: tally.bytes }
    } else {
        RestoreError::Read(error)
    }
}

fn document<R: Read, T: DeserializeOwned>(
    archive: &mut Archive<R>,
    entry: &Entry,
    tally: &Tally,
) -> Result<(T, FileDigest), RestoreError> {
    let unreadable = || RestoreError::Foreign(format!("`{}` cannot be read", entry.name));
    if entry.bytes > MAX_DOCUMENT {
        return Err(unreadable());
    }
    let mut bytes = Vec::new();
    archive.read_to_end(&mut bytes).map_err(|error| unread(error, tally))?;
    let document = serde_json::from_slice(&bytes).map_err(|_| unreadable())?;
    Ok((document, FileDigest::of(&entry.name, &bytes)))
}

/// Where a file of a backup belongs: a name is believed only if it is one that a backup has.
fn place(to: &Path, name: &str) -> Result<PathBuf, RestoreError> {
    if name == STATE || name == AUDIT {
        return Ok(to.join(name));
    }
    let parts: Vec<&str> = name.split('/').collect();
    if let [RECORDINGS, day, session, file] = parts.as_slice()
        && is_day(day)
        && is_folder_name(session)
        && (is_file_name(file) || *file == SEAL)
    {
        let mut folder = to.to_owned();
        for part in [RECORDINGS, day, session] {
            folder.push(part);
            match DirBuilder::new().mode(0o700).create(&folder) {
                Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(RestoreError::Write { path: folder, source });
                }
                Ok(()) | Err(_) => {}
            }
        }
        return Ok(folder.join(file));
    }
    Err(RestoreError::Foreign(format!("`{}` is no file of a backup", Shown(name))))
}

fn is_day(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok_and(|day| day.to_string() == text)
}

fn private(path: &Path) -> Result<File, RestoreError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|source| RestoreError::Write { path: path.to_owned(), source })
}

fn write<R: Read>(
    archive: &mut Archive<R>,
    entry: &Entry,
    path: &Path,
    tally: &Tally,
) -> Result<FileDigest, RestoreError> {
    let mut file = private(path)?;
    let (mut sha, mut bytes, mut piece) = (Sha::new(), 0, vec![0; PIECE]);
    loop {
        let read = archive.read(&mut piece).map_err(|error| unread(error, tally))?;
        let Some(now) = piece.get(..read).filter(|now| !now.is_empty()) else { break };
        sha.update(now);
        bytes += now.len() as u64;
        file.write_all(now)
            .map_err(|source| RestoreError::Write { path: path.to_owned(), source })?;
    }
    Ok(FileDigest { name: entry.name.clone(), bytes, sha256: sha.finish() })
}

/// Makes all that was written last through a loss of power: one call for however many files.
fn sync(to: &Path) -> Result<(), RestoreError> {
    let synced = File::open(to).and_then(|dir| Ok(rustix::fs::syncfs(dir)?));
    synced.map_err(|source| RestoreError::Write { path: to.to_owned(), source })
}
