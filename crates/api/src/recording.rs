//! Recordings as they are listed and asked for. Their content is asciicast: see [`crate::cast`].

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub mod files;
pub mod tape;

/// The media type of a recording's content.
pub const CAST: &str = "application/x-asciicast";
/// The longest text that can be searched for in a recording, in bytes.
pub const MAX_SEARCH: usize = 256;
/// How many places one search returns at most.
pub const MAX_MATCHES: usize = 1000;

/// One recording.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct RecordingView {
    /// The session's id.
    pub session: String,
    /// Whose session.
    pub user: String,
    /// The target's name.
    pub target: String,
    /// The account on the target.
    pub login: String,
    /// The requests whose grants opened the session.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<String>,
    /// The client's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started: Timestamp,
    /// When it ended; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<Timestamp>,
    /// Whether it runs, was sealed, or was found open after a crash.
    pub state: RecordingState,
    /// When its files were removed, because it was older than recordings are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub retired: Option<Timestamp>,
    /// How the session ended, as a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Bytes on disk, compressed and encrypted.
    pub bytes: u64,
    /// How many parts it has.
    pub parts: u32,
    /// SHA-256 over its parts, in hexadecimal, as the audit log has it; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// Where a recording is in its life.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RecordingState {
    /// Its writing broke; what was written before is kept.
    Broken,
    /// The session runs.
    Live,
    /// It grew older than recordings are kept: its files are gone, its digest stands in the audit log.
    Retired,
    /// The daemon stopped while the session ran; what had been written was sealed at the next start.
    Recovered,
    /// Complete.
    Sealed,
}

impl RecordingState {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::Live => "live",
            Self::Retired => "retired",
            Self::Recovered => "recovered",
            Self::Sealed => "sealed",
        }
    }
}

/// Which recordings: everything that is set must hold.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordingQuery {
    /// Of this user.
    pub user: Option<String>,
    /// On this target.
    pub target: Option<String>,
    /// Under this request.
    pub request: Option<String>,
    /// Begun at or after this moment.
    pub since: Option<Timestamp>,
    /// Begun before this moment.
    pub until: Option<Timestamp>,
    /// How many at most.
    pub limit: Option<usize>,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// A place in a recording where a text was shown.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct RecordingMatch {
    /// Milliseconds from the start.
    pub at_ms: u64,
    /// The channel.
    pub channel: u32,
    /// The whole line, without escapes.
    pub line: String,
}

/// What checking a recording against its digest found.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct RecordingCheck {
    /// The digest recomputed from the files, in hexadecimal.
    pub digest: String,
    /// The digest in the audit log, in hexadecimal; absent while the session runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logged: Option<String>,
    /// Whether the files are those in the recording's seal, and the digest is the one in the audit log.
    pub intact: bool,
    /// What differs, one sentence each.
    #[serde(default)]
    pub problems: Vec<String>,
}
