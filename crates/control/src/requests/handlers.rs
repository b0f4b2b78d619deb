//! The HTTP handlers: parse, command, show.

use super::{Error, Who, act, draft, dry_run, file, list, show, view};
use crate::http::{Answer, Json as Body, List};
use crate::{Caller, Control, Failure, Routes};
use access::name::RequestId;
use access::request::{Channel, Command};
use api::endpoints::requests as table;
use api::page::Page;
use api::problem::Problem;
use api::request::{
    CHANNEL_HEADER, Capabilities, Closing, NewRequest, NewReview, Override, RequestView,
};
use api::session::SessionView;
use axum::{
    Json,
    extract::{Path, State},
    http::HeaderMap,
};

/// Mounts them.
pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .on(&table::LIST, list_requests)
        .on(&table::FILE, file_request)
        .on(&table::SHOW, show_request)
        .on(&table::REVIEW, review)
        .on(&table::CANCEL, cancel)
        .on(&table::RELEASE, release)
        .on(&table::REVOKE, revoke)
        .on(&table::OVERRIDE, over)
        .on(&table::SESSIONS, sessions)
        .on(&table::CAPABILITIES, capabilities)
}

fn channel(headers: &HeaderMap) -> Channel {
    match headers.get(CHANNEL_HEADER).map(axum::http::HeaderValue::as_bytes) {
        Some(b"cli") => Channel::Cli,
        Some(b"web") => Channel::Web,
        Some(_) | None => Channel::Api,
    }
}

fn who(caller: &Caller, headers: &HeaderMap) -> Result<Who, Failure> {
    Who::new(caller, channel(headers)).ok_or_else(|| Problem::unauthenticated().into())
}

/// An id that cannot be one is an id that is not there.
fn id(text: &str) -> Result<RequestId, Error> {
    text.parse().map_err(|_| Error::Unknown)
}

async fn list_requests(
    State(control): State<Control>,
    caller: Caller,
    query: List,
) -> Answer<Page<RequestView>> {
    Ok(Json(list::list(&control, &caller, &query).await?))
}

async fn file_request(
    State(control): State<Control>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<NewRequest>,
) -> Answer<RequestView> {
    let who = who(&caller, &headers)?;
    let only_say = body.dry_run;
    let draft = draft::draft(body)?;
    let kept = if only_say {
        dry_run(&control, &who, draft)?
    } else {
        file(&control, &who, draft).await?
    };
    Ok(Json(view::full(&control, &kept)))
}

async fn show_request(
    State(control): State<Control>,
    caller: Caller,
    Path(text): Path<String>,
) -> Answer<RequestView> {
    Ok(Json(show(&control, &caller, id(&text)?).await?))
}

/// A command on a request the caller may see. One she may not see is not there, whatever she commands.
async fn command(
    control: &Control,
    caller: &Caller,
    headers: &HeaderMap,
    text: &str,
    command: Command,
) -> Answer<RequestView> {
    let who = who(caller, headers)?;
    let id = id(text)?;
    view::seen(control, caller, id).await?;
    let kept = act(control, &who, id, command).await?;
    Ok(Json(view::full(control, &kept)))
}

async fn review(
    State(control): State<Control>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
    Body(body): Body<NewReview>,
) -> Answer<RequestView> {
    command(&control, &caller, &headers, &id, draft::review(body)?).await
}

async fn cancel(
    State(control): State<Control>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
    Body(_): Body<Closing>,
) -> Answer<RequestView> {
    command(&control, &caller, &headers, &id, Command::Cancel).await
}

async fn release(
    State(control): State<Control>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
    Body(_): Body<Closing>,
) -> Answer<RequestView> {
    command(&control, &caller, &headers, &id, Command::Release).await
}

async fn revoke(
    State(control): State<Control>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
    Body(body): Body<Closing>,
) -> Answer<RequestView> {
    command(&control, &caller, &headers, &id, Command::Revoke { reason: body.reason }).await
}

async fn over(
    State(control): State<Control>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
    Body(body): Body<Override>,
) -> Answer<RequestView> {
    command(&control, &caller, &headers, &id, draft::over(body)?).await
}

async fn sessions(
    State(control): State<Control>,
    caller: Caller,
    Path(text): Path<String>,
) -> Answer<Page<SessionView>> {
    let shown = show(&control, &caller, id(&text)?).await?;
    Ok(Json(Page::whole(shown.sessions)))
}

async fn capabilities(State(control): State<Control>, caller: Caller) -> Answer<Capabilities> {
    match &caller {
        Caller::Admin { .. } | Caller::Anonymous { .. } => Ok(Json(Capabilities::default())),
        Caller::User(identity) => Ok(Json(list::capabilities(&control, identity))),
    }
}
