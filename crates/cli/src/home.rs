//! The directory that belongs to one login: `~/.tsh`, or `$TSH_HOME`. Nobody else may read it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// The largest file read from the directory, in bytes.
pub const MAX_FILE: u64 = 1024 * 1024;

/// Where profile, keys and certificates lie.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Home {
    path: PathBuf,
    ordinary: bool,
}

impl Home {
    /// The directory named by `$TSH_HOME`, else `~/.tsh`.
    pub fn find(environment: &dyn Fn(&str) -> Option<String>) -> Self {
        match (environment("TSH_HOME"), environment("HOME")) {
            (Some(path), _) => Self::at(Path::new(&path)),
            (None, Some(home)) => Self { path: Path::new(&home).join(".tsh"), ordinary: true },
            (None, None) => Self::at(Path::new(".tsh")),
        }
    }

    /// That directory.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self { path, ordinary: false }
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether this is `~/.tsh`, which `tsh` finds by itself.
    #[must_use]
    pub fn is_ordinary(&self) -> bool {
        self.ordinary
    }

    /// A file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Makes the directory (0700) if it is missing; refuses one that others can enter.
    ///
    /// # Errors
    /// It cannot be made, is not a directory of ours, or others can read it.
    pub fn prepare(&self) -> Result<(), Error> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.path).map_err(|error| {
            Error::internal(format!("cannot create `{}`", self.path.display())).because(error)
        })?;
        self.guard(&self.path, 0o700)
    }

    /// Reads a file; `None` if there is none.
    ///
    /// # Errors
    /// It cannot be read, is too large, or is not text.
    pub fn read(&self, name: &str) -> Result<Option<String>, Error> {
        let path = self.file(name);
        let cannot =
            |error| Error::internal(format!("cannot read `{}`", path.display())).because(error);
        match fs::metadata(&path) {
            Ok(found) if found.len() > MAX_FILE => {
                return Err(Error::internal(format!(
                    "`{}` is larger than {MAX_FILE} bytes",
                    path.display()
                )));
            }
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(cannot(error)),
        }
        fs::read_to_string(&path).map(Some).map_err(cannot)
    }

    /// Reads a secret: a file which others can read is refused.
    ///
    /// # Errors
    /// It cannot be read, or is readable by others.
    pub fn read_secret(&self, name: &str) -> Result<Option<String>, Error> {
        let path = self.file(name);
        if path.exists() {
            self.guard(&path, 0o600)?;
        }
        self.read(name)
    }

    /// Writes a file (0600) whole or not at all: a reader sees the old one or the new one.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        self.prepare()?;
        write_whole(&self.file(name), text.as_bytes(), 0o600)
    }

    /// Removes a file if it is there.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        let path = self.file(name);
        match fs::remove_file(&path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => {
                Err(Error::internal(format!("cannot remove `{}`", path.display())).because(error))
            }
        }
    }

    fn guard(&self, path: &Path, wanted: u32) -> Result<(), Error> {
        let found = fs::metadata(path).map_err(|error| {
            Error::internal(format!("cannot look at `{}`", path.display())).because(error)
        })?;
        let mode = found.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(Error::internal(format!(
                "`{}` can be read by others (mode {mode:03o})",
                path.display()
            ))
            .hint(format!("chmod {wanted:o} {}", path.display())));
        }
        Ok(())
    }
}

/// Writes `bytes` to a file beside `path`, flushes it to disk and renames it over `path`.
///
/// # Errors
/// The disk refuses; `path` is then as it was.
pub fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.new", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = (|| {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    })();
    written.map_err(|error| {
        let _gone = fs::remove_file(&beside);
        Error::internal(format!("cannot write `{}`", path.display())).because(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(&dir.path().join("tsh"));
        (dir, home)
    }

    #[test]
    fn nobody_else_reads_what_is_written() {
        let (_dir, home) = home();
        home.write("key", "secret").unwrap();
        assert_eq!(fs::metadata(home.path()).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(home.file("key")).unwrap().mode() & 0o777, 0o600);
        assert_eq!(home.read_secret("key").unwrap().as_deref(), Some("secret"));
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "no leftover beside it");
    }

    #[test]
    fn a_key_others_can_read_is_refused() {
        let (_dir, home) = home();
        home.write("key", "secret").unwrap();
        fs::set_permissions(home.file("key"), fs::Permissions::from_mode(0o644)).unwrap();
        let error = home.read_secret("key").unwrap_err();
        assert!(error.to_string().ends_with("can be read by others (mode 644)"), "{error}");
        assert!(error.hints()[0].starts_with("chmod 600 "), "{:?}", error.hints());
    }

    #[test]
    fn a_directory_others_can_enter_is_refused() {
        let (_dir, home) = home();
        home.prepare().unwrap();
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(home.write("key", "secret").is_err());
    }
}
