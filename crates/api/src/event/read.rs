//! From the stored shape to the law's events: strict, and naming the field that is wrong.

use super::{
    Cut, Extension, Outcome, Part, RequestEvent, Requested, Review, Term, Threshold, VERSION, What,
};
use access::{
    expr::{Expr, Scope},
    request::{self as law, Act, Channel, Event, LimitKind},
    role,
    threshold::Slot,
};
use std::{fmt::Display, str::FromStr};

/// A stored event that cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidEvent {
    /// A later version of this house wrote it.
    #[error("the event has version {0}; this program reads up to {VERSION}")]
    Version(u32),
    /// A field that cannot hold what it holds.
    #[error("`{field}`: {why}")]
    Field {
        /// Its path.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl TryFrom<RequestEvent> for Event {
    type Error = InvalidEvent;

    fn try_from(event: RequestEvent) -> Result<Self, InvalidEvent> {
        if event.version > VERSION {
            return Err(InvalidEvent::Version(event.version));
        }
        let act = Act {
            by: parse("by", &event.by)?,
            channel: channel(&event.channel)?,
            at: event.at,
            reason: event.reason,
        };
        Ok(match event.what {
            What::Cancelled => Self::Cancelled(act),
            What::Overridden { outcome } => Self::Overridden(act, outcome.try_into()?),
            What::Promoted { list } => Self::Promoted(act, list.into()),
            What::Released => Self::Released(act),
            What::Requested(asked) => Self::Requested(Box::new(requested(act, *asked)?)),
            What::Reviewed { review: own, outcome } => {
                Self::Reviewed(Box::new(review(act, *own)?), outcome.try_into()?)
            }
            What::Revoked => Self::Revoked(act),
        })
    }
}

impl TryFrom<Outcome> for law::Outcome {
    type Error = InvalidEvent;

    fn try_from(outcome: Outcome) -> Result<Self, InvalidEvent> {
        Ok(match outcome {
            Outcome::Approved { roles, start, until } => {
                Self::Approved { roles: parse_all("outcome.roles", &roles)?, start, until }
            }
            Outcome::Denied => Self::Denied,
            Outcome::Pending => Self::Pending,
        })
    }
}

fn requested(act: Act, asked: Requested) -> Result<law::Requested, InvalidEvent> {
    Ok(law::Requested {
        id: parse("id", &asked.id)?,
        user: parse("user", &asked.user)?,
        by: act.by,
        channel: act.channel,
        at: act.at,
        roles: parse_all("roles", &asked.roles)?,
        resources: parse_all("resources", &asked.resources)?,
        login_hint: asked.login_hint.map(|login| parse("login_hint", &login)).transpose()?,
        reason: act.reason,
        answer_by: asked.answer_by,
        duration: asked.duration.0,
        cut: asked.cut.map(cut).transpose()?,
        assume_start: asked.assume_start,
        terms: asked.terms.into_iter().map(term).collect::<Result<_, _>>()?,
        annotations: asked.annotations,
        suggested_reviewers: asked.suggested_reviewers,
        extends: asked.extends.map(extension).transpose()?,
    })
}

fn review(act: Act, own: Review) -> Result<access::review::Review, InvalidEvent> {
    Ok(access::review::Review {
        by: act.by,
        channel: act.channel,
        at: act.at,
        decision: parse("review.decision", &own.decision)?,
        reason: act.reason,
        assume_start: own.assume_start,
        duration: own.duration.map(|span| span.0),
        annotations: own.annotations,
        roles: own
            .roles
            .iter()
            .map(|role| parse("review.roles", role))
            .collect::<Result<_, _>>()?,
        counts: own.counts.into_iter().map(Slot).collect(),
    })
}

fn cut(cut: Cut) -> Result<law::Limit, InvalidEvent> {
    let kind = match (&cut.through, &cut.role) {
        _ if cut.ceiling => LimitKind::Ceiling,
        (Some(through), Some(role)) => LimitKind::Role {
            through: parse("cut.through", through)?,
            role: parse("cut.role", role)?,
        },
        (None, _) | (_, None) => LimitKind::Default,
    };
    Ok(law::Limit { asked: cut.asked.0, kind })
}

fn extension(own: Extension) -> Result<law::Extension, InvalidEvent> {
    Ok(law::Extension { request: parse("extends.request", &own.request)?, from: own.from })
}

fn term(term: Term) -> Result<access::threshold::Term, InvalidEvent> {
    Ok(access::threshold::Term {
        role: parse("terms.role", &term.role)?,
        through: parse("terms.through", &term.through)?,
        thresholds: term.thresholds.into_iter().map(threshold).collect::<Result<_, _>>()?,
    })
}

fn threshold(own: Threshold) -> Result<role::Threshold, InvalidEvent> {
    Ok(role::Threshold {
        name: own.name.into(),
        filter: filter(own.filter)?,
        approve: own.approve,
        deny: own.deny,
        all_of: own.all_of.into_iter().map(part).collect::<Result<_, _>>()?,
    })
}

fn part(own: Part) -> Result<role::ThresholdPart, InvalidEvent> {
    Ok(role::ThresholdPart {
        name: own.name.into(),
        filter: filter(own.filter)?,
        approve: own.approve,
    })
}

fn filter(text: Option<String>) -> Result<Option<Expr>, InvalidEvent> {
    text.map(|text| Expr::parse(&text, Scope::Review)).transpose().map_err(|why| {
        InvalidEvent::Field { field: "terms.thresholds.filter", why: why.to_string() }
    })
}

fn channel(text: &str) -> Result<Channel, InvalidEvent> {
    Channel::ALL.into_iter().find(|channel| channel.as_str() == text).ok_or_else(|| {
        InvalidEvent::Field {
            field: "channel",
            why: format!("there is no channel {:?}", text.chars().take(64).collect::<String>()),
        }
    })
}

fn parse<T: FromStr<Err: Display>>(field: &'static str, text: &str) -> Result<T, InvalidEvent> {
    text.parse().map_err(|why: T::Err| InvalidEvent::Field { field, why: why.to_string() })
}

fn parse_all<T: FromStr<Err: Display>>(
    field: &'static str,
    texts: &[String],
) -> Result<Vec<T>, InvalidEvent> {
    texts.iter().map(|text| parse(field, text)).collect()
}
