//! Who may review a request, and for what their review counts (the law, §5).

use super::{Requested, asker::claimed};
use crate::{
    expr::{Expr, Field, Values},
    identity::{Traits, User},
    name::{RoleName, UserName},
    policy::Policy,
    role::{ReviewConditions, Role},
    threshold::{self, Slot},
};
use std::collections::{BTreeMap, BTreeSet};

/// What expressions may look at of a review that is given, or could be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glance<'a> {
    pub(crate) asked: &'a Requested,
    /// The reviewer's roles by the user record; programs have none.
    pub(crate) roles: &'a BTreeSet<RoleName>,
    pub(crate) traits: &'a Traits,
    pub(crate) reason: &'a str,
    pub(crate) annotations: &'a Traits,
}

impl<'a> Glance<'a> {
    fn values(&self) -> Values<'a> {
        Values::new()
            .list(Field::RequestRoles, self.asked.roles.iter().map(RoleName::as_str))
            .text(Field::RequestReason, &self.asked.reason)
            .lists(Field::RequestAnnotations, &self.asked.annotations)
            .list(Field::ReviewerRoles, self.roles.iter().map(RoleName::as_str))
            .lists(Field::ReviewerTraits, self.traits)
            .text(Field::ReviewReason, self.reason)
            .lists(Field::ReviewAnnotations, self.annotations)
    }

    /// Whether an expression holds.
    pub(crate) fn satisfies(&self, expression: &Expr) -> bool {
        expression.holds(&self.values())
    }

    /// The counters whose filter holds.
    pub(crate) fn counts(&self) -> BTreeSet<Slot> {
        let values = self.values();
        threshold::counted(&self.asked.terms)
            .into_iter()
            .filter(|counted| counted.filter.is_none_or(|filter| filter.holds(&values)))
            .map(|counted| counted.slot)
            .collect()
    }
}

/// Whether `user` may review what was asked: it is not their own, no role denies it, and every requested
/// role is matched by a role which allows it, where its condition holds. Roles won by grants do not count.
pub(crate) fn may_review(policy: &Policy, asked: &Requested, user: &User) -> bool {
    if user.disabled || user.name == asked.user || asked.by.is(&user.name) || asked.roles.is_empty()
    {
        return false;
    }
    let roles: Vec<&Role> = policy.base_roles(user).collect();
    let nothing = Traits::new();
    let glance = Glance {
        asked,
        roles: &user.roles,
        traits: &user.traits,
        reason: "",
        annotations: &nothing,
    };
    let values = glance.values();
    let applies = |conditions: &ReviewConditions, role: &RoleName| {
        matches(conditions, role, &user.traits)
            && conditions.condition.as_ref().is_none_or(|condition| condition.holds(&values))
    };
    let denied =
        |role: &RoleName| roles.iter().any(|own| applies(&own.deny().review_requests, role));
    let allowed =
        |role: &RoleName| roles.iter().any(|own| applies(&own.allow().review_requests, role));
    !asked.roles.iter().any(denied) && asked.roles.iter().all(allowed)
}

/// Everyone who may review what was asked, by name.
pub(crate) fn reviewers<'a>(policy: &'a Policy, asked: &Requested) -> Vec<&'a User> {
    let holders: BTreeMap<&UserName, &User> = policy
        .reviewing_roles()
        .flat_map(|role| policy.holders(role.name()))
        .map(|user| (&user.name, user))
        .collect();
    holders.into_values().filter(|user| may_review(policy, asked, user)).collect()
}

/// The roles of `user` that say anything about reviewing one of `requested`.
pub(crate) fn reviewing_roles<'a>(
    policy: &'a Policy,
    user: &'a User,
    requested: &'a [RoleName],
) -> impl Iterator<Item = &'a RoleName> {
    user.roles.iter().filter(move |name| {
        policy.role(name).is_some_and(|own| {
            requested.iter().any(|role| matches(&own.allow().review_requests, role, &user.traits))
        })
    })
}

fn matches(conditions: &ReviewConditions, role: &RoleName, traits: &Traits) -> bool {
    conditions.roles.matches(role.as_str(), traits)
        || claimed(&conditions.claims_to_roles, role, traits)
}

/// Whether `user` may review this request, whatever its state: what screens ask before they show a button.
#[must_use]
pub(crate) fn can_review(policy: &Policy, asked: &Requested, user: &UserName) -> bool {
    policy.user(user).is_some_and(|user| may_review(policy, asked, user))
}
