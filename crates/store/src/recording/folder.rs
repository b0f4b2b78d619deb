//! The files of one recording.
//!
//! ```text
//!   2026-11-07/bc8ca931-fec9-4b15/
//!     meta.json                        whose session, where, since when
//!     000000-000000000000.cast.zst.age the first part: asciicast lines, zstd, age
//!     000001-000000010042.cast.zst.age the second; its first interval counts from 10.042 s
//!     sealed.json                      how it ended, each part's digest, the digest over all
//! ```
//!
//! A part has its name only once it is whole and on disk (written aside, synced, renamed), so whatever carries a
//! part's name after a crash can be played, and the names alone are the index for seeking.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use api::recording::files::{FileDigest, META, PART, SEAL, is_file_name};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Meta, Outcome};

const ASIDE: &str = ".writing";
/// Behind the name of a folder that is being removed: no session's id ends so.
const GONE: &str = "gone";

/// A recording's folder.
#[derive(Clone, Debug)]
pub(super) struct Folder(pub(super) PathBuf);

/// A part by its name: which one, and the offset its first interval counts from.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct PartName {
    pub(super) number: u32,
    pub(super) start_ms: u64,
}

/// The seal: `sealed.json`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Seal {
    pub(super) outcome: Outcome,
    pub(super) ended: Timestamp,
    /// Sealed by the sweep, after the daemon had stopped in the middle.
    #[serde(default)]
    pub(super) recovered: bool,
    /// Parts could not be written: this is what there is.
    #[serde(default)]
    pub(super) broken: bool,
    /// `meta.json` and the parts, in order.
    pub(super) files: Vec<FileDigest>,
    /// [`api::recording::files::digest_over`] them.
    pub(super) digest: String,
}

impl std::fmt::Display for PartName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:06}-{:012}{PART}", self.number, self.start_ms)
    }
}

impl PartName {
    fn parse(name: &str) -> Option<Self> {
        let (number, start) = name.strip_suffix(PART)?.split_once('-')?;
        Some(Self { number: number.parse().ok()?, start_ms: start.parse().ok()? })
    }
}

impl Folder {
    /// Makes the folder with its `meta.json`.
    pub(super) fn create(path: PathBuf, meta: &Meta) -> io::Result<(Self, FileDigest)> {
        if let Some(day) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(day)?;
        }
        DirBuilder::new().mode(0o700).create(&path)?;
        let folder = Self(path);
        let bytes = serde_json::to_vec_pretty(meta)?;
        let written = private(&folder.0.join(META)).and_then(|mut file| file.write_all(&bytes));
        match written {
            Ok(()) => Ok((folder, FileDigest::of(META, &bytes))),
            Err(error) => {
                // The first error is the one to tell.
                let _ = folder.remove();
                Err(error)
            }
        }
    }

    /// Writes a part so that it is there, whole, or not at all.
    pub(super) fn put(&self, name: PartName, bytes: &[u8]) -> io::Result<FileDigest> {
        let name = name.to_string();
        self.place(&name, bytes)?;
        Ok(FileDigest::of(&name, bytes))
    }

    /// Makes `meta.json` and the folder's own name last through a loss of power.
    pub(super) fn settle(&self) -> io::Result<()> {
        File::open(self.0.join(META))?.sync_all()?;
        match self.0.parent() {
            Some(day) => File::open(day)?.sync_all(),
            None => Ok(()),
        }
    }

    /// Writes the seal.
    pub(super) fn seal(&self, seal: &Seal) -> io::Result<()> {
        self.place(SEAL, &serde_json::to_vec_pretty(seal)?)
    }

    fn place(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let aside = self.0.join(format!("{name}{ASIDE}"));
        let written = private(&aside).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_data()
        });
        if let Err(error) = written {
            // What is half written is in nobody's way; the first error is the one to tell.
            let _ = fs::remove_file(&aside);
            return Err(error);
        }
        fs::rename(&aside, self.0.join(name))?;
        File::open(&self.0)?.sync_all()
    }

    /// The parts there are, in order, up to the first that is missing.
    pub(super) fn parts(&self) -> io::Result<Vec<PartName>> {
        let mut parts = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            if let Some(name) = entry?.file_name().to_str().and_then(PartName::parse) {
                parts.push(name);
            }
        }
        parts.sort_unstable();
        let whole = (0_u32..).zip(&parts).take_while(|(n, part)| *n == part.number).count();
        parts.truncate(whole);
        Ok(parts)
    }

    pub(super) fn read(&self, part: PartName) -> io::Result<Vec<u8>> {
        fs::read(self.0.join(part.to_string()))
    }

    pub(super) fn meta(&self) -> io::Result<Meta> {
        Ok(serde_json::from_slice(&fs::read(self.0.join(META))?)?)
    }

    /// The seal, if there is one.
    pub(super) fn read_seal(&self) -> io::Result<Option<Seal>> {
        match fs::read(self.0.join(SEAL)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Digests of `meta.json` and of the parts as they lie on disk, in order.
    pub(super) fn digests(&self) -> io::Result<Vec<FileDigest>> {
        let mut digests = vec![FileDigest::of(META, &fs::read(self.0.join(META))?)];
        for part in self.parts()? {
            digests.push(FileDigest::of(&part.to_string(), &self.read(part)?));
        }
        Ok(digests)
    }

    /// The names of all files that a recording may have, in order, whether they should be there or not.
    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            names.extend(entry?.file_name().into_string().ok().filter(|name| is_file_name(name)));
        }
        // `meta.json` first.
        names.sort_unstable_by_key(|name| (name != META, name.clone()));
        Ok(names)
    }

    /// The file as it lies on disk.
    pub(super) fn file(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.0.join(name))
    }

    /// When its newest file was written.
    pub(super) fn last_written(&self) -> io::Result<Timestamp> {
        let mut last = Timestamp::UNIX_EPOCH;
        for entry in fs::read_dir(&self.0)? {
            let written = entry?.metadata()?.modified()?;
            last = last.max(Timestamp::try_from(written).map_err(io::Error::other)?);
        }
        Ok(last)
    }

    /// Removes what a crash left half written.
    pub(super) fn tidy(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().ends_with(ASIDE) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Takes the folder away in one step, to be removed; nothing if there is none.
    pub(super) fn vanish(&self) -> io::Result<Option<Self>> {
        let gone = self.0.with_extension(GONE);
        match fs::rename(&self.0, &gone) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            renamed => renamed?,
        }
        if let Some(day) = gone.parent() {
            File::open(day)?.sync_all()?;
        }
        Ok(Some(Self(gone)))
    }

    /// Whether it is on its way out.
    pub(super) fn is_vanished(&self) -> bool {
        self.0.extension().is_some_and(|end| end == GONE)
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        fs::remove_dir_all(&self.0)
    }
}

/// A new file that only we can read.
fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}
