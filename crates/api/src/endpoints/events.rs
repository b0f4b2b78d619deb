//! Following what happens, and what anybody may know.

use super::{Auth, Endpoint};
use crate::{ping::Ping, stream::Change};

/// Everything the caller may see, as it happens.
pub const EVENTS: Endpoint = Endpoint::get(
    "/v1/events",
    "followEvents",
    "Follow changes; resumes after `Last-Event-ID`",
    Auth::User,
)
.streams::<Change>();
/// One request, as it changes.
pub const REQUEST_EVENTS: Endpoint = Endpoint::get(
    "/v1/requests/{id}/events",
    "followRequest",
    "Follow one request; resumes after `Last-Event-ID`",
    Auth::User,
)
.streams::<Change>();
/// Who we are.
pub const PING: Endpoint = Endpoint::get(
    "/v1/ping",
    "ping",
    "Say the cluster's name, version and host authority",
    Auth::Public,
)
.answers::<Ping>();
/// The contract.
pub const OPENAPI: Endpoint =
    Endpoint::get("/openapi.json", "showContract", "This contract, as OpenAPI 3.1", Auth::Public)
        .answers_any();

/// All of them.
pub const ALL: &[Endpoint] = &[EVENTS, REQUEST_EVENTS, PING, OPENAPI];
