//! Reviews: one person's word on a request (the law, §5).

use crate::{
    identity::Traits,
    name::RoleName,
    request::{Author, Channel},
    threshold::Slot,
};
use core::{fmt, str::FromStr};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// Yes or no.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Decision {
    /// Yes.
    Approve,
    /// No.
    Deny,
}

/// Why a proposed state is not a decision.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidDecision {
    /// Promotion has a way of its own.
    #[error("state promoted can be only set when promoting to access list")]
    Promotion,
    /// Neither yes nor no.
    #[error("invalid proposed state: a review is APPROVED or DENIED")]
    Unknown,
}

impl Decision {
    /// The state it proposes, as people read it: `APPROVED`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "APPROVED",
            Self::Deny => "DENIED",
        }
    }
}

impl FromStr for Decision {
    type Err = InvalidDecision;

    fn from_str(text: &str) -> Result<Self, InvalidDecision> {
        match text {
            "APPROVED" | "approved" | "approve" => Ok(Self::Approve),
            "DENIED" | "denied" | "deny" => Ok(Self::Deny),
            "PROMOTED" | "promoted" | "promote" => Err(InvalidDecision::Promotion),
            _ => Err(InvalidDecision::Unknown),
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A review as it was given. What it asks for is kept beside what the requester asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Review {
    /// Whose word it is: the authenticated caller.
    pub by: Author,
    /// The way it came.
    pub channel: Channel,
    /// When it was given.
    pub at: Timestamp,
    /// Yes or no.
    pub decision: Decision,
    /// Why; may be empty.
    pub reason: String,
    /// A later start than the one asked for.
    pub assume_start: Option<Timestamp>,
    /// A shorter duration than the one asked for.
    pub duration: Option<SignedDuration>,
    /// What reviewers' tools note beside the reason; filters may look at it.
    pub annotations: Traits,
    /// The roles the reviewer held by the user record at that time.
    pub roles: BTreeSet<RoleName>,
    /// The counters whose filter held at that time.
    pub counts: BTreeSet<Slot>,
}
