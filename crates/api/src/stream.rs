//! What a follower of `/v1/events` or `/v1/requests/{id}/events` reads: server-sent events
//! (WHATWG HTML §9.2), whose id is the store's revision, so that `Last-Event-ID` resumes without a gap.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The seconds between two heartbeat comments on a quiet stream.
pub const HEARTBEAT_SECONDS: u64 = 15;
/// How many streams one user can have open at once.
pub const MAX_STREAMS_PER_USER: usize = 32;

/// One change, as the `data:` of a server-sent event. The event's name is `change`; its id is `revision`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Change {
    /// The store's revision at which this happened.
    pub revision: u64,
    /// What changed: `request`, `role`, `user`, `node`, `lock`, `session` …
    pub resource: String,
    /// Its name or id.
    pub name: String,
    /// `put` or `delete`.
    pub verb: ChangeVerb,
    /// The request as it is now, where a request changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<crate::request::RequestView>,
}

/// What happened to a thing.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChangeVerb {
    /// It is gone.
    Delete,
    /// It is new or different.
    Put,
}
