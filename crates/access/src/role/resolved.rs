//! What a role says to one user: templates filled in, defaults of its version in place.

use super::{
    Conditions,
    spec::{ConditionsSpec, ImpersonateSpec, LabelsSpec},
};
use crate::{
    identity::Traits,
    label::{Key, LabelSelector},
    name::Login,
    template::Patterns,
};
use std::borrow::Cow;

impl Conditions {
    /// The lists and labels as they are for someone with these traits. Accounts that can be none are
    /// left out.
    #[must_use]
    pub fn resolved(&self, traits: &Traits) -> ConditionsSpec {
        let list = |patterns: &Patterns| {
            patterns.texts(traits).into_iter().map(Cow::into_owned).collect::<Vec<String>>()
        };
        let labels = |selector: &LabelSelector| labels(selector, traits);
        ConditionsSpec {
            logins: list(&self.logins)
                .into_iter()
                .filter(|text| text.parse::<Login>().is_ok())
                .collect(),
            namespaces: list(&self.namespaces),
            node_labels: labels(&self.nodes.labels),
            app_labels: labels(&self.apps.labels),
            cluster_labels: labels(&self.clusters.labels),
            db_labels: labels(&self.dbs.labels),
            kubernetes_labels: labels(&self.kube.labels),
            windows_desktop_labels: labels(&self.desktops.labels),
            windows_desktop_logins: list(&self.windows_desktop_logins)
                .into_iter()
                .filter(|text| is_windows_login(text))
                .collect(),
            db_names: list(&self.db_names),
            db_users: list(&self.db_users),
            db_roles: list(&self.db_roles),
            kubernetes_users: list(&self.kubernetes_users),
            kubernetes_groups: list(&self.kubernetes_groups),
            aws_role_arns: list(&self.aws_role_arns),
            host_groups: list(&self.host_groups),
            host_sudoers: list(&self.host_sudoers),
            impersonate: Some(ImpersonateSpec {
                users: list(&self.impersonate.users),
                roles: list(&self.impersonate.roles),
            }),
            ..ConditionsSpec::default()
        }
    }
}

fn labels(selector: &LabelSelector, traits: &Traits) -> LabelsSpec {
    let mut spec = LabelsSpec::new();
    if selector.everything {
        spec.insert("*".to_owned(), vec!["*".to_owned()]);
    }
    for (key, values) in &selector.entries {
        let keys = match key {
            Key::Exact(key) => vec![Cow::Borrowed(&**key)],
            Key::Template(template) => template.texts(traits),
        };
        for key in keys {
            let values = values.texts(traits).into_iter().map(Cow::into_owned);
            spec.entry(key.into_owned()).or_default().extend(values);
        }
    }
    spec
}

/// Characters no Windows account has in its name (Microsoft, "user name formats": SAM account names).
pub(crate) fn is_windows_login(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 104
        && !text.ends_with('.')
        && !text.contains(|c: char| c.is_control() || "\"/[]:;|=,+*?<>".contains(c))
}
