//! Certificate authorities: what others need to trust us, new generations, identity files for automation.

use crate::login::LoginKeys;
use crate::span::Span;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One authority, in `GET /v1/auth/export`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct AuthorityView {
    /// `app`, `database`, `ssh-host`, `ssh-identity`, `ssh-user` or `tls`.
    pub kind: String,
    /// `active` signs; `next` and `previous` are believed only.
    pub generation: String,
    /// The public part: an `authorized_keys` line, a certificate in PEM, or a JWK.
    pub public: String,
    /// The pin of an X.509 authority: `sha256:` and the digest of its public key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
}

/// Body of `POST /v1/auth/rotate`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// Which authority, as `kind` shows it.
    pub kind: String,
    /// `begin`: make the next generation, trusted; `switch`: it signs; `finish`: the old one is forgotten;
    /// `undo`: the last step is taken back.
    pub step: String,
}

/// Body of `POST /v1/auth/sign`: certificates for automation. The answer is that of a login.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIdentity {
    /// For which user.
    pub user: String,
    /// How long they last.
    pub ttl: Span,
    /// What is to be certified.
    pub keys: LoginKeys,
}
