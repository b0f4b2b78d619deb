//! From the law's events to the stored shape.

use super::{
    Cut, Extension, Outcome, Part, RequestEvent, Requested, Review, Term, Threshold, VERSION, What,
};
use crate::span::Span;
use access::{
    request::{self as law, Act, Event, LimitKind},
    role,
};

impl From<&Event> for RequestEvent {
    fn from(event: &Event) -> Self {
        match event {
            Event::Cancelled(act) => told(act, What::Cancelled),
            Event::Overridden(act, outcome) => {
                told(act, What::Overridden { outcome: outcome.into() })
            }
            Event::Promoted(act, list) => told(act, What::Promoted { list: list.to_string() }),
            Event::Released(act) => told(act, What::Released),
            Event::Revoked(act) => told(act, What::Revoked),
            Event::Requested(asked) => Self {
                version: VERSION,
                at: asked.at,
                by: asked.by.to_string(),
                channel: asked.channel.as_str().to_owned(),
                reason: asked.reason.clone(),
                what: What::Requested(Box::new(asked.as_ref().into())),
            },
            Event::Reviewed(review, outcome) => Self {
                version: VERSION,
                at: review.at,
                by: review.by.to_string(),
                channel: review.channel.as_str().to_owned(),
                reason: review.reason.clone(),
                what: What::Reviewed {
                    review: Box::new(review.as_ref().into()),
                    outcome: outcome.into(),
                },
            },
        }
    }
}

fn told(act: &Act, what: What) -> RequestEvent {
    RequestEvent {
        version: VERSION,
        at: act.at,
        by: act.by.to_string(),
        channel: act.channel.as_str().to_owned(),
        reason: act.reason.clone(),
        what,
    }
}

impl From<&law::Requested> for Requested {
    fn from(asked: &law::Requested) -> Self {
        Self {
            id: asked.id.to_string(),
            user: asked.user.to_string(),
            roles: texts(&asked.roles),
            resources: texts(&asked.resources),
            login_hint: asked.login_hint.as_ref().map(ToString::to_string),
            answer_by: asked.answer_by,
            duration: Span(asked.duration),
            cut: asked.cut.as_ref().map(cut),
            assume_start: asked.assume_start,
            terms: asked.terms.iter().map(term).collect(),
            annotations: asked.annotations.clone(),
            suggested_reviewers: asked.suggested_reviewers.clone(),
            extends: asked.extends.map(|extension| Extension {
                request: extension.request.to_string(),
                from: extension.from,
            }),
        }
    }
}

impl From<&access::review::Review> for Review {
    fn from(review: &access::review::Review) -> Self {
        Self {
            decision: review.decision.as_str().to_owned(),
            assume_start: review.assume_start,
            duration: review.duration.map(Span),
            annotations: review.annotations.clone(),
            roles: review.roles.iter().map(ToString::to_string).collect(),
            counts: review.counts.iter().map(|slot| slot.0).collect(),
        }
    }
}

impl From<&law::Outcome> for Outcome {
    fn from(outcome: &law::Outcome) -> Self {
        match outcome {
            law::Outcome::Approved { roles, start, until } => {
                Self::Approved { roles: texts(roles), start: *start, until: *until }
            }
            law::Outcome::Denied => Self::Denied,
            law::Outcome::Pending => Self::Pending,
        }
    }
}

fn cut(limit: &law::Limit) -> Cut {
    let (through, role) = match &limit.kind {
        LimitKind::Ceiling | LimitKind::Default => (None, None),
        LimitKind::Role { through, role } => (Some(through.to_string()), Some(role.to_string())),
    };
    Cut { asked: Span(limit.asked), through, role, ceiling: limit.kind == LimitKind::Ceiling }
}

fn term(term: &access::threshold::Term) -> Term {
    Term {
        role: term.role.to_string(),
        through: term.through.to_string(),
        thresholds: term.thresholds.iter().map(threshold).collect(),
    }
}

fn threshold(own: &role::Threshold) -> Threshold {
    Threshold {
        name: own.name.to_string(),
        filter: own.filter.as_ref().map(ToString::to_string),
        approve: own.approve,
        deny: own.deny,
        all_of: own
            .all_of
            .iter()
            .map(|part| Part {
                name: part.name.to_string(),
                filter: part.filter.as_ref().map(ToString::to_string),
                approve: part.approve,
            })
            .collect(),
    }
}

fn texts<T: ToString>(names: &[T]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}
