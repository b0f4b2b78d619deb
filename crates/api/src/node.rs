//! SSH hosts: where they are, how we know them, how we log in there.

use crate::{document::Metadata, problem::FieldProblem};
use access::target::{Target, TargetId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// `kind: node`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeDocument {
    /// Always `node`.
    pub kind: String,
    /// Always `v1`.
    pub version: String,
    /// Name and labels.
    pub metadata: Metadata,
    /// The host.
    pub spec: NodeSpec,
}

/// What a node is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeSpec {
    /// Where its SSH server listens, as `host:port`; IPv6 as `[::1]:22`.
    pub addr: String,
    /// The host keys we accept, as `ssh-ed25519 AAAA…` lines. Without any, the host must show a
    /// certificate of our host authority.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub host_keys: Vec<String>,
    /// How we log in there.
    #[serde(default)]
    pub auth: NodeAuth,
}

/// How the proxy logs in to a host. The secrets can be written and are never read back.
#[derive(Clone, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeAuth {
    /// With what.
    #[serde(default)]
    pub method: NodeAuthMethod,
    /// The private key in OpenSSH form, without passphrase. Only in what is written; sealed at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(write_only)]
    pub private_key: Option<String>,
    /// The password. Only in what is written; sealed at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(write_only)]
    pub password: Option<String>,
}

impl std::fmt::Debug for NodeAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeAuth").field("method", &self.method).field("secret", &"***").finish()
    }
}

/// With what the proxy logs in to a host.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NodeAuthMethod {
    /// A certificate of our user authority, made for each connection.
    #[default]
    Certificate,
    /// A key sealed in the store.
    Key,
    /// A password sealed in the store.
    Password,
}

impl TryFrom<&NodeDocument> for Target {
    type Error = Vec<FieldProblem>;

    /// The node as the law knows it: its name and labels, nothing of where it is.
    fn try_from(document: &NodeDocument) -> Result<Self, Vec<FieldProblem>> {
        let name = document.metadata.name.parse().map_err(|error: access::name::InvalidName| {
            vec![FieldProblem {
                path: "metadata.name".to_owned(),
                message: error.to_string(),
                ..FieldProblem::default()
            }]
        })?;
        Ok(Self::new(TargetId::node(name), document.metadata.labels.clone()))
    }
}

/// The name under which a node's secret is sealed, and the context it is sealed with.
pub fn secret_name(node: &str) -> String {
    format!("node/{node}")
}

/// A node in a list.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct NodeView {
    /// Its name.
    pub name: String,
    /// Where its SSH server listens.
    pub addr: String,
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// With what the proxy logs in.
    pub auth: NodeAuthMethod,
}

/// Answer of `GET /v1/nodes/{name}/trust`: what a host needs to trust us.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct NodeTrust {
    /// The content of the file named by the first sshd_config line.
    pub trusted_user_ca_keys: Vec<String>,
    /// The two lines of sshd_config.
    pub sshd_config: Vec<String>,
    /// For other clients: the `known_hosts` line that trusts our host certificates.
    pub known_hosts: Vec<String>,
}

/// Body of `POST /v1/nodes/{name}/host-certificate`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HostKey {
    /// The host's public key, one `ssh-ed25519 AAAA…` line.
    pub public_key: String,
    /// Further names the certificate shall hold besides the node's own and its address.
    #[serde(default)]
    pub names: Vec<String>,
}

/// Answer of `POST /v1/nodes/{name}/host-certificate`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct HostCertificate {
    /// The certificate, one line, for the file named by `HostCertificate` in sshd_config.
    pub certificate: String,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires: jiff::Timestamp,
}
