//! Recordings: listed, played, read, searched, checked. Whoever looks into one is on the record first.

use crate::http::{Answer, Failure, List};
use crate::sessions::RESOURCE;
use crate::{Caller, Control, Routes};
use api::audit::{AuditOrder, AuditQuery, NewEvent, code};
use api::bundle::sealed_digest;
use api::endpoints::{Verb, recordings as table};
use api::page::Page;
use api::problem::Problem;
use api::recording::tape::TAR;
use api::recording::{
    CAST, MAX_SEARCH, RecordingCheck, RecordingMatch, RecordingQuery, RecordingView,
};
use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http::{HeaderValue, header};
use std::time::Duration;
use store::recording::{Following, Playback, ReadError, ShelfError};

/// How long a follower of a silent session hears nothing at most; clients give up after a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// A line that asciicast v3 lets readers skip.
const COMMENT: &[u8] = b"#\n";

pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .on(&table::LIST, list)
        .on(&table::SHOW, show)
        .on(&table::CONTENT, play)
        .on(&table::TEXT, text)
        .on(&table::SEARCH, search)
        .on(&table::CHECK, check)
        .on(&table::FILES, files)
}

impl From<ShelfError> for Failure {
    fn from(error: ShelfError) -> Self {
        Self::internal(error)
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unknown => Problem::not_found().into(),
            ReadError::Interrupted => Problem::unavailable("the daemon is stopping").into(),
            ReadError::Shelf(error) => error.into(),
            ReadError::Part { part, .. } => Self {
                problem: Box::new(
                    Problem::new(
                        500,
                        "recording.damaged",
                        format!("part {part} of the recording cannot be read"),
                    )
                    .hint("tctl audit verify"),
                ),
                cause: Some(Box::new(error)),
            },
        }
    }
}

/// Everybody's for whoever has the rule for it, else one's own.
async fn list(
    State(control): State<Control>,
    caller: Caller,
    query: List,
) -> Answer<Page<RecordingView>> {
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
    let asked = RecordingQuery {
        user,
        target: query.text("target").map(str::to_owned),
        request: query.text("request").map(str::to_owned),
        since: query.parsed("since")?,
        until: query.parsed("until")?,
        limit: Some(query.limit()?),
        cursor: query.cursor()?.map(str::to_owned),
    };
    Ok(Json(control.shelf().list(asked).await?))
}

/// The recording, if the caller may see it: her own, or any with the rule to read sessions. Another's
/// looks like one that is not there.
async fn seen(control: &Control, caller: &Caller, session: &str) -> Result<RecordingView, Failure> {
    let view = control.shelf().find(session).await?.ok_or_else(Problem::not_found)?;
    let own = match caller {
        Caller::Admin { .. } | Caller::Anonymous { .. } => false,
        Caller::User(identity) => view.user == identity.user.as_str(),
    };
    if own || control.caller_may(caller, RESOURCE, Verb::Read).is_ok() {
        Ok(view)
    } else {
        Err(Problem::not_found().into())
    }
}

/// As [`seen`], where its files are wanted: what was retired has none.
async fn kept(control: &Control, caller: &Caller, session: &str) -> Result<RecordingView, Failure> {
    let view = seen(control, caller, session).await?;
    let Some(retired) = view.retired else { return Ok(view) };
    let when = retired.strftime("%Y-%m-%d %H:%M UTC");
    let digest = view.digest.unwrap_or_default();
    let told = format!(
        "the recording of session `{session}` was retired on {when}, for it was older than recordings are kept; its SHA-256 was {digest}"
    );
    Err(Problem::new(410, "recording.retired", told)
        .hint(format!("its events are kept: tctl audit ls --session {session}"))
        .into())
}

async fn show(
    State(control): State<Control>,
    caller: Caller,
    Path(session): Path<String>,
) -> Answer<RecordingView> {
    Ok(Json(seen(&control, &caller, &session).await?))
}

/// Opens a recording for someone, with that on the record before the first byte leaves.
async fn open(
    control: &Control,
    caller: &Caller,
    session: &str,
    (from_ms, following): (u64, Following),
    how: &str,
) -> Result<Playback, Failure> {
    let view = kept(control, caller, session).await?;
    let playback =
        control.shelf().play(session, control.recording_key(), from_ms, following).await?;
    looked(control, caller, view, how).await?;
    Ok(playback)
}

/// Puts on the record that someone looks into a recording.
async fn looked(
    control: &Control,
    caller: &Caller,
    view: RecordingView,
    how: &str,
) -> Result<(), Failure> {
    let mut event = caller
        .sign(NewEvent::new(code::RECORDING_VIEWED, control.now()))
        .session(&view.session)
        .target(&view.target)
        .with("how", how)
        .with("of", view.user);
    event.request = view.requests.first().cloned();
    control.store().record(vec![event]).await?;
    Ok(())
}

fn stream(
    kind: &'static str,
    bytes: impl Stream<Item = Result<Bytes, ReadError>> + Send + 'static,
) -> Response {
    let mut response = Body::from_stream(bytes).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// The same bytes, with a comment line between them while nothing happens, so that whoever waits knows us there.
fn kept_alive(
    bytes: impl Stream<Item = Result<Bytes, ReadError>> + Send + 'static,
    silence: Duration,
) -> impl Stream<Item = Result<Bytes, ReadError>> + Send + 'static {
    // Nothing may stand before the header.
    let state = (Box::pin(bytes), false);
    futures_util::stream::unfold(state, move |(mut bytes, begun)| async move {
        loop {
            match tokio::time::timeout(silence, bytes.next()).await {
                Ok(next) => return Some((next?, (bytes, true))),
                Err(_) if begun => {
                    return Some((Ok(Bytes::from_static(COMMENT)), (bytes, begun)));
                }
                Err(_) => {}
            }
        }
    })
}

async fn play(
    State(control): State<Control>,
    caller: Caller,
    Path(session): Path<String>,
    query: List,
) -> Result<Response, Failure> {
    let from = query.parsed::<u64>("from_ms")?.unwrap_or(0);
    let following = if query.flag("follow")? { Following::UntilTheEnd } else { Following::No };
    let playback = open(&control, &caller, &session, (from, following), "play").await?;
    match following {
        Following::No => Ok(stream(CAST, playback.into_stream())),
        Following::UntilTheEnd => Ok(stream(CAST, kept_alive(playback.into_stream(), KEEP_ALIVE))),
    }
}

async fn text(
    State(control): State<Control>,
    caller: Caller,
    Path(session): Path<String>,
) -> Result<Response, Failure> {
    let playback = open(&control, &caller, &session, (0, Following::No), "text").await?;
    Ok(stream("text/plain; charset=utf-8", playback.into_text()))
}

async fn search(
    State(control): State<Control>,
    caller: Caller,
    Path(session): Path<String>,
    query: List,
) -> Answer<Page<RecordingMatch>> {
    let wanted =
        query.text("text").ok_or_else(|| Failure::field("text", "missing: the text to find"))?;
    if wanted.len() > MAX_SEARCH {
        return Err(Failure::field("text", format!("longer than {MAX_SEARCH} bytes")));
    }
    let playback = open(&control, &caller, &session, (0, Following::No), "search").await?;
    Ok(Json(Page::whole(playback.search(wanted).await?)))
}

async fn check(
    State(control): State<Control>,
    caller: Caller,
    Path(session): Path<String>,
) -> Answer<RecordingCheck> {
    let view = kept(&control, &caller, &session).await?;
    let asked = AuditQuery {
        codes: vec![code::RECORDING_SEALED.to_owned()],
        session: Some(view.session),
        order: AuditOrder::Oldest,
        limit: Some(1),
        ..AuditQuery::default()
    };
    let found = control.store().audit().query(asked).await?.events;
    let logged = found.first().and_then(sealed_digest).map(|(_, digest)| digest.to_owned());
    Ok(Json(control.shelf().check(&session, logged).await?))
}

/// Encrypted as they are, the files say when and how much; so this too is on the record.
async fn files(
    State(control): State<Control>,
    caller: Caller,
    Path(session): Path<String>,
) -> Result<Response, Failure> {
    let view = kept(&control, &caller, &session).await?;
    let files = control.shelf().files(&session).await?;
    looked(&control, &caller, view, "files").await?;
    Ok(stream(TAR, files))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines, each after so many looks at nothing that a silence ends in between.
    fn slow(lines: &'static [&'static [u8]]) -> impl Stream<Item = Result<Bytes, ReadError>> {
        let (mut lines, mut looks) = (lines.iter(), 0);
        futures_util::stream::poll_fn(move |_| {
            looks += 1;
            if looks % 8 != 0 {
                return std::task::Poll::Pending;
            }
            std::task::Poll::Ready(lines.next().map(|line| Ok(Bytes::from_static(line))))
        })
    }

    #[tokio::test]
    async fn a_silent_session_is_kept_alive_behind_its_header_only() {
        let bytes = slow(&[b"{}\n", b"[1,\"o\",\"x\"]\n"]);
        let mut kept = Box::pin(kept_alive(bytes, Duration::from_millis(1)));
        let mut heard = Vec::new();
        while let Some(piece) = kept.next().await {
            heard.push(piece.unwrap());
        }
        assert_eq!(heard.first().unwrap(), "{}\n");
        assert_eq!(heard.get(1).unwrap(), "#\n");
        let said: Vec<_> = heard.iter().filter(|piece| *piece != "#\n").collect();
        assert_eq!(said, ["{}\n", "[1,\"o\",\"x\"]\n"]);
    }
}
