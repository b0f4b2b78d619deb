//! What the doors hand to the writer threads.
//!
//! A queue is bounded in bytes, by a semaphore whose permits are bytes: a sender waits for room before it queues, and
//! the writer gives the room back when it has dealt with the message. So a disk that stalls, stalls the sessions.

use std::sync::Arc;
use std::sync::mpsc;

use bytes::Bytes;
use jiff::Timestamp;
use store::recording::{CreateError, Meta, Outcome};
use tokio::sync::{Semaphore, TryAcquireError, oneshot};
use tokio::time::Instant;
use wire::cast::Stream;

use super::batch::Batch;
use super::fuse::Fuse;
use super::recording::Counts;
use super::tally::Totals;
use super::{Ending, Purpose};

/// Bytes that wait for one writer thread at most.
pub(super) const MAX_QUEUED: usize = 8 << 20;
/// What a message counts for beside its bytes.
const OVERHEAD: usize = 128;

/// To one session's recording, at a moment.
pub(super) struct Message {
    pub(super) session: u64,
    pub(super) at: Instant,
    pub(super) what: What,
}

pub(super) enum What {
    Begin {
        channel: u32,
        purpose: Purpose,
    },
    Bytes {
        channel: u32,
        stream: Stream,
        bytes: Bytes,
    },
    Close(Box<Close>),
    Discard,
    End {
        channel: u32,
        ending: Ending,
        totals: Box<Totals>,
    },
    Note {
        channel: u32,
        text: String,
    },
    Open(Box<Open>),
    Resize {
        channel: u32,
        cols: u16,
        rows: u16,
    },
    /// Statements of a database session. What is left when a session goes away without a word is not paid for.
    Statements {
        channel: u32,
        batch: Batch,
        paid: bool,
    },
    /// Writes down everything that is still in memory; the house is closing.
    Stop(oneshot::Sender<()>),
}

pub(super) struct Open {
    pub(super) meta: Meta,
    /// Bytes it may take on disk.
    pub(super) most: Option<u64>,
    pub(super) fuse: Arc<Fuse>,
    pub(super) opened: oneshot::Sender<Result<(), CreateError>>,
}

pub(super) struct Close {
    pub(super) outcome: Outcome,
    pub(super) ended: Timestamp,
    pub(super) counts: Counts,
    /// Of the channels that are still open.
    pub(super) totals: Vec<(u32, Totals)>,
    /// Told when the events are in the audit log.
    pub(super) closed: oneshot::Sender<()>,
}

impl Message {
    /// How much of the queue it takes, in bytes. What opens and closes is free: it must get through.
    pub(super) fn cost(&self) -> usize {
        let bytes = match &self.what {
            What::Begin { purpose, .. } => purpose.text().len(),
            What::Bytes { bytes, .. } => bytes.len(),
            What::Note { text, .. } => text.len(),
            What::End { .. } | What::Resize { .. } => 0,
            What::Statements { batch, paid: true, .. } => batch.len(),
            What::Statements { paid: false, .. } => return 0,
            What::Close(_) | What::Discard | What::Open(_) | What::Stop(_) => return 0,
        };
        (bytes + OVERHEAD).min(MAX_QUEUED)
    }
}

/// The sending half of a writer's queue.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    room: Arc<Semaphore>,
    messages: mpsc::Sender<Message>,
}

/// The writer is gone.
#[derive(Debug)]
pub(super) struct Gone;

impl Queue {
    pub(super) fn new() -> (Self, Inbox) {
        let room = Arc::new(Semaphore::new(MAX_QUEUED));
        let (messages, receiver) = mpsc::channel();
        (Self { room: Arc::clone(&room), messages }, Inbox { room, messages: receiver })
    }

    /// Queues a message once there is room for it.
    pub(super) async fn send(&self, message: Message) -> Result<(), Gone> {
        let cost = u32::try_from(message.cost()).unwrap_or(u32::MAX);
        if cost > 0 {
            self.room.acquire_many(cost).await.map_err(|_| Gone)?.forget();
        }
        self.send_now(message)
    }

    /// Queues a message if there is room for it now, else gives it back.
    pub(super) fn try_send(&self, message: Message) -> Result<(), (Message, TryAcquireError)> {
        let cost = u32::try_from(message.cost()).unwrap_or(u32::MAX);
        match self.room.try_acquire_many(cost) {
            Ok(room) => room.forget(),
            Err(error) => return Err((message, error)),
        }
        self.messages.send(message).map_err(|error| (error.0, TryAcquireError::Closed))
    }

    /// Queues a message that costs nothing.
    pub(super) fn send_now(&self, message: Message) -> Result<(), Gone> {
        self.messages.send(message).map_err(|_| Gone)
    }
}

/// The receiving half. When it is dropped, senders that wait are told.
pub(super) struct Inbox {
    room: Arc<Semaphore>,
    messages: mpsc::Receiver<Message>,
}

/// What came of waiting.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Waited {
    /// Messages.
    Messages,
    /// Nothing for so long.
    Nothing,
    /// There are no senders any more.
    Over,
}

impl Inbox {
    /// Waits for messages, at most for `patience`, and puts up to `most` of them into `batch`.
    pub(super) fn wait(
        &self,
        patience: Option<std::time::Duration>,
        most: usize,
        batch: &mut Vec<Message>,
    ) -> Waited {
        let first = match patience {
            None => self.messages.recv().map_err(|_| Waited::Over),
            Some(patience) => self.messages.recv_timeout(patience).map_err(|error| match error {
                mpsc::RecvTimeoutError::Timeout => Waited::Nothing,
                mpsc::RecvTimeoutError::Disconnected => Waited::Over,
            }),
        };
        match first {
            Ok(first) => batch.push(first),
            Err(waited) => return waited,
        }
        batch.extend(self.messages.try_iter().take(most.saturating_sub(1)));
        Waited::Messages
    }

    /// Gives room back.
    pub(super) fn release(&self, bytes: usize) {
        self.room.add_permits(bytes);
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.room.close();
    }
}
