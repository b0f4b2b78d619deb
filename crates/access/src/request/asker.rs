//! Who may ask for what, and what their roles say about it (the law, §3).
//!
//! Only roles held by the user record count: a role won by a grant gives no right to ask.

use crate::{
    identity::{Traits, User},
    name::RoleName,
    policy::Policy,
    role::{Claim, Conditions, ReasonMode, Role, options::RequestAccess},
    template::Patterns,
};
use std::collections::BTreeSet;

/// How a role is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Manner {
    /// As such: `request.roles`, `request.claims_to_roles`.
    Role,
    /// To reach resources through it: `request.search_as_roles`.
    Search,
}

/// A user who asks, with the roles of the record that exist.
#[derive(Clone, Debug)]
pub(crate) struct Asker<'a> {
    pub(crate) user: &'a User,
    pub(crate) roles: Vec<&'a Role>,
}

impl<'a> Asker<'a> {
    pub(crate) fn new(policy: &'a Policy, user: &'a User) -> Self {
        Self { user, roles: policy.base_roles(user).collect() }
    }

    /// Whether `role` may be asked for: some role allows it and none denies it.
    pub(crate) fn may_ask(&self, role: &RoleName, manner: Manner) -> bool {
        !self.is_denied(role, manner) && self.through(role, manner).next().is_some()
    }

    /// The roles of the user which let them ask for `role`.
    pub(crate) fn through<'s>(
        &'s self,
        role: &'s RoleName,
        manner: Manner,
    ) -> impl Iterator<Item = &'a Role> + 's {
        self.roles
            .iter()
            .copied()
            .filter(move |own| matches(own.allow(), role, manner, &self.user.traits))
    }

    /// What is denied as a role is denied as a way to resources too.
    fn is_denied(&self, role: &RoleName, manner: Manner) -> bool {
        let traits = &self.user.traits;
        self.roles.iter().any(|own| match manner {
            Manner::Role => matches(own.deny(), role, Manner::Role, traits),
            Manner::Search => {
                matches(own.deny(), role, Manner::Role, traits)
                    || matches(own.deny(), role, Manner::Search, traits)
            }
        })
    }

    /// Every role that may be asked for in this manner, sorted.
    pub(crate) fn all(&self, policy: &Policy, manner: Manner) -> Vec<RoleName> {
        let mut all: Vec<RoleName> = policy
            .roles()
            .map(Role::name)
            .filter(|role| self.may_ask(role, manner))
            .cloned()
            .collect();
        all.sort();
        all
    }

    /// The first of `roles` that needs a reason: some role of the user, whether it lets them ask for that
    /// role or search as it, says so.
    pub(crate) fn reason_needed_for<'r>(&self, roles: &'r [RoleName]) -> Option<&'r RoleName> {
        roles.iter().find(|role| {
            let asked = self.through(role, Manner::Role).chain(self.through(role, Manner::Search));
            asked.into_iter().any(|own| own.allow().request.reason == ReasonMode::Required)
        })
    }

    /// Whether an option of any role demands a reason with every request.
    pub(crate) fn reason_always_needed(&self) -> bool {
        self.roles.iter().any(|own| own.options().request_access == Some(RequestAccess::Reason))
    }

    /// What the matching roles put on a request for `roles`, without what any role takes away.
    pub(crate) fn annotations(&self, roles: &[RoleName], manner: Manner) -> Traits {
        let mut all = Traits::new();
        for own in self.matching(roles, manner) {
            for (key, values) in &own.allow().request.annotations {
                all.entry(key.to_string()).or_default().extend(self.texts(values));
            }
        }
        for own in &self.roles {
            for (key, values) in &own.deny().request.annotations {
                if let Some(kept) = all.get_mut(&**key) {
                    kept.retain(|value| !values.matches(value, &self.user.traits));
                }
            }
        }
        all.retain(|_, values| !values.is_empty());
        all
    }

    /// Whom the matching roles suggest as reviewers.
    pub(crate) fn suggested_reviewers(&self, roles: &[RoleName], manner: Manner) -> Vec<String> {
        let suggested: BTreeSet<String> = self
            .matching(roles, manner)
            .into_iter()
            .flat_map(|own| self.texts(&own.allow().request.suggested_reviewers))
            .collect();
        suggested.into_iter().collect()
    }

    /// The roles of the user which let them ask for any of `roles`.
    fn matching(&self, roles: &[RoleName], manner: Manner) -> Vec<&'a Role> {
        let fits = |own: &&&Role| {
            roles.iter().any(|role| matches(own.allow(), role, manner, &self.user.traits))
        };
        self.roles.iter().filter(fits).copied().collect()
    }

    fn texts(&self, patterns: &Patterns) -> Vec<String> {
        patterns.texts(&self.user.traits).into_iter().map(|text| text.into_owned()).collect()
    }
}

fn matches(conditions: &Conditions, role: &RoleName, manner: Manner, traits: &Traits) -> bool {
    let request = &conditions.request;
    match manner {
        Manner::Role => {
            request.roles.matches(role.as_str(), traits)
                || claimed(&request.claims_to_roles, role, traits)
        }
        Manner::Search => request.search_as_roles.matches(role.as_str(), traits),
    }
}

/// Whether a trait of someone matches them with `role`.
pub(crate) fn claimed(claims: &[Claim], role: &RoleName, traits: &Traits) -> bool {
    claims.iter().any(|claim| claim.gives(role, traits))
}
