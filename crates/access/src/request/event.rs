//! What happened to a request, in order: the request itself.

use super::{Author, Channel, Limit};
use crate::{
    identity::Traits,
    name::{Login, RequestId, RoleName, UserName},
    resource::ResourceId,
    review::Review,
    threshold::Term,
};
use jiff::{SignedDuration, Timestamp};

/// Who did something, when, by which way, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Act {
    /// Who.
    pub by: Author,
    /// The way it came.
    pub channel: Channel,
    /// When.
    pub at: Timestamp,
    /// Why; may be empty.
    pub reason: String,
}

/// The request an extension refers to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Extension {
    /// The request whose end it moves.
    pub request: RequestId,
    /// That end, when the extension was filed.
    pub from: Timestamp,
}

/// A request as it was filed; nothing in it changes afterwards.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Requested {
    /// Its id.
    pub id: RequestId,
    /// For whom.
    pub user: UserName,
    /// Who filed it: the same user, or someone who may file for others.
    pub by: Author,
    /// The way it came.
    pub channel: Channel,
    /// When.
    pub at: Timestamp,
    /// What is asked for, sorted. With resources: the roles through which they may be reached.
    pub roles: Vec<RoleName>,
    /// The resources asked for; empty asks for the roles as such.
    pub resources: Vec<ResourceId>,
    /// The account wanted on the hosts asked for.
    pub login_hint: Option<Login>,
    /// Why.
    pub reason: String,
    /// Until when an answer counts.
    pub answer_by: Timestamp,
    /// For how long at most, from the start.
    pub duration: SignedDuration,
    /// For how long it was asked, and which limit cut it to `duration`.
    pub cut: Option<Limit>,
    /// Not before this time.
    pub assume_start: Option<Timestamp>,
    /// What approval takes.
    pub terms: Vec<Term>,
    /// What the requester's roles say about this request, for reviewers and notifiers.
    pub annotations: Traits,
    /// Whom to ask. A hint: whoever may review, may.
    pub suggested_reviewers: Vec<String>,
    /// What it extends.
    pub extends: Option<Extension>,
}

/// What came of a review or an override.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Enough: granted, in this window.
    Approved {
        /// What is granted.
        roles: Vec<RoleName>,
        /// From when.
        start: Timestamp,
        /// Until when, exclusively.
        until: Timestamp,
    },
    /// Enough denials.
    Denied,
    /// Still waiting.
    Pending,
}

/// One thing that happened to a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    /// Taken back by the requester.
    Cancelled(Act),
    /// Decided by an administrator, over the thresholds.
    Overridden(Act, Outcome),
    /// The requester became a member of the list with this name.
    Promoted(Act, Box<str>),
    /// Given back by the requester.
    Released(Act),
    /// Filed: the first event of every request, and no other's.
    Requested(Box<Requested>),
    /// Reviewed.
    Reviewed(Box<Review>, Outcome),
    /// Ended by someone else.
    Revoked(Act),
}

impl Event {
    /// When it happened.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Cancelled(act)
            | Self::Overridden(act, _)
            | Self::Promoted(act, _)
            | Self::Released(act)
            | Self::Revoked(act) => act.at,
            Self::Requested(requested) => requested.at,
            Self::Reviewed(review, _) => review.at,
        }
    }

    /// Whose word it is.
    #[must_use]
    pub const fn by(&self) -> &Author {
        match self {
            Self::Cancelled(act)
            | Self::Overridden(act, _)
            | Self::Promoted(act, _)
            | Self::Released(act)
            | Self::Revoked(act) => &act.by,
            Self::Requested(requested) => &requested.by,
            Self::Reviewed(review, _) => &review.by,
        }
    }

    /// The stable code of the audit event: `request.created`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Cancelled(_) => "request.cancelled",
            Self::Overridden(..) => "request.overridden",
            Self::Promoted(..) => "request.promoted",
            Self::Released(_) => "request.released",
            Self::Requested(_) => "request.created",
            Self::Reviewed(..) => "request.reviewed",
            Self::Revoked(_) => "request.revoked",
        }
    }
}

/// Why events do not make a request: the store holds what this house never wrote.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ReplayError {
    /// The first event is not that it was filed, or there is none.
    #[error("a request's history begins with its filing")]
    NoBeginning,
    /// It was filed twice.
    #[error("event {0} files the request again")]
    FiledTwice(usize),
    /// Something happened in a state in which it cannot happen.
    #[error("event {0} cannot follow the ones before it")]
    OutOfOrder(usize),
}
