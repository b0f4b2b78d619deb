//! Automatic rules: a review by the house, when a condition holds (the law, §8).
//!
//! A rule is a reviewer named `system:rule/<name>`, under the thresholds like anyone. It looks at the
//! request and its requester alone; its schedule looks at when the request was made. Where several rules
//! match, those that deny are the only ones heard.

use crate::{
    expr::{Expr, Field, Scope, Values},
    identity::{Traits, User},
    name::{RoleName, RuleName},
    policy::Policy,
    request::{Actor, Command, Event, Program, Request, Requested},
    review::Decision,
    schedule::Schedule,
    target::Labels,
};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// A rule (`kind: access_monitoring_rule`).
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name.
    pub name: RuleName,
    /// When it matches.
    pub condition: Expr,
    /// In which hours it acts, by their names; none: always.
    pub schedules: BTreeMap<Box<str>, Schedule>,
    /// What it says of a request that matches; `None` for rules that only notify.
    pub decision: Option<Decision>,
    /// Whom it tells.
    pub notification: Option<Notification>,
}

/// Whom a rule tells of a request that matches.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notification {
    /// By which integration.
    pub integration: Box<str>,
    /// Channels, addresses or users, as that integration names them.
    pub recipients: Vec<Box<str>>,
}

/// What a rule makes of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Finding {
    /// It would review so.
    Decides(Decision),
    /// It matches, but only notifies.
    Notifies,
    /// Its condition does not hold.
    NoMatch,
    /// Its condition holds, but not at that hour.
    OutOfHours,
}

impl Rule {
    /// The names a condition may use.
    pub const SCOPE: Scope = Scope::Monitoring;

    /// What this rule makes of a request, past or made up: `tctl rules test`.
    #[must_use]
    pub fn finding(&self, policy: &Policy, asked: &Requested) -> Finding {
        let labels = ResourceLabels::of(policy, asked);
        self.judge(asked, policy.user(&asked.user).map(AsRef::as_ref), &labels)
    }

    fn judge(&self, asked: &Requested, user: Option<&User>, labels: &ResourceLabels) -> Finding {
        // A requester who is no more has no roles and no traits.
        let nobody = (BTreeSet::new(), Traits::new());
        let (roles, traits) =
            user.map_or((&nobody.0, &nobody.1), |user| (&user.roles, &user.traits));
        let values = Values::new()
            .list(Field::RequestRoles, asked.roles.iter().map(RoleName::as_str))
            .text(Field::RequestReason, &asked.reason)
            .lists(Field::RequestAnnotations, &asked.annotations)
            .text(Field::RequestUser, asked.user.as_str())
            .list(Field::RequestReviewers, asked.suggested_reviewers.iter().map(String::as_str))
            .lists(Field::RequestLabelsOfAll, &labels.of_all)
            .lists(Field::RequestLabelsOfAny, &labels.of_any)
            .text(Field::UserName, asked.user.as_str())
            .list(Field::UserRoles, roles.iter().map(RoleName::as_str))
            .lists(Field::UserTraits, traits);
        if !self.condition.holds(&values) {
            return Finding::NoMatch;
        }
        if !self.schedules.is_empty()
            && !self.schedules.values().any(|hours| hours.contains(asked.at))
        {
            return Finding::OutOfHours;
        }
        self.decision.map_or(Finding::Notifies, Finding::Decides)
    }
}

/// The labels of the resources a request asks for.
#[derive(Clone, Debug, Default)]
struct ResourceLabels {
    /// Those that every resource carries.
    of_all: Traits,
    /// Those that any carries.
    of_any: Traits,
}

impl ResourceLabels {
    fn of(policy: &Policy, asked: &Requested) -> Self {
        let nothing = Labels::new();
        let each: Vec<&Labels> = asked
            .resources
            .iter()
            .map(|resource| {
                // What is not known here carries no label, so nothing holds for all.
                let here = resource.cluster() == policy.cluster();
                let target = policy.target(&resource.target_id()).filter(|_| here);
                target.map_or(&nothing, |target| &target.labels)
            })
            .collect();
        let mut labels = Self::default();
        let Some(first) = each.first() else { return labels };
        for (key, value) in *first {
            if each.iter().all(|own| own.get(key) == Some(value)) {
                labels.of_all.entry(key.clone()).or_default().insert(value.clone());
            }
        }
        for (key, value) in each.into_iter().flatten() {
            labels.of_any.entry(key.clone()).or_default().insert(value.clone());
        }
        labels
    }
}

/// The reviews the rules give a request just filed: to be put through [`Request::decide`], in order.
#[must_use]
pub fn reviews(policy: &Policy, asked: &Requested) -> Vec<(Actor, Command)> {
    let labels = ResourceLabels::of(policy, asked);
    let user = policy.user(&asked.user).map(AsRef::as_ref);
    let decided: Vec<(&Rule, Decision)> = policy
        .rules()
        .filter_map(|rule| match rule.judge(asked, user, &labels) {
            Finding::Decides(decision) => Some((rule, decision)),
            Finding::NoMatch | Finding::Notifies | Finding::OutOfHours => None,
        })
        .collect();
    let heard = match decided.iter().any(|(_, decision)| *decision == Decision::Deny) {
        true => Decision::Deny,
        false => Decision::Approve,
    };
    decided
        .into_iter()
        .filter(|(_, decision)| *decision == heard)
        .map(|(rule, decision)| {
            let reason = format!("access monitoring rule `{}`", rule.name);
            let command = match decision {
                Decision::Approve => {
                    Command::Approve { reason, assume_start: None, duration: None }
                }
                Decision::Deny => Command::Deny { reason },
            };
            (Actor::program(Program::Rule(rule.name.clone())), command)
        })
        .collect()
}

/// Puts the reviews of the rules to a request just filed, until it is decided: the events of it, already
/// applied. They belong into the transaction that files the request.
pub fn review(policy: &Policy, request: &mut Request, now: Timestamp) -> Vec<Event> {
    let mut events = Vec::new();
    for (actor, command) in reviews(policy, request.asked()) {
        // A rule that comes after the decision has nothing left to say.
        let Ok(event) = request.decide(policy, &actor, command, now) else { continue };
        request.apply(event.clone());
        events.push(event);
    }
    events
}
