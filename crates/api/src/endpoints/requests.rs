//! Access requests.

use super::{Auth, Endpoint, Parameter};
use crate::request::{Capabilities, Closing, NewRequest, NewReview, Override, RequestView};
use crate::session::SessionView;

const FILTERS: &[Parameter] = &[
    Parameter::new(
        "state",
        "Only these states, separated by commas; `open` is pending and approved. Default: open.",
    ),
    Parameter::new("user", "Only requests by this user."),
    Parameter::new("role", "Only requests for this role."),
    Parameter::new("since", "Only requests filed at or after this time (RFC 3339)."),
    Parameter::new("text", "Only requests whose reason, user, role, resource or id contains this."),
    Parameter::new(
        "reviewable",
        "With `true`: only pending requests that the caller could review.",
    ),
    Parameter::new("limit", "How many at most: 1 to 1000, 100 by default."),
    Parameter::new("cursor", "Where the page begins: `next` of the page before."),
];

/// Lists.
pub const LIST: Endpoint = Endpoint::get(
    "/v1/requests",
    "listRequests",
    "List and search requests, newest first",
    Auth::User,
)
.query(FILTERS)
.pages::<RequestView>();
/// Files, or says what would happen.
pub const FILE: Endpoint =
    Endpoint::post("/v1/requests", "fileRequest", "Ask for access", Auth::User)
        .takes::<NewRequest>()
        .answers::<RequestView>();
/// Reads one.
pub const SHOW: Endpoint = Endpoint::get(
    "/v1/requests/{id}",
    "showRequest",
    "Read one request with its timeline",
    Auth::User,
)
.answers::<RequestView>();
/// Approves or denies.
pub const REVIEW: Endpoint = Endpoint::post(
    "/v1/requests/{id}/reviews",
    "reviewRequest",
    "Approve or deny a request",
    Auth::User,
)
.takes::<NewReview>()
.answers::<RequestView>();
/// The requester takes it back.
pub const CANCEL: Endpoint = Endpoint::post(
    "/v1/requests/{id}/cancel",
    "cancelRequest",
    "Take back a pending request of one's own",
    Auth::User,
)
.takes::<Closing>()
.answers::<RequestView>();
/// The requester gives it back.
pub const RELEASE: Endpoint = Endpoint::post(
    "/v1/requests/{id}/release",
    "releaseRequest",
    "Give back an approved request of one's own",
    Auth::User,
)
.takes::<Closing>()
.answers::<RequestView>();
/// A reviewer or an administrator takes it away.
pub const REVOKE: Endpoint = Endpoint::post(
    "/v1/requests/{id}/revoke",
    "revokeRequest",
    "End a grant at once, in running sessions too",
    Auth::User,
)
.takes::<Closing>()
.answers::<RequestView>();
/// An administrator decides over the thresholds.
pub const OVERRIDE: Endpoint = Endpoint::post(
    "/v1/requests/{id}/state",
    "overrideRequest",
    "Approve or deny over the thresholds, as an administrator",
    Auth::User,
)
.takes::<Override>()
.answers::<RequestView>();
/// The sessions opened under it.
pub const SESSIONS: Endpoint = Endpoint::get(
    "/v1/requests/{id}/sessions",
    "listRequestSessions",
    "List the sessions opened under a request",
    Auth::User,
)
.pages::<SessionView>();
/// What the caller may ask for.
pub const CAPABILITIES: Endpoint = Endpoint::get(
    "/v1/capabilities",
    "showCapabilities",
    "Say what the caller may ask for",
    Auth::User,
)
.answers::<Capabilities>();

/// All of them.
pub const ALL: &[Endpoint] =
    &[LIST, FILE, SHOW, REVIEW, CANCEL, RELEASE, REVOKE, OVERRIDE, SESSIONS, CAPABILITIES];
