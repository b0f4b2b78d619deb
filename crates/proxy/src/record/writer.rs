//! A writer thread: takes its queue in batches and keeps the recordings of its sessions.

use std::collections::BTreeMap;
use std::io;
use std::thread;
use std::time::Duration;

use store::recording::{CreateError, Press, Shelf};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Ending;
use super::clerk::Done;
use super::queue::{Close, Inbox, Message, Open, Waited, What};
use super::sitting::Sitting;

/// Messages taken at once, before their room in the queue is given back.
const BATCH: usize = 64;
/// A batch of more bytes than this is bulk: the thread then waits [`LINGER`] for more instead of being woken by
/// every packet.
const BULK: usize = 256 << 10;
const LINGER: Duration = Duration::from_millis(1);
/// How often waiting lines are looked at.
const TICK: Duration = Duration::from_secs(1);
/// Bytes of lines, over all sessions of a thread, that may wait for their parts to fill.
const MAX_WAITING: usize = 32 << 20;

pub(super) struct Writer {
    shelf: Shelf,
    press: Press,
    inbox: Inbox,
    done: mpsc::UnboundedSender<Done>,
    sittings: BTreeMap<u64, Sitting>,
    /// Bytes of lines that wait, over all sittings.
    waiting: usize,
}

impl Writer {
    /// Starts a thread.
    pub(super) fn start(
        number: usize,
        shelf: Shelf,
        inbox: Inbox,
        done: mpsc::UnboundedSender<Done>,
    ) -> io::Result<thread::JoinHandle<()>> {
        let press = shelf.press()?;
        let writer = Self { shelf, press, inbox, done, sittings: BTreeMap::new(), waiting: 0 };
        thread::Builder::new().name(format!("record-{number}")).spawn(move || writer.run())
    }

    fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let patience = (self.waiting > 0).then_some(TICK);
            if self.inbox.wait(patience, BATCH, &mut batch) == Waited::Over {
                return;
            }
            let mut taken = 0;
            for message in batch.drain(..) {
                taken += message.cost();
                self.handle(message);
            }
            self.inbox.release(taken);
            self.flush_due(Instant::now());
            if taken > BULK {
                thread::sleep(LINGER);
            }
        }
    }

    fn handle(&mut self, Message { session, at, what }: Message) {
        match what {
            What::Open(open) => return self.open(session, at, *open),
            What::Close(close) => return self.close(session, at, *close),
            What::Stop(stopped) => {
                self.flush_all();
                // Whoever asked may have gone.
                let _ = stopped.send(());
                return;
            }
            What::Discard => {
                if let Some(sitting) = self.remove(session) {
                    sitting.discard();
                }
                return;
            }
            What::Begin { .. }
            | What::Bytes { .. }
            | What::End { .. }
            | What::Note { .. }
            | What::Resize { .. }
            | What::Statements { .. } => {}
        }
        let Some(sitting) = self.sittings.get_mut(&session) else { return };
        let before = sitting.waiting();
        match what {
            What::Begin { channel, purpose } => sitting.begin(at, channel, &purpose),
            What::Bytes { channel, stream, bytes } => sitting.bytes(at, channel, stream, &bytes),
            What::End { channel, ending, totals } => sitting.end(at, channel, &ending, &totals),
            What::Note { channel, text } => sitting.note(at, channel, &text),
            What::Resize { channel, cols, rows } => sitting.resize(at, channel, cols, rows),
            What::Statements { channel, batch, .. } => sitting.statements(channel, &batch),
            What::Close(_) | What::Discard | What::Open(_) | What::Stop(_) => {}
        }
        self.waiting = self.waiting.saturating_sub(before) + sitting.waiting();
        if sitting.is_full() || self.waiting > MAX_WAITING {
            self.waiting = self.waiting.saturating_sub(sitting.waiting());
            sitting.flush(&mut self.press);
        }
    }

    fn open(&mut self, session: u64, at: Instant, open: Open) {
        let created = match self.shelf.create(&open.meta) {
            Ok(spool) => {
                self.sittings.insert(session, Sitting::new(spool, open.most, open.fuse, at));
                Ok(())
            }
            Err(error) => Err(error),
        };
        if open.opened.send(created).is_err() {
            // Whoever asked has gone: the session never was.
            if let Some(sitting) = self.remove(session) {
                sitting.discard();
            }
        }
    }

    fn close(&mut self, session: u64, at: Instant, close: Close) {
        let Close { outcome, ended, counts, totals, closed } = close;
        let Some(mut sitting) = self.remove(session) else { return };
        for (channel, totals) in totals {
            sitting.end(at, channel, &Ending::Closed, &totals);
        }
        let sealed = sitting.seal(at, outcome, ended, &mut self.press);
        // The clerk outlives the writers, except when the house falls; then the sweep tells the audit log.
        let _ = self.done.send(Done::Sealed { sealed: Box::new(sealed), counts, closed });
    }

    fn remove(&mut self, session: u64) -> Option<Sitting> {
        let sitting = self.sittings.remove(&session)?;
        self.waiting = self.waiting.saturating_sub(sitting.waiting());
        Some(sitting)
    }

    fn flush_due(&mut self, now: Instant) {
        if self.waiting == 0 {
            return;
        }
        for sitting in self.sittings.values_mut().filter(|sitting| sitting.is_due(now)) {
            self.waiting = self.waiting.saturating_sub(sitting.waiting());
            sitting.flush(&mut self.press);
        }
    }

    fn flush_all(&mut self) {
        for sitting in self.sittings.values_mut() {
            sitting.flush(&mut self.press);
        }
        self.waiting = 0;
    }
}

impl Drop for Writer {
    /// However the thread ends, no session goes on unrecorded.
    fn drop(&mut self) {
        self.sittings.values().for_each(Sitting::abandon);
    }
}

/// Why a recording cannot begin, as the doors are told.
impl From<CreateError> for super::OpenError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Full { free, reserve } => Self::Full { free, reserve },
            CreateError::Catalogue(_) | CreateError::Disk(_) | CreateError::Id => {
                Self::Disk(Box::new(error))
            }
        }
    }
}
