//! Sessions of browsers: a login kept in a cookie that no script can read.
//!
//! The cookie alone is worth nothing where something changes: such a call must also carry, in a header of its own,
//! a value that only a page of ours can know. A page from elsewhere can make a browser send the cookie, never the header.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The cookie's name. The prefix makes browsers keep it to this host, to TLS, and to every path (RFC 6265bis §4.1.3.2):
/// no neighbour below the same domain can set or shadow it.
pub const COOKIE: &str = "__Host-countersign";
/// The header that proves that a call comes from a page of ours: [`BrowserView::proof`].
pub const PROOF_HEADER: &str = "countersign-proof";

/// Answer of `POST` and `GET /v1/browser`: who sits before the screen, and what the screen may offer.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct BrowserView {
    /// Who.
    pub user: String,
    /// The id of the login.
    pub login: String,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires: Timestamp,
    /// To be sent as `countersign-proof` with every call that changes something. It changes with every login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// The cluster's name.
    pub cluster: String,
    /// Where clients reach the one port, as `host:port`.
    pub address: String,
    /// The daemon's version.
    pub version: String,
    /// The daemon's clock.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// The roles the user record holds.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The administrative rules held, as `resource/verb`. They say what to show; each call is asked again.
    #[serde(default)]
    pub powers: Vec<String>,
    /// Whether the caller may review anything at all.
    #[serde(default)]
    pub can_review: bool,
}
