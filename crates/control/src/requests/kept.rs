//! Requests at rest, with the audit events that belong to what happens to them.

use super::{Error, Who};
use crate::{Control, Failure};
use access::name::RequestId;
use access::request::Event;
use api::audit::{NewEvent, code};
use api::event::RequestEvent;
use serde_json::Value;
use store::kv::CommitError;
use store::requests::{self, Kept, RequestError};

/// The largest body of an audit event; of a larger one, lists are told by their lengths.
const MAX_BODY: usize = 32 * 1024;

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Read(error) => error.into(),
            RequestError::Cursor => {
                Self::field("cursor", "this is no cursor of ours; begin without one")
            }
            RequestError::Unreadable(_) | RequestError::Events(_) | RequestError::TooMany => {
                Self::internal(error)
            }
        }
    }
}

/// A write that did not happen.
pub(super) enum NotKept {
    /// Someone was faster: decide again.
    Conflict,
    Failed(Failure),
}

impl From<RequestError> for NotKept {
    fn from(error: RequestError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<CommitError> for NotKept {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict(_) => Self::Conflict,
            CommitError::Fault(_) | CommitError::Invalid(_) | CommitError::LeaseEnded(_) => {
                Self::Failed(error.into())
            }
        }
    }
}

/// The request as it is now.
pub(super) async fn load(control: &Control, id: RequestId) -> Result<Option<Kept>, Error> {
    Ok(control.store().requests().load(id).await.map_err(Failure::from)?)
}

/// Keeps a new request with its first events.
pub(super) async fn create(
    control: &Control,
    who: &Who,
    events: Vec<Event>,
) -> Result<Kept, NotKept> {
    let (commit, kept) = requests::create_all(events.clone())?;
    let id = kept.request.id();
    commit_all(control, commit.events(audited(who, id, &events)), kept).await
}

/// Adds events to a request, if nobody was faster.
pub(super) async fn append(
    control: &Control,
    who: &Who,
    kept: &Kept,
    events: Vec<Event>,
) -> Result<Kept, NotKept> {
    let (commit, kept_after) = kept.then(events.clone())?;
    let id = kept.request.id();
    commit_all(control, commit.events(audited(who, id, &events)), kept_after).await
}

async fn commit_all(control: &Control, commit: store::Commit, kept: Kept) -> Result<Kept, NotKept> {
    let revision = control.store().commit(commit).await?;
    // Whoever hears of this may come with the next call at once; it must be decided by what was written.
    control.store().policy().at_least(revision).await;
    Ok(Kept { revision, ..kept })
}

/// The audit events of what happened: whose word each was, and all of what was said.
fn audited(who: &Who, id: RequestId, events: &[Event]) -> Vec<NewEvent> {
    events
        .iter()
        .map(|event| {
            let new = NewEvent::new(event.code(), event.at())
                .user(event.by())
                .request(id)
                .body(body(event));
            match who.login.filter(|_| event.by() == who.actor.author()) {
                Some(login) => new.login(login),
                None => new,
            }
        })
        .flat_map(|new| {
            // A rule's word is told twice: as a review of the request, and as what the rule did.
            let by_rule = new.user.as_deref().is_some_and(|by| by.starts_with("system:rule/"));
            let twin =
                by_rule.then(|| NewEvent { code: code::RULE_REVIEWED.into(), ..new.clone() });
            [Some(new), twin].into_iter().flatten()
        })
        .collect()
}

fn body(event: &Event) -> Value {
    let mut body = serde_json::to_value(RequestEvent::from(event)).unwrap_or_default();
    if let Value::Object(fields) = &mut body {
        // They stand beside the body already.
        fields.remove("at");
        fields.remove("by");
    }
    let size = body.to_string().len();
    if size > MAX_BODY
        && let Value::Object(fields) = &mut body
    {
        for value in fields.values_mut() {
            if let Value::Array(items) = value {
                *value = Value::from(items.len());
            }
            if let Value::Object(inner) = value {
                *value = Value::from(inner.len());
            }
        }
    }
    body
}
