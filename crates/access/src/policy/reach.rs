//! What someone can reach, and what they could ask for: `tsh ls`.

mod shortlist;
#[cfg(test)]
mod tests;

use super::{Policy, decide::Carried, extent::Extent, held::Held};
use crate::{
    ask::Action,
    denial::NextStep,
    lock::Subject,
    name::{ClusterName, Login, RequestId, RoleName, UserName},
    request::{Asker, Manner},
    resource::ResourceId,
    role::Role,
    target::{Target, TargetId, TargetKind},
};
use jiff::Timestamp;
use shortlist::{Shortlist, frequencies};
use std::collections::{BTreeMap, BTreeSet};

/// One target, as one user sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reach {
    /// The target.
    pub target: TargetId,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What it speaks. Databases: `postgres`, `mysql`; applications: `http`, `tcp`.
    pub protocol: Option<Box<str>>,
    /// The host name of an application that has one of its own.
    pub host: Option<Box<str>>,
    /// Ways in that are open now.
    pub open: Vec<Open>,
    /// Ways in that a request would open.
    pub requestable: Vec<Requestable>,
}

/// A way in that is open.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Open {
    /// The account on a host or a desktop, the user of a database (as a role writes it: `*` is any); elsewhere the way
    /// in has no name here.
    pub account: Option<Box<str>>,
    /// The databases within a server, as roles write them.
    pub databases: Vec<String>,
    /// Until when, where a grant opens it.
    pub until: Option<Timestamp>,
    /// The requests that open it.
    pub requests: Vec<RequestId>,
}

/// A way in that a request would open.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Requestable {
    /// The account, as for one that is open.
    pub account: Option<Box<str>>,
    /// The roles any of which would be enough; empty where only the resource can be asked for.
    pub roles: Vec<RoleName>,
    /// The request that would open it.
    pub step: NextStep,
}

impl Policy {
    /// Every target `user` can reach or ask for at `now`, by kind and name. The others are not there.
    #[must_use]
    pub fn reach(&self, user: &UserName, now: Timestamp) -> Vec<Reach> {
        let Some(user) = self.user(user).filter(|user| !user.disabled) else { return Vec::new() };
        let held = self.held(user, now);
        if self.is_locked_out(&held, now) {
            return Vec::new();
        }
        let asker = Asker::new(self, user);
        let frequencies = frequencies(self);
        let askable = |manner| {
            let roles = self.roles().filter(|role| asker.may_ask(role.name(), manner)).collect();
            Shortlist::new(roles, user, &frequencies)
        };
        let (roles, searches) = (askable(Manner::Role), askable(Manner::Search));
        let reached = self.targets().filter_map(|target| {
            let wanted = Wanted { roles: roles.near(target), searches: searches.near(target) };
            self.reach_of(&held, &wanted, target, now)
        });
        reached.collect()
    }

    fn reach_of(
        &self,
        held: &Held<'_>,
        wanted: &Wanted<'_>,
        target: &Target,
        now: Timestamp,
    ) -> Option<Reach> {
        let names = held.names();
        let (mut open, mut requestable) = (Vec::new(), Vec::new());
        for action in ways(held, wanted, target) {
            let subject = Subject {
                user: Some(&held.user.name),
                roles: &names,
                login: action.login(),
                ..Subject::default()
            };
            match self.carried(held, target, &action) {
                Ok(carried) => {
                    if self.way_unlocked(&subject, &target.id, &carried, now).is_ok() {
                        open.push(way_in(held, &action, carried));
                    }
                }
                Err(_) => {
                    // What a lock forbids, no request opens: not with the role it would be opened by.
                    let unlocked = |role: &Role| {
                        let carried = Carried { roles: vec![role], ..Carried::default() };
                        self.way_unlocked(&subject, &target.id, &carried, now).is_ok()
                    };
                    requestable.extend(self.requestable(held, wanted, target, &action, unlocked));
                }
            }
        }
        if open.is_empty() && requestable.is_empty() {
            return None;
        }
        Some(Reach {
            target: target.id.clone(),
            labels: target.labels.clone(),
            protocol: target.protocol.clone(),
            host: target.host.clone(),
            open,
            requestable,
        })
    }

    fn requestable(
        &self,
        held: &Held<'_>,
        wanted: &Wanted<'_>,
        target: &Target,
        action: &Action,
        unlocked: impl Fn(&Role) -> bool,
    ) -> Option<Requestable> {
        let matter = super::matching::Matter { user: held.user, target, action };
        if held.roles().any(|role| matter.denied_by(role)) {
            return None;
        }
        let opens =
            |role: &&&Role| matter.allowed_by(role) && !matter.denied_by(role) && unlocked(role);
        let roles: Vec<RoleName> =
            wanted.roles.iter().filter(opens).map(|role| role.name().clone()).collect();
        let account: Option<Box<str>> = action.login().map(Into::into);
        let step = match roles.first() {
            Some(first) => {
                NextStep::RequestRoles { roles: vec![first.clone()], approvers: Vec::new() }
            }
            None => {
                wanted.searches.iter().find(opens)?;
                NextStep::RequestResource {
                    resource: ResourceId::target(self.cluster().clone(), target.id.clone()),
                    login: account.clone(),
                    approvers: Vec::new(),
                }
            }
        };
        Some(Requestable { account, roles, step })
    }

    /// Whether `user` may see and use another cluster. A role that says nothing of clusters is about those
    /// without labels; `deny.cluster_labels` wins.
    #[must_use]
    pub fn reaches_leaf(&self, user: &UserName, cluster: &ClusterName, now: Timestamp) -> bool {
        let (Some(user), Some(labels)) =
            (self.user(user).filter(|user| !user.disabled), self.leaf(cluster))
        else {
            return false;
        };
        let held = self.held(user, now);
        let allowed = |role: &Role| match &role.allow.clusters {
            selector if selector.is_empty() => labels.is_empty(),
            selector => selector.allows(labels, user),
        };
        !held.roles().any(|role| role.deny.clusters.denies(labels, user))
            && held.roles().any(allowed)
    }

    /// Whether a lock stops the user wherever they go.
    fn is_locked_out(&self, held: &Held<'_>, now: Timestamp) -> bool {
        let names = held.names();
        let subject = Subject { user: Some(&held.user.name), roles: &names, ..Subject::default() };
        self.lock_on(&subject, now).is_some()
    }

    /// The accounts on a host that `user` may log in to now, sorted.
    #[must_use]
    pub fn logins(&self, user: &UserName, target: &TargetId, now: Timestamp) -> BTreeSet<Login> {
        let (Some(user), Some(target)) = (self.user(user), self.target(target)) else {
            return BTreeSet::new();
        };
        let held = self.held(user, now);
        let names = held.names();
        let all =
            held.roles().chain(held.scoped.iter().flat_map(|scoped| scoped.roles.iter().copied()));
        let written = Extent::new(user, all, target).written_logins();
        written
            .into_iter()
            .filter(|login| {
                let subject = Subject {
                    user: Some(&user.name),
                    roles: &names,
                    login: Some(login.as_str()),
                    ..Subject::default()
                };
                self.carried(&held, target, &Action::Ssh { login: (*login).clone() }).is_ok_and(
                    |carried| self.way_unlocked(&subject, &target.id, &carried, now).is_ok(),
                )
            })
            .collect()
    }
}

/// How an action that is carried is shown.
fn way_in(held: &Held<'_>, action: &Action, carried: Carried<'_>) -> Open {
    let mut databases = BTreeSet::new();
    if matches!(action, Action::Db { .. }) {
        for role in &carried.roles {
            let names = role.allow.db_names.texts(&held.user.traits);
            databases.extend(names.into_iter().map(std::borrow::Cow::into_owned));
        }
    }
    Open {
        account: action.login().map(Into::into),
        databases: databases.into_iter().collect(),
        until: carried.until,
        requests: carried.requests,
    }
}

/// What may be asked for, as far as it may select one target.
struct Wanted<'p> {
    roles: Vec<&'p Role>,
    searches: Vec<&'p Role>,
}

/// The ways a target could be used by someone who holds, or asks for, these roles.
fn ways(held: &Held<'_>, wanted: &Wanted<'_>, target: &Target) -> Vec<Action> {
    let all =
        held.roles().chain(held.scoped.iter().flat_map(|scoped| scoped.roles.iter().copied()));
    let all = all.chain(wanted.roles.iter().copied()).chain(wanted.searches.iter().copied());
    let extent = Extent::new(held.user, all, target);
    match target.id.kind {
        TargetKind::App => vec![Action::App { aws_role_arn: None, call: None }],
        TargetKind::Db => {
            let users = extent.written_db_users().into_iter();
            users.map(|user| Action::Db { user: Some(user.into()), name: None }).collect()
        }
        TargetKind::Desktop => {
            extent.written_logins().into_iter().map(|login| Action::Desktop { login }).collect()
        }
        TargetKind::KubeCluster => {
            vec![Action::Kube { user: None, groups: Vec::new(), resource: None }]
        }
        TargetKind::Node => {
            extent.written_logins().into_iter().map(|login| Action::Ssh { login }).collect()
        }
    }
}
