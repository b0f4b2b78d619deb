//! A recording while it is read: decrypted part by part, from any moment, and on while it is still written.

use std::collections::VecDeque;
use std::io;

use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::watch;

use super::folder::{Folder, PartName};
use super::spool::Progress;
use super::{RecordingKey, Shelf, ShelfError, unpack};

/// Why a recording cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The task was stopped: the house is closing.
    #[error("interrupted")]
    Interrupted,
    /// A part is missing, cannot be decrypted, or was changed.
    #[error("part {part} of the recording cannot be read")]
    Part {
        /// Which, from 0.
        part: u32,
        /// Why.
        source: io::Error,
    },
    /// The shelf cannot be asked.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    /// There is no such recording, or none any more.
    #[error("no such recording")]
    Unknown,
}

/// What to read and how far we are. Each [`Self::next`] is one part: whole lines of asciicast.
#[derive(Debug)]
pub struct Playback {
    folder: Folder,
    key: RecordingKey,
    ready: VecDeque<PartName>,
    /// The number of the next part that is not in `ready`.
    after: u32,
    live: Option<watch::Receiver<Progress>>,
    /// The header and where the clock stands, when the reading does not begin at the first part.
    preface: Option<u64>,
}

impl Shelf {
    /// Opens a recording at the part that holds the moment `from_ms`. A follower stays until the session ends.
    ///
    /// What is given is one asciicast file: when the first parts are left out, it is the header, an event of no effect
    /// that sets the clock, and the lines from there.
    ///
    /// # Errors
    /// There is no such recording, or its folder cannot be read.
    pub async fn play(
        &self,
        session: &str,
        key: &RecordingKey,
        from_ms: u64,
        following: Following,
    ) -> Result<Playback, ReadError> {
        let view = self.find(session).await?.ok_or(ReadError::Unknown)?;
        let folder = self.folder(&view).ok_or(ReadError::Unknown)?;
        // Asked before the parts are listed, so that none falls between.
        let live = match following {
            Following::No => None,
            Following::UntilTheEnd => self.follow(session),
        };
        let parts = self.parts(&folder).await?;
        // Parts that begin in the same millisecond are all wanted.
        let first = parts.partition_point(|part| part.start_ms < from_ms).saturating_sub(1);
        let preface = parts.get(first).filter(|_| first > 0).map(|part| part.start_ms);
        let after = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        let ready = parts.into_iter().skip(first).collect();
        Ok(Playback { folder, key: key.clone(), ready, after, live, preface })
    }

    async fn parts(&self, folder: &Folder) -> Result<Vec<PartName>, ReadError> {
        let folder = folder.clone();
        list(folder).await
    }
}

/// Whether to wait for what is still to come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Following {
    /// What there is now.
    No,
    /// Until the session ends.
    UntilTheEnd,
}

impl Playback {
    /// The next part's lines, or none at the end.
    ///
    /// # Errors
    /// The part cannot be read; after that there is nothing more.
    pub async fn next(&mut self) -> Option<Result<Bytes, ReadError>> {
        if let Some(start_ms) = self.preface.take() {
            return Some(self.preface(start_ms).await);
        }
        if self.ready.is_empty()
            && let Err(error) = self.wait().await
        {
            return self.fail(error);
        }
        let part = self.ready.pop_front()?;
        match self.read(part).await {
            Ok(lines) => Some(Ok(lines)),
            Err(error) => self.fail(error),
        }
    }

    /// The parts as a stream, for a response's body.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, ReadError>> + Send {
        futures_util::stream::unfold(self, |mut playback| async move {
            let next = playback.next().await?;
            Some((next, playback))
        })
    }

    fn fail(&mut self, error: ReadError) -> Option<Result<Bytes, ReadError>> {
        self.ready.clear();
        self.live = None;
        Some(Err(error))
    }

    async fn preface(&mut self, start_ms: u64) -> Result<Bytes, ReadError> {
        let first = self.read(PartName { number: 0, start_ms: 0 }).await?;
        let header = first.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let mut lines = header.to_vec();
        lines.extend_from_slice(
            format!("\n[{}.{:03},\"c\",\"0\"]\n", start_ms / 1000, start_ms % 1000).as_bytes(),
        );
        Ok(lines.into())
    }

    async fn wait(&mut self) -> Result<(), ReadError> {
        while self.ready.is_empty()
            && let Some(live) = &mut self.live
        {
            live.mark_unchanged();
            let parts = list(self.folder.clone()).await?;
            self.ready.extend(parts.iter().filter(|part| part.number >= self.after));
            self.after = self.after.max(u32::try_from(parts.len()).unwrap_or(u32::MAX));
            // Its sender is dropped when the recording ends: look once more, then that was all.
            if self.ready.is_empty() && live.changed().await.is_err() {
                self.live = None;
                let parts = list(self.folder.clone()).await?;
                self.ready.extend(parts.iter().filter(|part| part.number >= self.after));
            }
        }
        Ok(())
    }

    async fn read(&self, part: PartName) -> Result<Bytes, ReadError> {
        let (folder, key) = (self.folder.clone(), self.key.clone());
        let lines = tokio::task::spawn_blocking(move || unpack(&folder.read(part)?, &key));
        let lines = lines.await.map_err(|_| ReadError::Interrupted)?;
        lines.map(Bytes::from).map_err(|source| ReadError::Part { part: part.number, source })
    }
}

async fn list(folder: Folder) -> Result<Vec<PartName>, ReadError> {
    let listed = tokio::task::spawn_blocking(move || folder.parts()).await;
    listed.map_err(|_| ReadError::Interrupted)?.map_err(|source| {
        if source.kind() == io::ErrorKind::NotFound {
            ReadError::Unknown
        } else {
            ReadError::Part { part: 0, source }
        }
    })
}
