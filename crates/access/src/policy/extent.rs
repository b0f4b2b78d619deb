//! What roles give on one target beside getting in: Kubernetes users and groups, database users and
//! roles, groups on hosts, logins.
//!
//! Here the lists under `deny` take single entries away. Labels beside them say where; without labels
//! they hold everywhere.

use super::matching::Matter;
use crate::{
    ask::Action,
    identity::User,
    label::Selector,
    name::Login,
    permit::Terms,
    role::{
        Conditions, Role,
        options::{CreateDbUser, CreateHostUser},
    },
    target::{Labels, Target, TargetKind},
    template::Patterns,
};
use std::collections::BTreeSet;

/// Kubernetes users and groups that may be impersonated.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct KubeExtent {
    /// The users.
    pub users: BTreeSet<String>,
    /// The groups.
    pub groups: BTreeSet<String>,
    /// Whether roles give any, of which `deny` may have taken all away.
    given: bool,
}

/// The labels under `deny` say where its lists hold; none written: everywhere.
fn holds_here(deny: &Selector, labels: &Labels, user: &User) -> bool {
    deny.is_empty() || deny.denies(labels, user)
}

fn listed(user: &User, list: &Patterns) -> Vec<String> {
    list.texts(&user.traits).into_iter().map(std::borrow::Cow::into_owned).collect()
}

/// What `allowing` roles give on a cluster, less what any of `all` takes away there.
pub(super) fn kube<'r>(
    user: &User,
    all: impl Iterator<Item = &'r Role>,
    allowing: impl Iterator<Item = &'r Role>,
    target: &Target,
) -> KubeExtent {
    let mut extent = KubeExtent::default();
    let mut allowing: Vec<_> = allowing.collect();
    for role in &allowing {
        extent.users.extend(listed(user, &role.allow.kubernetes_users));
        extent.groups.extend(listed(user, &role.allow.kubernetes_groups));
    }
    extent.given = !extent.users.is_empty() || !extent.groups.is_empty();
    allowing.extend(all);
    for role in allowing.iter().filter(|role| holds_here(&role.deny.kube, &target.labels, user)) {
        extent.users.retain(|name| !role.deny.kubernetes_users.matches(name, &user.traits));
        extent.groups.retain(|name| !role.deny.kubernetes_groups.matches(name, &user.traits));
    }
    extent
}

impl KubeExtent {
    /// Whether nothing is left of what roles give.
    #[must_use]
    pub fn is_taken_away(&self) -> bool {
        self.given && self.users.is_empty() && self.groups.is_empty()
    }

    pub(super) fn choose(
        self,
        user: &User,
        chosen: Option<&str>,
        groups: &[Box<str>],
    ) -> Result<Terms, (Option<String>, String)> {
        if self.is_taken_away() {
            return Err((None, "every Kubernetes user and group is denied".to_owned()));
        }
        let mut users = self.users.iter();
        let kube_user = match (chosen, users.next(), users.next()) {
            (Some(chosen), _, _) if self.users.contains(chosen) => chosen,
            (Some(chosen), None, _) if chosen == user.name.as_str() => chosen,
            (Some(_), _, _) => {
                return Err((None, "this Kubernetes user is not allowed".to_owned()));
            }
            (None, None, _) => user.name.as_str(),
            (None, Some(only), None) => only,
            (None, Some(_), Some(_)) => {
                let names: Vec<_> = self.users.iter().map(String::as_str).collect();
                let sentence = format!("choose a user with --as: one of {}", names.join(", "));
                return Err((Some(sentence), "several Kubernetes users are allowed".to_owned()));
            }
        };
        let kube_user = Some(kube_user.into());
        if groups.is_empty() {
            let kube_groups = self.groups.iter().map(|group| group.as_str().into()).collect();
            return Ok(Terms { kube_user, kube_groups, ..Terms::default() });
        }
        if groups.iter().any(|group| !self.groups.contains(&**group)) {
            return Err((None, "a Kubernetes group is not allowed".to_owned()));
        }
        Ok(Terms { kube_user, kube_groups: groups.to_vec(), ..Terms::default() })
    }
}

/// Database users that may be named.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DbUsers {
    /// Those that are written out and allowed.
    pub allowed: Vec<String>,
    /// Those that are written out and denied.
    pub denied: Vec<String>,
    /// Whether any other is allowed.
    pub wildcard_allowed: bool,
    /// Whether all are denied.
    pub wildcard_denied: bool,
}

/// What these roles give on a database.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DbProvision {
    /// Whether, and how, a user is made on demand.
    pub mode: CreateDbUser,
    /// The roles the made user gets.
    pub roles: BTreeSet<String>,
}

/// The user that `allowing` roles want made on a database, with the roles they give less what any of `all` takes
/// away there.
pub(super) fn provision<'r>(
    user: &User,
    all: impl Iterator<Item = &'r Role>,
    allowing: impl Iterator<Item = &'r Role> + Clone,
    target: &Target,
) -> Option<DbProvision> {
    let mode = super::merge::create_db_user(allowing.clone().map(|role| &role.options));
    if mode == CreateDbUser::Off {
        return None;
    }
    let wanting = allowing.clone().filter(|role| {
        role.options.create_db_user_mode.is_some_and(|mode| mode != CreateDbUser::Off)
    });
    let mut roles: BTreeSet<_> =
        wanting.flat_map(|role| listed(user, &role.allow.db_roles)).collect();
    for role in all.chain(allowing).filter(|role| holds_here(&role.deny.dbs, &target.labels, user))
    {
        roles.retain(|name| !role.deny.db_roles.matches(name, &user.traits));
    }
    Some(DbProvision { mode, roles })
}

/// A database role that may not be had.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("access denied: database role `{0}` is not allowed here")]
pub struct DbRoleRefused(pub String);

/// Hosts where a matching role does not want accounts made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("access denied: host user creation not allowed")]
pub struct HostUserRefused;

/// What an account made on a host gets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostAccount {
    /// Whether it stays.
    pub mode: CreateHostUser,
    /// Its groups.
    pub groups: BTreeSet<String>,
    /// Its lines of sudoers.
    pub sudoers: Vec<String>,
}

/// The roles of one user before one target.
#[derive(Clone, Debug)]
pub struct Extent<'a> {
    user: &'a User,
    roles: Vec<&'a Role>,
    target: &'a Target,
}

impl<'a> Extent<'a> {
    /// The extent of these roles on this target, for this user.
    #[must_use]
    pub fn new(
        user: &'a User,
        roles: impl IntoIterator<Item = &'a Role>,
        target: &'a Target,
    ) -> Self {
        Self { user, roles: roles.into_iter().collect(), target }
    }

    fn selector<'r>(&self, conditions: &'r Conditions) -> &'r Selector {
        conditions.selector(self.target.id.kind)
    }

    fn selecting(&self) -> impl Iterator<Item = &'a Role> + Clone {
        let (user, target) = (self.user, self.target);
        let roles = self.roles.clone();
        roles
            .into_iter()
            .filter(move |role| role.allow.selector(target.id.kind).allows(&target.labels, user))
    }

    fn permits(&self, action: &Action) -> bool {
        let matter = Matter { user: self.user, target: self.target, action };
        !self.roles.iter().any(|role| matter.denied_by(role))
            && self.roles.iter().any(|role| matter.allowed_by(role))
    }

    /// The accounts on a host these roles permit, sorted.
    #[must_use]
    pub fn logins(&self) -> BTreeSet<Login> {
        self.written_logins()
            .into_iter()
            .filter(|login| self.permits(&Action::Ssh { login: login.clone() }))
            .collect()
    }

    /// The accounts that roles which select the target write out, before anything is denied.
    pub(super) fn written_logins(&self) -> BTreeSet<Login> {
        let desktop = self.target.id.kind == TargetKind::Desktop;
        let written = self.selecting().flat_map(|role| {
            let allow = &role.allow;
            listed(self.user, if desktop { &allow.windows_desktop_logins } else { &allow.logins })
        });
        written.filter_map(|text| text.parse().ok()).collect()
    }

    /// Kubernetes users and groups on a cluster.
    #[must_use]
    pub fn kube(&self) -> KubeExtent {
        kube(self.user, self.roles.iter().copied(), self.selecting(), self.target)
    }

    /// The database users that roles which select the target write out, patterns as they are written; one's own where
    /// they are made on demand.
    pub(super) fn written_db_users(&self) -> BTreeSet<String> {
        let written = self.selecting().flat_map(|role| match role.options.create_db_user_mode {
            Some(CreateDbUser::BestEffortDrop | CreateDbUser::Keep) => {
                vec![self.user.name.as_str().to_owned()]
            }
            Some(CreateDbUser::Off) | None => listed(self.user, &role.allow.db_users),
        });
        written.collect()
    }

    /// Database users. With users made on demand, one's own name alone.
    #[must_use]
    pub fn db_users(&self) -> DbUsers {
        let db_user = |name: &str| Action::Db { user: Some(name.into()), name: None };
        if self.provisioning().is_some() {
            let own = self.user.name.as_str();
            let allowed = self.permits(&db_user(own)).then(|| own.to_owned()).into_iter().collect();
            return DbUsers { allowed, ..DbUsers::default() };
        }
        let written =
            self.roles.iter().flat_map(|role| [&role.allow.db_users, &role.deny.db_users]);
        let names: BTreeSet<_> =
            written.flat_map(|list| listed(self.user, list)).filter(|name| name != "*").collect();
        let denies = |name: &str| {
            self.roles.iter().any(|role| role.deny.db_users.matches(name, &self.user.traits))
        };
        let wildcard_denied = self.roles.iter().any(|role| role.deny.db_users.has_any());
        DbUsers {
            wildcard_allowed: !wildcard_denied
                && self.selecting().any(|role| role.allow.db_users.has_any()),
            wildcard_denied,
            allowed: names.iter().filter(|name| self.permits(&db_user(name))).cloned().collect(),
            denied: names.iter().filter(|name| denies(name)).cloned().collect(),
        }
    }

    fn provisioning(&self) -> Option<CreateDbUser> {
        let mode = super::merge::create_db_user(self.selecting().map(|role| &role.options));
        (mode != CreateDbUser::Off).then_some(mode)
    }

    /// Whether a database user is made on demand, with which database roles: all that the roles which want
    /// it give, or those `asked` for.
    ///
    /// # Errors
    /// Where a role is asked for that they do not give.
    pub fn db_provision(&self, asked: &[String]) -> Result<Option<DbProvision>, DbRoleRefused> {
        let all = self.roles.iter().copied();
        let Some(DbProvision { mode, mut roles }) =
            provision(self.user, all, self.selecting(), self.target)
        else {
            return Ok(None);
        };
        if let Some(refused) = asked.iter().find(|name| !roles.contains(*name)) {
            return Err(DbRoleRefused(refused.chars().take(64).collect()));
        }
        if !asked.is_empty() {
            roles = asked.iter().cloned().collect();
        }
        Ok(Some(DbProvision { mode, roles }))
    }

    /// What an account made on a host gets. Every role that selects the host must want it made.
    ///
    /// # Errors
    /// Where one does not, or none selects the host.
    pub fn host_account(&self) -> Result<HostAccount, HostUserRefused> {
        let selecting = self.selecting();
        let mode = super::merge::create_host_user(selecting.clone().map(|role| &role.options));
        if mode == CreateHostUser::Off {
            return Err(HostUserRefused);
        }
        let mut groups: BTreeSet<_> =
            selecting.clone().flat_map(|role| listed(self.user, &role.allow.host_groups)).collect();
        let mut sudoers: Vec<_> =
            selecting.flat_map(|role| listed(self.user, &role.allow.host_sudoers)).collect();
        let denying = self
            .roles
            .iter()
            .filter(|role| holds_here(self.selector(&role.deny), &self.target.labels, self.user));
        for role in denying {
            groups.retain(|name| !role.deny.host_groups.matches(name, &self.user.traits));
            sudoers.retain(|line| !role.deny.host_sudoers.matches(line, &self.user.traits));
        }
        Ok(HostAccount { mode, groups, sudoers })
    }
}
