//! Session recordings, as the doors write them.
//!
//! ```text
//!   door ── output(channel, bytes) ──► bounded queue ──► writer thread ──► parts on disk ──► sealed
//!            digests; of what is        in bytes, per      cast lines        zstd, age,        digest in the
//!            kept a refcount, no copy   thread                               fsync             audit log
//! ```
//!
//! One [`Recording`] per session, made of channels. What a terminal showed is kept whole; of other channels a
//! bounded beginning is kept and every byte is counted and digested, so that each stays provable.
//!
//! What cannot be recorded does not happen: [`Archive::open`] refuses the session, and when a running recording
//! breaks, every call says [`Broken`] and [`Recording::broken`] wakes, unless the role says `best_effort`.

mod archive;
mod batch;
mod clerk;
mod fuse;
mod queue;
mod recording;
mod sitting;
mod tally;
mod track;
mod writer;

pub use archive::{Archive, StartError};
pub(crate) use batch::Batch;
pub use clerk::Ledger;
pub use recording::Recording;
pub(crate) use recording::{Counts, StatementsLeft};
pub use store::Clock;
pub use store::recording::{Meta, Outcome};

use access::permit::Permit;
use access::role::options::RecordMode;

/// What is kept of a session, and what happens when it cannot be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Keep {
    /// Whether the session may go on without a recording.
    pub mode: Mode,
    /// Whether what is typed is kept too. It holds passwords, so it is off unless the role says so.
    pub input: Input,
    /// Bytes the recording may take on disk, the last part whole; any number without. Then it ends: with a mark in it,
    /// and with the session where that must not go on without it.
    pub most: Option<u64>,
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

/// Whether what is typed into a terminal is kept. What a program without a terminal reads is always kept up to the
/// bound of its channel: it is what was uploaded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Input {
    /// Counted only, without a digest: what a few keystrokes were could be guessed from one.
    Counted,
    /// Kept like output.
    Kept,
}

impl Keep {
    /// What the roles behind `permit` say.
    #[must_use]
    pub fn of(permit: &Permit) -> Self {
        let mode = match permit.options().record {
            RecordMode::BestEffort => Mode::BestEffort,
            RecordMode::Strict => Mode::Strict,
        };
        let input = match permit.options().record_input {
            true => Input::Kept,
            false => Input::Counted,
        };
        Self { mode, input, most: permit.options().record_max_bytes }
    }
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
    /// A visit to an application: its calls are kept.
    Calls {
        /// What is spoken: `http`, `tcp`.
        protocol: &'static str,
        /// The application.
        account: String,
    },
    /// A connection to a database: its statements are kept.
    Statements {
        /// What is spoken: `postgres`, `mysql`.
        protocol: &'static str,
        /// `user@database`.
        account: String,
    },
}

impl Purpose {
    /// Its word in the recording.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Command(_) => "command",
            Self::Shell => "shell",
            Self::Calls { protocol, .. } | Self::Statements { protocol, .. } => protocol,
            Self::Subsystem(_) => "subsystem",
            Self::Terminal { .. } => "terminal",
        }
    }

    /// The command line or the subsystem's name; empty for a login shell.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Command(text) | Self::Subsystem(text) => text,
            Self::Shell => "",
            Self::Calls { account, .. } | Self::Statements { account, .. } => account,
            Self::Terminal { command, .. } => command.as_deref().unwrap_or_default(),
        }
    }
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

/// The recording is over, so the session ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Broken {
    /// It has the size that its role allows.
    #[error("the recording of this session has the size that its role allows")]
    Full,
    /// The disk does not take it.
    #[error("the recording of this session can no longer be written")]
    Unwritable,
}

impl Broken {
    /// What the person at the other end is told.
    #[must_use]
    pub fn public(&self) -> &'static str {
        match self {
            Self::Full => {
                "This session ends: its recording has reached the size that your role allows. Connect again to go on."
            }
            Self::Unwritable => "This session ends: it can no longer be recorded.",
        }
    }

    /// A stable word for the audit log.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Full => "recording_full",
            Self::Unwritable => "recording_broken",
        }
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
    Disk(#[source] Box<dyn std::error::Error + Send + Sync>),
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
