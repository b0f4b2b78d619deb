//! What both directions of a session channel know of the program that runs in it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use russh::{ChannelWriteHalf, server};
use serde_json::{Value, json};
use wire::sftp::{FileEvent, Follower};

use super::super::link::Link;
use super::{EX_UNAVAILABLE, STDERR};
use crate::record::{ChannelId, Ending};

/// A terminal, as the client asked for it.
#[derive(Clone, Debug)]
pub(super) struct Terminal {
    pub(super) term: String,
    pub(super) cols: u16,
    pub(super) rows: u16,
}

/// Whose answer the next answer to the client is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Answer {
    Target,
    No,
}

/// The program in a session channel.
#[derive(Debug, Default)]
pub(super) struct Program {
    record: OnceLock<ChannelId>,
    terminal: Mutex<Option<Terminal>>,
    is_terminal: AtomicBool,
    files: Mutex<Option<Box<Follower>>>,
    follows: AtomicBool,
    answers: Mutex<VecDeque<Answer>>,
    output_ended: AtomicBool,
    ending: Mutex<Option<Ending>>,
}

impl Program {
    pub(super) fn terminal(&self) -> bool {
        self.is_terminal.load(Ordering::Relaxed)
    }

    pub(super) fn set_terminal(&self, terminal: Terminal) {
        *self.terminal.lock().unwrap_or_else(PoisonError::into_inner) = Some(terminal);
        self.is_terminal.store(true, Ordering::Relaxed);
    }

    pub(super) fn take_terminal(&self) -> Option<Terminal> {
        self.terminal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The recording's channel, once a program runs.
    pub(super) fn record(&self) -> Option<ChannelId> {
        self.record.get().copied()
    }

    /// A program starts in this channel. False when one did already: a channel has one (RFC 4254, section 6.5).
    pub(super) fn begin(&self, record: ChannelId) -> bool {
        self.record.set(record).is_ok()
    }

    /// From now on the bytes are SFTP.
    pub(super) fn follow_files(&self) {
        *self.files.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::default());
        self.follows.store(true, Ordering::Relaxed);
    }

    /// The client sent `bytes`; what they tell about files.
    pub(super) fn files_up(&self, bytes: &Bytes) -> Vec<FileEvent> {
        self.files(|follower, events| follower.client(bytes, events))
    }

    /// The target sent `bytes`; what they tell about files.
    pub(super) fn files_down(&self, bytes: &Bytes) -> Vec<FileEvent> {
        self.files(|follower, events| follower.server(bytes, events))
    }

    fn files(&self, feed: impl FnOnce(&mut Follower, &mut Vec<FileEvent>)) -> Vec<FileEvent> {
        let mut events = Vec::new();
        if self.follows.load(Ordering::Relaxed)
            && let Some(follower) = &mut *self.files.lock().unwrap_or_else(PoisonError::into_inner)
        {
            feed(follower, &mut events);
        }
        events
    }

    /// A request that wants an answer goes to the target.
    pub(super) fn asked_target(&self) {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).push_back(Answer::Target);
    }

    /// A request that wants an answer is refused here. True when the refusal may be sent at once; otherwise it
    /// waits for the target's answers to the requests before it.
    pub(super) fn refused_here(&self) -> bool {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.is_empty() {
            return true;
        }
        answers.push_back(Answer::No);
        false
    }

    /// The target has answered: how many refusals of ours come right after its answer. `None` when it answered
    /// what was not asked.
    pub(super) fn answered(&self) -> Option<usize> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.pop_front()?;
        let mut refusals = 0;
        while answers.front() == Some(&Answer::No) {
            answers.pop_front();
            refusals += 1;
        }
        Some(refusals)
    }

    /// The target has no more output; its program's status may still come.
    pub(super) fn output_ended(&self) {
        self.output_ended.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_output_ended(&self) -> bool {
        self.output_ended.load(Ordering::Relaxed)
    }

    pub(super) fn set_ending(&self, ending: Ending) {
        *self.ending.lock().unwrap_or_else(PoisonError::into_inner) = Some(ending);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// The target is gone without a word about the program.
    pub(super) async fn lost(&self, out: &ChannelWriteHalf<server::Msg>) {
        if self.record().is_none() {
            return;
        }
        let end = if self.terminal() { "\r\n" } else { "\n" };
        let line = format!("The connection to the target was lost.{end}");
        let _ = tokio::time::timeout(super::TELL_WAIT, async {
            let _ = out.extended_data_bytes(STDERR, Bytes::from(line)).await;
            let _ = out.exit_status(EX_UNAVAILABLE).await;
        })
        .await;
    }

    /// The channel has ended: its last file events and its recording's end are written.
    pub(super) async fn finish(&self, link: &Link) {
        let events = self.files(|follower, events| follower.finish(events));
        // The session is ending with its channel at worst; a log that is gone cuts it by itself.
        let _ = note_files(link, events).await;
        let ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(record) = self.record() {
            let _ = link.session.recording.end(record, ending.unwrap_or(Ending::Closed)).await;
        }
    }
}

/// Writes what happened to files into the audit log.
pub(super) async fn note_files(
    link: &Link,
    events: Vec<FileEvent>,
) -> Result<(), crate::error::Error> {
    for event in events {
        link.session.note("ssh.file", describe(event)).await?;
    }
    Ok(())
}

fn describe(event: FileEvent) -> Value {
    match event {
        FileEvent::Opened { path, write } => {
            json!({ "did": "open", "path": path, "for": if write { "write" } else { "read" } })
        }
        FileEvent::Closed { path, read, written } => {
            json!({ "did": "close", "path": path, "read": read, "written": written })
        }
        FileEvent::Listed { path } => json!({ "did": "list", "path": path }),
        FileEvent::Changed { change, path } => json!({ "did": change.as_str(), "path": path }),
        FileEvent::Moved { change, from, to } => {
            json!({ "did": change.as_str(), "path": from, "to": to })
        }
        FileEvent::Refused { change, path, status } => {
            json!({ "did": change.as_str(), "path": path, "refused": true, "status": status })
        }
        FileEvent::Untracked { why } => json!({ "did": "untracked", "why": why }),
    }
}
