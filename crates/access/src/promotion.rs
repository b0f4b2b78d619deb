//! Promotion: instead of a grant for a while, lasting membership of a list that grants the same.

use crate::{
    name::{RoleName, UserName},
    policy::Policy,
    request::{Request, reaches, reaches_part},
    role::Role,
};
use std::collections::BTreeSet;

/// A list of people who hold some roles for as long as they are on it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccessList {
    /// Its name.
    pub name: Box<str>,
    /// Who decides who is on it.
    pub owners: BTreeSet<UserName>,
    /// What its members hold.
    pub grants: BTreeSet<RoleName>,
}

impl AccessList {
    /// Whether membership gives everything `request` asks for: every role, or a way to every resource.
    #[must_use]
    pub fn grants_all_of(&self, policy: &Policy, request: &Request) -> bool {
        let asked = request.asked();
        if asked.resources.is_empty() {
            return asked.roles.iter().all(|role| self.grants.contains(role));
        }
        let Some(user) = policy.user(&asked.user) else { return false };
        let granted: Vec<&Role> =
            self.grants.iter().filter_map(|name| policy.role(name).map(AsRef::as_ref)).collect();
        asked.resources.iter().all(|resource| {
            // What cannot be seen from here is granted by nothing here.
            let here = resource.cluster() == policy.cluster();
            let target = policy.target(&resource.target_id()).filter(|_| here);
            target.is_some_and(|target| {
                granted.iter().any(|role| {
                    reaches(role, target, user)
                        && resource.kube().is_none_or(|part| reaches_part(role, &part, user))
                })
            })
        })
    }
}

/// The lists a request may be promoted to: those that give all it asks for.
pub fn offered<'l>(
    policy: &'l Policy,
    request: &'l Request,
    lists: impl IntoIterator<Item = &'l AccessList> + 'l,
) -> impl Iterator<Item = &'l AccessList> {
    lists.into_iter().filter(move |list| list.grants_all_of(policy, request))
}
