//! Recordings at rest.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use api::audit::NewEvent;

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
