//! Sessions, read from the audit log: what was not recorded there did not happen.

use crate::http::{Answer, List};
use crate::{Caller, Control, Failure, Routes};
use access::name::RequestId;
use api::audit::{AuditEvent, AuditOrder, AuditQuery, code};
use api::endpoints::{Verb, reach as table};
use api::page::{MAX_LIMIT, Page};
use api::problem::Problem;
use api::session::SessionView;
use axum::{Json, extract::State};
use serde_json::Value;
use std::collections::BTreeMap;

/// The resource that administrative rules call sessions.
pub(crate) const RESOURCE: &str = "session";
/// The most sessions shown on one request; the rest is found with `GET /v1/sessions?request=`.
const ON_A_REQUEST: u32 = 200;
/// How many pages of endings are read to complete one page of sessions.
const PAGES_OF_ENDINGS: usize = 8;

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.on(&table::SESSIONS, list)
}

/// The sessions opened under a request, oldest first.
pub(crate) async fn of_request(
    control: &Control,
    id: RequestId,
) -> Result<Vec<SessionView>, Failure> {
    let question = AuditQuery {
        codes: vec![code::SESSION_STARTED.to_owned()],
        request: Some(id.to_string()),
        order: AuditOrder::Oldest,
        limit: Some(ON_A_REQUEST),
        ..AuditQuery::default()
    };
    let started = control.store().audit().query(question).await?.events;
    views(control, &started).await
}

/// Everybody's for whoever has the rule for it, else one's own.
async fn list(
    State(control): State<Control>,
    caller: Caller,
    query: List,
) -> Answer<Page<SessionView>> {
    let all = control.caller_may(&caller, RESOURCE, Verb::List).is_ok();
    let user = match (&caller, query.text("user")) {
        (_, user) if all => user.map(str::to_owned),
        (Caller::User(identity), None) => Some(identity.user.to_string()),
        (Caller::User(identity), Some(user)) if user == identity.user.as_str() => {
            Some(user.to_owned())
        }
        (Caller::Admin { .. } | Caller::Anonymous { .. } | Caller::User(_), _) => {
            return Err(Problem::forbidden().into());
        }
    };
    let live = query.flag("live")?;
    let question = AuditQuery {
        codes: vec![code::SESSION_STARTED.to_owned()],
        user,
        request: query.text("request").map(str::to_owned),
        limit: u32::try_from(query.limit()?).ok(),
        cursor: query.parsed("cursor")?,
        ..AuditQuery::default()
    };
    let page = control.store().audit().query(question).await?;
    let mut items = views(&control, &page.events).await?;
    if live {
        items.retain(|session| session.ended.is_none());
    }
    Ok(Json(Page { items, next: page.next.map(|next| next.to_string()) }))
}

/// The views of these beginnings, completed by their endings.
async fn views(control: &Control, started: &[AuditEvent]) -> Result<Vec<SessionView>, Failure> {
    let mut sessions: Vec<SessionView> = started.iter().filter_map(view).collect();
    let Some(first) = started.iter().map(|event| event.event.time).min() else {
        return Ok(sessions);
    };
    let mut open: BTreeMap<String, usize> =
        sessions.iter().enumerate().map(|(place, session)| (session.id.clone(), place)).collect();
    let mut question = AuditQuery {
        since: Some(first),
        codes: vec![code::SESSION_ENDED.to_owned(), code::RECORDING_SEALED.to_owned()],
        order: AuditOrder::Oldest,
        limit: u32::try_from(MAX_LIMIT).ok(),
        ..AuditQuery::default()
    };
    if let [only] = sessions.as_slice() {
        question.session = Some(only.id.clone());
    }
    for _ in 0..PAGES_OF_ENDINGS {
        let page = control.store().audit().query(question.clone()).await?;
        for event in &page.events {
            let Some(place) = event.event.session.as_ref().and_then(|id| open.get(id)) else {
                continue;
            };
            let Some(session) = sessions.get_mut(*place) else { continue };
            if event.event.code == code::RECORDING_SEALED {
                session.recorded = true;
            } else {
                session.ended = Some(event.event.time);
            }
        }
        open.retain(|_, place| sessions.get(*place).is_some_and(|session| session.ended.is_none()));
        match page.next {
            Some(next) if !open.is_empty() => question.cursor = Some(next),
            Some(_) | None => break,
        }
    }
    Ok(sessions)
}

fn view(event: &AuditEvent) -> Option<SessionView> {
    let event = &event.event;
    let all = event.body.get("requests").and_then(Value::as_array);
    let requests = match all {
        Some(ids) => ids.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        None => event.request.iter().cloned().collect(),
    };
    Some(SessionView {
        id: event.session.clone()?,
        user: event.user.clone()?,
        target: event.target.clone().unwrap_or_default(),
        login: event.body.get("login").and_then(Value::as_str).unwrap_or_default().to_owned(),
        started: event.time,
        ended: None,
        requests,
        recorded: false,
    })
}
