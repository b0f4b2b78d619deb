//! What a refusal means to programs and people: its code, its kind, the next step.

use super::{Refusal, Side};

impl Refusal {
    /// The stable code, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Administrative { .. } => "administrative_rule_required",
            Self::AlreadyApproved => "already_approved",
            Self::AlreadyReviewed => "already_reviewed",
            Self::Caller(_) => "caller_not_allowed",
            Self::Closed { .. } => "request_closed",
            Self::DurationLengthened => "duration_lengthened",
            Self::DurationNotPositive | Self::DurationTooLong => "invalid_duration",
            Self::ExtendedIsOver(_) => "extended_is_over",
            Self::ExtensionAsksMore(_) => "extension_asks_more",
            Self::ExtensionTooFar(_) => "extension_too_far",
            Self::OwnDecided => "filed_decided",
            Self::GrantEnded(_) => "grant_ended",
            Self::InvalidKind { .. } => "invalid_kind",
            Self::ListGrantsLess(_) => "list_grants_less",
            Self::NeverEnough { .. } | Self::NobodyCouldApprove { .. } => "nobody_can_approve",
            Self::NoRole | Self::NoRoleForLogin(_) | Self::NoRoleForPart(_) => "no_role",
            Self::NoSearchRoles(_) => "no_search_roles",
            Self::NotApproved => "not_approved",
            Self::NotExtendable(_) => "not_extendable",
            Self::Nothing => "nothing_requested",
            Self::NothingRequestable(_) => "nothing_requestable",
            Self::NotListOwner(_) => "not_list_owner",
            Self::NotRequestable { .. } => "not_requestable",
            Self::NotRequester(_) => "not_requester",
            Self::NotReviewer => "not_reviewer",
            Self::NotRevoker => "not_revoker",
            Self::OtherAuthor { .. } => "other_author",
            Self::OverrideWithGrant => "override_with_grant",
            Self::OwnOverride | Self::OwnReview => "own_request",
            Self::PendingTtl => "invalid_pending_ttl",
            Self::ReasonForAll | Self::ReasonForRole(_) => "reason_required",
            Self::ReasonTooLong { .. } => "reason_too_long",
            Self::RolesNotAsked { .. } | Self::RolesWithDenial => "invalid_roles",
            Self::StartEarlier { .. } | Self::StartPast | Self::StartTooLate { .. } => {
                "invalid_start"
            }
            Self::TooLate(_) => "request_expired",
            Self::TooManyResources { .. } => "too_many_resources",
            Self::TooManyReviewers { .. } => "too_many_reviewers",
            Self::TooManyRoles { .. } => "too_many_roles",
            Self::UnknownClusters { .. } => "unknown_cluster",
        }
    }

    /// The sentence, for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        self.to_string()
    }

    /// Which kind of no it is.
    #[must_use]
    pub const fn side(&self) -> Side {
        match self {
            Self::AlreadyApproved
            | Self::AlreadyReviewed
            | Self::Closed { .. }
            | Self::ExtendedIsOver(_)
            | Self::ExtensionTooFar(_)
            | Self::GrantEnded(_)
            | Self::NotApproved
            | Self::NotExtendable(_)
            | Self::TooLate(_) => Side::Conflict,
            Self::Administrative { .. }
            | Self::Caller(_)
            | Self::NeverEnough { .. }
            | Self::NobodyCouldApprove { .. }
            | Self::NoRole
            | Self::NoRoleForLogin(_)
            | Self::NoRoleForPart(_)
            | Self::NoSearchRoles(_)
            | Self::InvalidKind { .. }
            | Self::NothingRequestable(_)
            | Self::NotListOwner(_)
            | Self::NotRequestable { .. }
            | Self::NotRequester(_)
            | Self::NotReviewer
            | Self::NotRevoker
            | Self::OtherAuthor { .. }
            | Self::OverrideWithGrant
            | Self::OwnDecided
            | Self::OwnOverride
            | Self::OwnReview => Side::Forbidden,
            Self::DurationLengthened
            | Self::DurationNotPositive
            | Self::DurationTooLong
            | Self::ExtensionAsksMore(_)
            | Self::ListGrantsLess(_)
            | Self::Nothing
            | Self::PendingTtl
            | Self::ReasonForAll
            | Self::ReasonForRole(_)
            | Self::ReasonTooLong { .. }
            | Self::RolesNotAsked { .. }
            | Self::RolesWithDenial
            | Self::StartEarlier { .. }
            | Self::StartPast
            | Self::StartTooLate { .. }
            | Self::TooManyResources { .. }
            | Self::TooManyReviewers { .. }
            | Self::TooManyRoles { .. }
            | Self::UnknownClusters { .. } => Side::Invalid,
        }
    }

    /// What to do next, where there is something.
    #[must_use]
    pub const fn next(&self) -> Option<&'static str> {
        match self {
            Self::AlreadyApproved => Some("`tsh request release ID` ends it"),
            Self::DurationNotPositive | Self::DurationTooLong => {
                Some("give a duration like 45m, 8h or 3d")
            }
            Self::NeverEnough { .. } | Self::NobodyCouldApprove { .. } => {
                Some("an administrator can give another user a role with `allow.review_requests`")
            }
            Self::NoRole | Self::NoRoleForLogin(_) | Self::NoRoleForPart(_) => {
                Some("`tsh ls` shows what you can reach, or request")
            }
            Self::NotApproved => Some("`tsh request cancel ID` takes a pending request back"),
            Self::NotExtendable(_)
            | Self::ExtendedIsOver(_)
            | Self::GrantEnded(_)
            | Self::TooLate(_) => Some("ask anew with `tsh request new`"),
            Self::NotRequestable { .. } | Self::NothingRequestable(_) | Self::NoSearchRoles(_) => {
                Some("`tsh ls` shows what you can reach, or request")
            }
            Self::ReasonForAll | Self::ReasonForRole(_) => Some("say why, with `--reason=\"…\"`"),
            Self::Administrative { .. }
            | Self::AlreadyReviewed
            | Self::Caller(_)
            | Self::Closed { .. }
            | Self::DurationLengthened
            | Self::ExtensionAsksMore(_)
            | Self::ExtensionTooFar(_)
            | Self::InvalidKind { .. }
            | Self::ListGrantsLess(_)
            | Self::Nothing
            | Self::NotListOwner(_)
            | Self::NotRequester(_)
            | Self::NotReviewer
            | Self::NotRevoker
            | Self::OtherAuthor { .. }
            | Self::OverrideWithGrant
            | Self::OwnDecided
            | Self::OwnOverride
            | Self::OwnReview
            | Self::PendingTtl
            | Self::ReasonTooLong { .. }
            | Self::RolesNotAsked { .. }
            | Self::RolesWithDenial
            | Self::StartEarlier { .. }
            | Self::StartPast
            | Self::StartTooLate { .. }
            | Self::TooManyResources { .. }
            | Self::TooManyReviewers { .. }
            | Self::TooManyRoles { .. }
            | Self::UnknownClusters { .. } => None,
        }
    }
}
