//! Why a request is still pending: what is missing, and who could give it (the law, §4).

use super::{
    Request, State,
    reviewers::{Glance, reviewers, reviewing_roles},
};
use crate::{
    expr::Expr,
    identity::{Traits, User},
    name::{RoleName, UserName},
    policy::Policy,
    review::Decision,
    threshold::{self, Numbered, Slot},
};
use core::fmt;
use std::collections::BTreeSet;

/// How many people a sentence names.
const NAMED: usize = 10;

/// Approvals of one sort that are missing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Need {
    /// How many.
    pub approvals: u32,
    /// Who could give them.
    pub from: Vec<UserName>,
    /// The roles that make these people reviewers.
    pub roles: Vec<RoleName>,
}

/// What is missing for an approval.
///
/// Every entry of `terms` is needed; of one entry, one alternative is enough; of one alternative, every
/// need. Empty when the request waits for nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Missing {
    /// What every list of thresholds lacks.
    pub terms: Vec<Vec<Vec<Need>>>,
}

impl Request {
    /// What is missing, as the policy stands. Nothing for a request that is not pending.
    #[must_use]
    pub fn missing(&self, policy: &Policy) -> Missing {
        match &self.state {
            State::Pending => {}
            State::Approved(_)
            | State::Cancelled(_)
            | State::Denied(_)
            | State::Promoted(..)
            | State::Released(..)
            | State::Revoked(..) => return Missing::default(),
        }
        let eligible: Vec<&User> = reviewers(policy, &self.asked)
            .into_iter()
            .filter(|user| !self.reviews.iter().any(|review| review.by.is(&user.name)))
            .collect();
        let counts: Vec<(&User, BTreeSet<Slot>)> =
            eligible.into_iter().map(|user| (user, self.slots_of(user))).collect();
        let mut terms: Vec<Vec<Vec<Need>>> = Vec::new();
        for (_, list) in threshold::numbered(&self.asked.terms) {
            if list.iter().any(|threshold| threshold.is_met(&self.reviews)) {
                continue;
            }
            let alternatives: Vec<Vec<Need>> = list
                .iter()
                .filter(|numbered| threshold::can_approve(numbered.threshold))
                .map(|numbered| self.needs(policy, numbered, &counts))
                .collect();
            if !terms.contains(&alternatives) {
                terms.push(alternatives);
            }
        }
        Missing { terms }
    }

    /// For what an approval without a reason by `user` would count.
    fn slots_of(&self, user: &User) -> BTreeSet<Slot> {
        let nothing = Traits::new();
        let (roles, traits) = (&user.roles, &user.traits);
        Glance { asked: &self.asked, roles, traits, reason: "", annotations: &nothing }.counts()
    }

    fn needs(
        &self,
        policy: &Policy,
        numbered: &Numbered<'_>,
        counts: &[(&User, BTreeSet<Slot>)],
    ) -> Vec<Need> {
        let own = (numbered.slot, numbered.threshold.approve, numbered.threshold.filter.as_ref());
        let parts =
            numbered.parts.iter().map(|(slot, part)| (*slot, part.approve, part.filter.as_ref()));
        core::iter::once(own)
            .chain(parts)
            .filter_map(|(slot, approve, filter)| {
                let given = threshold::votes(&self.reviews, Decision::Approve, slot);
                let approvals = approve.checked_sub(given).filter(|left| *left > 0)?;
                let from: Vec<&User> = counts
                    .iter()
                    .filter(|(_, slots)| slots.contains(&slot))
                    .map(|(user, _)| *user)
                    .collect();
                let roles = self.roles_in_common(policy, &from, filter);
                Some(Need {
                    approvals,
                    from: from.into_iter().map(|user| user.name.clone()).collect(),
                    roles,
                })
            })
            .collect()
    }

    /// The roles all of these people hold and review by. If the threshold has a filter: those of them
    /// that satisfy it, or any they all hold that do.
    fn roles_in_common(
        &self,
        policy: &Policy,
        people: &[&User],
        filter: Option<&Expr>,
    ) -> Vec<RoleName> {
        let Some((first, rest)) = people.split_first() else { return Vec::new() };
        let common: Vec<&RoleName> = first
            .roles
            .iter()
            .filter(|role| rest.iter().all(|user| user.roles.contains(*role)))
            .collect();
        if let Some(filter) = filter {
            let nothing = Traits::new();
            let by_filter: Vec<RoleName> = common
                .iter()
                .filter(|role| {
                    let alone = BTreeSet::from([RoleName::clone(role)]);
                    let glance = Glance {
                        asked: &self.asked,
                        roles: &alone,
                        traits: &nothing,
                        reason: "",
                        annotations: &nothing,
                    };
                    glance.satisfies(filter)
                })
                .map(|role| RoleName::clone(role))
                .collect();
            if !by_filter.is_empty() {
                return by_filter;
            }
        }
        let reviewing: BTreeSet<&RoleName> =
            reviewing_roles(policy, first, &self.asked.roles).collect();
        common.into_iter().filter(|role| reviewing.contains(role)).cloned().collect()
    }
}

impl Missing {
    /// Whether nothing is missing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether there are enough people to give all of it.
    #[must_use]
    pub fn is_within_reach(&self) -> bool {
        let enough = |need: &Need| {
            usize::try_from(need.approvals).is_ok_and(|count| need.from.len() >= count)
        };
        self.terms
            .iter()
            .all(|alternatives| alternatives.iter().any(|needs| needs.iter().all(enough)))
    }

    /// Everyone who could give something of it, by name.
    #[must_use]
    pub fn reviewers(&self) -> BTreeSet<&UserName> {
        self.terms.iter().flatten().flatten().flat_map(|need| &need.from).collect()
    }

    /// One sentence: `1 more approval from: carol, dan (role security)`. Empty when nothing is missing.
    #[must_use]
    pub fn sentence(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each: Vec<String> =
            self.terms.iter().map(|alternatives| any_of(alternatives)).collect();
        f.write_str(&each.join("; and "))
    }
}

fn any_of(alternatives: &[Vec<Need>]) -> String {
    if alternatives.is_empty() {
        return "no number of approvals is enough: only an administrator could approve".to_owned();
    }
    let mut each: Vec<String> = Vec::new();
    for needs in alternatives {
        let needs = needs.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
        if !each.contains(&needs) {
            each.push(needs);
        }
    }
    each.join(", or ")
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.approvals == 1 { "" } else { "s" };
        write!(f, "{} more approval{plural}", self.approvals)?;
        if self.from.is_empty() {
            return f.write_str(", which nobody can give");
        }
        let names: Vec<&str> = self.from.iter().take(NAMED).map(UserName::as_str).collect();
        write!(f, " from: {}", names.join(", "))?;
        if let Some(others) = self.from.len().checked_sub(NAMED).filter(|others| *others > 0) {
            write!(f, " and {others} more")?;
        }
        if self.roles.is_empty() {
            return Ok(());
        }
        let roles: Vec<&str> = self.roles.iter().map(RoleName::as_str).collect();
        write!(f, " (role {})", roles.join(", "))
    }
}
