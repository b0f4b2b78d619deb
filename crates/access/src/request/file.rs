//! Filing: what someone would like to ask becomes a request, or a refusal that says why not.

use super::{
    Actor, Author, Draft, Event, Extension, Opening, Refusal, Request, Requested, Status,
    asker::{Asker, Manner},
    length,
    prune::Search,
    reviewers::reviewers,
    rights,
};
use crate::{
    display,
    identity::User,
    name::{RequestId, RoleName, UserName},
    policy::Policy,
    resource::ResourceId,
    role::{Role, rules::Verb},
    rule,
    threshold::{self, Term},
};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// The longest reason, in bytes.
pub const MAX_REASON: usize = 4096;

/// The most resources one request may ask for.
pub const MAX_RESOURCES: usize = 300;

/// The most roles one request may name.
pub const MAX_ROLES: usize = 300;

/// The most reviewers one request may suggest, and the longest name of one, in bytes.
const MAX_REVIEWERS: (usize, usize) = (50, 256);

/// Makes the first event of a request of this draft. Nothing is stored: a dry run is this, and no more.
///
/// # Errors
/// The first thing that speaks against it.
pub fn file(
    policy: &Policy,
    actor: &Actor,
    draft: Draft,
    id: RequestId,
    now: Timestamp,
) -> Result<Event, Refusal> {
    let user = requester(policy, actor, &draft)?;
    let asker = Asker::new(policy, user);
    check_sizes(&draft)?;
    let resources = distinct(&draft.resources)?;
    let (draft, resources, extended) = match draft.extends {
        Some(extended) => extension(policy, user, draft, resources, extended, now)?,
        None => (draft, resources, None),
    };
    check_clusters(policy, &resources)?;
    let manner = if resources.is_empty() { Manner::Role } else { Manner::Search };
    let roles = wanted(policy, &asker, &draft, &resources)?;
    check_reason(&asker, &roles, &draft.reason)?;

    let granted = length::granted(&asker, &roles, manner, draft.duration)?;
    let (duration, cut) = match extended {
        Some(extension) => length::moved(extension, granted, now)?,
        None => granted,
    };
    let mut answer_by = length::answer_by(draft.pending_ttl, duration, now)?;
    if let Some(extension) = extended {
        answer_by = answer_by.min(extension.from);
    }
    if let Some(start) = draft.assume_start {
        length::check_start(start, now, now)?;
    }
    let suggested_reviewers = match draft.suggested_reviewers.is_empty() {
        true => asker.suggested_reviewers(&roles, manner),
        false => draft.suggested_reviewers,
    };
    let asked = Requested {
        id,
        user: user.name.clone(),
        by: actor.author().clone(),
        channel: actor.channel(),
        at: now,
        terms: terms(&asker, &roles, manner),
        annotations: asker.annotations(&roles, manner),
        roles,
        resources,
        login_hint: draft.login_hint,
        reason: draft.reason.trim().to_owned(),
        answer_by,
        duration,
        cut,
        assume_start: draft.assume_start,
        suggested_reviewers,
        extends: extended,
    };
    check_hope(policy, &asked, now)?;
    Ok(Event::Requested(Box::new(asked)))
}

/// For whom: oneself, or another with the rule for it.
fn requester<'a>(policy: &'a Policy, actor: &Actor, draft: &Draft) -> Result<&'a User, Refusal> {
    let own = match actor.author() {
        Author::User(name) => draft.user.as_ref().is_none_or(|user| user == name).then_some(name),
        Author::Operator(_) => None,
        Author::Program(program) => return Err(Refusal::Caller(program.to_string())),
    };
    if own.is_none() {
        administrative(policy, actor, Verb::Create)?;
    }
    match (draft.opening, own) {
        (Opening::Pending, _) => {}
        (Opening::Decided(_), Some(_)) => return Err(Refusal::OwnDecided),
        (Opening::Decided(_), None) => administrative(policy, actor, Verb::Update)?,
    }
    let name =
        own.or(draft.user.as_ref()).ok_or_else(|| Refusal::Caller(actor.author().to_string()))?;
    active(policy, name)
}

/// The record of a user who may act.
pub(super) fn active<'a>(policy: &'a Policy, name: &UserName) -> Result<&'a User, Refusal> {
    policy
        .user(name)
        .filter(|user| !user.disabled)
        .map(AsRef::as_ref)
        .ok_or_else(|| Refusal::Caller(format!("user \"{name}\"")))
}

/// Whether the caller has `verb` on `access_request`. Whoever has the host's admin socket has all.
pub(super) fn administrative(policy: &Policy, actor: &Actor, verb: Verb) -> Result<(), Refusal> {
    let refusal = Refusal::Administrative { verb: verb.as_str() };
    match actor.author() {
        Author::Operator(_) => Ok(()),
        Author::Program(_) => Err(refusal),
        Author::User(name) => {
            active(policy, name)?;
            if rights::has(policy, name, verb) { Ok(()) } else { Err(refusal) }
        }
    }
}

fn check_sizes(draft: &Draft) -> Result<(), Refusal> {
    check_reason_length(&draft.reason)?;
    if draft.roles.len() > MAX_ROLES {
        return Err(Refusal::TooManyRoles { len: draft.roles.len(), most: MAX_ROLES });
    }
    let (most, bytes) = MAX_REVIEWERS;
    let suggested = &draft.suggested_reviewers;
    if suggested.len() > most || suggested.iter().any(|name| name.len() > bytes) {
        return Err(Refusal::TooManyReviewers { most, bytes });
    }
    Ok(())
}

pub(super) const fn check_reason_length(reason: &str) -> Result<(), Refusal> {
    if reason.len() > MAX_REASON {
        return Err(Refusal::ReasonTooLong { len: reason.len(), most: MAX_REASON });
    }
    Ok(())
}

/// Each resource once, in the order given.
fn distinct(resources: &[ResourceId]) -> Result<Vec<ResourceId>, Refusal> {
    let mut seen = BTreeSet::new();
    let distinct: Vec<ResourceId> =
        resources.iter().filter(|resource| seen.insert(*resource)).cloned().collect();
    if distinct.len() > MAX_RESOURCES {
        return Err(Refusal::TooManyResources { len: distinct.len(), most: MAX_RESOURCES });
    }
    Ok(distinct)
}

/// An extension asks again for what was granted, while it runs.
fn extension(
    policy: &Policy,
    user: &User,
    mut draft: Draft,
    resources: Vec<ResourceId>,
    extended: RequestId,
    now: Timestamp,
) -> Result<(Draft, Vec<ResourceId>, Option<Extension>), Refusal> {
    if !draft.roles.is_empty() || !resources.is_empty() {
        return Err(Refusal::ExtensionAsksMore(extended));
    }
    let request = policy.request(extended).filter(|request| *request.user() == user.name);
    let running = request.filter(|request| request.status(now) == Status::Approved);
    let (request, approval) = running
        .and_then(|request| Some((request, request.approval()?)))
        .ok_or(Refusal::NotExtendable(extended))?;
    draft.roles = approval.roles.iter().map(ToString::to_string).collect();
    let resources = request.asked().resources.clone();
    draft.login_hint = draft.login_hint.or_else(|| request.asked().login_hint.clone());
    Ok((draft, resources, Some(Extension { request: extended, from: approval.until })))
}

fn check_clusters(policy: &Policy, resources: &[ResourceId]) -> Result<(), Refusal> {
    let unknown: BTreeSet<String> = resources
        .iter()
        .map(ResourceId::cluster)
        .filter(|cluster| *cluster != policy.cluster() && policy.leaf(cluster).is_none())
        .map(ToString::to_string)
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Refusal::UnknownClusters { clusters: unknown.into_iter().collect() })
}

/// The roles asked for, each once and sorted: those named, all there are for `*`, or those through which
/// the resources are reached.
fn wanted(
    policy: &Policy,
    asker: &Asker<'_>,
    draft: &Draft,
    resources: &[ResourceId],
) -> Result<Vec<RoleName>, Refusal> {
    if draft.roles.is_empty() && resources.is_empty() {
        return Err(Refusal::Nothing);
    }
    if resources.is_empty() && draft.roles.iter().all(|role| role == "*") {
        let mut all = asker.all(policy, Manner::Role);
        all.retain(|role| !asker.user.roles.contains(role));
        if all.len() > MAX_ROLES {
            return Err(Refusal::TooManyRoles { len: all.len(), most: MAX_ROLES });
        }
        return match all.is_empty() {
            true => Err(Refusal::NothingRequestable(asker.user.name.clone())),
            false => Ok(all),
        };
    }
    let refused = |role: &str| Refusal::NotRequestable {
        user: asker.user.name.clone(),
        role: role.to_owned(),
    };
    let mut named = BTreeSet::new();
    for role in &draft.roles {
        let name: RoleName = role.parse().map_err(|_| refused(role))?;
        let askable = resources.is_empty()
            && policy.role(&name).is_some()
            && asker.may_ask(&name, Manner::Role);
        if resources.is_empty() && !askable {
            return Err(refused(role));
        }
        named.insert(name);
    }
    let named: Vec<RoleName> = named.into_iter().collect();
    if resources.is_empty() {
        return Ok(named);
    }
    Search { policy, asker, resources, login: draft.login_hint.as_ref() }.roles(&named)
}

fn check_reason(asker: &Asker<'_>, roles: &[RoleName], reason: &str) -> Result<(), Refusal> {
    // White space is no reason, nor is what nobody sees (the law, §3).
    if reason.chars().any(|c| !c.is_whitespace() && !display::is_unsafe(c)) {
        return Ok(());
    }
    if asker.reason_always_needed() {
        return Err(Refusal::ReasonForAll);
    }
    asker.reason_needed_for(roles).map_or(Ok(()), |role| Err(Refusal::ReasonForRole(role.clone())))
}

/// What approval takes, as the roles say now.
fn terms(asker: &Asker<'_>, roles: &[RoleName], manner: Manner) -> Vec<Term> {
    let term = |role: &RoleName, own: &Role| {
        let written = &own.allow().request.thresholds;
        let thresholds =
            if written.is_empty() { vec![threshold::standard()] } else { written.clone() };
        Term { role: role.clone(), through: own.name().clone(), thresholds }
    };
    roles
        .iter()
        .flat_map(|role| asker.through(role, manner).map(move |own| term(role, own)))
        .collect()
}

/// Refuses what nobody could ever approve: it would wait for nothing.
fn check_hope(policy: &Policy, asked: &Requested, now: Timestamp) -> Result<(), Refusal> {
    let mut request = Request::new(asked.clone());
    rule::review(policy, &mut request, now);
    if request.approval().is_some() {
        return Ok(());
    }
    if reviewers(policy, asked).is_empty() {
        return Err(Refusal::NobodyCouldApprove {
            user: asked.user.clone(),
            roles: asked.roles.clone(),
        });
    }
    let missing = request.missing(policy);
    if missing.is_within_reach() || policy.users().any(|user| could_override(policy, asked, user)) {
        return Ok(());
    }
    Err(Refusal::NeverEnough { missing: missing.sentence() })
}

fn could_override(policy: &Policy, asked: &Requested, user: &User) -> bool {
    !user.disabled && user.name != asked.user && rights::has(policy, &user.name, Verb::Update)
}

/// Whether a request for these roles or resources would need a reason, for screens.
pub(crate) fn reason_needed(asker: &Asker<'_>, roles: &[RoleName]) -> bool {
    check_reason(asker, roles, "").is_err()
}
