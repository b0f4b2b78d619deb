//! The [`Kv`] on SQLite.
//!
//! ```text
//!   committers ──queue──► writer thread ──one transaction, one fsync──► state.db ◄── reader pool
//!                            │ publish                                     │
//!                            └──► recent changes, in memory ──► watchers ◄─┘ those that lag read the log
//! ```
//!
//! One thread writes. It drains the queue and puts all that waits into one transaction (group commit), checking each
//! commit's expectations inside it, so one that conflicts does not spoil the others. Write-ahead log with
//! `synchronous=FULL`: when a commit is answered, it is on the disk.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;

use futures_util::FutureExt as _;
use jiff::SignedDuration;
use tokio::sync::{Semaphore, oneshot, watch};

use crate::kv::{
    Answer, Clock, Commit, CommitError, Entry, Fault, InvalidInput, Kv, LeaseId, Page, Range,
    ReadError, Revision, Watch, limits,
};

mod apply;
mod fault;
mod lease;
mod pool;
mod reader;
mod recent;
mod schema;
mod writer;

pub(crate) use lease::micros;
pub(crate) use pool::Pool;
pub(crate) use schema::{Schema, open_reader, open_writer};

use reader::Readers;
use recent::{Recent, RecentWatch};
use writer::{Job, Task};

/// State in one SQLite file.
pub struct SqliteKv {
    path: PathBuf,
    queue: std::sync::Mutex<Option<mpsc::Sender<Job>>>,
    room: Arc<Semaphore>,
    commits: Arc<Semaphore>,
    readers: Readers,
    recent: Arc<Recent>,
    head: watch::Receiver<Revision>,
    writer: std::sync::Mutex<Option<thread::JoinHandle<()>>>,
}

impl fmt::Debug for SqliteKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteKv")
            .field("path", &self.path)
            .field("head", &*self.head.borrow())
            .finish_non_exhaustive()
    }
}

/// How a [`SqliteKv`] is opened.
#[derive(Clone)]
pub struct SqliteOptions {
    /// Decides when leases end.
    pub clock: Clock,
    /// Connections that read at the same time.
    pub readers: usize,
    /// How many revisions the change log keeps.
    pub log_revisions: u64,
    /// The database may grow to so many pages; beyond, commits are refused as on a full disk.
    pub pages: Option<u32>,
    /// Kept open until the writer has ended.
    pub(crate) hold: Option<Arc<std::fs::File>>,
}

impl fmt::Debug for SqliteOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteOptions")
            .field("readers", &self.readers)
            .field("log_revisions", &self.log_revisions)
            .finish_non_exhaustive()
    }
}

impl SqliteOptions {
    /// The usual numbers, with this clock.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, readers: 4, log_revisions: limits::LOG_REVISIONS, pages: None, hold: None }
    }
}

impl SqliteKv {
    /// Opens the file, or makes it, and starts its writer. Blocks while SQLite recovers what a crash left.
    ///
    /// # Errors
    /// A [`Fault`] that says what is wrong with the file, its disk or its permissions.
    pub fn open(path: &Path, options: SqliteOptions) -> Result<Self, Fault> {
        let connection = open_writer(path, Schema::State)?;
        if let Some(pages) = options.pages {
            connection.pragma_update(None, "max_page_count", pages)?;
        }
        let state = writer::State::load(&connection)?;
        let readers = Readers::open(path, options.readers, Arc::clone(&options.clock))?;
        let (head_sender, head) = watch::channel(state.head);
        let recent = Arc::new(Recent::new(state.head, state.compacted));
        let (queue, jobs) = mpsc::channel();
        let writer =
            writer::Writer::new(connection, state, options, jobs, Arc::clone(&recent), head_sender);
        let writer = thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer.run())
            .map_err(|error| Fault::Io(error.to_string()))?;
        Ok(Self {
            path: path.to_owned(),
            queue: std::sync::Mutex::new(Some(queue)),
            room: Arc::new(Semaphore::new(limits::QUEUED_KIB)),
            commits: Arc::new(Semaphore::new(limits::QUEUED_COMMITS)),
            readers,
            recent,
            head,
            writer: std::sync::Mutex::new(Some(writer)),
        })
    }

    /// Follows the revision of the last commit.
    #[must_use]
    pub fn head(&self) -> watch::Receiver<Revision> {
        self.head.clone()
    }

    /// Lets the writer end once it has written what was queued, and readers at once.
    pub(crate) fn shut(&self) {
        self.shut_queue();
        self.readers.close();
    }

    fn shut_queue(&self) {
        if let Ok(mut queue) = self.queue.lock() {
            queue.take();
        }
    }

    async fn ask<T>(
        &self,
        bytes: usize,
        task: impl FnOnce(oneshot::Sender<Result<T, CommitError>>) -> Task,
    ) -> Result<T, CommitError> {
        // The permits travel with the job and come back when it is answered: that bounds the queue, in number and in
        // bytes, and makes committers wait when the disk is slow.
        let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX);
        let closed = |_| CommitError::Fault(Fault::Closed);
        let commits = Arc::clone(&self.commits).acquire_owned().await.map_err(closed)?;
        let room = Arc::clone(&self.room).acquire_many_owned(kib).await.map_err(closed)?;
        let (reply, answer) = oneshot::channel();
        let job = Job { task: task(reply), _permits: [commits, room] };
        let sent = match &*self.queue.lock().map_err(|_| Fault::Closed)? {
            Some(queue) => queue.send(job).is_ok(),
            None => false,
        };
        if !sent {
            return Err(Fault::Closed.into());
        }
        answer.await.map_err(|_| CommitError::Fault(Fault::Closed))?
    }
}

impl Kv for SqliteKv {
    fn revision(&self) -> Revision {
        *self.head.borrow()
    }

    fn fetch(&self, keys: Vec<String>) -> Answer<'_, Result<Vec<Option<Entry>>, ReadError>> {
        async move {
            if keys.len() > limits::RANGE_ENTRIES {
                return Err(InvalidInput::Keys(keys.len()).into());
            }
            Ok(self.readers.with(move |reader| reader.fetch(&keys)).await?)
        }
        .boxed()
    }

    fn range(&self, range: Range) -> Answer<'_, Result<Page, ReadError>> {
        async move { Ok(self.readers.with(move |reader| reader.range(&range)).await?) }.boxed()
    }

    fn commit(&self, commit: Commit) -> Answer<'_, Result<Revision, CommitError>> {
        async move {
            let (bytes, events) = commit.check()?;
            self.ask(bytes, |reply| Task::Commit { commit, events, reply }).await
        }
        .boxed()
    }

    fn watch(&self, prefixes: Vec<String>, after: Revision) -> Watch {
        Watch::new(RecentWatch::new(
            prefixes,
            after,
            self.head.clone(),
            Arc::clone(&self.recent),
            self.readers.clone(),
        ))
    }

    fn lease(&self, ttl: SignedDuration) -> Answer<'_, Result<LeaseId, CommitError>> {
        async move {
            lease::check(ttl)?;
            self.ask(0, |reply| Task::Lease { ttl, reply }).await
        }
        .boxed()
    }

    fn keep(&self, lease: LeaseId, ttl: SignedDuration) -> Answer<'_, Result<(), CommitError>> {
        async move {
            lease::check(ttl)?;
            self.ask(0, |reply| Task::Keep { lease, ttl, reply }).await
        }
        .boxed()
    }

    fn end_lease(&self, lease: LeaseId) -> Answer<'_, Result<(), CommitError>> {
        self.ask(0, move |reply| Task::EndLease { lease, reply }).boxed()
    }

    fn compact(&self, upto: Revision) -> Answer<'_, Result<(), CommitError>> {
        self.ask(0, move |reply| Task::Compact { upto, reply }).boxed()
    }

    fn advance(&self, revision: Revision) -> Answer<'_, Result<(), CommitError>> {
        self.ask(0, move |reply| Task::Advance { revision, reply }).boxed()
    }

    fn close(&self) -> Answer<'_, ()> {
        async move {
            self.shut_queue();
            let writer = self.writer.lock().ok().and_then(|mut writer| writer.take());
            if let Some(writer) = writer {
                // The writer ends once it has answered everything that was queued.
                let _ = tokio::task::spawn_blocking(move || writer.join()).await;
            }
            self.readers.close();
        }
        .boxed()
    }
}
