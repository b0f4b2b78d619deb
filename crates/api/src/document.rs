//! Documents: what administrators write in YAML or JSON, as `kind`, `version`, `metadata`, `spec`.
//!
//! A text may hold several documents, divided by `---`. Unknown fields are errors, named by key path
//! and line; all documents are read before anything is said, so that every problem comes at once.
//! What is found wrong later, by its key path alone, is given its line by [`place`].

mod place;
mod read;

pub use place::place;
pub use read::{Part, parse, parts, typed};

use crate::problem::FieldProblem;
use crate::token::NewToken;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The longest text of documents we read, in bytes.
pub const MAX_TEXT: usize = 1024 * 1024;
/// The most documents in one text: they are written in one transaction.
pub const MAX_DOCUMENTS: usize = 250;

/// What every document says about itself.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// The name, unique within its kind.
    pub name: String,
    /// What it is for, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Labels, matched by roles.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The store's revision of the document. Sent with an edit, the edit succeeds only if nobody was faster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
}

/// The kinds of documents.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A rule that reviews requests by itself.
    AccessMonitoringRule,
    /// An application.
    App,
    /// What the cluster demands of everyone.
    ClusterSettings,
    /// A database.
    Db,
    /// A Kubernetes cluster.
    KubeCluster,
    /// Something that is locked out.
    Lock,
    /// An SSH host.
    Node,
    /// What its holders may do.
    Role,
    /// A secret that lets machines join.
    Token,
    /// A person.
    User,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::AccessMonitoringRule,
        Self::App,
        Self::ClusterSettings,
        Self::Db,
        Self::KubeCluster,
        Self::Lock,
        Self::Node,
        Self::Role,
        Self::Token,
        Self::User,
    ];

    /// The word after `kind:`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessMonitoringRule => "access_monitoring_rule",
            Self::App => "app",
            Self::ClusterSettings => "cluster_settings",
            Self::Db => "db",
            Self::KubeCluster => "kube_cluster",
            Self::Lock => "lock",
            Self::Node => "node",
            Self::Role => "role",
            Self::Token => "token",
            Self::User => "user",
        }
    }

    /// The path of the collection these documents live under.
    pub fn path(self) -> &'static str {
        match self {
            Self::AccessMonitoringRule => "/v1/rules",
            Self::App => "/v1/apps",
            Self::ClusterSettings => "/v1/cluster-settings",
            Self::Db => "/v1/databases",
            Self::KubeCluster => "/v1/kube-clusters",
            Self::Lock => "/v1/locks",
            Self::Node => "/v1/nodes",
            Self::Role => "/v1/roles",
            Self::Token => "/v1/tokens",
            Self::User => "/v1/users",
        }
    }

    /// The name of the only document of a kind that has but one.
    #[must_use]
    pub fn only(self) -> Option<&'static str> {
        match self {
            Self::ClusterSettings => Some(crate::settings::NAME),
            Self::AccessMonitoringRule
            | Self::App
            | Self::Db
            | Self::KubeCluster
            | Self::Lock
            | Self::Node
            | Self::Role
            | Self::Token
            | Self::User => None,
        }
    }
}

impl std::str::FromStr for Kind {
    type Err = UnknownKind;

    /// Reads a kind as people type it: `role`, `roles`, `rule`.
    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        let singular = text.strip_suffix('s').unwrap_or(text);
        match singular {
            "application" => return Ok(Self::App),
            "cluster_setting" => return Ok(Self::ClusterSettings),
            "database" => return Ok(Self::Db),
            "kube" => return Ok(Self::KubeCluster),
            "rule" => return Ok(Self::AccessMonitoringRule),
            _ => {}
        }
        Self::ALL.into_iter().find(|kind| kind.as_str() == singular).ok_or(UnknownKind)
    }
}

/// Why a text is not a kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "expected one of role, user, node, db, kube_cluster, app, lock, token, access_monitoring_rule, cluster_settings"
)]
pub struct UnknownKind;

/// One document of a text: its kind and name are known, its spec is as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The line it begins on, counted from 1.
    pub line: u64,
    /// Its text, as it was written.
    pub text: String,
    /// The same as JSON: what is sent to the daemon.
    pub value: serde_json::Value,
}

/// Answer to a document that was written.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Written {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The store's revision of it; 0 where nothing was written.
    pub revision: u64,
    /// Whether it is new.
    pub created: bool,
    /// What the writer may want to know: entries that can never match, templates that resolve to nothing.
    #[serde(default)]
    pub warnings: Vec<FieldProblem>,
}

/// Answer to a text of documents that were written, or with `dry_run` would be: all of them, or none.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct WrittenAll {
    /// Whether they were only checked.
    pub dry_run: bool,
    /// Each document, in the order of the text.
    pub documents: Vec<Written>,
    /// The secrets of the tokens among them, shown only now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<NewToken>,
}

#[cfg(test)]
mod tests;
