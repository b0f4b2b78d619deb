//! What can be reached through the house.

use crate::name::TargetName;
use core::fmt;
use std::collections::BTreeMap;

/// What sort of thing a target is. The words are those of resource ids (the law, §7).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum TargetKind {
    /// An application behind HTTP.
    App,
    /// A database.
    Db,
    /// A Windows desktop.
    Desktop,
    /// A Kubernetes cluster.
    KubeCluster,
    /// A host reached by SSH.
    Node,
}

impl TargetKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::App, Self::Db, Self::Desktop, Self::KubeCluster, Self::Node];

    /// The word of resource ids: `node`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Db => "db",
            Self::Desktop => "windows_desktop",
            Self::KubeCluster => "kube_cluster",
            Self::Node => "node",
        }
    }

    /// The kind this word of a resource id names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for TargetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A target's kind and name; two targets of different kinds may share a name.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TargetId {
    /// The kind.
    pub kind: TargetKind,
    /// The name.
    pub name: TargetName,
}

impl TargetId {
    /// The id of the host `name`.
    #[must_use]
    pub const fn node(name: TargetName) -> Self {
        Self { kind: TargetKind::Node, name }
    }
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// What a target is called by: `env` → `prod`.
pub type Labels = BTreeMap<String, String>;

/// Something that can be reached.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Target {
    /// Which.
    pub id: TargetId,
    /// What selectors look at.
    pub labels: Labels,
    /// The namespace older role documents select by; `default` for all targets that say nothing else.
    pub namespace: Box<str>,
    /// What it speaks. Databases: `postgres`, `mysql`, `cockroachdb`; applications: `http`, `tcp`.
    pub protocol: Option<Box<str>>,
    /// The host name of an application that has one of its own, in lower case.
    pub host: Option<Box<str>>,
}

impl Target {
    /// A target with these labels.
    #[must_use]
    pub fn new(id: TargetId, labels: Labels) -> Self {
        Self { id, labels, namespace: "default".into(), protocol: None, host: None }
    }

    /// Adds labels found at run time. A label the administrator wrote stays: nothing may rename itself
    /// into someone's reach.
    #[must_use]
    pub fn with_dynamic(mut self, found: Labels) -> Self {
        for (key, value) in found {
            self.labels.entry(key).or_insert(value);
        }
        self
    }
}
