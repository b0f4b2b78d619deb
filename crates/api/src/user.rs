//! Users and the invites that make them able to log in.

use crate::document::Metadata;
use crate::problem::FieldProblem;
use access::{
    identity::User,
    name::{RoleName, UserName},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use utoipa::ToSchema;

/// The most roles one user holds.
pub const MAX_ROLES: usize = 256;
/// The most traits one user has, and the most values one trait has.
pub const MAX_TRAIT_VALUES: usize = 256;
/// The longest name or value of a trait, in bytes.
pub const MAX_TRAIT_TEXT: usize = 1024;

/// `kind: user`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserDocument {
    /// Always `user`.
    pub kind: String,
    /// `v1`; `v2` is read as the same.
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

impl UserDocument {
    /// The user this document describes.
    ///
    /// # Errors
    /// Every field that is wrong, by its key path.
    pub fn user(&self) -> Result<User, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let mut wrong = |path: String, message: String| {
            problems.push(FieldProblem { path, message, ..FieldProblem::default() });
        };
        if self.kind != "user" {
            wrong("kind".to_owned(), "expected `user`".to_owned());
        }
        if !matches!(self.version.as_str(), "v1" | "v2") {
            wrong("version".to_owned(), "expected `v1`".to_owned());
        }
        let name = self.metadata.name.parse::<UserName>();
        if let Err(error) = &name {
            wrong("metadata.name".to_owned(), error.to_string());
        }
        if self.spec.roles.len() > MAX_ROLES {
            wrong("spec.roles".to_owned(), format!("more than {MAX_ROLES} roles"));
        }
        let mut roles = BTreeSet::new();
        for (at, role) in self.spec.roles.iter().take(MAX_ROLES).enumerate() {
            match role.parse::<RoleName>() {
                Ok(role) => _ = roles.insert(role),
                Err(error) => wrong(format!("spec.roles[{at}]"), error.to_string()),
            }
        }
        if self.spec.traits.len() > MAX_TRAIT_VALUES {
            wrong("spec.traits".to_owned(), format!("more than {MAX_TRAIT_VALUES} traits"));
        }
        for (name, values) in self.spec.traits.iter().take(MAX_TRAIT_VALUES) {
            let path = format!("spec.traits.{}", name.escape_debug());
            if values.len() > MAX_TRAIT_VALUES {
                wrong(path, format!("more than {MAX_TRAIT_VALUES} values"));
            } else if std::iter::once(name).chain(values).any(|text| text.len() > MAX_TRAIT_TEXT) {
                wrong(path, format!("a text longer than {MAX_TRAIT_TEXT} bytes"));
            }
        }
        let traits = self.spec.traits.iter();
        match (name, problems.is_empty()) {
            (Ok(name), true) => Ok(User {
                roles,
                traits: traits
                    .map(|(name, values)| (name.clone(), values.iter().cloned().collect()))
                    .collect(),
                labels: self.metadata.labels.clone(),
                disabled: self.spec.disabled,
                ..User::new(name)
            }),
            (Ok(_) | Err(_), _) => Err(problems),
        }
    }
}
