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
    extract::{FromRequestParts, Path, State},
    http::{HeaderMap, HeaderValue, request::Parts},
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
    match headers.get(CHANNEL_HEADER).map(HeaderValue::as_bytes) {
        Some(b"cli") => Channel::Cli,
        Some(b"web") => Channel::Web,
        Some(_) | None => Channel::Api,
    }
}

/// A call about one request: who calls, and about which.
struct Call {
    control: Control,
    caller: Caller,
    id: RequestId,
    channel: Channel,
}

impl FromRequestParts<Control> for Call {
    type Rejection = Failure;

    async fn from_request_parts(head: &mut Parts, control: &Control) -> Result<Self, Failure> {
        let caller =
            Caller::from_request_parts(head, control).await.unwrap_or_else(|no| match no {});
        let Path(text) =
            Path::<String>::from_request_parts(head, control).await.map_err(|_| Error::Unknown)?;
        // An id that cannot be one is an id that is not there.
        let id = text.parse().map_err(|_| Error::Unknown)?;
        Ok(Self { control: control.clone(), caller, id, channel: channel(&head.headers) })
    }
}

impl Call {
    async fn show(&self) -> Result<RequestView, Error> {
        show(&self.control, &self.caller, self.id).await
    }

    /// A command on a request the caller may see. One she may not see is not there, whatever she commands.
    async fn command(self, command: Command) -> Answer<RequestView> {
        let who = Who::new(&self.caller, self.channel).ok_or_else(Problem::unauthenticated)?;
        view::seen(&self.control, &self.caller, self.id).await?;
        let kept = act(&self.control, &who, self.id, command).await?;
        Ok(Json(view::full(&self.control, &kept)))
    }
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
    let who = Who::new(&caller, channel(&headers)).ok_or_else(Problem::unauthenticated)?;
    let only_say = body.dry_run;
    let draft = draft::draft(body)?;
    let kept = if only_say {
        dry_run(&control, &who, draft)?
    } else {
        file(&control, &who, draft).await?
    };
    Ok(Json(view::full(&control, &kept)))
}

async fn show_request(call: Call) -> Answer<RequestView> {
    Ok(Json(call.show().await?))
}

async fn review(call: Call, Body(body): Body<NewReview>) -> Answer<RequestView> {
    call.command(draft::review(body)?).await
}

async fn cancel(call: Call, Body(_): Body<Closing>) -> Answer<RequestView> {
    call.command(Command::Cancel).await
}

async fn release(call: Call, Body(_): Body<Closing>) -> Answer<RequestView> {
    call.command(Command::Release).await
}

async fn revoke(call: Call, Body(body): Body<Closing>) -> Answer<RequestView> {
    call.command(Command::Revoke { reason: body.reason }).await
}

async fn over(call: Call, Body(body): Body<Override>) -> Answer<RequestView> {
    call.command(draft::over(body)?).await
}

async fn sessions(call: Call) -> Answer<Page<SessionView>> {
    Ok(Json(Page::whole(call.show().await?.sessions)))
}

async fn capabilities(State(control): State<Control>, caller: Caller) -> Answer<Capabilities> {
    match &caller {
        Caller::Admin { .. } | Caller::Anonymous { .. } => Ok(Json(Capabilities::default())),
        Caller::User(identity) => Ok(Json(list::capabilities(&control, identity))),
    }
}
