//! Recordings at rest: written once, part by part; encrypted; provable; deleted only by retention.
//!
//! ```text
//!   create ──► put, put, … ──► seal ──► (audit event) ──► settle
//!     │            │             └ sealed.json: every part's digest, and one over all
//!     │            └ a part: lines → zstd → age → written aside, synced, renamed
//!     └ folder, meta.json, a row in the catalogue
//!
//!   the daemon dies ──► sweep at the next start: whatever has no seal is sealed as it lies, `recovered`
//! ```
//!
//! Files are the truth; the catalogue is only for asking and is made anew from them when it is lost. What writes
//! here does so from threads of its own ([`Spool`] blocks); what reads is async.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

mod catalogue;
mod check;
mod folder;
mod key;
mod ledger;
mod playback;
mod press;
mod retire;
mod search;
mod shelf;
mod spool;

pub use api::audit::NewEvent;
pub use check::Wrong;
pub use key::{NotAKey, Recipient, RecordingKey, expose};
pub use playback::{Following, Playback, ReadError};
pub use press::{MAX_PART, Press, unpack};
pub use retire::{RetireError, Retired, relist, retire};
pub use shelf::{CreateError, RESERVE, Shelf, ShelfError};
pub(crate) use shelf::{Lying, is_folder_name};
pub use spool::{Sealed, Spool};

/// Whose session, where, under what: what is known when a session starts.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Meta {
    /// The session's id; also the folder's name.
    pub session: String,
    /// The user.
    pub user: String,
    /// The login session the user came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_id: Option<String>,
    /// The target's name.
    pub target: String,
    /// The account on the target.
    pub login: String,
    /// The requests whose grants opened the door.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<String>,
    /// The client's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// The client's software, as it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// When the session started.
    pub started: Timestamp,
}

/// How a session ended.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The client or the target closed it.
    Finished,
    /// We ended it; the reason is a stable code (`grant_ended`, `revoked`, `locked`, `idle_timeout`, …).
    Cut(String),
    /// Something broke, by a stable code.
    Failed(String),
    /// The daemon stopped while it ran; said by the sweep at the next start.
    Interrupted,
}

impl Outcome {
    /// The outcome as one word.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Finished => "finished",
            Self::Cut(code) | Self::Failed(code) => code,
            Self::Interrupted => "interrupted",
        }
    }
}
