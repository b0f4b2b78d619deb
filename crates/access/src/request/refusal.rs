//! Why a request, or a command on one, is refused. A refusal is an answer, not a failure.

mod answer;

use super::Status;
use crate::{
    name::{RequestId, RoleName, UserName},
    resource::ResourceId,
};
use jiff::Timestamp;

/// Which kind of no it is: what a program does about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// The request is not in a state for that (any more): look again.
    Conflict,
    /// The caller may not.
    Forbidden,
    /// What was sent cannot be meant.
    Invalid,
}

/// Why something is refused: a stable code, a sentence, and what to do next.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Filing for someone else, listing, overriding, without the rule for it.
    #[error("access denied: this needs `{verb}` on `access_request`")]
    Administrative {
        /// The verb that is missing.
        verb: &'static str,
    },
    /// The caller is not a user of the house (any more), or cannot do this as what it is.
    #[error("access denied: {0} cannot do this")]
    Caller(String),
    /// The request has its answer already.
    #[error("access denied: request already {}{}", lower(*status), by_whom(by))]
    Closed {
        /// What became of it.
        status: Status,
        /// Who brought it there last, where it was a person or a program.
        by: Option<String>,
    },
    /// A duration of nothing, or less.
    #[error("invalid maxDuration: must be greater than creation time")]
    DurationNotPositive,
    /// A duration beyond the ceiling.
    #[error("maxDuration exceeds 14d")]
    DurationTooLong,
    /// A review that asks for more time than the requester did.
    #[error("a reviewer may shorten the duration, not lengthen it")]
    DurationLengthened,
    /// `*` beside other roles, a role that is not there, or one the user may not ask for.
    #[error("user \"{user}\" can not request role \"{}\"", shown(role))]
    NotRequestable {
        /// Who asks.
        user: UserName,
        /// The role, as typed.
        role: String,
    },
    /// `*`, and there is nothing.
    #[error("no requestable roles: user \"{0}\" may ask for none that is not held already")]
    NothingRequestable(UserName),
    /// Neither a role nor a resource.
    #[error("a request asks for at least one role or one resource")]
    Nothing,
    /// Every eligible reviewer is the requester, or there is none.
    #[error(
        "nobody could ever approve this: no user besides \"{user}\" may review {}",
        list(roles)
    )]
    NobodyCouldApprove {
        /// Who asks.
        user: UserName,
        /// What for.
        roles: Vec<RoleName>,
    },
    /// There are reviewers, but not enough of them for any threshold, and nobody may override.
    #[error("nobody could ever approve this, too few people may: {missing}")]
    NeverEnough {
        /// What would be needed, and who there is.
        missing: String,
    },
    /// A reason of more than 4096 bytes.
    #[error("reason too long: {len} bytes, at most {most}")]
    ReasonTooLong {
        /// How long it is.
        len: usize,
        /// How long it may be.
        most: usize,
    },
    /// A role demands a reason.
    #[error("request reason must be specified (required for role \"{0}\")")]
    ReasonForRole(RoleName),
    /// An option of a role demands a reason with every request.
    #[error(
        "request reason must be specified (required request_access option in one of the roles)"
    )]
    ReasonForAll,
    /// More than 300 resources.
    #[error("too many resources: {len}, at most {most} in one request")]
    TooManyResources {
        /// How many.
        len: usize,
        /// How many there may be.
        most: usize,
    },
    /// More roles than a request may name.
    #[error("too many roles: {len}, at most {most} in one request")]
    TooManyRoles {
        /// How many.
        len: usize,
        /// How many there may be.
        most: usize,
    },
    /// Too many suggested reviewers, or one too long.
    #[error("too many suggested reviewers: at most {most}, each of at most {bytes} bytes")]
    TooManyReviewers {
        /// How many there may be.
        most: usize,
        /// How long each may be.
        bytes: usize,
    },
    /// Resources of clusters nobody knows.
    #[error("invalid or unknown cluster names: {}", join(clusters))]
    UnknownClusters {
        /// Those clusters.
        clusters: Vec<String>,
    },
    /// The user may search as no role.
    #[error(
        "Resource Access Requests require usable \"search_as_roles\", none found for user \"{0}\""
    )]
    NoSearchRoles(UserName),
    /// No search role allows every Kubernetes kind asked for.
    #[error(
        "no role in search_as_roles may be asked for every Kubernetes kind among these: {}",
        join(kinds)
    )]
    InvalidKind {
        /// The kinds.
        kinds: Vec<String>,
    },
    /// No search role reaches any of the resources.
    #[error("no roles grant the requested resources")]
    NoRole,
    /// No search role gives that login there.
    #[error(
        "no roles in search_as_roles grant this access: none gives login `{0}` on the requested resources"
    )]
    NoRoleForLogin(String),
    /// No search role reaches a part of a Kubernetes cluster.
    #[error("no roles in search_as_roles grant {0}")]
    NoRoleForPart(ResourceId),
    /// One's own request.
    #[error("access denied: you cannot review your own request")]
    OwnReview,
    /// One's own request, by override.
    #[error("directly updating the state of your own access requests is not permitted")]
    OwnOverride,
    /// An override while holding a grant won by request.
    #[error("cannot directly update the state of an access request while using an access request")]
    OverrideWithGrant,
    /// Only the requester may.
    #[error("access denied: only \"{0}\" may do this")]
    NotRequester(UserName),
    /// Someone without the right to review this request.
    #[error("access denied: you may not review this request")]
    NotReviewer,
    /// Someone who is neither a reviewer of it nor an administrator.
    #[error("access denied: only its reviewers and administrators may revoke a request")]
    NotRevoker,
    /// A second review by the same person.
    #[error("access denied: user has already reviewed this request")]
    AlreadyReviewed,
    /// A review in another's name.
    #[error("access denied: a review is its author's own; \"{author}\" must give it")]
    OtherAuthor {
        /// Who was named.
        author: String,
    },
    /// Nothing was granted that could end.
    #[error("this request was not approved (yet): there is nothing to end")]
    NotApproved,
    /// A cancelled request would have to be pending.
    #[error("this request is approved already")]
    AlreadyApproved,
    /// Nobody answered in time.
    #[error("access denied: request already expired: it waited for an answer until {0}")]
    TooLate(Timestamp),
    /// The grant has ended by itself.
    #[error("the grant ended at {0}")]
    GrantEnded(Timestamp),
    /// A start too far ahead.
    #[error("assume start time must be prior to access expiry time: at the latest {latest}")]
    StartTooLate {
        /// The latest possible start, exclusively.
        latest: Timestamp,
    },
    /// A start in the past.
    #[error("assume start time is in the past")]
    StartPast,
    /// A review that lets the access begin earlier than asked.
    #[error("a reviewer may set a later start than {asked}, not an earlier one")]
    StartEarlier {
        /// What was asked.
        asked: Timestamp,
    },
    /// A waiting time of nothing, or beyond 14 days.
    #[error("a request waits for its answer between one second and 14d")]
    PendingTtl,
    /// One's own request, decided already.
    #[error("cannot create access request for self in non-pending state")]
    OwnDecided,
    /// A role subset with a denial.
    #[error(
        "cannot override roles when setting state DENIED: only an approval can name fewer roles"
    )]
    RolesWithDenial,
    /// A role subset with something that was not asked for, or with nothing.
    #[error("cannot override roles with ones that were not requested: {}", list(roles))]
    RolesNotAsked {
        /// Those roles.
        roles: Vec<RoleName>,
    },
    /// Extending what is not running, or not one's own.
    #[error("request {0} is not an approved request of yours that is still running")]
    NotExtendable(RequestId),
    /// An extension asks for what was granted, no more.
    #[error("an extension asks for what request {0} granted: leave out roles and resources")]
    ExtensionAsksMore(RequestId),
    /// An extension of what ends as late as anything may.
    #[error(
        "request {0} ends as late as a grant may, 14 days from now: its end cannot be moved yet"
    )]
    ExtensionTooFar(RequestId),
    /// What an extension refers to is over.
    #[error("request {0}, which this one extends, is over")]
    ExtendedIsOver(RequestId),
    /// A promotion by someone who does not own the list.
    #[error("access denied: only an owner of list \"{0}\" may promote to it")]
    NotListOwner(String),
    /// A promotion to a list that does not give what was asked for.
    #[error("list \"{0}\" does not grant everything this request asks for")]
    ListGrantsLess(String),
}

const fn lower(status: Status) -> &'static str {
    match status {
        Status::Approved => "approved",
        Status::Cancelled => "cancelled",
        Status::Denied => "denied",
        Status::Expired => "expired",
        Status::Pending => "pending",
        Status::Promoted => "promoted",
        Status::Released => "released",
        Status::Revoked => "revoked",
    }
}

fn by_whom(by: &Option<String>) -> String {
    by.as_ref().map_or_else(String::new, |by| format!(" by {by}"))
}

/// A role as someone typed it: shortened, without anything a terminal would act upon.
fn shown(typed: &str) -> String {
    typed.chars().take(RoleName::MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn list(roles: &[RoleName]) -> String {
    if roles.is_empty() {
        return "none at all".to_owned();
    }
    roles.iter().map(|role| format!("`{role}`")).collect::<Vec<_>>().join(", ")
}

fn join(words: &[String]) -> String {
    words.join(", ")
}
