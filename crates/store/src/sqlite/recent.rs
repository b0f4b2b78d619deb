//! The changes of the last moments, for watchers that keep up.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use tokio::sync::watch;

use super::reader::Readers;
use crate::kv::{Answer, Batch, Change, Fault, Revision, WatchError, WatchSource, limits};

/// Bounded in number and bytes; what falls out is still in the log.
#[derive(Debug)]
pub(super) struct Recent(Mutex<Ring>);

#[derive(Debug)]
struct Ring {
    changes: VecDeque<Change>,
    bytes: usize,
    /// Every change after this revision, up to `head`, is in `changes`.
    floor: Revision,
    head: Revision,
    compacted: Revision,
}

/// What the ring knows about the changes after a revision.
enum Found {
    Changes(Vec<Change>, Revision),
    /// They have fallen out: read the log.
    Older,
    Compacted(Revision),
}

fn size(change: &Change) -> usize {
    change.key.len() + change.value.as_ref().map_or(0, bytes::Bytes::len)
}

impl Recent {
    pub(super) fn new(head: Revision, compacted: Revision) -> Self {
        Self(Mutex::new(Ring { changes: VecDeque::new(), bytes: 0, floor: head, head, compacted }))
    }

    pub(super) fn publish(&self, head: Revision, compacted: Revision, changes: Vec<Change>) {
        let Ok(mut ring) = self.0.lock() else { return };
        ring.head = head;
        ring.compacted = compacted;
        ring.bytes += changes.iter().map(size).sum::<usize>();
        ring.changes.extend(changes);
        while ring.changes.len() > limits::RECENT_CHANGES || ring.bytes > limits::RECENT_BYTES {
            let Some(oldest) = ring.changes.pop_front() else { break };
            ring.bytes -= size(&oldest);
            // Part of a revision is of no use to anyone: whoever has not seen it reads it from the log.
            ring.floor = oldest.revision;
        }
    }

    fn after(&self, revision: Revision) -> Result<Found, Fault> {
        let ring = self.0.lock().map_err(|_| Fault::Closed)?;
        if revision < ring.compacted {
            return Ok(Found::Compacted(ring.compacted));
        }
        if revision < ring.floor {
            return Ok(Found::Older);
        }
        let start = ring.changes.partition_point(|change| change.revision <= revision);
        let mut found: Vec<Change> = Vec::new();
        for change in ring.changes.range(start..) {
            if found.len() >= limits::WATCH_CHANGES
                && let Some(last) = found.last().map(|last| last.revision)
                && last != change.revision
            {
                return Ok(Found::Changes(found, last));
            }
            found.push(change.clone());
        }
        Ok(Found::Changes(found, ring.head))
    }
}

/// A watcher: where it is, and what it looks at.
#[derive(Debug)]
pub(super) struct RecentWatch {
    prefixes: Vec<String>,
    at: Revision,
    head: watch::Receiver<Revision>,
    recent: Arc<Recent>,
    readers: Readers,
}

impl RecentWatch {
    pub(super) fn new(
        prefixes: Vec<String>,
        at: Revision,
        head: watch::Receiver<Revision>,
        recent: Arc<Recent>,
        readers: Readers,
    ) -> Self {
        Self { prefixes, at, head, recent, readers }
    }

    async fn advance(&mut self) -> Result<Batch, WatchError> {
        let at = self.at;
        self.head.wait_for(|head| *head > at).await.map_err(|_| Fault::Closed)?;
        let (mut changes, revision) = match self.recent.after(at)? {
            Found::Changes(changes, revision) => (changes, revision),
            Found::Compacted(upto) => return Err(WatchError::Compacted(upto)),
            Found::Older => {
                let logged = self.readers.with(move |reader| reader.log(at)).await?;
                if at < logged.compacted {
                    return Err(WatchError::Compacted(logged.compacted));
                }
                (logged.changes, logged.revision)
            }
        };
        changes.retain(|change| self.prefixes.iter().any(|prefix| change.key.starts_with(prefix)));
        self.at = revision;
        Ok(Batch { changes, revision })
    }
}

impl WatchSource for RecentWatch {
    fn next(&mut self) -> Answer<'_, Result<Batch, WatchError>> {
        self.advance().boxed()
    }
}
