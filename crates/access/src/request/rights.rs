//! Who may see requests, and administer them: rules on `access_request`.

use super::{Refusal, Request, reviewers::can_review};
use crate::{
    expr::{Field, Values},
    identity::User,
    name::{RoleName, UserName},
    policy::Policy,
    role::{Role, rules::Rule, rules::Verb},
};

/// The name of requests in `rules`.
const RESOURCE: &str = "access_request";

/// Whether a rule of the user's record allows `verb` on requests, and none denies it.
pub(super) fn has(policy: &Policy, user: &UserName, verb: Verb) -> bool {
    policy.user(user).is_some_and(|user| {
        !user.disabled
            && !is_denied(policy, user, verb)
            && policy.base_roles(user).any(|role| applies(&role.allow().rules, user, verb))
    })
}

fn is_denied(policy: &Policy, user: &User, verb: Verb) -> bool {
    policy.base_roles(user).map(Role::deny).any(|deny| applies(&deny.rules, user, verb))
}

fn applies(rules: &[Rule], user: &User, verb: Verb) -> bool {
    let values = Values::new()
        .text(Field::UserName, user.name.as_str())
        .list(Field::UserRoles, user.roles.iter().map(RoleName::as_str))
        .lists(Field::UserTraits, &user.traits)
        .texts(Field::UserLabels, &user.labels);
    rules.iter().any(|rule| {
        rule.is_about(RESOURCE, verb)
            && rule.condition.as_ref().is_none_or(|condition| condition.holds(&values))
    })
}

/// Whether the user may list requests at all; which ones, [`may_see`] says.
///
/// # Errors
/// An explicit denial holds for one's own requests too.
pub fn can_list(policy: &Policy, user: &UserName) -> Result<(), Refusal> {
    let denied = policy.user(user).is_none_or(|user| {
        user.disabled || is_denied(policy, user, Verb::List) || is_denied(policy, user, Verb::Read)
    });
    if denied { Err(Refusal::Administrative { verb: Verb::List.as_str() }) } else { Ok(()) }
}

/// Whether the user may see this request: it is their own, they may review it or have, or a rule lets
/// them list and read all.
#[must_use]
pub fn may_see(policy: &Policy, user: &UserName, request: &Request) -> bool {
    can_list(policy, user).is_ok()
        && (request.user() == user
            || request.asked().by.is(user)
            || request.reviews().iter().any(|review| review.by.is(user))
            || can_review(policy, request.asked(), user)
            || (has(policy, user, Verb::List) && has(policy, user, Verb::Read)))
}
