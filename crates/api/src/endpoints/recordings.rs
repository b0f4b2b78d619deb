//! Recordings of sessions.

use super::{Auth, Endpoint, Parameter};
use crate::recording::tape::TAR;
use crate::recording::{CAST, RecordingCheck, RecordingMatch, RecordingView};

/// Lists recordings: one's own, or everybody's with the rule `list` on `session`.
pub const LIST: Endpoint = Endpoint::get(
    "/v1/recordings",
    "listRecordings",
    "Lists recordings, newest first.",
    Auth::User,
)
.query(&[
    Parameter::new("user", "Of this user."),
    Parameter::new("target", "On this target."),
    Parameter::new("request", "Under this request."),
    Parameter::new("since", "Begun at or after this moment."),
    Parameter::new("until", "Begun before this moment."),
    Parameter::new("limit", "How many at most: 100 unless said, 1000 at most."),
    Parameter::new("cursor", "Where the page before ended."),
])
.pages::<RecordingView>();

/// One recording.
pub const SHOW: Endpoint =
    Endpoint::get("/v1/recordings/{session}", "showRecording", "Shows a recording.", Auth::User)
        .answers::<RecordingView>();

/// A recording's content; audited as `recording.viewed`.
pub const CONTENT: Endpoint = Endpoint::get(
    "/v1/recordings/{session}/cast",
    "playRecording",
    "Streams a recording as asciicast v3.",
    Auth::User,
)
.query(&[
    Parameter::new(
        "from_ms",
        "Begin with the part that holds this moment, in milliseconds from the start.",
    ),
    Parameter::new("follow", "`true`: stay while the session runs."),
])
.answers_bytes(CAST);

/// A recording as plain text; audited as `recording.viewed`.
pub const TEXT: Endpoint = Endpoint::get(
    "/v1/recordings/{session}/text",
    "readRecording",
    "Streams a recording as plain text, without escapes.",
    Auth::User,
)
.answers_bytes("text/plain; charset=utf-8");

/// Where a text was shown in a recording; audited as `recording.viewed`.
pub const SEARCH: Endpoint = Endpoint::get(
    "/v1/recordings/{session}/matches",
    "searchRecording",
    "Finds the lines of a recording that hold a text.",
    Auth::User,
)
.query(&[Parameter::new("text", "The text, at most 256 bytes.")])
.pages::<RecordingMatch>();

/// Whether a recording is what was sealed.
pub const CHECK: Endpoint = Endpoint::get(
    "/v1/recordings/{session}/check",
    "checkRecording",
    "Recomputes a recording's digest from its files and compares it with its seal and the audit log.",
    Auth::User,
)
.answers::<RecordingCheck>();

/// The files of a recording as they lie on disk, encrypted; audited as `recording.viewed`.
pub const FILES: Endpoint = Endpoint::get(
    "/v1/recordings/{session}/files",
    "downloadRecording",
    "Streams the files of a recording as they lie on disk, encrypted, in a tar archive.",
    Auth::User,
)
.answers_bytes(TAR);

/// All of them.
pub const ALL: &[Endpoint] = &[LIST, SHOW, CONTENT, TEXT, SEARCH, CHECK, FILES];
