//! A request as it is shown, and to whom.

use super::{Error, kept};
use crate::{Caller, Control, Failure};
use access::identity::Identity;
use access::name::RequestId;
use access::policy::Policy;
use access::request::{Author, Event, LimitKind, Outcome, Request, Status};
use access::review;
use api::endpoints::Verb;
use api::request::{Decision, MissingView, Moment, RequestState, RequestView, ReviewView};
use api::span::Span;
use jiff::Timestamp;

/// The resource that administrative rules call requests.
pub(super) const RESOURCE: &str = "access_request";

/// One request with all that belongs to it, if the caller may see it.
///
/// # Errors
/// [`Error::Unknown`] where there is none or it is hidden.
pub async fn show(control: &Control, caller: &Caller, id: RequestId) -> Result<RequestView, Error> {
    let kept = kept::load(control, id).await?.ok_or(Error::Unknown)?;
    if !Eyes::of(control, caller)?.sees(control, &kept.request) {
        return Err(Error::Unknown);
    }
    let now = control.now();
    let mut view = control.store().policy().read(|policy| view(policy, &kept.request, kept.revision.0, now));
    view.timeline = kept.events.iter().map(moment).collect();
    view.sessions = crate::sessions::of_request(control, id).await?;
    Ok(view)
}

/// What a caller may see of requests.
#[derive(Clone, Debug)]
pub(crate) enum Eyes {
    /// Every request.
    All,
    /// One's own, and those one could review or has reviewed.
    Own(Identity),
}

impl Eyes {
    /// What `caller` may see.
    ///
    /// # Errors
    /// A 401 problem for callers we do not know.
    pub(crate) fn of(control: &Control, caller: &Caller) -> Result<Self, Failure> {
        match caller {
            Caller::Admin { .. } => Ok(Self::All),
            Caller::Anonymous { .. } => Err(api::problem::Problem::unauthenticated().into()),
            Caller::User(identity) if control.may(identity, RESOURCE, Verb::List).is_ok() => Ok(Self::All),
            Caller::User(identity) => Ok(Self::Own(identity.clone())),
        }
    }

    /// Whether that includes this request.
    pub(crate) fn sees(&self, control: &Control, request: &Request) -> bool {
        match self {
            Self::All => true,
            Self::Own(identity) => {
                request.user() == &identity.user
                    || request.asked().by.is(&identity.user)
                    || request.reviews().iter().any(|review| review.by.is(&identity.user))
                    || control.store().policy().read(|policy| request.may_be_reviewed_by(policy, &identity.user))
            }
        }
    }
}

/// A request as it is shown in lists.
pub(crate) fn view(policy: &Policy, request: &Request, revision: u64, now: Timestamp) -> RequestView {
    let asked = request.asked();
    let approval = request.approval();
    let resolution = request.resolution();
    let status = request.status(now);
    RequestView {
        id: asked.id.to_string(),
        user: asked.user.to_string(),
        roles: names(approval.map_or(&asked.roles, |approval| &approval.roles)),
        resources: names(&asked.resources),
        reason: asked.reason.clone(),
        state: state(status),
        created: asked.at,
        answer_by: asked.answer_by,
        duration: Span(asked.duration),
        duration_cut_by: asked.cut.as_ref().map(|limit| cut(limit.asked.into(), &limit.kind)),
        assume_start: asked.assume_start,
        start: approval.map(|approval| approval.start),
        until: approval.map(|approval| approval.until),
        reviews: request.reviews().iter().map(review_view).collect(),
        missing: (status == Status::Pending).then(|| missing(policy, request, now)),
        suggested_reviewers: asked.suggested_reviewers.clone(),
        annotations: asked.annotations.iter().map(|(key, values)| (key.clone(), values.iter().cloned().collect())).collect(),
        extends: asked.extends.map(|extension| extension.request.to_string()),
        decided_by: resolution.map(|act| act.by.to_string()),
        decision_reason: resolution.map(|act| act.reason.clone()).filter(|reason| !reason.is_empty()),
        timeline: Vec::new(),
        sessions: Vec::new(),
        revision,
    }
}

fn names<T: std::fmt::Display>(items: &[T]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

/// The word for a status.
pub(crate) fn state(status: Status) -> RequestState {
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
        LimitKind::Default => format!("asked for {asked}; no role says how long, so the default holds"),
        LimitKind::Role { through, role } => format!("asked for {asked}; role {through} limits {role}"),
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

fn missing(policy: &Policy, request: &Request, now: Timestamp) -> MissingView {
    let missing = request.missing(policy, now);
    MissingView { sentence: missing.to_string(), reviewers: names(&missing.reviewers()) }
}

/// One thing that happened, in a sentence.
fn moment(event: &Event) -> Moment {
    let by: &Author = event.by();
    let text = match event {
        Event::Cancelled(act) => said(format!("{by} took it back"), &act.reason),
        Event::Overridden(act, outcome) => said(format!("{by} overrode the thresholds{}", came(outcome)), &act.reason),
        Event::Promoted(act, list) => said(format!("{by} made the requester a member of {list}"), &act.reason),
        Event::Released(act) => said(format!("{by} gave it back"), &act.reason),
        Event::Requested(asked) => said(format!("{by} asked for {}", names(&asked.roles).join(", ")), &asked.reason),
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
