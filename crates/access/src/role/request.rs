//! `request` and `review_requests`: what holders of a role may ask for, and which requests they may review.

use crate::{
    expr::Expr,
    identity::{Traits, User},
    name::RoleName,
    pattern::Pattern,
    template::Patterns,
};
use jiff::SignedDuration;
use std::collections::BTreeMap;

/// `request`, checked. All lists may hold templates and are resolved with the requester's traits.
#[derive(Clone, Debug, Default)]
pub struct RequestConditions {
    /// Roles that may be asked for.
    pub roles: Patterns,
    /// Roles in whose name resources may be searched for and asked for.
    pub search_as_roles: Patterns,
    /// Roles that may be asked for because of a trait.
    pub claims_to_roles: Vec<Claim>,
    /// Reviews needed; empty means one approval, one denial (the law, §4).
    pub thresholds: Vec<Threshold>,
    /// Annotations put on requests.
    pub annotations: BTreeMap<Box<str>, Patterns>,
    /// Who is named as reviewer by default.
    pub suggested_reviewers: Patterns,
    /// The longest grant.
    pub max_duration: Option<SignedDuration>,
    /// Whether a reason is needed.
    pub reason: ReasonMode,
    /// The Kubernetes kinds that may be asked for; `None` says nothing about them.
    pub kubernetes_resources: Option<Vec<RequestKind>>,
}

/// A Kubernetes kind that may, or may not, be asked for: `*`, `pod`, `namespace`, …
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestKind {
    /// The kind, `*` for all.
    pub kind: Box<str>,
    /// The API group of role version 8, `*` for all.
    pub api_group: Option<Box<str>>,
}

/// Whether a request needs a reason.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ReasonMode {
    /// It may come without.
    #[default]
    Optional,
    /// It may not.
    Required,
}

/// Whoever has a value matching `value` in the trait `claim` is matched with `roles`.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The trait.
    pub claim: Box<str>,
    /// What its values must match.
    pub value: Pattern,
    /// The roles.
    pub roles: Vec<ClaimedRole>,
}

/// A role, or several, that a trait gives.
#[derive(Clone, Debug)]
pub enum ClaimedRole {
    /// A literal or glob with `$1`, `${name}` for the groups of `value`, which is a regex.
    Filled(Box<str>),
    /// A literal, glob or regex.
    Fixed(Pattern),
}

impl Claim {
    /// Whether someone with these traits is matched with `role`. A value whose groups hold what no
    /// role's name can hold gives nothing.
    #[must_use]
    pub fn gives(&self, role: &RoleName, traits: &Traits) -> bool {
        let gives = |value: &String, own: &ClaimedRole| match own {
            ClaimedRole::Filled(template) => self
                .value
                .fill(value, template)
                .and_then(|text| Pattern::parse(&text).ok())
                .is_some_and(|pattern| pattern.matches(role.as_str())),
            ClaimedRole::Fixed(pattern) => {
                pattern.matches(role.as_str()) && self.value.matches(value)
            }
        };
        let values = traits.get(&*self.claim);
        values.into_iter().flatten().any(|value| self.roles.iter().any(|own| gives(value, own)))
    }
}

/// How many reviews decide (the law, §4).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Threshold {
    /// Its name, or nothing.
    pub name: Box<str>,
    /// Which reviews count; none: all.
    pub filter: Option<Expr>,
    /// Approvals needed; 0 never approves by count.
    pub approve: u32,
    /// Denials needed; 0 never denies.
    pub deny: u32,
    /// Parts that must all be reached for an approval, beside `approve` where that is not 0.
    pub all_of: Vec<ThresholdPart>,
}

/// One part of `all_of`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ThresholdPart {
    /// Its name, or nothing.
    pub name: Box<str>,
    /// Which reviews count; none: all.
    pub filter: Option<Expr>,
    /// Approvals needed, at least 1.
    pub approve: u32,
}

/// `review_requests`, checked.
#[derive(Clone, Debug, Default)]
pub struct ReviewConditions {
    /// Roles whose requests may be reviewed.
    pub roles: Patterns,
    /// Roles whose requests may be reviewed because of a trait of the reviewer.
    pub claims_to_roles: Vec<Claim>,
    /// Under what condition; none: always.
    pub condition: Option<Expr>,
    /// Roles in whose name the resources of a request may be looked at.
    pub preview_as_roles: Patterns,
}

impl ReviewConditions {
    /// Whether nothing may be reviewed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.roles.is_empty() && self.claims_to_roles.is_empty()
    }
}

impl ReviewConditions {
    /// Whether requests for `role` are among those `reviewer` may review, the condition apart.
    #[must_use]
    pub fn covers(&self, role: &RoleName, reviewer: &User) -> bool {
        self.roles.matches(role.as_str(), &reviewer.traits)
            || self.claims_to_roles.iter().any(|claim| claim.gives(role, &reviewer.traits))
    }
}
