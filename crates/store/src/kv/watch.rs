//! Following changes.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::{Answer, Revision, WatchError};

/// One key changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// The commit that changed it.
    pub revision: Revision,
    /// The key.
    pub key: Arc<str>,
    /// Its new value; `None`: it was removed, or its lease ended.
    pub value: Option<Bytes>,
}

/// Everything that changed up to a revision, since the batch before. All changes of a revision are in one batch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Batch {
    /// What changed, in order. Empty when nothing did under the prefixes watched: then it only says how far the
    /// watcher has come.
    pub changes: Vec<Change>,
    /// The watcher has now seen everything up to here: where to watch from again.
    pub revision: Revision,
}

/// Where a [`Watch`] gets its batches from: one per backend.
pub trait WatchSource: fmt::Debug + Send {
    /// The next batch, as soon as there is something after the one before.
    fn next(&mut self) -> Answer<'_, Result<Batch, WatchError>>;
}

/// Changes as they are committed. It holds no queue: a watcher that lags reads the change log again.
#[derive(Debug)]
pub struct Watch(pub(crate) Box<dyn WatchSource>);

impl Watch {
    /// A watch on this source.
    #[must_use]
    pub fn new(source: impl WatchSource + 'static) -> Self {
        Self(Box::new(source))
    }

    /// Waits for the next batch. May be dropped and called again: nothing is lost.
    ///
    /// # Errors
    /// [`WatchError::Compacted`] when the changes that come next are no longer kept.
    pub async fn next(&mut self) -> Result<Batch, WatchError> {
        self.0.next().await
    }
}
