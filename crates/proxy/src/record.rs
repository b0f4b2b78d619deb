//! Session recordings, as the doors write them.
//!
//! ```text
//!   door ── output(channel, bytes) ──► bounded queue ──► writer thread ──► parts on disk ──► sealed
//!            a refcount, no copy        in bytes, per      cast lines,       zstd, age,        digest in the
//!                                       session            digests           fsync             audit log
//! ```
//!
//! One [`Recording`] per session, made of channels. What a terminal showed is kept whole; of other channels a
//! bounded beginning is kept and every byte is counted and digested, so that each stays provable.
//!
//! What cannot be recorded does not happen: [`Archive::open`] refuses the session, and when a running recording
//! breaks, every call says [`Broken`] and [`Recording::broken`] wakes, unless the role says `best_effort`.

use bytes::Bytes;
use jiff::Timestamp;

pub use store::recording::{Meta, Outcome};

/// Opens recordings. Cheap to clone; its few writer threads are shared by all sessions.
#[derive(Clone, Debug)]
pub struct Archive {}

/// What is kept of a session, and what happens when it cannot be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Keep {
    /// Whether the session may go on without a recording.
    pub mode: Mode,
    /// Whether what is typed is kept too. It holds passwords, so it is off unless the role says so.
    pub input: Input,
}

/// Whether a session may go on without a recording.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// It goes on; that the recording broke is in the audit log.
    BestEffort,
    /// Nothing is recorded; the session still has its audit events.
    Off,
    /// It does not start, or it ends.
    Strict,
}

/// Whether what is typed into a channel is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Input {
    /// Counted and digested only.
    Digested,
    /// Kept like output.
    Kept,
}

/// A channel of a recording.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ChannelId(u32);

/// What a channel is for: said once, when its program starts (ssh: at `shell`, `exec` or `subsystem`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// A program in a terminal: kept whole.
    Terminal {
        /// `TERM`, as the client says.
        term: String,
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
        /// The command line, or none for a login shell.
        command: Option<String>,
    },
    /// A program without a terminal: scp, rsync, git, scripts.
    Command(String),
    /// A login shell without a terminal (`ssh -T host < script`).
    Shell,
    /// A subsystem by name: `sftp`.
    Subsystem(String),
}

/// How a channel's program ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ending {
    /// It ended with this status.
    Status(u32),
    /// It was killed by this signal (without `SIG`).
    Signal(String),
    /// The channel was closed without either.
    Closed,
}

/// A session's recording. Clones are handles of one recording; it is closed once, or when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Recording {}

/// The recording can no longer be written, so the session ends.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the recording of this session can no longer be written")]
pub struct Broken;

impl Broken {
    /// What the person at the other end is told.
    #[must_use]
    pub fn public(&self) -> &'static str {
        "This session ends: it can no longer be recorded."
    }
}

/// Why a recording could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The audit log did not take `session.started`.
    #[error("cannot record the start of the session in the audit log")]
    Audit(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The disk did not take the recording's first bytes.
    #[error("cannot write the recording")]
    Disk(#[source] std::io::Error),
    /// Less than the reserve is free.
    #[error("{free} bytes are free for recordings, and {reserve} are kept in reserve")]
    Full {
        /// Bytes free.
        free: u64,
        /// Bytes that must be.
        reserve: u64,
    },
    /// The house is closing.
    #[error("the recorder is shut down")]
    Shutdown,
}

impl OpenError {
    /// What the person at the other end is told.
    #[must_use]
    pub fn public(&self) -> &'static str {
        "This session cannot be recorded now, so it is refused. Try again later, or tell an administrator."
    }
}

impl Archive {
    /// Begins the recording of a session and commits `session.started`; when this returns, both are in the books.
    ///
    /// # Errors
    /// Nothing was started: refuse the session with [`OpenError::public`].
    pub async fn open(&self, meta: Meta, keep: Keep) -> Result<Recording, OpenError> {
        let _ = (meta, keep);
        todo!()
    }
}

impl Recording {
    /// A channel's program starts.
    ///
    /// # Errors
    /// The recording is broken; so for all that follow.
    pub async fn begin(&self, purpose: Purpose) -> Result<ChannelId, Broken> {
        let _ = purpose;
        todo!()
    }

    /// Bytes from the target's stdout (or terminal), on their way to the client. Waits while the disk is behind.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn output(&self, channel: ChannelId, bytes: &Bytes) -> Result<(), Broken> {
        let _ = (channel, bytes);
        todo!()
    }

    /// Bytes from the target's stderr.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn error(&self, channel: ChannelId, bytes: &Bytes) -> Result<(), Broken> {
        let _ = (channel, bytes);
        todo!()
    }

    /// Bytes from the client, on their way to the target.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn input(&self, channel: ChannelId, bytes: &Bytes) -> Result<(), Broken> {
        let _ = (channel, bytes);
        todo!()
    }

    /// The terminal has a new size.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn resize(&self, channel: ChannelId, cols: u16, rows: u16) -> Result<(), Broken> {
        let _ = (channel, cols, rows);
        todo!()
    }

    /// A marker: something happened that the reader of the recording should see (a warning shown, a forward opened).
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn note(&self, channel: Option<ChannelId>, text: &str) -> Result<(), Broken> {
        let _ = (channel, text);
        todo!()
    }

    /// A channel's program has ended; its totals and digests are written.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn end(&self, channel: ChannelId, ending: Ending) -> Result<(), Broken> {
        let _ = (channel, ending);
        todo!()
    }

    /// Returns when the recording breaks in a session that must not go on without it; else never.
    pub async fn broken(&self) -> Broken {
        todo!()
    }

    /// Seals the recording and commits `session.ended` and `recording.sealed`. A second close does nothing.
    pub async fn close(&self, outcome: Outcome, now: Timestamp) {
        let _ = (outcome, now);
        todo!()
    }
}
