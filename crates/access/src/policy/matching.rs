//! Whether one role speaks about one ask: the allow side, where everything inside the role must match,
//! and the deny side, where anything is enough (the law, §9).

use crate::{
    app::{AppCall, AppPaths},
    ask::{Action, KubeCall},
    identity::User,
    label::Selector,
    role::{Conditions, Role, options::CreateDbUser},
    target::{Target, TargetKind},
    template::Patterns,
};

/// What a role is asked about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matter<'a> {
    pub(super) user: &'a User,
    pub(super) target: &'a Target,
    pub(super) action: &'a Action,
}

impl Matter<'_> {
    fn selector<'r>(&self, conditions: &'r Conditions) -> &'r Selector {
        conditions.selector(self.target.id.kind)
    }

    /// Whether the role selects the target at all, whatever is to be done there.
    pub(super) fn selects(&self, role: &Role) -> bool {
        let allow = &role.allow;
        let namespace =
            allow.namespaces.is_empty() || self.lists(&allow.namespaces, &self.target.namespace);
        namespace && self.selector(allow).allows(&self.target.labels, self.user)
    }

    /// Whether everything inside `role.allow` matches.
    pub(super) fn allowed_by(&self, role: &Role) -> bool {
        self.selects(role) && self.action_allowed_by(role)
    }

    fn action_allowed_by(&self, role: &Role) -> bool {
        let allow = &role.allow;
        match self.action {
            Action::App { aws_role_arn, call } => {
                aws_role_arn.as_ref().is_none_or(|arn| self.lists(&allow.aws_role_arns, arn))
                    && call.as_ref().is_none_or(|call| {
                        allow.app_paths.is_empty() || self.names(&allow.app_paths, call)
                    })
            }
            Action::Db { user, name } => {
                user.as_ref().is_none_or(|user| self.db_user_allowed(role, user))
                    && name.as_ref().is_none_or(|name| self.lists(&allow.db_names, name))
            }
            Action::Desktop { login } => self.spells(&allow.windows_desktop_logins, login.as_str()),
            Action::Kube { resource, .. } => {
                resource.as_ref().is_none_or(|call| self.covers(allow, call))
            }
            Action::Ssh { login } => self.spells(&allow.logins, login.as_str()),
        }
    }

    /// Whether anything of `role.deny` matches.
    pub(super) fn denied_by(&self, role: &Role) -> bool {
        let deny = &role.deny;
        let namespace =
            deny.namespaces.is_empty() || self.lists(&deny.namespaces, &self.target.namespace);
        let labels = namespace
            && !narrows(deny, self.target.id.kind)
            && self.selector(deny).denies(&self.target.labels, self.user);
        labels || self.action_denied_by(deny)
    }

    fn action_denied_by(&self, deny: &Conditions) -> bool {
        let listed =
            |list: &Patterns, text: Option<&str>| text.is_some_and(|text| self.lists(list, text));
        match self.action {
            Action::App { aws_role_arn, call } => {
                let apps = self.selector(deny);
                let here = apps.is_empty() || apps.denies(&self.target.labels, self.user);
                listed(&deny.aws_role_arns, aws_role_arn.as_deref())
                    || here && call.as_ref().is_some_and(|call| self.names(&deny.app_paths, call))
            }
            Action::Db { user, name } => {
                user.as_ref().is_some_and(|user| self.db_user_listed(&deny.db_users, user))
                    || listed(&deny.db_names, name.as_deref())
            }
            Action::Desktop { login } => listed(&deny.windows_desktop_logins, Some(login.as_str())),
            Action::Kube { resource, .. } => resource.as_ref().is_some_and(|call| {
                let traits = &self.user.traits;
                deny.kubernetes_resources.iter().any(|resource| resource.takes_in(call, traits))
            }),
            Action::Ssh { login } => listed(&deny.logins, Some(login.as_str())),
        }
    }

    fn lists(&self, list: &Patterns, text: &str) -> bool {
        list.matches(text, &self.user.traits)
    }

    /// Accounts on hosts are written out: no pattern opens one.
    fn spells(&self, list: &Patterns, text: &str) -> bool {
        list.spells(text, &self.user.traits)
    }

    fn names(&self, paths: &[AppPaths], call: &AppCall) -> bool {
        paths.iter().any(|paths| paths.covers(call, &self.user.traits))
    }

    fn covers(&self, conditions: &Conditions, call: &KubeCall) -> bool {
        conditions
            .kubernetes_resources
            .iter()
            .any(|resource| resource.covers(call, &self.user.traits))
    }

    /// With users made on demand, nobody is anyone but themselves.
    fn db_user_allowed(&self, role: &Role, name: &str) -> bool {
        match role.options.create_db_user_mode {
            Some(CreateDbUser::BestEffortDrop | CreateDbUser::Keep) => {
                name == self.user.name.as_str()
            }
            Some(CreateDbUser::Off) | None => self.db_user_listed(&role.allow.db_users, name),
        }
    }

    /// CockroachDB folds user names to lower case, so `ROOT` is `root` there.
    fn db_user_listed(&self, list: &Patterns, name: &str) -> bool {
        let folds = self.target.protocol.as_deref() == Some("cockroachdb");
        self.lists(list, name) || folds && self.lists(list, &name.to_lowercase())
    }
}

/// Whether the labels under `deny` say where a list of it holds, instead of denying the whole target:
/// a role that denies one group, or one pod, on production clusters leaves the rest of them alone.
pub(super) const fn narrows(deny: &Conditions, kind: TargetKind) -> bool {
    match kind {
        TargetKind::Desktop | TargetKind::Node => false,
        TargetKind::App => !deny.app_paths.is_empty(),
        TargetKind::Db => !deny.db_roles.is_empty(),
        TargetKind::KubeCluster => {
            !deny.kubernetes_groups.is_empty()
                || !deny.kubernetes_users.is_empty()
                || !deny.kubernetes_resources.is_empty()
        }
    }
}
