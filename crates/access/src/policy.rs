//! The policy: everything a decision is made on, and the decision.
//!
//! A policy is a snapshot that is changed in place, document by document. Reading it changes nothing and
//! knows no time but the `now` it is given: a grant is in force when its window holds `now`, whether or
//! not somebody has swept up behind it. Every look-up goes by name; nothing walks over all targets or
//! all requests to answer one question.

pub mod administer;
mod decide;
pub mod extent;
pub mod held;
mod locked;
mod matching;
pub mod merge;
mod next;
pub mod reach;

use crate::{
    identity::User,
    lock::Lock,
    name::{ClusterName, LockName, RequestId, RoleName, RuleName, TargetName, UserName},
    request::Request,
    role::{
        Role,
        options::{LockingMode, RequireMfa},
    },
    rule::Rule,
    target::{Labels, Target, TargetId},
};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A snapshot of all that decides.
#[derive(Clone, Debug)]
pub struct Policy {
    cluster: ClusterName,
    settings: Settings,
    roles: BTreeMap<RoleName, Arc<Role>>,
    users: BTreeMap<UserName, Arc<User>>,
    targets: BTreeMap<TargetId, Arc<Target>>,
    /// Applications by the host names of their own.
    hosts: BTreeMap<Box<str>, TargetName>,
    locks: BTreeMap<LockName, Lock>,
    /// The rules that review by themselves.
    rules: BTreeMap<RuleName, Arc<Rule>>,
    requests: BTreeMap<RequestId, Arc<Request>>,
    /// The requests of each user.
    filed: BTreeMap<UserName, BTreeSet<RequestId>>,
    /// Who holds each role by their record.
    holders: BTreeMap<RoleName, BTreeSet<UserName>>,
    /// The roles that let someone review.
    reviewing: BTreeSet<RoleName>,
    /// Other clusters that trust this one, by name.
    leaves: BTreeMap<ClusterName, Labels>,
}

/// What the cluster demands of everyone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// A second factor for every session: one shown at login, which is all that identities carry.
    pub require_session_mfa: RequireMfa,
    /// Whether trusted devices are looked at, at all.
    pub device_trust: bool,
    /// What happens when locks cannot be read, where no role says. Locks are a part of the policy here, and a policy that
    /// cannot be read permits nothing, so that both modes are as strict.
    pub lock: LockingMode,
}

/// A role that cannot be removed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("role is still in use by user \"{user}\"")]
pub struct RoleInUse {
    /// One who holds it.
    pub user: UserName,
}

impl Default for Settings {
    fn default() -> Self {
        Self { require_session_mfa: RequireMfa::Off, device_trust: true, lock: LockingMode::Strict }
    }
}

impl Policy {
    /// A policy that knows nothing, and permits nothing.
    #[must_use]
    pub fn new(cluster: ClusterName) -> Self {
        Self {
            cluster,
            settings: Settings::default(),
            roles: BTreeMap::new(),
            users: BTreeMap::new(),
            targets: BTreeMap::new(),
            hosts: BTreeMap::new(),
            locks: BTreeMap::new(),
            rules: BTreeMap::new(),
            requests: BTreeMap::new(),
            filed: BTreeMap::new(),
            holders: BTreeMap::new(),
            reviewing: BTreeSet::new(),
            leaves: BTreeMap::new(),
        }
    }

    /// This cluster's name.
    #[must_use]
    pub const fn cluster(&self) -> &ClusterName {
        &self.cluster
    }

    /// What the cluster demands of everyone.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Sets what the cluster demands of everyone.
    pub const fn put_settings(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// Puts a role, in place of one of the same name.
    pub fn put_role(&mut self, role: Role) {
        let reviews = !role.allow.review_requests.is_empty();
        if reviews {
            self.reviewing.insert(role.name.clone());
        } else {
            self.reviewing.remove(&role.name);
        }
        self.roles.insert(role.name.clone(), Arc::new(role));
    }

    /// Takes a role away. Users and grants that name it keep naming nothing.
    pub fn remove_role(&mut self, name: &RoleName) {
        self.reviewing.remove(name);
        self.roles.remove(name);
    }

    /// Whether a role may be removed: nobody holds it by their record, and no grant in force gives it.
    ///
    /// # Errors
    /// Who still holds it.
    pub fn removable(&self, name: &RoleName, now: Timestamp) -> Result<(), RoleInUse> {
        if let Some(user) = self.holders(name).next() {
            return Err(RoleInUse { user: user.name.clone() });
        }
        let granted = self.requests.values().filter_map(|request| request.grant(now));
        let mut holding = granted.filter(|grant| grant.roles.contains(name));
        holding.next().map_or(Ok(()), |grant| Err(RoleInUse { user: grant.user.clone() }))
    }

    /// Puts a user, in place of one of the same name.
    pub fn put_user(&mut self, user: User) {
        self.remove_user(&user.name.clone());
        for role in &user.roles {
            self.holders.entry(role.clone()).or_default().insert(user.name.clone());
        }
        self.users.insert(user.name.clone(), Arc::new(user));
    }

    /// Takes a user away.
    pub fn remove_user(&mut self, name: &UserName) {
        let Some(user) = self.users.remove(name) else { return };
        for role in &user.roles {
            if let Some(holders) = self.holders.get_mut(role) {
                holders.remove(name);
                if holders.is_empty() {
                    self.holders.remove(role);
                }
            }
        }
    }

    /// Puts a target, in place of one of the same kind and name.
    pub fn put_target(&mut self, target: Target) {
        self.remove_target(&target.id);
        if let Some(host) = &target.host {
            // The first one keeps a name: a second one would take its visitors.
            self.hosts.entry(host.clone()).or_insert_with(|| target.id.name.clone());
        }
        self.targets.insert(target.id.clone(), Arc::new(target));
    }

    /// Takes a target away.
    pub fn remove_target(&mut self, id: &TargetId) {
        let Some(target) = self.targets.remove(id) else { return };
        if let Some(host) = &target.host
            && self.hosts.get(host) == Some(&id.name)
        {
            self.hosts.remove(host);
        }
    }

    /// Puts a lock, in place of one of the same name.
    pub fn put_lock(&mut self, lock: Lock) {
        self.locks.insert(lock.name.clone(), lock);
    }

    /// Takes a lock away.
    pub fn remove_lock(&mut self, name: &LockName) {
        self.locks.remove(name);
    }

    /// Puts an access monitoring rule, in place of one of the same name.
    pub fn put_rule(&mut self, rule: Rule) {
        self.rules.insert(rule.name.clone(), Arc::new(rule));
    }

    /// Takes an access monitoring rule away.
    pub fn remove_rule(&mut self, name: &RuleName) {
        self.rules.remove(name);
    }

    /// Puts a request, in place of its former state.
    pub fn put_request(&mut self, request: Arc<Request>) {
        self.filed.entry(request.user().clone()).or_default().insert(request.id());
        self.requests.insert(request.id(), request);
    }

    /// Takes a request away; what it granted ends.
    pub fn remove_request(&mut self, id: &RequestId) {
        let Some(request) = self.requests.remove(id) else { return };
        if let Some(filed) = self.filed.get_mut(request.user()) {
            filed.remove(id);
            if filed.is_empty() {
                self.filed.remove(request.user());
            }
        }
    }

    /// Puts another cluster that can be reached through this one.
    pub fn put_leaf(&mut self, name: ClusterName, labels: Labels) {
        self.leaves.insert(name, labels);
    }

    /// The role of this name.
    #[must_use]
    pub fn role(&self, name: &RoleName) -> Option<&Arc<Role>> {
        self.roles.get(name)
    }

    /// All roles, by name.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.values().map(Arc::as_ref)
    }

    /// The user of this name.
    #[must_use]
    pub fn user(&self, name: &UserName) -> Option<&Arc<User>> {
        self.users.get(name)
    }

    /// All users, by name.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values().map(Arc::as_ref)
    }

    /// The target of this kind and name.
    #[must_use]
    pub fn target(&self, id: &TargetId) -> Option<&Arc<Target>> {
        self.targets.get(id)
    }

    /// The application that is reached by a host name of its own, written in lower case.
    #[must_use]
    pub fn app_at(&self, host: &str) -> Option<&TargetName> {
        self.hosts.get(host)
    }

    /// All targets, by kind and name.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.targets.values().map(Arc::as_ref)
    }

    /// All locks, by name.
    pub fn locks(&self) -> impl Iterator<Item = &Lock> {
        self.locks.values()
    }

    /// The request with this id, while it is open or its grant may still be in force.
    #[must_use]
    pub fn request(&self, id: RequestId) -> Option<&Arc<Request>> {
        self.requests.get(&id)
    }

    /// The requests of a user, by id.
    pub fn requests_of(&self, user: &UserName) -> impl Iterator<Item = &Arc<Request>> {
        self.filed.get(user).into_iter().flatten().filter_map(|id| self.requests.get(id))
    }

    /// All access monitoring rules, by name.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values().map(Arc::as_ref)
    }

    /// Who holds a role by their record.
    pub fn holders(&self, role: &RoleName) -> impl Iterator<Item = &User> {
        let names = self.holders.get(role).into_iter().flatten();
        names.filter_map(|name| self.users.get(name).map(Arc::as_ref))
    }

    /// The roles that let their holders review something.
    pub fn reviewing_roles(&self) -> impl Iterator<Item = &Role> {
        self.reviewing.iter().filter_map(|name| self.roles.get(name).map(Arc::as_ref))
    }

    /// The roles a user holds by their record, as far as they exist. Grants not among them: these alone
    /// give a right to ask and to review (the law, §3).
    pub fn base_roles<'p>(&'p self, user: &'p User) -> impl Iterator<Item = &'p Role> {
        user.roles.iter().filter_map(|name| self.roles.get(name).map(Arc::as_ref))
    }

    /// Labels of another cluster, where it is known.
    #[must_use]
    pub fn leaf(&self, name: &ClusterName) -> Option<&Labels> {
        self.leaves.get(name)
    }
}
