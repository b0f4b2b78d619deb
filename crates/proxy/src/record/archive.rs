//! Opens recordings, and runs the threads that write them.

use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use store::recording::{Meta, Shelf, ShelfError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::clerk::{self, Done, Ledger};
use super::fuse::Fuse;
use super::queue::{Message, Open, Queue, What};
use super::recording::Line;
use super::writer::Writer;
use super::{Clock, Keep, Mode, OpenError, Recording};

/// Writer threads at most, however many processors there are: they mostly hash, compress and wait for the disk.
const MAX_WRITERS: usize = 4;

/// Opens recordings. Cheap to clone; its few writer threads are shared by all sessions.
#[derive(Clone, Debug)]
pub struct Archive(Arc<Inner>);

struct Inner {
    queues: Vec<Queue>,
    ledger: Arc<dyn Ledger>,
    clock: Clock,
    done: mpsc::UnboundedSender<Done>,
    next: AtomicU64,
    threads: Mutex<Vec<thread::JoinHandle<()>>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archive").field("writers", &self.queues.len()).finish_non_exhaustive()
    }
}

/// Why the archive cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The audit log did not take what the sweep found.
    #[error("cannot record the recovered recordings in the audit log")]
    Audit(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The recordings cannot be read.
    #[error("cannot seal the recordings that a stopped daemon left open")]
    Sweep(#[source] ShelfError),
    /// A thread could not be started.
    #[error("cannot start a writer of recordings")]
    Thread(#[source] io::Error),
}

impl Archive {
    /// Seals what a daemon that stopped left open, commits that, and starts the writers.
    ///
    /// # Errors
    /// The recordings or the audit log cannot be used: do not let anyone in.
    pub async fn start(
        shelf: Shelf,
        ledger: Arc<dyn Ledger>,
        clock: Clock,
    ) -> Result<Self, StartError> {
        sweep(&shelf, &*ledger, &clock).await?;
        let (done, finished) = mpsc::unbounded_channel();
        let writers = thread::available_parallelism().map_or(1, usize::from).clamp(1, MAX_WRITERS);
        let (mut queues, mut threads) = (Vec::new(), Vec::new());
        for number in 0..writers {
            let (queue, inbox) = Queue::new();
            let thread = Writer::start(number, shelf.clone(), inbox, done.clone())
                .map_err(StartError::Thread)?;
            queues.push(queue);
            threads.push(thread);
        }
        tokio::spawn(clerk::run(shelf, Arc::clone(&ledger), Arc::clone(&clock), finished));
        let (next, threads) = (AtomicU64::new(0), Mutex::new(threads));
        Ok(Self(Arc::new(Inner { queues, ledger, clock, done, next, threads })))
    }

    /// Begins the recording of a session and commits `session.started`; when this returns, both are in the books.
    ///
    /// # Errors
    /// Nothing was started: refuse the session with [`OpenError::public`].
    pub async fn open(&self, meta: Meta, keep: Keep) -> Result<Recording, OpenError> {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let line = match keep.mode {
            Mode::Off => None,
            Mode::Strict => Some(self.begin(&meta, keep, number).await?),
            Mode::BestEffort => match self.begin(&meta, keep, number).await {
                Ok(line) => Some(line),
                Err(error) => {
                    tracing::warn!(session = meta.session, %error, "a session goes on without a recording, as its role allows");
                    None
                }
            },
        };
        let mut started = meta.started_event();
        if line.is_none() {
            started = started.with("recorded", false);
        }
        if let Err(error) = self.0.ledger.record(vec![started]).await {
            if let Some(line) = line {
                line.discard();
            }
            return Err(OpenError::Audit(error));
        }
        Ok(Recording::new(meta, keep, line, self.0.done.clone(), Arc::clone(&self.0.clock)))
    }

    async fn begin(&self, meta: &Meta, keep: Keep, number: u64) -> Result<Line, OpenError> {
        let writer = usize::try_from(number).unwrap_or(0) % self.0.queues.len().max(1);
        let queue = self.0.queues.get(writer).ok_or(OpenError::Shutdown)?.clone();
        let fuse = Arc::new(Fuse::default());
        let (opened, answer) = oneshot::channel();
        let open = Open { meta: meta.clone(), most: keep.most, fuse: Arc::clone(&fuse), opened };
        let what = What::Open(Box::new(open));
        let message = Message { session: number, at: Instant::now(), what };
        queue.send_now(message).map_err(|_| OpenError::Shutdown)?;
        answer.await.map_err(|_| OpenError::Shutdown)??;
        Ok(Line::new(queue, number, fuse))
    }

    /// Writes down all that is in memory. Recordings that are still open then stay readable up to here, and are sealed
    /// at the next start. For the end of the house, after its sessions were closed.
    pub async fn flush(&self) {
        for queue in &self.0.queues {
            let (stopped, answer) = oneshot::channel();
            let message = Message { session: 0, at: Instant::now(), what: What::Stop(stopped) };
            if queue.send_now(message).is_ok() {
                // A writer that is gone has nothing in memory.
                let _ = answer.await;
            }
        }
    }

    /// Whether all writer threads live.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        let threads = self.0.threads.lock().unwrap_or_else(PoisonError::into_inner);
        !threads.iter().any(thread::JoinHandle::is_finished)
    }
}

async fn sweep(shelf: &Shelf, ledger: &dyn Ledger, clock: &Clock) -> Result<(), StartError> {
    let swept = shelf.clone();
    let recovered = tokio::task::spawn_blocking(move || swept.sweep())
        .await
        .map_err(|_| StartError::Sweep(ShelfError::Interrupted))?
        .map_err(StartError::Sweep)?;
    if recovered.is_empty() {
        return Ok(());
    }
    tracing::warn!(
        recordings = recovered.len(),
        "sealed recordings that a stopped daemon had left open"
    );
    let events =
        recovered.iter().flat_map(|one| [one.ended_event(), one.sealed_event(clock())]).collect();
    ledger.record(events).await.map_err(StartError::Audit)?;
    clerk::settle(shelf.clone(), recovered).await;
    Ok(())
}
