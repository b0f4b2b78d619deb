//! A recording while it is written.

use std::io;
use std::time::Duration;

use api::recording::files::{FileDigest, digest_over};
use api::recording::{RecordingState, RecordingView};
use jiff::Timestamp;
use tokio::sync::watch;

use super::folder::{Folder, PartName, Seal};
use super::{Meta, Outcome, Press, Shelf};

/// How far a running recording has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    pub(super) parts: u32,
    pub(super) bytes: u64,
}

/// A recording that is being written. Its calls block on the disk: for threads that may.
#[derive(Debug)]
pub struct Spool {
    shelf: Shelf,
    folder: Folder,
    meta: Meta,
    files: Vec<FileDigest>,
    progress: watch::Sender<Progress>,
}

/// A recording that is complete, and what its audit events say.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// Whose session.
    pub meta: Meta,
    /// How it ended.
    pub outcome: Outcome,
    /// When.
    pub ended: Timestamp,
    /// The daemon had stopped in the middle.
    pub recovered: bool,
    /// Parts could not be written.
    pub broken: bool,
    /// SHA-256 over the digests of all files, in hexadecimal.
    pub digest: String,
    /// How many parts.
    pub parts: u32,
    /// Bytes on disk.
    pub bytes: u64,
}

impl Spool {
    pub(super) fn new(
        shelf: Shelf,
        folder: Folder,
        meta: Meta,
        first: FileDigest,
        progress: watch::Sender<Progress>,
    ) -> Self {
        Self { shelf, folder, meta, files: vec![first], progress }
    }

    /// Whose session this is.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Bytes of its parts on disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.progress.borrow().bytes
    }

    /// Whether anyone is watching it now.
    #[must_use]
    pub fn followed(&self) -> bool {
        // One receiver is the shelf's own.
        self.progress.receiver_count() > 1
    }

    /// Writes `lines` as the next part; `start` is the offset its first interval counts from. When this returns, the
    /// part outlives a crash.
    ///
    /// # Errors
    /// The disk did not take it. Nothing of the part is left, and what was there before stays.
    pub fn put(&mut self, press: &mut Press, start: Duration, lines: &[u8]) -> io::Result<()> {
        let Progress { parts, bytes } = *self.progress.borrow();
        let start_ms = u64::try_from(start.as_millis()).unwrap_or(u64::MAX);
        let packed = press.pack(lines)?;
        if parts == 0 {
            self.folder.settle()?;
        }
        let file = self.folder.put(PartName { number: parts, start_ms }, &packed)?;
        let bytes = bytes + file.bytes;
        self.files.push(file);
        self.progress.send_replace(Progress { parts: parts + 1, bytes });
        Ok(())
    }

    /// Writes the seal. The caller commits its events, then calls [`Shelf::settle`].
    ///
    /// What it says is known even when the disk does not take it, so that the audit log can still hold the digest.
    pub fn seal(
        self,
        outcome: Outcome,
        ended: Timestamp,
        broken: bool,
    ) -> (Sealed, io::Result<()>) {
        let digest = digest_over(&self.files);
        let seal = Seal { outcome, ended, recovered: false, broken, digest, files: self.files };
        let written = self.folder.seal(&seal);
        // Followers learn that it is over when `progress` is dropped.
        self.shelf.forget(&self.meta.session);
        (Sealed::new(self.meta, seal), written)
    }

    /// Takes a recording back that never began: its session was refused after all.
    pub fn discard(self) {
        self.shelf.forget(&self.meta.session);
        self.shelf.discard(&self.folder, &self.meta.session);
    }
}

impl Sealed {
    pub(super) fn new(meta: Meta, seal: Seal) -> Self {
        Self {
            meta,
            outcome: seal.outcome,
            ended: seal.ended,
            recovered: seal.recovered,
            broken: seal.broken,
            digest: seal.digest,
            // `meta.json` is the first file.
            parts: u32::try_from(seal.files.len().saturating_sub(1)).unwrap_or(u32::MAX),
            bytes: seal.files.iter().skip(1).map(|file| file.bytes).sum(),
        }
    }

    pub(super) fn view(&self) -> RecordingView {
        let state = match (self.broken, self.recovered) {
            (true, _) => RecordingState::Broken,
            (false, true) => RecordingState::Recovered,
            (false, false) => RecordingState::Sealed,
        };
        RecordingView {
            ended: Some(self.ended),
            state,
            outcome: Some(self.outcome.code().to_owned()),
            bytes: self.bytes,
            parts: self.parts,
            digest: Some(self.digest.clone()),
            ..self.meta.view()
        }
    }
}

impl Meta {
    /// How a running recording is listed.
    pub(super) fn view(&self) -> RecordingView {
        RecordingView {
            session: self.session.clone(),
            user: self.user.clone(),
            target: self.target.clone(),
            login: self.login.clone(),
            requests: self.requests.clone(),
            peer: self.peer.clone(),
            started: self.started,
            ended: None,
            state: RecordingState::Live,
            retired: None,
            outcome: None,
            bytes: 0,
            parts: 0,
            digest: None,
        }
    }
}
