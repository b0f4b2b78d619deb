//! `spec.allow` and `spec.deny`, checked.

use super::{
    kube::KubeResource,
    request::{RequestConditions, ReviewConditions},
    rules::Rule,
};
use crate::{
    app::AppPaths,
    join::{JoinPolicy, RequireJoin},
    label::Selector,
    target::TargetKind,
    template::Patterns,
};

/// What a role allows, or what it denies.
#[expect(missing_docs, reason = "each field is the document's field of the same name")]
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    pub nodes: Selector,
    pub apps: Selector,
    /// `cluster_labels`
    pub clusters: Selector,
    pub dbs: Selector,
    pub kube: Selector,
    pub desktops: Selector,
    pub logins: Patterns,
    pub namespaces: Patterns,
    pub windows_desktop_logins: Patterns,
    pub db_names: Patterns,
    pub db_users: Patterns,
    pub db_roles: Patterns,
    pub kubernetes_users: Patterns,
    pub kubernetes_groups: Patterns,
    pub kubernetes_resources: Vec<KubeResource>,
    pub aws_role_arns: Patterns,
    pub app_paths: Vec<AppPaths>,
    pub host_groups: Patterns,
    pub host_sudoers: Patterns,
    pub impersonate: Impersonate,
    pub rules: Vec<Rule>,
    pub request: RequestConditions,
    pub review_requests: ReviewConditions,
    pub join_sessions: Vec<JoinPolicy>,
    pub require_session_join: Vec<RequireJoin>,
}

/// In whose name certificates may be made: `impersonate`.
#[derive(Clone, Debug, Default)]
pub struct Impersonate {
    /// Users.
    pub users: Patterns,
    /// Roles.
    pub roles: Patterns,
}

impl Conditions {
    /// The selector for targets of this kind.
    #[must_use]
    pub const fn selector(&self, kind: TargetKind) -> &Selector {
        match kind {
            TargetKind::App => &self.apps,
            TargetKind::Db => &self.dbs,
            TargetKind::Desktop => &self.desktops,
            TargetKind::KubeCluster => &self.kube,
            TargetKind::Node => &self.nodes,
        }
    }
}
