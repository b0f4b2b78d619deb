//! Retention: what is older than recordings are kept goes, on the record.
//!
//! ```text
//!   old, and its seal is the one in the log ──► `recording.retired` with its digest ──► the files go
//! ```
//!
//! A crash in between leaves an event and files: the next run finds the event, writes none, and removes the files. What
//! is missing or was changed is deliberately kept as it lies: retention must not pass for the loss of evidence.

use api::audit::{AuditEvent, AuditOrder, AuditQuery, NewEvent, code};
use api::bundle::{retired_digest, sealed_digest};
use api::recording::{RecordingState, RecordingView};
use jiff::Timestamp;
use serde_json::Value;

use super::check::Wrong;
use super::{Shelf, ShelfError};
use crate::audit::AuditError;
use crate::kv::CommitError;
use crate::store::Store;

/// Events read at a time.
const PAGE: u32 = 1000;

/// What a run did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Retired {
    /// How many recordings went.
    pub retired: u64,
    /// How many are old enough and stay, for their files are not those that were sealed.
    pub kept: u64,
}

/// Why a run stopped. What it had done is done; another run goes on.
#[derive(Debug, thiserror::Error)]
pub enum RetireError {
    /// The recordings cannot be read or removed.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    /// The audit log cannot be asked.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The events cannot be written, so nothing is removed.
    #[error("cannot put on the record that recordings are retired")]
    Record(#[from] CommitError),
}

/// Retires a hundred recordings that ended before `before`, and tells where to go on; nothing when those were all.
///
/// # Errors
/// See [`RetireError`].
pub async fn retire(
    store: &Store,
    shelf: &Shelf,
    before: Timestamp,
    (after, now): (Option<RecordingView>, Timestamp),
) -> Result<(Retired, Option<RecordingView>), RetireError> {
    let old = shelf.old(before, after).await?;
    let last = old.last().cloned();
    let (mut done, mut events, mut going) = (Retired::default(), Vec::new(), Vec::new());
    for view in old {
        match fate(store, shelf, &view).await? {
            Fate::Goes(digest) => {
                events.push(event(&view, &digest, now));
                going.push((view, now));
            }
            Fate::Went(at) => going.push((view, at)),
            Fate::Stays(why) => {
                done.kept += 1;
                tracing::error!(session = view.session, %why, "a recording is old enough to be retired, and stays");
            }
        }
    }
    // INVARIANT: on the record, durably, before the first byte goes.
    store.record(events).await?;
    for (view, at) in going {
        shelf.remove(view, at).await?;
        done.retired += 1;
    }
    Ok((done, last))
}

/// Lists again what was retired, where the catalogue was lost.
///
/// # Errors
/// See [`RetireError`].
pub async fn relist(store: &Store, shelf: &Shelf) -> Result<(), RetireError> {
    let mut asked = AuditQuery {
        codes: vec![code::RECORDING_RETIRED.to_owned()],
        order: AuditOrder::Oldest,
        limit: Some(PAGE),
        ..AuditQuery::default()
    };
    loop {
        let page = store.audit().query(asked.clone()).await?;
        for view in page.events.iter().filter_map(view) {
            shelf.relist(view).await?;
        }
        let Some(next) = page.next else { return Ok(()) };
        asked.cursor = Some(next);
    }
}

enum Fate {
    Goes(String),
    Went(Timestamp),
    Stays(String),
}

async fn fate(store: &Store, shelf: &Shelf, view: &RecordingView) -> Result<Fate, RetireError> {
    let asked = AuditQuery {
        codes: [code::RECORDING_SEALED, code::RECORDING_RETIRED].map(str::to_owned).to_vec(),
        session: Some(view.session.clone()),
        limit: Some(PAGE),
        ..AuditQuery::default()
    };
    let events = store.audit().query(asked).await?.events;
    let retired = events.iter().find(|event| retired_digest(event).is_some());
    if let Some(retired) = retired {
        return Ok(Fate::Went(retired.event.time));
    }
    let Some((_, digest)) = events.iter().find_map(sealed_digest) else {
        return Ok(Fate::Stays("the audit log does not know its seal".to_owned()));
    };
    let (_, wrong) = shelf.sealed_files(&view.session, digest.to_owned()).await?;
    Ok(match wrong {
        None => Fate::Goes(digest.to_owned()),
        Some(wrong @ (Wrong::Missing(_) | Wrong::Changed { .. })) => Fate::Stays(wrong.to_string()),
    })
}

/// All that will ever be known of it.
fn event(view: &RecordingView, digest: &str, now: Timestamp) -> NewEvent {
    let mut event = NewEvent::new(code::RECORDING_RETIRED, now)
        .user(&view.user)
        .session(&view.session)
        .target(&view.target)
        .with("digest", digest)
        .with("login", view.login.clone())
        .with("started", view.started.to_string())
        .with("parts", view.parts)
        .with("bytes", view.bytes);
    event.request = view.requests.first().cloned();
    if view.requests.len() > 1 {
        event = event.with("requests", serde_json::json!(view.requests));
    }
    if let Some(ended) = view.ended {
        event = event.with("ended", ended.to_string());
    }
    if let Some(outcome) = &view.outcome {
        event = event.with("outcome", outcome.clone());
    }
    event
}

/// The way back.
fn view(event: &AuditEvent) -> Option<RecordingView> {
    let (session, digest) = retired_digest(event)?;
    let body = &event.event.body;
    let text = |field: &str| body.get(field).and_then(Value::as_str).map(str::to_owned);
    let time = |field: &str| text(field).and_then(|text| text.parse().ok());
    let number = |field: &str| body.get(field).and_then(Value::as_u64).unwrap_or_default();
    Some(RecordingView {
        session: session.to_owned(),
        user: event.event.user.clone()?,
        target: event.event.target.clone()?,
        login: text("login")?,
        requests: api::bundle::requests_named(event).into_iter().map(str::to_owned).collect(),
        peer: None,
        started: time("started")?,
        ended: time("ended"),
        state: RecordingState::Retired,
        retired: Some(event.event.time),
        outcome: text("outcome"),
        bytes: number("bytes"),
        parts: u32::try_from(number("parts")).unwrap_or_default(),
        digest: Some(digest.to_owned()),
    })
}
