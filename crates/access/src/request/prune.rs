//! Through which roles resources are reached: the search roles, pruned (the law, §7).
//!
//! First by Kubernetes kinds, then by what each role could reach; with a login hint only the role with
//! the fewest logins remains for a host. What the requester may not see is skipped silently, and what
//! does not exist with it: names are no oracle.

use super::{
    Refusal,
    asker::{Asker, Manner},
};
use crate::{
    ask::KubeCall,
    identity::User,
    name::{Login, RoleName},
    policy::Policy,
    resource::{KubePart, ResourceId, kube_plural, kube_singular},
    role::{Role, request::RequestKind},
    target::{Target, TargetKind},
};
use std::collections::BTreeSet;

/// A search: who, for what, as whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search<'a> {
    pub(super) policy: &'a Policy,
    pub(super) asker: &'a Asker<'a>,
    pub(super) resources: &'a [ResourceId],
    pub(super) login: Option<&'a Login>,
}

impl Search<'_> {
    /// The roles through which the resources are to be reached; of `named` alone, if any are named.
    pub(super) fn roles(&self, named: &[RoleName]) -> Result<Vec<RoleName>, Refusal> {
        let mut roles = self.asker.all(self.policy, Manner::Search);
        if roles.is_empty() && named.is_empty() {
            return Err(Refusal::NoSearchRoles(self.asker.user.name.clone()));
        }
        if let Some(role) = named.iter().find(|role| !roles.contains(role)) {
            return Err(Refusal::NotRequestable {
                user: self.asker.user.name.clone(),
                role: role.to_string(),
            });
        }
        if !named.is_empty() {
            roles.retain(|role| named.contains(role));
        }
        self.prune_by_kind(&mut roles, named)?;
        if self.resources.iter().any(|resource| resource.cluster() != self.policy.cluster()) {
            // Another cluster's labels are not known here.
            return Ok(roles);
        }
        self.prune_by_reach(&roles)
    }

    /// A role remains if every Kubernetes kind asked for may be asked for through it.
    fn prune_by_kind(&self, roles: &mut Vec<RoleName>, named: &[RoleName]) -> Result<(), Refusal> {
        let kinds: BTreeSet<&str> =
            self.resources.iter().filter_map(ResourceId::kube_kind).collect();
        if kinds.is_empty() {
            return Ok(());
        }
        let before = roles.len();
        roles.retain(|role| kinds.iter().all(|kind| self.kind_allowed(role, kind)));
        if roles.is_empty() || (!named.is_empty() && roles.len() < before) {
            return Err(Refusal::InvalidKind {
                kinds: kinds.into_iter().map(str::to_owned).collect(),
            });
        }
        Ok(())
    }

    /// A role of the requester without a list allows every kind; a denied kind is denied through any role.
    fn kind_allowed(&self, role: &RoleName, kind: &str) -> bool {
        let listed = |kinds: &[RequestKind]| kinds.iter().any(|own| covers_kind(own, kind));
        let denied = self
            .asker
            .roles
            .iter()
            .any(|own| own.deny().request.kubernetes_resources.as_deref().is_some_and(listed));
        !denied
            && self
                .asker
                .through(role, Manner::Search)
                .any(|own| own.allow().request.kubernetes_resources.as_deref().is_none_or(listed))
    }

    fn prune_by_reach(&self, candidates: &[RoleName]) -> Result<Vec<RoleName>, Refusal> {
        let candidates: Vec<&Role> = candidates
            .iter()
            .filter_map(|name| self.policy.role(name).map(AsRef::as_ref))
            .collect();
        let mut needed = BTreeSet::new();
        for resource in self.resources {
            let target = self.policy.target(&resource.target_id());
            let reaching: Vec<&Role> = candidates
                .iter()
                .copied()
                .filter(|role| target.is_some_and(|target| reaches(role, target, self.asker.user)))
                .filter(|role| {
                    resource.kube().is_none_or(|part| reaches_part(role, &part, self.asker.user))
                })
                .collect();
            if resource.kube().is_some() && reaching.is_empty() {
                return Err(Refusal::NoRoleForPart(resource.clone()));
            }
            match self.login.filter(|_| resource.target_id().kind == TargetKind::Node) {
                None => needed.extend(reaching.into_iter().map(Role::name)),
                Some(login) => {
                    needed.extend(fewest_logins(&reaching, login, self.asker.user).map(Role::name))
                }
            }
        }
        if !needed.is_empty() {
            return Ok(needed.into_iter().cloned().collect());
        }
        Err(self.login.map_or(Refusal::NoRole, |login| Refusal::NoRoleForLogin(login.to_string())))
    }
}

/// Whether `resource` may be asked for so that `role` is what gives it.
pub(crate) fn may_search(
    policy: &Policy,
    asker: &Asker<'_>,
    resource: &ResourceId,
    role: &RoleName,
) -> bool {
    let search = Search { policy, asker, resources: core::slice::from_ref(resource), login: None };
    search.roles(&[]).is_ok_and(|roles| roles.contains(role))
}

/// Whether a role would let `user` reach `target`, by what the target is called.
pub(crate) fn reaches(role: &Role, target: &Target, user: &User) -> bool {
    let kind = target.id.kind;
    role.allow().selector(kind).allows(&target.labels, user)
        && !role.deny().selector(kind).denies(&target.labels, user)
}

/// Whether a role covers a part of a Kubernetes cluster with any verb.
pub(crate) fn reaches_part(role: &Role, part: &KubePart<'_>, user: &User) -> bool {
    // Role documents up to version 7 know the singular, later ones the plural.
    let kinds = [Some(bare(part.resource)), kube_singular(bare(part.resource))];
    role.allow().kubernetes_resources.iter().any(|own| {
        own.verbs.iter().any(|verb| {
            let verb = if **verb == *"*" { "get" } else { verb };
            kinds.into_iter().flatten().any(|kind| {
                let call = KubeCall {
                    kind: kind.into(),
                    api_group: group(part.resource).into(),
                    namespace: part.namespace.map(Into::into),
                    name: part.name.into(),
                    verb: verb.into(),
                    part: false,
                };
                own.covers(&call, &user.traits)
            })
        })
    })
}

/// Of the roles that give `login`, the one with the fewest logins; of several, the first by name.
fn fewest_logins<'a>(roles: &[&'a Role], login: &Login, user: &User) -> Option<&'a Role> {
    let logins = |role: &Role| {
        let mut logins = role.allow().logins.texts(&user.traits);
        logins.retain(|login| !role.deny().logins.matches(login, &user.traits));
        logins.len()
    };
    let gives = |role: &&&Role| {
        role.allow().logins.matches(login.as_str(), &user.traits)
            && !role.deny().logins.matches(login.as_str(), &user.traits)
    };
    roles.iter().filter(gives).copied().min_by_key(|role| (logins(role), role.name()))
}

fn covers_kind(own: &RequestKind, kind: &str) -> bool {
    let any_group = own.api_group.as_deref().is_none_or(|group| group == "*");
    let same_kind = *own.kind == *"*" || kube_plural(&own.kind) == bare(kind);
    same_kind && (any_group || own.api_group.as_deref() == Some(group(kind)))
}

/// `deployments` of `deployments.apps`.
fn bare(resource: &str) -> &str {
    resource.split_once('.').map_or(resource, |(bare, _)| bare)
}

/// `apps` of `deployments.apps`.
fn group(resource: &str) -> &str {
    resource.split_once('.').map_or("", |(_, group)| group)
}
