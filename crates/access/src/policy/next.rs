//! The next step of a denial: what to ask for, and who could approve (the law, §9).
//!
//! Only what the user may ask for anyway is ever named, so a denial tells nobody of a role or a target
//! they could not find by searching.

use super::{Policy, held::Held, matching::Matter};
use crate::{
    ask::Action,
    denial::NextStep,
    name::{RoleName, UserName},
    request::{Asker, Manner, may_search},
    resource::{ResourceId, kube_plural},
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
        let asker = Asker::new(self, held.user);
        let opening = |role: &&Role| matter.allowed_by(role) && !matter.denied_by(role);
        for role in
            self.roles().filter(|role| asker.may_ask(role.name(), Manner::Role)).filter(opening)
        {
            let approvers = self.approvers(held, role.name());
            let step = NextStep::RequestRoles { roles: vec![role.name().clone()], approvers };
            if !step.approvers().is_empty() {
                return Some(step);
            }
        }
        for role in
            self.roles().filter(|role| asker.may_ask(role.name(), Manner::Search)).filter(opening)
        {
            let approvers = self.approvers(held, role.name());
            let step = NextStep::RequestResource {
                resource: self.least(&asker, role.name(), target, action),
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

    /// The least that can be asked for and would do: an object, its namespace, the whole target.
    fn least(
        &self,
        asker: &Asker<'_>,
        role: &RoleName,
        target: &Target,
        action: &Action,
    ) -> ResourceId {
        let whole = ResourceId::target(self.cluster().clone(), target.id.clone());
        let Action::Kube { resource: Some(call), .. } = action else { return whole };
        let at = |kind: &str, sub: &str| {
            let text = format!("/{}/{kind}/{}/{sub}", self.cluster(), target.id.name);
            text.parse::<ResourceId>().ok()
        };
        let kind = kube_plural(&call.kind);
        let dot = if call.api_group.is_empty() { "" } else { "." };
        let kind = format!("{kind}{dot}{}", call.api_group);
        let (object, namespace) = match (&call.namespace, &*call.name) {
            (None, "") => (None, None),
            (None, name) => (at(&format!("kube:cw:{kind}"), name), None),
            (Some(namespace), "") => (None, at("kube:cw:namespaces", namespace)),
            (Some(namespace), name) => {
                let object = at(&format!("kube:ns:{kind}"), &format!("{namespace}/{name}"));
                (object, at("kube:cw:namespaces", namespace))
            }
        };
        let mut parts = object.into_iter().chain(namespace);
        parts.find(|part| may_search(self, asker, part, role)).unwrap_or(whole)
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
