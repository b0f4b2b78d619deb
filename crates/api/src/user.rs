//! Users and the invites that make them able to log in.

use crate::document::Metadata;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use utoipa::ToSchema;

/// `kind: user`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserDocument {
    /// Always `user`.
    pub kind: String,
    /// Always `v1`.
    pub version: String,
    /// Name.
    pub metadata: Metadata,
    /// The user.
    pub spec: UserSpec,
}

/// What a user record holds.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserSpec {
    /// The roles held without asking.
    #[serde(default)]
    pub roles: Vec<String>,
    /// What role templates refer to: `logins` is `{{internal.logins}}`.
    #[serde(default)]
    pub traits: BTreeMap<String, Vec<String>>,
    /// Whether the user is kept out.
    #[serde(default)]
    pub disabled: bool,
}

/// Body of `POST /v1/users/{name}/invite`: a new user, or a reset of one.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvite {
    /// How long the link works; 24 h by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<crate::span::Span>,
}

/// A one-time link with which a user sets password and second factor. Shown once.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Invite {
    /// Whom it is for.
    pub user: String,
    /// The link, `https://…/invite/<token>`.
    pub link: String,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires: Timestamp,
}

impl fmt::Debug for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invite")
            .field("user", &self.user)
            .field("link", &"***")
            .finish_non_exhaustive()
    }
}
