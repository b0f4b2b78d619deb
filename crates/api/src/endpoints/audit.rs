//! The audit log.

use super::{Auth, Endpoint, Parameter, Verb};
use crate::audit::AuditPage;

/// The size of the log that a proof is about.
const SIZE: &[Parameter] =
    &[Parameter::new("size", "In the log of so many events; all of them by default.")];

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
    "Sign how the log stands now, as a C2SP checkpoint",
    Auth::Rule("event", Verb::Read),
)
.answers_any();
/// That an event is in the log.
pub const PROOF: Endpoint = Endpoint::get(
    "/v1/audit/proofs/{seq}",
    "proveEvent",
    "Prove that an event is in the log (RFC 6962 §2.1.1)",
    Auth::Rule("event", Verb::Read),
)
.query(SIZE)
.answers_any();
/// That the log has only grown.
pub const CONSISTENCY: Endpoint = Endpoint::get(
    "/v1/audit/consistency/{size}",
    "proveConsistency",
    "Prove that an older log is a beginning of this one (RFC 6962 §2.1.2)",
    Auth::Rule("event", Verb::Read),
)
.query(SIZE)
.answers_any();
/// Computes the whole log again.
pub const VERIFY: Endpoint = Endpoint::get(
    "/v1/audit/verify",
    "verifyAudit",
    "Compute the whole log again, and say what does not agree",
    Auth::Rule("event", Verb::Read),
)
.answers_any();
/// A bundle that can be verified offline.
pub const EXPORT: Endpoint = Endpoint::get(
    "/v1/audit/export",
    "exportAudit",
    "A bundle of a request's events, proofs and a checkpoint, to be verified offline",
    Auth::Rule("event", Verb::Read),
)
.query(&[Parameter::new("request", "The access request.")])
.answers_any();

/// All of them.
pub const ALL: &[Endpoint] = &[QUERY, CHECKPOINT, PROOF, CONSISTENCY, VERIFY, EXPORT];
