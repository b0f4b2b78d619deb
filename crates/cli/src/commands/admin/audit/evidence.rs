//! The recordings of a bundle as files: downloaded, and compared with what the bundle proves, without any server.
//!
//! ```text
//!   DIR/<session>/meta.json
//!   DIR/<session>/000000-000000000000.cast.zst.age
//! ```

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use access::name::SessionId;
use api::bundle::{Bundle, BundleRecording, Verified};
use api::endpoints::recordings::FILES;
use api::recording::files::{FileDigest, META, SEAL, Sha, differences, digest_over, is_file_name};
use api::recording::tape::{Piece, Tape, TapeError};

use crate::client::Api;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::one_line;

/// Bytes read from a file at a time.
const STEP: usize = 64 * 1024;

/// The recordings by session: what is sealed twice, after a crash, is one.
fn sessions(bundle: &Bundle) -> BTreeMap<&str, &BundleRecording> {
    bundle.recordings.iter().rev().map(|one| (one.session.as_str(), one)).collect()
}

/// Downloads the files of every recording into a folder of its own. Nothing that is there is overwritten.
pub(super) fn download(api: &Api, bundle: &Bundle, dir: &Path) -> Result<(), Error> {
    let cannot = |path: &Path, error: io::Error| {
        Error::usage(format!("cannot write `{}`", one_line(&path.display().to_string())))
            .because(error)
    };
    let private =
        |path: &Path, recursive| DirBuilder::new().mode(0o700).recursive(recursive).create(path);
    private(dir, true).map_err(|error| cannot(dir, error))?;
    for session in sessions(bundle).into_keys() {
        let id: SessionId = session
            .parse()
            .map_err(|error| Error::internal("the bundle names no session").because(error))?;
        let folder = dir.join(id.to_string());
        private(&folder, false).map_err(|error| cannot(&folder, error))?;
        let (mut tape, mut open): (Tape, Option<(PathBuf, File)>) = (Tape::default(), None);
        let got = api.download(&FILES, &[session], &[], |bytes| {
            tape.push(bytes, |piece| match (piece, &mut open) {
                (Piece::Begin(name), _) => {
                    let path = folder.join(name);
                    let made =
                        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
                    open = Some((path.clone(), made.map_err(|error| cannot(&path, error))?));
                    Ok(())
                }
                (Piece::Bytes(bytes), Some((path, file))) => {
                    file.write_all(bytes).map_err(|error| cannot(path, error))
                }
                (Piece::Bytes(_), None) => Err(Error::from(TapeError::Foreign)),
            })
        });
        match got {
            Ok(()) => tape.finish()?,
            // What the server does not have is missed, with the rest, when all is compared.
            Err(error) if matches!(error.exit(), Exit::NotFound | Exit::Expired) => {
                fs::remove_dir(&folder).map_err(|error| cannot(&folder, error))?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl From<TapeError> for Error {
    fn from(error: TapeError) -> Self {
        Self::network(error.to_string())
    }
}

/// Compares the recordings in `dir` with those of a bundle that holds, and counts those that were retired: they may be
/// missing.
///
/// # Errors
/// All that is missing, changed or too much, with [`Exit::Unproven`].
pub(super) fn compare(bundle: &Bundle, proven: &Verified, dir: &Path) -> Result<usize, Error> {
    let retired = |session: &str, digest: &str| proven.is_retired(session, digest);
    let problems = problems(bundle, retired, dir).map_err(|error| {
        Error::usage(format!("cannot read `{}`", one_line(&dir.display().to_string())))
            .because(error)
    })?;
    if problems.is_empty() {
        let gone = |one: &&BundleRecording| {
            retired(&one.session, &one.digest) && !dir.join(&one.session).exists()
        };
        return Ok(sessions(bundle).into_values().filter(gone).count());
    }
    let lines: Vec<String> =
        problems.iter().map(|problem| format!("\n  {}", one_line(problem))).collect();
    Err(Error::new(
        Exit::Unproven,
        format!("the recordings are not what was sealed:{}", lines.concat()),
    ))
}

fn problems(
    bundle: &Bundle,
    retired: impl Fn(&str, &str) -> bool,
    dir: &Path,
) -> io::Result<Vec<String>> {
    let wanted = sessions(bundle);
    let mut problems = Vec::new();
    for (session, recording) in &wanted {
        let folder = dir.join(session);
        // A proper id is never a path.
        let there = session.parse::<SessionId>().is_ok()
            && fs::symlink_metadata(&folder).is_ok_and(|there| there.is_dir());
        if !there && retired(session, &recording.digest) {
            continue;
        }
        if !there {
            problems.push(format!("the recording of session `{session}` is missing"));
            continue;
        }
        let (found, mut wrong) = read(&folder)?;
        match &recording.files {
            Some(sealed) => wrong.extend(differences(sealed, &found)),
            None if digest_over(&found) != recording.digest => wrong.push(format!(
                "its files hash to {}, {} was sealed; which of them differs is not known, for the \
                 bundle has no list of them",
                digest_over(&found),
                recording.digest
            )),
            None => {}
        }
        problems.extend(wrong.iter().map(|wrong| format!("session `{session}`: {wrong}")));
    }
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !wanted.contains_key(name.as_str()) {
            problems.push(format!("`{name}` is not a recording of this bundle"));
        }
    }
    Ok(problems)
}

/// The files in a recording's folder, and what has no place there.
fn read(folder: &Path) -> io::Result<(Vec<FileDigest>, Vec<String>)> {
    let (mut names, mut strange) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let plain = entry.file_type()?.is_file();
        match name.as_str() {
            // A copy of the server's folder has it; the bundle's own list is what counts.
            SEAL if plain => {}
            _ if plain && is_file_name(&name) => names.push(name),
            _ => strange.push(format!("`{name}` is not in the seal")),
        }
    }
    names.sort_unstable_by_key(|name| (name != META, name.clone()));
    let files = names.iter().map(|name| digest(folder, name)).collect::<io::Result<_>>()?;
    Ok((files, strange))
}

fn digest(folder: &Path, name: &str) -> io::Result<FileDigest> {
    let mut file = File::open(folder.join(name))?;
    let (mut sha, mut bytes, mut piece) = (Sha::new(), 0, vec![0; STEP]);
    loop {
        let read = file.read(&mut piece)?;
        let Some(now) = piece.get(..read).filter(|now| !now.is_empty()) else { break };
        sha.update(now);
        bytes += now.len() as u64;
    }
    Ok(FileDigest { name: name.to_owned(), bytes, sha256: sha.finish() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = "bc8ca931-fec9-4b15";
    const PART: &str = "000000-000000000000.cast.zst.age";

    /// A bundle of one recording, and its files in a folder.
    fn stage() -> (Bundle, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(SESSION);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(META), "{}").unwrap();
        fs::write(folder.join(PART), [7; 1000]).unwrap();
        let files = vec![FileDigest::of(META, b"{}"), FileDigest::of(PART, &[7; 1000])];
        let recording = BundleRecording {
            session: SESSION.to_owned(),
            seq: 3,
            digest: digest_over(&files),
            files: Some(files),
        };
        let bundle = Bundle {
            format: String::new(),
            request: String::new(),
            key: String::new(),
            checkpoint: String::new(),
            events: Vec::new(),
            recordings: vec![recording],
        };
        (bundle, dir)
    }

    /// What is told when the folder was tampered with, with the list of files and without.
    fn told(tamper: impl FnOnce(&Path)) -> [Vec<String>; 2] {
        let (mut bundle, dir) = stage();
        tamper(dir.path());
        let never = |_: &str, _: &str| false;
        let listed = problems(&bundle, never, dir.path()).unwrap();
        bundle.recordings[0].files = None;
        [listed, problems(&bundle, never, dir.path()).unwrap()]
    }

    #[test]
    fn only_what_was_retired_with_its_digest_may_be_missing() {
        let (bundle, dir) = stage();
        fs::remove_dir_all(dir.path().join(SESSION)).unwrap();
        let digest = bundle.recordings[0].digest.clone();
        let with = |retired: &str| {
            let of = |session: &str, sealed: &str| session == SESSION && sealed == retired;
            problems(&bundle, of, dir.path()).unwrap().len()
        };
        assert_eq!((with(&digest), with("another")), (0, 1));
    }

    #[test]
    fn what_was_sealed_holds() {
        assert_eq!(told(|_| {}), [Vec::<String>::new(), Vec::new()]);
        let copied = told(|dir| fs::write(dir.join(SESSION).join(SEAL), "{}").unwrap());
        assert_eq!(copied, [Vec::<String>::new(), Vec::new()]);
    }

    #[test]
    fn one_flipped_bit_names_its_part() {
        let [listed, unlisted] = told(|dir| {
            let part = dir.join(SESSION).join(PART);
            let mut bytes = fs::read(&part).unwrap();
            bytes[500] ^= 1;
            fs::write(part, bytes).unwrap();
        });
        let begin = format!("session `{SESSION}`: `{PART}` was changed: its SHA-256 is ");
        assert!(listed.len() == 1 && listed[0].starts_with(&begin), "{listed:?}");
        assert!(unlisted.len() == 1 && unlisted[0].contains("its files hash to"), "{unlisted:?}");
    }

    #[test]
    fn a_removed_part_or_recording_is_missed() {
        let [listed, unlisted] = told(|dir| fs::remove_file(dir.join(SESSION).join(PART)).unwrap());
        assert_eq!(listed, [format!("session `{SESSION}`: `{PART}` is missing")]);
        assert_eq!(unlisted.len(), 1);
        let gone = vec![format!("the recording of session `{SESSION}` is missing")];
        assert_eq!(
            told(|dir| fs::remove_dir_all(dir.join(SESSION)).unwrap()),
            [gone.clone(), gone]
        );
    }

    #[test]
    fn what_was_added_is_told() {
        let [listed, unlisted] = told(|dir| {
            fs::write(dir.join(SESSION).join("000001-5.cast.zst.age"), "x").unwrap();
            fs::create_dir(dir.join("0000")).unwrap();
        });
        assert_eq!(
            listed,
            [
                format!("session `{SESSION}`: `000001-5.cast.zst.age` is not in the seal"),
                "`0000` is not a recording of this bundle".to_owned(),
            ]
        );
        assert_eq!(unlisted.len(), 2);
    }
}
