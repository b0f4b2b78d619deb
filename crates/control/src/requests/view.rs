//! A request as it is shown, and to whom.

use super::{Error, kept};
use crate::{Caller, Control, Failure};
use access::identity::Identity;
use access::name::RequestId;
use access::policy::Policy;
use access::request::{Author, Event, LimitKind, Outcome, Request, Status, may_see};
use access::review;
use api::problem::Problem;
use api::request::{Decision, MissingView, Moment, RequestState, RequestView, ReviewView};
use api::span::Span;
use jiff::Timestamp;
use store::requests::Kept;

/// One request with all that belongs to it, if the caller may see it.
///
/// # Errors
/// [`Error::Unknown`] where there is none or it is hidden.
pub async fn show(control: &Control, caller: &Caller, id: RequestId) -> Result<RequestView, Error> {
    let kept = seen(control, caller, id).await?;
    let mut view = full(control, &kept);
    view.timeline = kept.events.iter().map(moment).collect();
    view.sessions = crate::sessions::of_request(control, id).await?;
    Ok(view)
}

/// The request, if the caller may see it.
pub(super) async fn seen(control: &Control, caller: &Caller, id: RequestId) -> Result<Kept, Error> {
    control.caught_up().await;
    let kept = kept::load(control, id).await?.ok_or(Error::Unknown)?;
    let eyes = Eyes::of(control, caller)?;
    let sees = control.store().policy().read(|policy| eyes.sees(policy, &kept.request));
    if sees { Ok(kept) } else { Err(Error::Unknown) }
}

/// Through whose eyes requests are looked at.
#[derive(Clone, Debug)]
pub(crate) enum Eyes {
    /// The administrator's on the host: every request.
    Operator,
    /// A user's: what the law lets her see.
    User(Identity),
}

impl Eyes {
    /// The eyes of `caller`.
    ///
    /// # Errors
    /// A 401 problem for callers we do not know.
    pub(crate) fn of(control: &Control, caller: &Caller) -> Result<Self, Failure> {
        crate::http::still(control, caller)?;
        match caller {
            Caller::Admin { .. } => Ok(Self::Operator),
            Caller::Anonymous { .. } => Err(Problem::unauthenticated().into()),
            Caller::User(identity) => Ok(Self::User(identity.clone())),
        }
    }

    /// Whether they may see this request.
    pub(crate) fn sees(&self, policy: &Policy, request: &Request) -> bool {
        match self {
            Self::Operator => true,
            Self::User(identity) => may_see(policy, &identity.user, request),
        }
    }

    /// Whether theirs is a review this request waits for.
    pub(super) fn reviews(&self, policy: &Policy, request: &Request) -> bool {
        match self {
            Self::Operator => false,
            Self::User(identity) => {
                let given = request.reviews().iter().any(|review| review.by.is(&identity.user));
                !given && request.can_review(policy, &identity.user)
            }
        }
    }
}

/// A request as it is shown alone: with what it still waits for.
pub(crate) fn full(control: &Control, kept: &Kept) -> RequestView {
    control
        .store()
        .policy()
        .read(|policy| told(policy, &kept.request, kept.revision.0, control.now()))
}

/// The same for a request that was read elsewhere.
pub(crate) fn told(
    policy: &Policy,
    request: &Request,
    revision: u64,
    now: Timestamp,
) -> RequestView {
    let missing = (request.status(now) == Status::Pending).then(|| missing(policy, request));
    RequestView { missing, ..summary(request, revision, now) }
}

/// A request as it is shown in lists.
pub(super) fn summary(request: &Request, revision: u64, now: Timestamp) -> RequestView {
    let asked = request.asked();
    let approval = request.approval();
    let resolution = request.resolution();
    RequestView {
        id: asked.id.to_string(),
        user: asked.user.to_string(),
        roles: names(approval.map_or(&asked.roles, |approval| &approval.roles)),
        resources: names(&asked.resources),
        reason: asked.reason.clone(),
        state: state(request.status(now)),
        created: asked.at,
        answer_by: asked.answer_by,
        duration: Span(asked.duration),
        duration_cut_by: asked.cut.as_ref().map(|limit| cut(limit.asked.into(), &limit.kind)),
        assume_start: asked.assume_start,
        start: approval.map(|approval| approval.start),
        until: approval.map(|approval| approval.until),
        reviews: request.reviews().iter().map(review_view).collect(),
        missing: None,
        suggested_reviewers: asked.suggested_reviewers.clone(),
        annotations: asked
            .annotations
            .iter()
            .map(|(key, values)| (key.clone(), values.iter().cloned().collect()))
            .collect(),
        extends: asked.extends.as_ref().map(|extension| extension.request.to_string()),
        decided_by: resolution.map(|act| act.by.to_string()),
        decision_reason: resolution
            .map(|act| act.reason.clone())
            .filter(|reason| !reason.is_empty()),
        timeline: Vec::new(),
        sessions: Vec::new(),
        revision,
    }
}

fn names<T: std::fmt::Display>(items: &[T]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

/// The word for a status.
fn state(status: Status) -> RequestState {
    match status {
        Status::Approved => RequestState::Approved,
        Status::Cancelled => RequestState::Cancelled,
        Status::Denied => RequestState::Denied,
        Status::Expired => RequestState::Expired,
        Status::Pending => RequestState::Pending,
        Status::Promoted => RequestState::Promoted,
        Status::Released => RequestState::Released,
        Status::Revoked => RequestState::Revoked,
    }
}

fn cut(asked: Span, kind: &LimitKind) -> String {
    match kind {
        LimitKind::Ceiling => {
            format!("asked for {asked}; an extension ends at most 14d from when it is asked for")
        }
        LimitKind::Default => {
            format!("asked for {asked}; no role says how long, so the default holds")
        }
        LimitKind::Role { through, role } => {
            format!("asked for {asked}; role {through} limits {role}")
        }
    }
}

fn review_view(given: &review::Review) -> ReviewView {
    ReviewView {
        author: given.by.to_string(),
        decision: decision(given.decision),
        reason: given.reason.clone(),
        time: given.at,
        duration: given.duration.map(Span),
        assume_start: given.assume_start,
    }
}

fn decision(decision: review::Decision) -> Decision {
    match decision {
        review::Decision::Approve => Decision::Approve,
        review::Decision::Deny => Decision::Deny,
    }
}

fn missing(policy: &Policy, request: &Request) -> MissingView {
    let missing = request.missing(policy);
    let reviewers = missing.reviewers().into_iter().map(ToString::to_string).collect();
    MissingView { sentence: missing.sentence(), reviewers }
}

/// One thing that happened, in a sentence.
fn moment(event: &Event) -> Moment {
    let by: &Author = event.by();
    let text = match event {
        Event::Cancelled(act) => said(format!("{by} took it back"), &act.reason),
        Event::Overridden(act, outcome) => {
            said(format!("{by} overrode the thresholds{}", came(outcome)), &act.reason)
        }
        Event::Promoted(act, list) => {
            said(format!("{by} made the requester a member of {list}"), &act.reason)
        }
        Event::Released(act) => said(format!("{by} gave it back"), &act.reason),
        Event::Requested(asked) => {
            said(format!("{by} asked for {}", names(&asked.roles).join(", ")), &asked.reason)
        }
        Event::Reviewed(review, outcome) => {
            let word = match review.decision {
                review::Decision::Approve => "approved",
                review::Decision::Deny => "denied",
            };
            said(format!("{by} {word}{}", came(outcome)), &review.reason)
        }
        Event::Revoked(act) => said(format!("{by} revoked it"), &act.reason),
    };
    Moment { time: event.at(), code: event.code().to_owned(), actor: by.to_string(), text }
}

fn said(text: String, reason: &str) -> String {
    if reason.is_empty() { text } else { format!("{text}: {reason}") }
}

fn came(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Approved { start, until, .. } => format!(" (granted from {start} until {until})"),
        Outcome::Denied => " (denied)".to_owned(),
        Outcome::Pending => " (more is needed)".to_owned(),
    }
}
