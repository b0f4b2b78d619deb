//! A backup: a house as it was at one moment, in one file. A restore: the way back.
//!
//! ```text
//!   backup.json    what it is, of when                    a tar archive (POSIX.1-2001), so any
//!   state.db       state, keys sealed as they lie         `tar` lists it; the first file says
//!   audit.db       the audit log of the same moment       what it is, the last one that it is
//!   recordings/…   where they were asked for              whole
//!   sums.json      how many files, and a digest over all
//! ```
//!
//! State and log are pinned together ([`snapshot`]), so each event is in one of them and none in neither. The key that
//! unseals is deliberately absent: a backup alone opens nothing. Nothing is believed on the way back ([`Unpacked`]).

use std::fmt;
use std::io;
use std::path::PathBuf;

use api::recording::files::{FileDigest, Sha};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::kv::Fault;
use crate::recording::ShelfError;

mod archive;
mod restore;
pub(crate) mod snapshot;
mod take;

pub use restore::{HALF_RESTORED, RestoreError, SEAL_KEY, Unpacked, unpack};
pub(crate) use take::STAGING;
pub use take::{Backup, Stream};

/// The format we write and read.
pub const FORMAT: &str = "countersign-backup/1";
/// The media type of a backup.
pub const MEDIA_TYPE: &str = api::recording::tape::TAR;

const HEADER: &str = "backup.json";
const SUMS: &str = "sums.json";
const RECORDINGS: &str = "recordings";

/// What a backup is of: its first file.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// The version that wrote it.
    pub version: String,
    /// The cluster it is of.
    pub cluster: String,
    /// When it was taken.
    pub taken: Timestamp,
    /// The last commit in it.
    pub revision: u64,
    /// How many events its audit log has.
    pub events: u64,
    /// Whether recordings are in it.
    pub recordings: bool,
}

/// That a backup is whole: its last file.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct Sums {
    /// Files before this one.
    files: u64,
    /// Their bytes.
    bytes: u64,
    /// SHA-256 over one line `name bytes sha256` for each, in hexadecimal.
    sha256: String,
}

/// [`Sums`] while files go by.
#[derive(Debug, Default)]
struct Tally {
    files: u64,
    bytes: u64,
    sha: Sha,
}

impl Tally {
    fn add(&mut self, file: &FileDigest) {
        self.files += 1;
        self.bytes += file.bytes;
        self.sha.update(format!("{} {} {}\n", file.name, file.bytes, file.sha256).as_bytes());
    }

    fn finish(self) -> Sums {
        Sums { files: self.files, bytes: self.bytes, sha256: self.sha.finish() }
    }
}

/// Why there is no backup, or no whole one.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Another one is being taken.
    #[error("another backup is being taken")]
    Running,
    /// The copies that are made first do not fit.
    #[error("a backup needs {needed} bytes free in the data directory for a while; {free} are")]
    NoRoom {
        /// Bytes free.
        free: u64,
        /// Bytes needed.
        needed: u64,
    },
    /// A database cannot be copied.
    #[error(transparent)]
    Database(#[from] Fault),
    /// A file cannot be read or written.
    #[error("cannot use `{}`", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The recordings cannot be read.
    #[error(transparent)]
    Recordings(#[from] ShelfError),
    /// Whoever wanted it takes no more of it.
    #[error("the reader of the backup left, or took nothing for {0} seconds")]
    Left(u64),
}

/// A name and a size may be shown to people.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&access::display::shown_short(self.0, 100))
    }
}
