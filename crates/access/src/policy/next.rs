//! The next step of a denial: what to ask for, and who could approve (the law, §9).
//!
//! Only what the user may ask for anyway is ever named, so a denial tells nobody of a role or a target
//! they could not find by searching.

use super::{Policy, held::Held, matching::Matter};
use crate::{
    ask::Action,
    denial::NextStep,
    name::{RoleName, UserName},
    resource::ResourceId,
    role::Role,
    target::Target,
};
use std::collections::BTreeSet;

/// The most approvers a denial names.
const APPROVERS_SHOWN: usize = 5;

impl Policy {
    pub(super) fn next_step(
        &self,
        held: &Held<'_>,
        target: &Target,
        action: &Action,
    ) -> Option<NextStep> {
        let matter = Matter { user: held.user, target, action };
        let opening = |role: &&Role| matter.allowed_by(role) && !matter.denied_by(role);
        for role in self.roles().filter(|role| self.may_request(held, role.name())).filter(opening)
        {
            let approvers = self.approvers(held, role.name());
            let step = NextStep::RequestRoles { roles: vec![role.name().clone()], approvers };
            if !step.approvers().is_empty() {
                return Some(step);
            }
        }
        for role in
            self.roles().filter(|role| self.may_search_as(held, role.name())).filter(opening)
        {
            let approvers = self.approvers(held, role.name());
            let step = NextStep::RequestResource {
                resource: ResourceId::target(self.cluster().clone(), target.id.clone()),
                login: action.login().map(Into::into),
                approvers,
            };
            if !step.approvers().is_empty() {
                return Some(step);
            }
        }
        // Where nobody could approve, a request would be refused: none is suggested.
        None
    }

    /// Whether the user may ask for the role (the law, §3): by roles of their record alone.
    pub(super) fn may_request(&self, held: &Held<'_>, name: &RoleName) -> bool {
        let traits = &held.user.traits;
        let claims = |request: &crate::role::RequestConditions| {
            request.claims_to_roles.iter().any(|claim| {
                claim.roles_for(traits).iter().any(|pattern| pattern.matches(name.as_str()))
            })
        };
        !held.base.iter().any(|role| {
            role.deny.request.roles.matches(name.as_str(), traits) || claims(&role.deny.request)
        }) && held.base.iter().any(|role| {
            role.allow.request.roles.matches(name.as_str(), traits) || claims(&role.allow.request)
        })
    }

    /// Whether the user may ask for resources in the name of the role.
    pub(super) fn may_search_as(&self, held: &Held<'_>, name: &RoleName) -> bool {
        let traits = &held.user.traits;
        !held
            .base
            .iter()
            .any(|role| role.deny.request.search_as_roles.matches(name.as_str(), traits))
            && held
                .base
                .iter()
                .any(|role| role.allow.request.search_as_roles.matches(name.as_str(), traits))
    }

    /// Some of those who could approve a request for `name`. Conditions of reviews are not looked at:
    /// there is no request yet they could speak about.
    fn approvers(&self, held: &Held<'_>, name: &RoleName) -> Vec<UserName> {
        let mut found = BTreeSet::new();
        for role in self.reviewing_roles() {
            let reviewers = self.holders(role.name()).filter(|user| {
                user.name != held.user.name
                    && !user.disabled
                    && role.allow.review_requests.covers(name, user)
            });
            for user in reviewers {
                let denied = self.base_roles(user).any(|role| {
                    role.deny.review_requests.condition.is_none()
                        && role.deny.review_requests.covers(name, user)
                });
                if !denied {
                    found.insert(user.name.clone());
                }
                if found.len() >= APPROVERS_SHOWN {
                    return found.into_iter().collect();
                }
            }
        }
        found.into_iter().collect()
    }
}
