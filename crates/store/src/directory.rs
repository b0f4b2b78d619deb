//! The data directory: ours alone, and one daemon's at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::store::OpenError;

const LOCK: &str = "lock";
/// Whatever group and others could do.
const FOREIGN: u32 = 0o077;

/// A data directory that nobody else can read and no other daemon uses, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    lock: Mutex<Option<Arc<File>>>,
}

impl Directory {
    /// Opens the directory, or makes it with mode 0700, checks who can read it, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source: io::Error| OpenError::Directory { path, source }
        };
        match fs::metadata(path) {
            Ok(found) if !found.is_dir() => return Err(OpenError::NotADirectory(path.to_owned())),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed(path))?;
                // A directory is not there after a power cut unless the one above it was synced.
                if let Some(above) = path.canonicalize().ok().as_deref().and_then(Path::parent) {
                    File::open(above).and_then(|above| above.sync_all()).map_err(failed(above))?;
                }
            }
            Err(error) => return Err(failed(path)(error)),
        }
        check_private(path, 0o700)?;
        for item in fs::read_dir(path).map_err(failed(path))? {
            let item = item.map_err(failed(path))?;
            let kind = item.file_type().map_err(failed(&item.path()))?;
            if kind.is_dir() {
                check_private(&item.path(), 0o700)?;
            } else if kind.is_file() {
                check_private(&item.path(), 0o600)?;
            }
        }
        let lock = lock(&path.join(LOCK))?;
        Ok(Self { path: path.to_owned(), lock: Mutex::new(Some(Arc::new(lock))) })
    }

    /// The path of a file in it, which is made with mode 0600 if it does not exist: SQLite gives the files it puts
    /// beside a database the mode of the database.
    pub(crate) fn file(&self, name: &str) -> Result<PathBuf, OpenError> {
        let path = self.path.join(name);
        match OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path) {
            Ok(_) => Ok(path),
            Err(source) => Err(OpenError::Directory { path, source }),
        }
    }

    /// The lock, for whoever must not be outlived by it.
    pub(crate) fn hold(&self) -> Option<Arc<File>> {
        self.lock.lock().ok().and_then(|lock| lock.clone())
    }

    /// Lets another daemon have it.
    pub(crate) fn release(&self) {
        if let Ok(mut lock) = self.lock.lock() {
            lock.take();
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn check_private(path: &Path, wanted: u32) -> Result<(), OpenError> {
    let found = fs::metadata(path)
        .map_err(|source| OpenError::Directory { path: path.to_owned(), source })?;
    let mode = found.permissions().mode() & 0o7777;
    if mode & FOREIGN == 0 {
        Ok(())
    } else {
        Err(OpenError::Readable { path: path.to_owned(), mode, wanted })
    }
}

/// Locks with `flock`, so that the lock ends with the process however it ends. The file keeps the holder's process id
/// for people to read.
fn lock(path: &Path) -> Result<File, OpenError> {
    let failed = |source| OpenError::Directory { path: path.to_owned(), source };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = fs::read_to_string(path).unwrap_or_default();
            return Err(OpenError::InUse {
                path: path.to_owned(),
                holder: holder.trim().parse().ok(),
            });
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
    Ok(file)
}
