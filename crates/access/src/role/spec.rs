//! A role as written: plain data, nothing checked. The mirror of a document, without its format.

use super::options::RoleOptions;
use jiff::SignedDuration;
use std::collections::BTreeMap;

/// A role document, read but not checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoleSpec {
    /// `metadata.name`
    pub name: String,
    /// `version`
    pub version: Option<String>,
    /// `metadata.description`
    pub description: String,
    /// `spec.options`
    pub options: RoleOptions,
    /// `spec.allow`
    pub allow: ConditionsSpec,
    /// `spec.deny`
    pub deny: ConditionsSpec,
}

/// Labels as written: key → patterns.
pub type LabelsSpec = BTreeMap<String, Vec<String>>;

/// `spec.allow` or `spec.deny`. The fields have the names of the document.
#[expect(missing_docs, reason = "each field is the document's field of the same name")]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConditionsSpec {
    pub logins: Vec<String>,
    pub namespaces: Vec<String>,
    pub node_labels: LabelsSpec,
    pub node_labels_expression: Option<String>,
    pub app_labels: LabelsSpec,
    pub app_labels_expression: Option<String>,
    pub cluster_labels: LabelsSpec,
    pub cluster_labels_expression: Option<String>,
    pub db_labels: LabelsSpec,
    pub db_labels_expression: Option<String>,
    pub kubernetes_labels: LabelsSpec,
    pub kubernetes_labels_expression: Option<String>,
    pub windows_desktop_labels: LabelsSpec,
    pub windows_desktop_labels_expression: Option<String>,
    pub windows_desktop_logins: Vec<String>,
    pub db_names: Vec<String>,
    pub db_users: Vec<String>,
    pub db_roles: Vec<String>,
    pub kubernetes_users: Vec<String>,
    pub kubernetes_groups: Vec<String>,
    /// `None` where the document says nothing: the version decides.
    pub kubernetes_resources: Option<Vec<KubeResourceSpec>>,
    pub aws_role_arns: Vec<String>,
    pub app_paths: Vec<AppPathsSpec>,
    pub host_groups: Vec<String>,
    pub host_sudoers: Vec<String>,
    pub impersonate: Option<ImpersonateSpec>,
    pub rules: Vec<RuleSpec>,
    pub request: Option<RequestSpec>,
    pub review_requests: Option<ReviewSpec>,
    pub join_sessions: Vec<JoinSpec>,
    pub require_session_join: Vec<RequireJoinSpec>,
}

/// `app_paths[]`
#[expect(missing_docs, reason = "each field is the document's field of the same name")]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AppPathsSpec {
    pub paths: Vec<String>,
    pub methods: Vec<String>,
}

/// `kubernetes_resources[]`
#[expect(missing_docs, reason = "each field is the document's field of the same name")]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KubeResourceSpec {
    pub kind: String,
    pub api_group: Option<String>,
    pub namespace: Option<String>,
    pub name: String,
    pub verbs: Vec<String>,
}

/// `impersonate`
#[expect(missing_docs, reason = "each field is the document's field of the same name")]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImpersonateSpec {
    pub users: Vec<String>,
    pub roles: Vec<String>,
}

/// `rules[]`
#[expect(missing_docs, reason = "each field is the document's field of the same name")]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleSpec {
    pub resources: Vec<String>,
    pub verbs: Vec<String>,
    pub where_: Option<String>,
    pub actions: Vec<String>,
}

/// `request`
#[expect(missing_docs, reason = "each field is the document's field of the same name")]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestSpec {
    pub roles: Vec<String>,
    pub search_as_roles: Vec<String>,
    pub claims_to_roles: Vec<ClaimSpec>,
    pub thresholds: Vec<ThresholdSpec>,
    pub annotations: BTreeMap<String, Vec<String>>,
    pub suggested_reviewers: Vec<String>,
    pub max_duration: Option<SignedDuration>,
    pub reason_mode: Option<String>,
    pub kubernetes_resources: Option<Vec<KindSpec>>,
}

/// `request.claims_to_roles[]`
#[expect(missing_docs, reason = "each field is the document's field of the same name")]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClaimSpec {
    pub claim: String,
    pub value: String,
    pub roles: Vec<String>,
}

/// `request.kubernetes_resources[]`
#[expect(missing_docs, reason = "each field is the document's field of the same name")]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KindSpec {
    pub kind: String,
    pub api_group: Option<String>,
}

/// `request.thresholds[]`
#[expect(missing_docs, reason = "each field is the document's field of the same name")]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ThresholdSpec {
    pub name: String,
    pub filter: Option<String>,
    pub approve: Option<u32>,
    pub deny: Option<u32>,
    pub all_of: Vec<PartSpec>,
}

/// `request.thresholds[].all_of[]`
#[expect(missing_docs, reason = "each field is the document's field of the same name")]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartSpec {
    pub name: String,
    pub filter: Option<String>,
    pub approve: Option<u32>,
}

/// `review_requests`
#[expect(missing_docs, reason = "each field is the document's field of the same name")]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReviewSpec {
    pub roles: Vec<String>,
    pub claims_to_roles: Vec<ClaimSpec>,
    pub where_: Option<String>,
    pub preview_as_roles: Vec<String>,
}

/// `join_sessions[]`
#[expect(missing_docs, reason = "each field is the document's field of the same name")]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JoinSpec {
    pub name: String,
    pub roles: Vec<String>,
    pub kinds: Vec<String>,
    pub modes: Vec<String>,
}

/// `require_session_join[]`
#[expect(missing_docs, reason = "each field is the document's field of the same name")]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequireJoinSpec {
    pub name: String,
    pub filter: String,
    pub kinds: Vec<String>,
    pub count: u32,
    pub modes: Vec<String>,
    pub on_leave: Option<String>,
}
