//! Tokens: secrets with which a machine logs in as a user, without a person at hand.

use crate::document::Metadata;
use crate::login::LoginKeys;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `kind: token`. The secret is made when the document is created, shown once and stored hashed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenDocument {
    /// Always `token`.
    pub kind: String,
    /// Always `v1`.
    pub version: String,
    /// Name.
    pub metadata: Metadata,
    /// The token.
    pub spec: TokenSpec,
}

/// What a token is good for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenSpec {
    /// The user a machine with this token logs in as.
    pub user: String,
    /// When the token ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires: Timestamp,
}

/// A token just made. The secret is shown once and kept nowhere.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct NewToken {
    /// Its name.
    pub name: String,
    /// The secret.
    pub secret: String,
    /// The store's revision of it.
    pub revision: u64,
}

impl std::fmt::Debug for NewToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewToken").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A machine's wish to log in.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenLogin {
    /// The token's secret.
    pub token: String,
    /// The machine's keys.
    pub keys: LoginKeys,
}

impl std::fmt::Debug for TokenLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenLogin").field("token", &"***").field("keys", &self.keys).finish()
    }
}
