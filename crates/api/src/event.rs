//! What happened to a request, as it is stored and as it leaves: one JSON object per event.
//!
//! A request is the list of its events, so this is the one shape that must be readable for ever: every
//! event carries `version` and `type`, fields are only ever added, and reading is strict about what it
//! knows: a text that is no name, a filter that does not parse, is an error and not a smaller request.
//!
//! The shapes mirror `access::request::Event`; the mirror stands here, so that what is stored cannot
//! change because a domain type was renamed.

mod read;
mod write;

pub use read::InvalidEvent;

use crate::span::Span;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// The version of the shapes written today.
pub const VERSION: u32 = 1;

/// One event, with the version of its shape.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct RequestEvent {
    /// The version of the shape.
    pub version: u32,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who did it: a user, or `system:rule/<name>` and the like.
    pub by: String,
    /// The way it came: `cli`, `web`, `slack`, …
    pub channel: String,
    /// Why, in the words of whoever did it; untrusted text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum What {
    /// Taken back by the requester.
    Cancelled,
    /// Decided by an administrator, over the thresholds.
    Overridden {
        /// What came of it.
        outcome: Outcome,
    },
    /// Made a member of a list instead.
    Promoted {
        /// The list's name.
        list: String,
    },
    /// Given back by the requester.
    Released,
    /// Filed.
    Requested(Box<Requested>),
    /// Reviewed.
    Reviewed {
        /// The review.
        review: Box<Review>,
        /// What came of it.
        outcome: Outcome,
    },
    /// Ended by someone else.
    Revoked,
}

/// A request as it was filed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Requested {
    /// The request's id.
    pub id: String,
    /// For whom.
    pub user: String,
    /// What is asked for; with resources, the roles through which they may be reached.
    pub roles: Vec<String>,
    /// The resources asked for, as `/cluster/kind/name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// The account wanted on the hosts asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
    /// Until when an answer counts.
    #[schema(value_type = String, format = DateTime)]
    pub answer_by: Timestamp,
    /// For how long at most, from the start.
    pub duration: Span,
    /// Which limit cut what was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
    /// Not before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub assume_start: Option<Timestamp>,
    /// What approval takes, frozen.
    pub terms: Vec<Term>,
    /// What the requester's roles say about it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, BTreeSet<String>>,
    /// Whom to ask.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suggested_reviewers: Vec<String>,
    /// The request whose end it moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extends: Option<Extension>,
}

/// A duration that was cut.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Cut {
    /// What was asked for.
    pub asked: Span,
    /// The role of the requester whose `max_duration` cut it; absent: the default did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<String>,
    /// The requested role it was cut for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The ceiling cut it: an extension moves the end to at most 14 days from when it was asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ceiling: bool,
}

/// The request an extension refers to.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Extension {
    /// Its id.
    pub request: String,
    /// Its end, when the extension was filed.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
}

/// What one role of the requester demands for one requested role.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Term {
    /// The role asked for.
    pub role: String,
    /// The role of the requester that lets them ask for it.
    pub through: String,
    /// Any of these is enough.
    pub thresholds: Vec<Threshold>,
}

/// How many reviews decide.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Threshold {
    /// Its name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Which reviews count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Approvals needed; 0 never approves by count.
    pub approve: u32,
    /// Denials needed; 0 never denies. Parts of `all_of` have none.
    #[serde(default)]
    pub deny: u32,
    /// What must all be met; parts have no parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub all_of: Vec<Part>,
}

/// One part of a threshold's `all_of`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Part {
    /// Its name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Which reviews count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Approvals needed.
    pub approve: u32,
}

/// A review.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Review {
    /// `APPROVED` or `DENIED`.
    pub decision: String,
    /// The later start the reviewer set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub assume_start: Option<Timestamp>,
    /// The shorter duration the reviewer set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Span>,
    /// What the reviewer's tool noted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, BTreeSet<String>>,
    /// The roles the reviewer held by the user record.
    #[serde(default)]
    pub roles: BTreeSet<String>,
    /// The counters of the frozen terms for which it counts.
    #[serde(default)]
    pub counts: BTreeSet<u32>,
}

/// What came of a review or an override.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Outcome {
    /// Granted, in this window.
    Approved {
        /// What is granted.
        roles: Vec<String>,
        /// From when.
        #[schema(value_type = String, format = DateTime)]
        start: Timestamp,
        /// Until when, exclusively.
        #[schema(value_type = String, format = DateTime)]
        until: Timestamp,
    },
    /// Denied.
    Denied,
    /// Still waiting.
    Pending,
}
