//! Locks: who or what is kept out, at once and in running sessions too.

use crate::document::Metadata;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `kind: lock`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LockDocument {
    /// Always `lock`.
    pub kind: String,
    /// Always `v1`.
    pub version: String,
    /// Name.
    pub metadata: Metadata,
    /// The lock.
    pub spec: LockSpec,
}

/// What a lock does.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LockSpec {
    /// Whom or what it keeps out. Exactly one field.
    pub target: LockTarget,
    /// What those kept out are told.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Timestamp>,
}

/// Whom or what a lock keeps out: exactly one of these.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LockTarget {
    /// A user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Everybody with this role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// An account on every target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// A node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The grant of a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// One session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}
