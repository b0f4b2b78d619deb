//! Logging in: who you are, shown once by password and code, then by short-lived certificates.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// The public keys a login is for; the private halves never leave the client.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginKeys {
    /// The SSH public key, an `ssh-ed25519 AAAA…` line.
    pub ssh: String,
    /// The TLS public key: SubjectPublicKeyInfo (RFC 5280 §4.1) in PEM.
    pub tls: String,
}

/// Body of `POST /v1/login`.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// Who.
    pub user: String,
    /// The password.
    pub password: String,
    /// The code of the second factor: six digits (RFC 6238).
    #[serde(default)]
    pub totp: String,
    /// What is to be certified.
    pub keys: LoginKeys,
    /// How long the certificates shall last; the user's roles may say less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<crate::span::Span>,
}

impl fmt::Debug for LoginRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginRequest")
            .field("user", &self.user)
            .field("password", &"***")
            .finish_non_exhaustive()
    }
}

/// Answer of `POST /v1/login` and `POST /v1/invites/{token}`: certificates, and whom to trust.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct LoginAnswer {
    /// Who is logged in.
    pub user: String,
    /// The id of the login.
    pub login: String,
    /// The cluster's name.
    pub cluster: String,
    /// The SSH certificate, one line.
    pub ssh_certificate: String,
    /// The TLS certificate, in PEM.
    pub tls_certificate: String,
    /// The authorities of the server's TLS certificate, in PEM, both generations.
    pub tls_authorities: String,
    /// The authorities of host keys, one `authorized_keys` line each.
    pub host_authorities: Vec<String>,
    /// When the certificates end.
    #[schema(value_type = String, format = DateTime)]
    pub expires: Timestamp,
}

/// Answer of `GET /v1/invites/{token}`: what the invited sees before choosing a password.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct InviteView {
    /// Who is invited.
    pub user: String,
    /// The cluster's name.
    pub cluster: String,
    /// The secret of the second factor, in base32, as authenticator programs take it.
    pub totp_secret: String,
    /// The same as an `otpauth://` link, which a QR code carries.
    pub totp_url: String,
    /// The QR code of that link: rows of `0` (light) and `1` (dark), without the quiet zone.
    #[serde(default)]
    pub totp_qr: Vec<String>,
    /// When the invite ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires: Timestamp,
}

impl fmt::Debug for InviteView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InviteView")
            .field("user", &self.user)
            .field("totp_secret", &"***")
            .finish_non_exhaustive()
    }
}

/// Body of `POST /v1/invites/{token}`: the invite is used up, the password set, the second factor proven.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InviteAcceptance {
    /// The password chosen.
    pub password: String,
    /// A code of the second factor.
    pub totp: String,
    /// What is to be certified at once; without it there is no login and the answer is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<LoginKeys>,
    /// Log this browser in: the answer sets its cookie. Not together with `keys`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub browser: bool,
}

impl fmt::Debug for InviteAcceptance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InviteAcceptance").field("password", &"***").finish_non_exhaustive()
    }
}

/// Answer of `GET /v1/status`: who the caller is, as the server sees it now.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct StatusView {
    /// The user; absent on the administrators' socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The roles the user record holds.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The roles and resources held by grants now.
    #[serde(default)]
    pub grants: Vec<GrantView>,
    /// When the certificate ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Timestamp>,
    /// Whether the login was by a second factor.
    #[serde(default)]
    pub mfa: bool,
    /// The cluster's name.
    pub cluster: String,
    /// The daemon's version.
    pub version: String,
    /// The daemon's clock.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
}

/// A grant that holds now.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct GrantView {
    /// The request.
    pub request: String,
    /// Its roles.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Its resources, where it is a resource request.
    #[serde(default)]
    pub resources: Vec<String>,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
}

/// A second factor, in `GET /v1/mfa`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct MfaView {
    /// `totp`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// When it was added.
    #[schema(value_type = String, format = DateTime)]
    pub added: Timestamp,
    /// When it was used last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub used: Option<Timestamp>,
}

/// Body of `POST /v1/login/web`: a login for a browser, which has no keys.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebLogin {
    /// Who.
    pub user: String,
    /// The password.
    pub password: String,
    /// The code of the second factor: six digits (RFC 6238).
    pub totp: String,
}

impl fmt::Debug for WebLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebLogin").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Answer of `POST /v1/login/web`.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct WebLoginAnswer {
    /// Who is logged in.
    pub user: String,
    /// The id of the login.
    pub login: String,
    /// The session token, for `Authorization: Bearer`. Shown once; only its hash is kept.
    pub session_token: String,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires: Timestamp,
}

impl fmt::Debug for WebLoginAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebLoginAnswer")
            .field("user", &self.user)
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
}

/// One login of a user, in `GET /v1/logins`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct LoginView {
    /// Its id.
    pub login: String,
    /// Who.
    pub user: String,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires: Timestamp,
    /// From which address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// How: `password`, `invite`, `web`, `signed` (by an administrator) or `token`.
    pub how: String,
    /// Whether a second factor was given.
    pub mfa: bool,
    /// Whether it is the one asking.
    pub current: bool,
}
