//! How long: what was asked for, what the roles allow, what is waited for (the law, §6).

use super::{
    Extension, Limit, LimitKind, Refusal,
    asker::{Asker, Manner},
};
use crate::name::RoleName;
use jiff::{SignedDuration, Timestamp};

/// How long a grant lasts when neither the requester nor a role says.
pub const DEFAULT_DURATION: SignedDuration = SignedDuration::from_hours(8);

/// How long a grant lasts at most, whatever a role says.
pub const MAX_DURATION: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How long a request waits for its answer when nobody says.
pub const DEFAULT_TTL: SignedDuration = SignedDuration::from_hours(24);

/// How long a request waits at most.
pub const MAX_TTL: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How far ahead a start may lie.
pub const MAX_AHEAD: SignedDuration = SignedDuration::from_hours(14 * 24);

/// For how long a grant of `roles` lasts, and which limit cut what was asked for.
///
/// The limit is the smallest over the requested roles of the largest `max_duration` over the roles of
/// the requester that let them ask for it; where none of these says anything, the default.
pub(super) fn granted(
    asker: &Asker<'_>,
    roles: &[RoleName],
    manner: Manner,
    asked: Option<SignedDuration>,
) -> Result<(SignedDuration, Option<Limit>), Refusal> {
    if asked.is_some_and(|asked| asked <= SignedDuration::ZERO) {
        return Err(Refusal::DurationNotPositive);
    }
    if asked.is_some_and(|asked| asked > MAX_DURATION) {
        return Err(Refusal::DurationTooLong);
    }
    let limits = roles.iter().map(|role| {
        let longest = asker
            .through(role, manner)
            .filter_map(|own| Some((own.allow().request.max_duration?, own.name())))
            .max_by_key(|(longest, _)| *longest);
        longest.map_or((DEFAULT_DURATION, LimitKind::Default), |(longest, through)| {
            (longest, LimitKind::Role { through: through.clone(), role: role.clone() })
        })
    });
    let (limit, kind) =
        limits.min_by_key(|(limit, _)| *limit).unwrap_or((DEFAULT_DURATION, LimitKind::Default));
    let limit = limit.min(MAX_DURATION);
    let cut = asked.filter(|asked| *asked > limit).map(|asked| Limit { asked, kind });
    Ok((asked.unwrap_or(DEFAULT_DURATION).min(limit), cut))
}

/// For how long an extension asked for at `now` moves the end, and which limit cut it: to at most [`MAX_DURATION`] from
/// `now`. However often a grant is extended, somebody looks at it at least so often, and no grant lasts longer from its
/// approval (the law, §6).
pub(super) fn moved(
    extension: Extension,
    (duration, cut): (SignedDuration, Option<Limit>),
    now: Timestamp,
) -> Result<(SignedDuration, Option<Limit>), Refusal> {
    let room = later(now, MAX_DURATION).duration_since(extension.from);
    if room <= SignedDuration::ZERO {
        return Err(Refusal::ExtensionTooFar(extension.request));
    }
    if duration <= room {
        return Ok((duration, cut));
    }
    let asked = cut.map_or(duration, |cut| cut.asked);
    Ok((room, Some(Limit { asked, kind: LimitKind::Ceiling })))
}

/// Until when an answer counts. Someone who asks for three days can wait as long for the answer.
pub(super) fn answer_by(
    asked: Option<SignedDuration>,
    duration: SignedDuration,
    now: Timestamp,
) -> Result<Timestamp, Refusal> {
    let ttl = asked.unwrap_or_else(|| DEFAULT_TTL.max(duration));
    if ttl < SignedDuration::from_secs(1) || ttl > MAX_TTL {
        return Err(Refusal::PendingTtl);
    }
    Ok(later(now, ttl))
}

/// Checks a start somebody asks for at `now` in a request made at `created`.
pub(super) fn check_start(
    start: Timestamp,
    created: Timestamp,
    now: Timestamp,
) -> Result<(), Refusal> {
    let latest = later(created, MAX_AHEAD);
    if start >= latest {
        return Err(Refusal::StartTooLate { latest });
    }
    if start < now { Err(Refusal::StartPast) } else { Ok(()) }
}

/// `at` and `by` later, at most the end of time.
pub(super) fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
