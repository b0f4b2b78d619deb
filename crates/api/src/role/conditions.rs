//! `spec.allow` and `spec.deny`.

use super::{
    people::{
        ImpersonateDocument, JoinDocument, RequestDocument, RequireJoinDocument, ReviewDocument,
        RuleDocument,
    },
    shape::{Texts, Unsupported},
};
use access::role::spec::{AppPathsSpec, ConditionsSpec, KubeResourceSpec};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

macro_rules! conditions {
    (
        labels: $($(#[$ldoc:meta])* $labels:ident $expression:ident)+;
        texts: $($(#[$tdoc:meta])* $texts:ident)+;
        unsupported: $($known:ident)+;
    ) => {
        /// What a role allows, or denies.
        #[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct ConditionsDocument {
            $($(#[$ldoc])*
            #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
            #[schema(value_type = BTreeMap<String, Vec<String>>)]
            pub $labels: BTreeMap<String, Texts>,
            /// The same as an expression over `labels` and `user`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub $expression: Option<String>,)+
            $($(#[$tdoc])*
            #[serde(default, skip_serializing_if = "Texts::is_empty")]
            #[schema(value_type = Vec<String>)]
            pub $texts: Texts,)+
            /// Objects of Kubernetes clusters; where it is missing, the version decides.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub kubernetes_resources: Option<Vec<KubeResourceDocument>>,
            /// Paths and methods of applications; without any, all of them.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub app_paths: Vec<AppPathsDocument>,
            /// In whose name certificates may be made.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub impersonate: Option<ImpersonateDocument>,
            /// Rules about the house's own documents.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub rules: Vec<RuleDocument>,
            /// What may be asked for.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub request: Option<RequestDocument>,
            /// Which requests may be reviewed.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub review_requests: Option<ReviewDocument>,
            /// Which sessions may be joined.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub join_sessions: Vec<JoinDocument>,
            /// Who must be present in sessions.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub require_session_join: Vec<RequireJoinDocument>,
            $(/// Known, and not supported here.
            #[serde(default, skip_serializing)]
            #[schema(ignore)]
            pub $known: Unsupported,)+
        }

        impl ConditionsDocument {
            pub(super) fn conditions(&self) -> ConditionsSpec {
                let labels = |labels: &BTreeMap<String, Texts>| {
                    labels.iter().map(|(key, values)| (key.clone(), values.0.clone())).collect()
                };
                let resources = self.kubernetes_resources.as_ref();
                ConditionsSpec {
                    $($labels: labels(&self.$labels), $expression: self.$expression.clone(),)+
                    $($texts: self.$texts.0.clone(),)+
                    kubernetes_resources: resources
                        .map(|list| list.iter().map(KubeResourceDocument::resource).collect()),
                    app_paths: self.app_paths.iter().map(AppPathsDocument::spec).collect(),
                    impersonate: self.impersonate.as_ref().map(ImpersonateDocument::spec),
                    rules: self.rules.iter().map(RuleDocument::spec).collect(),
                    request: self.request.as_ref().map(RequestDocument::spec),
                    review_requests: self.review_requests.as_ref().map(ReviewDocument::spec),
                    join_sessions: self.join_sessions.iter().map(JoinDocument::spec).collect(),
                    require_session_join: self.require_session_join.iter().map(RequireJoinDocument::spec).collect(),
                }
            }
        }
    };
}

conditions! {
    labels:
        /// Applications, by label.
        app_labels app_labels_expression
        /// Other clusters, by label.
        cluster_labels cluster_labels_expression
        /// Databases, by label.
        db_labels db_labels_expression
        /// Kubernetes clusters, by label.
        kubernetes_labels kubernetes_labels_expression
        /// Hosts, by label.
        node_labels node_labels_expression
        /// Desktops, by label.
        windows_desktop_labels windows_desktop_labels_expression;
    texts:
        /// Roles of cloud consoles.
        aws_role_arns
        /// Databases within a server.
        db_names
        /// Database roles of users made on demand.
        db_roles
        /// Database users.
        db_users
        /// Groups of accounts made on hosts.
        host_groups
        /// Lines of sudoers for them.
        host_sudoers
        /// Kubernetes groups to act as.
        kubernetes_groups
        /// Kubernetes users to act as.
        kubernetes_users
        /// Accounts on hosts.
        logins
        /// Namespaces of targets.
        namespaces
        /// Accounts on desktops.
        windows_desktop_logins;
    unsupported:
        account_assignments azure_identities db_permissions db_service_labels db_service_labels_expression
        desktop_groups gcp_service_accounts github_permissions group_labels group_labels_expression mcp spiffe
        workload_identity_labels workload_identity_labels_expression;
}

/// `app_paths[]`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppPathsDocument {
    /// The paths, decoded: literal, with `*` for anything, or `^regular expression$`.
    #[schema(value_type = Vec<String>)]
    pub paths: Texts,
    /// The methods; without any, all of them.
    #[serde(default, skip_serializing_if = "Texts::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub methods: Texts,
}

impl AppPathsDocument {
    fn spec(&self) -> AppPathsSpec {
        AppPathsSpec { paths: self.paths.0.clone(), methods: self.methods.0.clone() }
    }
}

/// `kubernetes_resources[]`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KubeResourceDocument {
    /// The kind: `pod` up to role version v7, `pods` from v8; `*`.
    pub kind: String,
    /// From role version v8: the API group, `""` or `*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_group: Option<String>,
    /// The namespace; missing for what lives outside any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
    /// The verbs; none is none.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub verbs: Texts,
}

impl KubeResourceDocument {
    fn resource(&self) -> KubeResourceSpec {
        KubeResourceSpec {
            kind: self.kind.clone(),
            api_group: self.api_group.clone(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            verbs: self.verbs.0.clone(),
        }
    }
}
