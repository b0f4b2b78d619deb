//! Whether a recording is what was sealed: every file's digest, from its bytes on disk.

use std::fs;
use std::io;

use api::recording::files::{FileDigest, SEAL, differences, digest_over, proven};
use api::recording::{RecordingCheck, tape};
use bytes::Bytes;
use futures_util::Stream;

use super::folder::Folder;
use super::{ReadError, Shelf, ShelfError};

impl Shelf {
    /// Recomputes the digest of a recording from its files and compares it with its seal and with `logged`, the digest
    /// in the audit log: whoever can change files can change the seal too, but not that.
    ///
    /// # Errors
    /// There is no such recording, or its folder cannot be read at all.
    pub async fn check(
        &self,
        session: &str,
        logged: Option<String>,
    ) -> Result<RecordingCheck, ReadError> {
        let view = self.find(session).await?.ok_or(ReadError::Unknown)?;
        let folder = self.folder(&view).ok_or(ReadError::Unknown)?;
        self.blocking(move |_| {
            compare(&folder, logged)
                .map_err(|source| ShelfError::Folder { path: folder.0.clone(), source })
        })
        .await
        .map_err(ReadError::from)
    }

    /// The files that were sealed of a session, if the list on disk hashes to `logged`, the digest in the audit log;
    /// and what is wrong with it, or with the sizes of the files.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    pub async fn sealed_files(
        &self,
        session: &str,
        logged: String,
    ) -> Result<(Option<Vec<FileDigest>>, Option<Wrong>), ShelfError> {
        let session = session.to_owned();
        self.blocking(move |shelf| {
            let folder = shelf.listed(&session)?.filter(|folder| folder.0.is_dir());
            let Some(folder) = folder else { return Ok((None, Some(Wrong::Missing(session)))) };
            let (files, what) = sealed(&folder, &logged);
            Ok((files, what.map(|what| Wrong::Changed { session, what })))
        })
        .await
    }

    /// The files of a recording as they lie on disk, as a tar archive ([`tape`]).
    ///
    /// # Errors
    /// There is no such recording, or its folder cannot be read.
    pub async fn files(
        &self,
        session: &str,
    ) -> Result<impl Stream<Item = Result<Bytes, ReadError>> + Send + use<>, ReadError> {
        let view = self.find(session).await?.ok_or(ReadError::Unknown)?;
        let folder = self.folder(&view).ok_or(ReadError::Unknown)?;
        let at = folder.clone();
        let names = self
            .blocking(move |_| {
                at.names().map_err(|source| ShelfError::Folder { path: at.0.clone(), source })
            })
            .await?;
        let shelf = self.clone();
        let state = Some((shelf, folder, names.into_iter()));
        Ok(futures_util::stream::unfold(state, |state| async move {
            let (shelf, folder, mut names) = state?;
            let Some(name) = names.next() else {
                return Some((Ok(Bytes::from_static(&tape::END)), None));
            };
            let at = folder.clone();
            let file = shelf
                .blocking(move |_| {
                    at.file(&name)
                        .map(|bytes| taped(&name, &bytes))
                        .map_err(|source| ShelfError::Folder { path: at.0.clone(), source })
                })
                .await;
            match file {
                Ok(bytes) => Some((Ok(bytes), Some((shelf, folder, names)))),
                Err(error) => Some((Err(error.into()), None)),
            }
        }))
    }
}

/// How a recording on disk differs from what the audit log says of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Wrong {
    /// Nothing is there of the recording of this session.
    Missing(String),
    /// Something of it was changed, or is missing.
    Changed {
        /// The session.
        session: String,
        /// What is wrong, in a sentence.
        what: String,
    },
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(session) => {
                write!(f, "the recording of session `{session}`: it is missing")
            }
            Self::Changed { session, what } => {
                write!(f, "the recording of session `{session}`: {what}")
            }
        }
    }
}

fn sealed(folder: &Folder, logged: &str) -> (Option<Vec<FileDigest>>, Option<String>) {
    let wrong = match folder.read_seal() {
        Ok(Some(seal)) if proven(&seal.files, logged) => {
            let gone = seal.files.iter().find(|file| {
                !fs::metadata(folder.0.join(&file.name)).is_ok_and(|on| on.len() == file.bytes)
            });
            let wrong = gone.map(|file| format!("`{}` is missing or was changed", file.name));
            return (Some(seal.files), wrong);
        }
        Ok(Some(_)) => "its seal is not the one in the audit log".to_owned(),
        Ok(None) => format!("`{SEAL}` is missing"),
        Err(error) => format!("its seal cannot be read: {error}"),
    };
    (None, Some(wrong))
}

fn taped(name: &str, bytes: &[u8]) -> Bytes {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let mut all = tape::header(name, length).to_vec();
    all.extend_from_slice(bytes);
    all.resize(all.len() + tape::padding(length), 0);
    all.into()
}

fn compare(folder: &Folder, logged: Option<String>) -> io::Result<RecordingCheck> {
    let mut problems = Vec::new();
    let mut found = Vec::new();
    for name in folder.names()? {
        found.push(FileDigest::of(&name, &folder.file(&name)?));
    }
    let digest = digest_over(&found);
    match folder.read_seal() {
        Ok(Some(seal)) => {
            problems.extend(differences(&seal.files, &found));
            let own = digest_over(&seal.files);
            if own != seal.digest || (problems.is_empty() && seal.digest != digest) {
                problems.push("the seal does not match its own list".to_owned());
            }
            match &logged {
                Some(logged) if *logged != own => problems.push(format!(
                    "the seal was changed: its list hashes to {own}, the audit log says {logged}"
                )),
                Some(_) => {}
                None => problems.push("the audit log does not know its seal".to_owned()),
            }
        }
        Ok(None) if logged.is_some() => problems.push(format!("`{SEAL}` is missing")),
        Ok(None) => problems.push("it has no seal: the session still runs".to_owned()),
        Err(error) => problems.push(format!("its seal cannot be read: {error}")),
    }
    if let Some(logged) = &logged
        && problems.is_empty()
        && *logged != digest
    {
        problems.push(format!("its files hash to {digest}, the audit log says {logged}"));
    }
    Ok(RecordingCheck { digest, logged, intact: problems.is_empty(), problems })
}
