//! Resource ids: `/cluster/kind/name[/sub]`, what a resource request asks for (the law, §7).
//!
//! The kinds are those of [`TargetKind`], and what lives inside a Kubernetes cluster:
//! `kube:ns:<resource>` with the sub-resource `namespace/name`, and `kube:cw:<resource>` (cluster-wide)
//! with the sub-resource `name`. The singular words of older role documents (`pod`, `namespace`) are read too.

use crate::{
    name::{ClusterName, InvalidName, TargetName},
    target::{TargetId, TargetKind},
};
use core::{fmt, str::FromStr};

/// The longest sub-resource: a Kubernetes namespace and an object's name (RFC 1123: 63 and 253 bytes).
const MAX_SUB: usize = 63 + 1 + 253;

/// The longest Kubernetes kind: one DNS label, or several with their group.
const MAX_KIND: usize = 253;

/// What a resource id names.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ResourceKind {
    /// Inside a Kubernetes cluster, outside any namespace: `kube:cw:<resource>`.
    KubeClusterWide(Box<str>),
    /// Inside a namespace of a Kubernetes cluster: `kube:ns:<resource>`.
    KubeNamespaced(Box<str>),
    /// A whole target.
    Target(TargetKind),
}

/// One resource: `/main/node/db-box`, `/main/kube:ns:pods/prod/default/web-1`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ResourceId {
    cluster: ClusterName,
    kind: ResourceKind,
    name: TargetName,
    sub: Option<Box<str>>,
}

/// Why a text is not a resource id.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidResource {
    /// The parts are not there.
    #[error("a resource is written `/cluster/kind/name`, like `/main/node/db-box`")]
    Shape,
    /// A kind nobody knows.
    #[error(
        "there is no resource kind `{0}`: the kinds are node, db, kube_cluster, app, windows_desktop, `kube:ns:<resource>` and `kube:cw:<resource>`"
    )]
    Kind(String),
    /// The cluster or the name cannot be one.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// Something stands behind a kind that has nothing inside.
    #[error("a {0} has no parts: leave out what follows its name")]
    NoParts(&'static str),
    /// A Kubernetes resource without its place.
    #[error("`{kind}` needs {needs} after the cluster's name")]
    Parts {
        /// The kind, as written.
        kind: String,
        /// What must follow.
        needs: &'static str,
    },
}

impl ResourceId {
    /// The whole target `id` in `cluster`.
    #[must_use]
    pub fn target(cluster: ClusterName, id: TargetId) -> Self {
        Self { cluster, kind: ResourceKind::Target(id.kind), name: id.name, sub: None }
    }

    /// The cluster it lives in.
    #[must_use]
    pub const fn cluster(&self) -> &ClusterName {
        &self.cluster
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> &ResourceKind {
        &self.kind
    }

    /// The target's name; for Kubernetes resources that of their cluster.
    #[must_use]
    pub const fn name(&self) -> &TargetName {
        &self.name
    }

    /// The target it is, or is a part of.
    #[must_use]
    pub fn target_id(&self) -> TargetId {
        let kind = match self.kind {
            ResourceKind::KubeClusterWide(_) | ResourceKind::KubeNamespaced(_) => {
                TargetKind::KubeCluster
            }
            ResourceKind::Target(kind) => kind,
        };
        TargetId { kind, name: self.name.clone() }
    }

    /// The part of a Kubernetes cluster it is: resource, namespace and name. `None` for whole targets.
    #[must_use]
    pub fn kube(&self) -> Option<KubePart<'_>> {
        let sub = self.sub.as_deref().unwrap_or_default();
        match &self.kind {
            ResourceKind::KubeClusterWide(resource) => {
                Some(KubePart { resource, namespace: None, name: sub })
            }
            ResourceKind::KubeNamespaced(resource) => {
                let (namespace, name) = sub.split_once('/')?;
                Some(KubePart { resource, namespace: Some(namespace), name })
            }
            ResourceKind::Target(_) => None,
        }
    }

    /// The Kubernetes kind the `kubernetes_resources` of a requester's role are asked about:
    /// `kube_cluster`, `pods`, … `None` for what has nothing to do with Kubernetes.
    #[must_use]
    pub fn kube_kind(&self) -> Option<&str> {
        match &self.kind {
            ResourceKind::KubeClusterWide(resource) | ResourceKind::KubeNamespaced(resource) => {
                Some(resource)
            }
            ResourceKind::Target(TargetKind::KubeCluster) => Some(TargetKind::KubeCluster.as_str()),
            ResourceKind::Target(
                TargetKind::App | TargetKind::Db | TargetKind::Desktop | TargetKind::Node,
            ) => None,
        }
    }
}

/// A part of a Kubernetes cluster, taken apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KubePart<'a> {
    /// The resource in the plural, as the API's paths have it: `pods`.
    pub resource: &'a str,
    /// Its namespace, if it lives in one.
    pub namespace: Option<&'a str>,
    /// Its name.
    pub name: &'a str,
}

impl KubePart<'_> {
    /// Whether it is of this resource of this API group. A part that names no group is of any.
    #[must_use]
    pub fn is_of(&self, resource: &str, group: &str) -> bool {
        match self.resource.split_once('.') {
            Some((bare, own)) => bare == resource && own == group,
            None => self.resource == "*" || self.resource == resource,
        }
    }
}

/// The words of role documents up to version 7, and the API's plural; the flag says what is outside namespaces.
const WORDS: [(&str, &str, bool); 21] = [
    ("certificatesigningrequest", "certificatesigningrequests", true),
    ("clusterrole", "clusterroles", true),
    ("clusterrolebinding", "clusterrolebindings", true),
    ("configmap", "configmaps", false),
    ("cronjob", "cronjobs", false),
    ("daemonset", "daemonsets", false),
    ("deployment", "deployments", false),
    ("ingress", "ingresses", false),
    ("job", "jobs", false),
    ("kube_node", "nodes", true),
    ("kube_role", "roles", false),
    ("namespace", "namespaces", true),
    ("persistentvolume", "persistentvolumes", true),
    ("persistentvolumeclaim", "persistentvolumeclaims", false),
    ("pod", "pods", false),
    ("replicaset", "replicasets", false),
    ("rolebinding", "rolebindings", false),
    ("secret", "secrets", false),
    ("service", "services", false),
    ("serviceaccount", "serviceaccounts", false),
    ("statefulset", "statefulsets", false),
];

/// The plural of a Kubernetes kind as older role documents write it; any other word is its own plural.
#[must_use]
pub fn kube_plural(kind: &str) -> &str {
    WORDS.iter().find(|(word, ..)| *word == kind).map_or(kind, |(_, plural, _)| plural)
}

/// The singular by which older role documents know a Kubernetes resource, if they know it.
#[must_use]
pub fn kube_singular(resource: &str) -> Option<&'static str> {
    WORDS.iter().find(|(_, plural, _)| *plural == resource).map(|(word, ..)| *word)
}

fn kind_of(word: &str) -> Option<ResourceKind> {
    if let Some(kind) = TargetKind::from_word(word) {
        return Some(ResourceKind::Target(kind));
    }
    if let Some((_, plural, outside)) = WORDS.iter().find(|(singular, ..)| *singular == word) {
        return Some(if *outside {
            ResourceKind::KubeClusterWide((*plural).into())
        } else {
            ResourceKind::KubeNamespaced((*plural).into())
        });
    }
    let fits = |resource: &str| {
        !resource.is_empty()
            && resource.len() <= MAX_KIND
            && resource
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
    };
    if let Some(resource) = word.strip_prefix("kube:ns:").filter(|resource| fits(resource)) {
        return Some(ResourceKind::KubeNamespaced(resource.into()));
    }
    let resource = word.strip_prefix("kube:cw:").filter(|resource| fits(resource))?;
    Some(ResourceKind::KubeClusterWide(resource.into()))
}

/// Whether `part` can be a namespace or an object's name: what the API server takes, and `*`.
fn is_part(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:*".contains(&b))
}

impl FromStr for ResourceId {
    type Err = InvalidResource;

    fn from_str(text: &str) -> Result<Self, InvalidResource> {
        let rest = text.strip_prefix('/').ok_or(InvalidResource::Shape)?;
        let mut parts = rest.splitn(4, '/');
        let (Some(cluster), Some(word), Some(name)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidResource::Shape);
        };
        let kind =
            kind_of(word).ok_or_else(|| InvalidResource::Kind(word.chars().take(64).collect()))?;
        let sub = parts.next().filter(|sub| !sub.is_empty());
        let parts = |needs| InvalidResource::Parts { kind: word.to_owned(), needs };
        match (&kind, sub) {
            (ResourceKind::Target(_), None) => {}
            (ResourceKind::Target(kind), Some(_)) => {
                return Err(InvalidResource::NoParts(kind.as_str()));
            }
            (ResourceKind::KubeClusterWide(_), sub) => {
                sub.filter(|sub| sub.len() <= MAX_SUB && is_part(sub))
                    .ok_or_else(|| parts("a name"))?;
            }
            (ResourceKind::KubeNamespaced(_), sub) => {
                sub.filter(|sub| sub.len() <= MAX_SUB)
                    .and_then(|sub| sub.split_once('/'))
                    .filter(|(namespace, name)| is_part(namespace) && is_part(name))
                    .ok_or_else(|| parts("a namespace and a name"))?;
            }
        }
        Ok(Self { cluster: cluster.parse()?, kind, name: name.parse()?, sub: sub.map(Into::into) })
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KubeClusterWide(resource) => write!(f, "kube:cw:{resource}"),
            Self::KubeNamespaced(resource) => write!(f, "kube:ns:{resource}"),
            Self::Target(kind) => write!(f, "{kind}"),
        }
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/{}/{}", self.cluster, self.kind, self.name)?;
        self.sub.as_ref().map_or(Ok(()), |sub| write!(f, "/{sub}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_shown() {
        for text in [
            "/main/node/db-box",
            "/main/db/orders",
            "/leaf/kube_cluster/prod",
            "/main/kube:ns:pods/prod/default/web-1",
            "/main/kube:cw:namespaces/prod/default",
        ] {
            assert_eq!(text.parse::<ResourceId>().unwrap().to_string(), text);
        }
        assert_eq!(
            "/m/pod/k/ns/p".parse::<ResourceId>().unwrap().to_string(),
            "/m/kube:ns:pods/k/ns/p"
        );
    }

    #[test]
    fn what_is_not_a_resource_is_refused() {
        for text in [
            "",
            "/",
            "main/node/x",
            "/main/node",
            "/main/node/",
            "/main/node/x/y",
            "/main/toaster/x",
            "/main/pod/k/ns",
            "/main/kube:ns:pods/k/ns/p\u{1b}[0m",
            "/main/kube:ns:/k/ns/p",
            "/main/namespace/k",
            "/ma in/node/x",
        ] {
            assert!(text.parse::<ResourceId>().is_err(), "{text}");
        }
    }
}
