//! Whether a recording is what was sealed: every file's digest, from its bytes on disk.

use std::io;

use api::recording::RecordingCheck;

use super::folder::{Folder, digest_over};
use super::{ReadError, Shelf, ShelfError};

impl Shelf {
    /// Recomputes the digest of a recording from its files and compares it with its seal. The caller compares it with
    /// the one in the audit log: whoever can change files can change the seal too, but not that.
    ///
    /// # Errors
    /// There is no such recording, or its folder cannot be read at all.
    pub async fn check(&self, session: &str) -> Result<RecordingCheck, ReadError> {
        let view = self.find(session).await?.ok_or(ReadError::Unknown)?;
        let folder = self.folder(&view).ok_or(ReadError::Unknown)?;
        self.blocking(move |_| {
            compare(&folder).map_err(|source| ShelfError::Folder { path: folder.0.clone(), source })
        })
        .await
        .map_err(ReadError::from)
    }
}

fn compare(folder: &Folder) -> io::Result<RecordingCheck> {
    let mut problems = Vec::new();
    let found = folder.digests()?;
    let digest = digest_over(&found);
    match folder.read_seal() {
        Ok(Some(seal)) => {
            for file in &seal.files {
                match found.iter().find(|other| other.name == file.name) {
                    None => problems.push(format!("`{}` is missing", file.name)),
                    Some(other) if other != file => {
                        problems.push(format!("`{}` was changed", file.name))
                    }
                    Some(_) => {}
                }
            }
            for file in
                found.iter().filter(|file| !seal.files.iter().any(|other| other.name == file.name))
            {
                problems.push(format!("`{}` is not in the seal", file.name));
            }
            if digest_over(&seal.files) != seal.digest
                || (problems.is_empty() && seal.digest != digest)
            {
                problems.push("the seal does not match its own list".to_owned());
            }
        }
        Ok(None) => problems.push("it has no seal: the session still runs".to_owned()),
        Err(error) => problems.push(format!("its seal cannot be read: {error}")),
    }
    Ok(RecordingCheck { digest, intact: problems.is_empty(), problems })
}
