//! Access requests: what is asked, what is answered, and what either looks like.

use crate::span::Span;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The header by which our own clients say which they are: `cli` or `web`. It is written down with what
/// they do and decides nothing.
pub const CHANNEL_HEADER: &str = "countersign-channel";

/// A request, with all that belongs to it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct RequestView {
    /// The request's id, `xxxxxxxx-xxxx-xxxx`.
    pub id: String,
    /// Who asks.
    pub user: String,
    /// The roles asked for; in a resource request, the search roles that remained after pruning.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The resources asked for, as `/cluster/kind/name`.
    #[serde(default)]
    pub resources: Vec<String>,
    /// Why, in the requester's words; untrusted text.
    #[serde(default)]
    pub reason: String,
    /// What it is now.
    pub state: RequestState,
    /// When it was filed.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// Until when a pending request can be answered.
    #[schema(value_type = String, format = DateTime)]
    pub answer_by: Timestamp,
    /// How long the grant will last, or lasts, from its start.
    pub duration: Span,
    /// Which limit made the duration shorter than what was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_cut_by: Option<String>,
    /// The earliest start that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub assume_start: Option<Timestamp>,
    /// When the grant starts, once approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub start: Option<Timestamp>,
    /// When the grant ends, once approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// The reviews given so far, in order.
    #[serde(default)]
    pub reviews: Vec<ReviewView>,
    /// What a pending request still waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<MissingView>,
    /// Whom the requester would like to answer.
    #[serde(default)]
    pub suggested_reviewers: Vec<String>,
    /// What roles add for reviewers and integrations to read.
    #[serde(default)]
    pub annotations: BTreeMap<String, Vec<String>>,
    /// The request whose end this one would move.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extends: Option<String>,
    /// Who decided it (approved, denied, cancelled, released or revoked), once somebody has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// The reason given with that decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision_reason: Option<String>,
    /// Everything that happened to it, in order. Only where one request is read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<Moment>,
    /// The sessions opened under it. Only where one request is read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<crate::session::SessionView>,
    /// The store's revision of this view.
    pub revision: u64,
}

/// What a request is now.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum RequestState {
    /// The grant is in its window, or waits for its start.
    Approved,
    /// Taken back by the requester while pending.
    Cancelled,
    /// A deny threshold was reached.
    Denied,
    /// Nobody answered in time, or the grant has run out.
    Expired,
    /// Waiting for reviews.
    Pending,
    /// Made a standing role.
    Promoted,
    /// Given back by the requester before its end.
    Released,
    /// Taken away by a reviewer or an administrator.
    Revoked,
}

impl RequestState {
    /// The word, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Cancelled => "cancelled",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Pending => "pending",
            Self::Promoted => "promoted",
            Self::Released => "released",
            Self::Revoked => "revoked",
        }
    }
}

impl std::str::FromStr for RequestState {
    type Err = NotAState;

    fn from_str(text: &str) -> Result<Self, NotAState> {
        [
            Self::Approved,
            Self::Cancelled,
            Self::Denied,
            Self::Expired,
            Self::Pending,
            Self::Promoted,
            Self::Released,
            Self::Revoked,
        ]
        .into_iter()
        .find(|state| state.as_str().eq_ignore_ascii_case(text))
        .ok_or(NotAState)
    }
}

/// Why a text is not a state.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected pending, approved, denied, cancelled, expired, revoked, released or promoted")]
pub struct NotAState;

/// One review.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct ReviewView {
    /// Who.
    pub author: String,
    /// Yes or no.
    pub decision: Decision,
    /// Why, in the reviewer's words; untrusted text.
    #[serde(default)]
    pub reason: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// The shorter duration the reviewer set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Span>,
    /// The later start the reviewer set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub assume_start: Option<Timestamp>,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Yes.
    Approve,
    /// No.
    Deny,
}

/// What a pending request still waits for, and who could give it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct MissingView {
    /// One sentence: `1 more approval from: carol, dan (role security)`.
    pub sentence: String,
    /// Everybody who could give one of the missing approvals.
    #[serde(default)]
    pub reviewers: Vec<String>,
}

/// One thing that happened to a request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Moment {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// The event's code, such as `request.reviewed`.
    pub code: String,
    /// Who did it.
    pub actor: String,
    /// One sentence.
    pub text: String,
}

/// Body of `POST /v1/requests`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRequest {
    /// For whom, if not for oneself: needs the rule to create access requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The roles to ask for; `*` asks for everything requestable and not yet held.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The resources to ask for, as `/cluster/kind/name`.
    #[serde(default)]
    pub resources: Vec<String>,
    /// The login wanted on the resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// Why. At most 4096 bytes.
    #[serde(default)]
    pub reason: String,
    /// How long the grant shall last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Span>,
    /// How long the request shall wait for its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_within: Option<Span>,
    /// The earliest start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub assume_start: Option<Timestamp>,
    /// Whom the requester would like to answer.
    #[serde(default)]
    pub suggested_reviewers: Vec<String>,
    /// The approved request whose end this one shall move (`tsh request extend`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extends: Option<String>,
    /// Only say what would happen.
    #[serde(default)]
    pub dry_run: bool,
}

/// Body of `POST /v1/requests/{id}/reviews`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReview {
    /// Yes or no.
    pub decision: Decision,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// A shorter duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Span>,
    /// A later start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub assume_start: Option<Timestamp>,
}

/// Body of `POST /v1/requests/{id}/cancel`, `/release` and `/revoke`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Closing {
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// Body of `POST /v1/requests/{id}/state`: an administrator decides over the thresholds.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Yes or no.
    pub decision: Decision,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// A shorter duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Span>,
}

/// Answer of `GET /v1/capabilities`: what the caller may ask for.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Capabilities {
    /// The roles that can be asked for and are not held.
    #[serde(default)]
    pub requestable_roles: Vec<RequestableRole>,
    /// The roles with which resources can be searched and asked for.
    #[serde(default)]
    pub search_as_roles: Vec<String>,
    /// Whether a reason must be given with any request.
    #[serde(default)]
    pub reason_required: bool,
    /// What to ask the user for as a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_prompt: Option<String>,
    /// Whom roles suggest as reviewers.
    #[serde(default)]
    pub suggested_reviewers: Vec<String>,
    /// Whether the caller may review anything at all.
    #[serde(default)]
    pub can_review: bool,
}

/// A role that can be asked for.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct RequestableRole {
    /// The role.
    pub role: String,
    /// Whether a reason must be given.
    #[serde(default)]
    pub reason_required: bool,
    /// The longest grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<Span>,
}
