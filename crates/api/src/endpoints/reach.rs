//! What a user can reach, and why not.

use super::{Auth, Endpoint, Parameter, Verb};
use crate::reach::{ReachChanges, ReachView, WhyView};
use crate::role::RoleDocument;
use crate::session::SessionView;

/// Everything the caller can reach or ask for.
pub const REACH: Endpoint = Endpoint::get(
    "/v1/reach",
    "listReach",
    "List everything the caller can reach or ask for",
    Auth::User,
)
.query(&[
    Parameter::new("text", "Only targets whose name or labels contain this."),
    Parameter::new("limit", "How many at most: 1 to 1000, 100 by default."),
    Parameter::new("cursor", "Where the page begins: `next` of the page before."),
])
.pages::<ReachView>();
/// Why a connection would or would not be let in.
pub const WHY: Endpoint = Endpoint::get(
    "/v1/why",
    "explain",
    "Say why a connection would or would not be let in",
    Auth::User,
)
.query(&[
    Parameter::new("target", "The target's name."),
    Parameter::new("login", "The account on it, or the user of a database."),
    Parameter::new("kind", "What the target is: `node`, the default, or `db`."),
    Parameter::new("name", "The database within a server."),
    Parameter::new("user", "Another user; needs the rule to read users."),
    Parameter::new(
        "connecting",
        "With `true`: the caller is about to connect, and a denial is on the record as `session.refused`.",
    ),
])
.answers::<WhyView>();
/// What a role would change. Nothing is written.
pub const CHANGES: Endpoint = Endpoint::post(
    "/v1/reach-changes",
    "foreseeReach",
    "Say who would reach what else, if a role were written so; needs the rule to list users too",
    Auth::Rule("role", Verb::Update),
)
.takes_document::<RoleDocument>()
.answers::<ReachChanges>();
/// Sessions, newest first.
pub const SESSIONS: Endpoint =
    Endpoint::get("/v1/sessions", "listSessions", "List sessions, newest first", Auth::User)
        .query(&[
            Parameter::new("user", "Only sessions of this user."),
            Parameter::new("request", "Only sessions opened under this request."),
            Parameter::new("live", "With `true`: only sessions that have not ended."),
            Parameter::new("limit", "How many at most: 1 to 1000, 100 by default."),
            Parameter::new("cursor", "Where the page begins: `next` of the page before."),
        ])
        .pages::<SessionView>();

/// All of them.
pub const ALL: &[Endpoint] = &[REACH, WHY, CHANGES, SESSIONS];
