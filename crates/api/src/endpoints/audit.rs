//! The audit log.

use super::{Auth, Endpoint, Parameter, Verb};
use crate::audit::AuditPage;

/// Questions to the log.
pub const QUERY: Endpoint = Endpoint::get(
    "/v1/audit",
    "queryAudit",
    "Search the audit log, newest first",
    Auth::Rule("event", Verb::List),
)
.query(&[
    Parameter::new("since", "Not before this time (RFC 3339)."),
    Parameter::new("until", "Before this time (RFC 3339)."),
    Parameter::new(
        "code",
        "Any of these codes, separated by commas; `session.*` is all that begin so.",
    ),
    Parameter::new("user", "By this user."),
    Parameter::new("login", "With this login session."),
    Parameter::new("session", "In this session."),
    Parameter::new("request", "Belonging to this access request."),
    Parameter::new("target", "On this target or document."),
    Parameter::new("text", "This text somewhere in the event."),
    Parameter::new("order", "`newest` (default) or `oldest` first."),
    Parameter::new("limit", "How many at most: 1 to 1000, 100 by default."),
    Parameter::new("cursor", "Where the page before ended: its `next`."),
])
.answers::<AuditPage>();
/// The signed checkpoint.
pub const CHECKPOINT: Endpoint = Endpoint::get(
    "/v1/audit/checkpoint",
    "showCheckpoint",
    "The signed checkpoint of the log, as a C2SP note",
    Auth::Rule("event", Verb::Read),
)
.answers_bytes("text/plain");
/// A bundle that can be verified offline.
pub const EXPORT: Endpoint = Endpoint::get(
    "/v1/audit/export",
    "exportAudit",
    "A bundle of events, proofs and a checkpoint, to be verified offline",
    Auth::Rule("event", Verb::Read),
)
.query(&[Parameter::new("request", "Only what belongs to this access request.")])
.answers_any();

/// All of them.
pub const ALL: &[Endpoint] = &[QUERY, CHECKPOINT, EXPORT];
