//! What anybody may know of a cluster before logging in.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `GET /v1/ping`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Ping {
    /// The cluster's name.
    pub cluster: String,
    /// The daemon's version.
    pub version: String,
    /// The host authorities, one `authorized_keys` line each, to be trusted for host certificates.
    pub host_authorities: Vec<String>,
    /// Where clients reach the one port, as `host:port`.
    pub public_addr: String,
    /// Where plain MySQL clients reach a port of their own, as `host:port`, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mysql_addr: Option<String>,
}
