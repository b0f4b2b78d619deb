//! What a user can reach, could ask for, and why not.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// One target in the answer of `GET /v1/reach` (`tsh ls`).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct ReachView {
    /// `node`, `db`, `kube_cluster` or `app`.
    pub kind: String,
    /// The target's name.
    pub name: String,
    /// What it speaks. Databases: `postgres` or `mysql`; applications: `http` or `tcp`; absent of anything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Where an application is opened: `https://grafana.gw.example.com`; absent of anything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The logins open now.
    #[serde(default)]
    pub logins: Vec<ReachLogin>,
    /// The logins that a request would open.
    #[serde(default)]
    pub requestable: Vec<ReachRequestable>,
}

/// A login that is open now.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct ReachLogin {
    /// The account on the target, or the user of a database; `*` where a role allows any.
    pub login: String,
    /// The databases within a server that may be named, as roles write them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub databases: Vec<String>,
    /// When it ends, where a grant opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// The request that opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

/// A login that a request would open.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct ReachRequestable {
    /// The account on the target.
    pub login: String,
    /// The roles to ask for; any one of them is enough.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The command that asks for it.
    pub command: String,
}

/// Answer of `GET /v1/why?target=&login=` (`tsh why`).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct WhyView {
    /// Whether the connection would be let in now.
    pub allowed: bool,
    /// The denial's stable code; absent where allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// One sentence: what the policy says.
    pub sentence: String,
    /// The command that would open it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Who could approve that.
    #[serde(default)]
    pub approvers: Vec<String>,
    /// The roles that let the caller in.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The requests that let the caller in.
    #[serde(default)]
    pub requests: Vec<String>,
    /// When that ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

/// Answer of `POST /v1/reach-changes`: who would reach what else, if a role were written so.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct ReachChanges {
    /// How many users were looked at.
    pub users: u64,
    /// What would change, by user and target.
    pub changes: Vec<ReachChange>,
    /// Whether there may be more than was looked at.
    #[serde(default)]
    pub more: bool,
}

/// One way in that would change.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct ReachChange {
    /// Whose.
    pub user: String,
    /// The target, as `kind/name`.
    pub target: String,
    /// The account on it; empty where the way in has no name.
    pub login: String,
    /// How it is now.
    pub before: Way,
    /// How it would be.
    pub after: Way,
}

/// How a way in stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// There is none.
    Closed,
    /// It is open.
    Open,
    /// A request would open it.
    Request,
}
