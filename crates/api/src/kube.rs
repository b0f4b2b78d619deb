//! Kubernetes clusters: where they are, how we know them, how we prove ourselves there.

use crate::{document::Metadata, problem::FieldProblem};
use access::target::{Target, TargetId, TargetKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `kind: kube_cluster`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KubeClusterDocument {
    /// Always `kube_cluster`.
    pub kind: String,
    /// Always `v1`; `v3` is read too.
    pub version: String,
    /// Name and labels.
    pub metadata: Metadata,
    /// The API server.
    pub spec: KubeClusterSpec,
}

/// What a Kubernetes cluster is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KubeClusterSpec {
    /// Where its API listens: `https://10.0.0.1:6443`. Left out only with the method `in_cluster`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// How it proves that it is itself.
    #[serde(default)]
    pub tls: KubeTls,
    /// How we prove ourselves there.
    pub auth: KubeAuth,
}

/// How an API server proves that it is itself.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KubeTls {
    /// The name its certificate must have; the host of the address when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// The authorities its certificate may come from, in PEM; those of the system when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_cert: Option<String>,
    /// Takes whoever answers for the API server.
    #[serde(default, skip_serializing_if = "is_false")]
    pub insecure_skip_verify: bool,
}

/// How we prove ourselves to an API server. Secrets can be written and are never read back.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KubeAuth {
    /// With what.
    pub method: KubeAuthMethod,
    /// The bearer token. Only in what is written; sealed at once. Left out, the one that is sealed stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(write_only)]
    pub token: Option<String>,
    /// The client certificate, in PEM, with its intermediates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The certificate's private key, in PEM. Only in what is written; sealed at once. Left out, the sealed one stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(write_only)]
    pub key: Option<String>,
}

impl std::fmt::Debug for KubeAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KubeAuth").field("method", &self.method).finish_non_exhaustive()
    }
}

/// With what we prove ourselves to an API server.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KubeAuthMethod {
    /// A client certificate, its key sealed in the store.
    Certificate,
    /// The service account of the pod that the daemon runs in.
    InCluster,
    /// A bearer token sealed in the store.
    Token,
}

/// What is sealed for a cluster.
#[derive(Default, Deserialize, Serialize)]
pub struct KubeSecret {
    /// The bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The private key of the client certificate, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl std::fmt::Debug for KubeSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KubeSecret(***)")
    }
}

impl TryFrom<&KubeClusterDocument> for Target {
    type Error = Vec<FieldProblem>;

    /// The cluster as the law knows it: name and labels, nothing of where it is.
    fn try_from(document: &KubeClusterDocument) -> Result<Self, Vec<FieldProblem>> {
        let name = document.metadata.name.parse().map_err(|error: access::name::InvalidName| {
            vec![FieldProblem::at("metadata.name", error)]
        })?;
        let id = TargetId { kind: TargetKind::KubeCluster, name };
        Ok(Self::new(id, document.metadata.labels.clone()))
    }
}

/// The name under which a cluster's [`KubeSecret`] is sealed, and the context it is sealed with.
pub fn secret_name(cluster: &str) -> String {
    format!("kube_cluster/{cluster}")
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}
