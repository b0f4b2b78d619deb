//! One request: judged, sent on as whom the permit says, written down, and its answer passed back.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body::Frame;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::json;
use wire::kube::{Call, Query};

use super::call;
use super::door::Live;
use super::headers::{self, AUDIT_ID};
use super::list;
use super::status::No;
use super::upstream::Seat;
use crate::error::Error;
use crate::gate::{Caller, Cut, Refused, Rights, watch_over};
use crate::http::{Body, BodyError};
use crate::live::Session;

/// How much of a query is written down.
const MAX_QUERY: usize = 2048;

/// A request, understood.
pub(super) struct Asked {
    /// Who asks for what.
    pub(super) caller: Caller,
    /// What it is about.
    pub(super) call: Call,
    pub(super) query: Query,
    /// The path to send on.
    pub(super) path: String,
}

/// Judges a request, and passes it on.
pub(super) async fn forward(
    live: &Live,
    request: Request<Incoming>,
    mut asked: Asked,
) -> Response<Body> {
    let session = &live.session;
    session.heard();
    let id = request_id();
    let written = Written::new(&request, &asked, &id);
    let gate = &session.house.gate;
    let judge = |caller: &Caller| gate.still(caller, session.id, session.now());
    let mut is_part = false;
    let mut judged = judge(&asked.caller);
    if judged.is_err()
        && let Some(ask) = call::in_part(&asked.caller.ask)
    {
        let in_part = Caller { ask, ..asked.caller.clone() };
        let rights = judge(&in_part);
        if rights.is_ok() {
            (asked.caller, judged, is_part) = (in_part, rights, true);
        }
    }
    let rights = match judged {
        Ok(rights) => rights,
        Err(refused) => return refuse(live, &written, &refused).await,
    };
    let passing = pass(live, request, &asked, &rights, &id, is_part);
    let (answer, no) = tokio::select! {
        passed = passing => match passed {
            Ok(answer) => (answer, None),
            Err(error) => {
                tracing::warn!(code = error.code(), error = ?error, "a request to a cluster failed");
                let no = No::failed(&error);
                (no.answer(), Some(error.code()))
            }
        },
        cut = live.cut() => (No::cut(&cut).answer(), Some(cut.code)),
    };
    let code = answer.status().as_u16();
    match session.note("kube.request", written.event(code, &rights, no)).await {
        Ok(()) => answer,
        // What cannot be written down does not happen.
        Err(error) => No::failed(&error).answer(),
    }
}

async fn refuse(live: &Live, written: &Written, refused: &Refused) -> Response<Body> {
    let no = No::refused(refused);
    let mut event = written.body(no.code());
    say(&mut event, "denial", json!(refused.code));
    say(&mut event, "detail", json!(refused.detail));
    match live.session.note("kube.request.refused", event).await {
        Ok(()) => no.answer(),
        Err(error) => No::failed(&error).answer(),
    }
}

async fn pass(
    live: &Live,
    request: Request<Incoming>,
    asked: &Asked,
    rights: &Rights,
    id: &str,
    is_part: bool,
) -> Result<Response<Body>, Error> {
    let target = || Box::from(live.session.caller.target().as_str());
    let mut sent = sending(&live.session, request, asked, rights, id)?;
    if is_part {
        list::ask_for_json(sent.headers_mut());
    }
    let broken = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&broken);
    let sent = sent.map(|body| {
        let tell = move |error| {
            told.store(true, Ordering::Release);
            BodyError::from(error)
        };
        body.map_err(tell).boxed_unsync()
    });
    let (answer, seat) = match live.upstream.send(sent).await {
        Ok(answered) => answered,
        // Chunks that are none, a length that is not kept: not the target's fault.
        Err(_) if broken.load(Ordering::Acquire) => {
            return Ok(No::bad("the body of the request broke off, or is malformed").answer());
        }
        Err(error) => return Err(error),
    };
    if answer.status() == StatusCode::UNAUTHORIZED {
        // Ours, not the client's, who would log in again for nothing.
        return Err(Error::LoginRefused { target: target(), login: "the gateway".into() });
    }
    let (mut parts, body) = answer.into_parts();
    headers::strip_hops(&mut parts.headers);
    let body = body.map_err(BodyError::from).boxed_unsync();
    let body = if is_part && parts.status.is_success() {
        if !list::can_be_cut(&parts.headers) {
            let source =
                std::io::Error::other("its list is no JSON, though nothing else was asked for");
            return Err(Error::Unreachable { target: target(), source });
        }
        parts.headers.remove(http::header::CONTENT_LENGTH);
        let session = Arc::clone(&live.session);
        list::cut(body, session, asked.caller.clone(), asked.query.watch)
    } else {
        body
    };
    let streamed = Streamed {
        inner: body,
        leash: leash(live.clone(), asked.caller.clone(), rights.clone()),
        is_watch: asked.query.watch && is_json(&parts.headers),
        at_line_end: true,
        over: false,
        _seat: seat,
    };
    Ok(Response::from_parts(parts, streamed.boxed_unsync()))
}

/// A request as it is sent on: its path as it was judged, its headers ours where they say who asks.
///
/// # Errors
/// A role names whom no header can name.
pub(super) fn sending<B>(
    session: &Session,
    request: Request<B>,
    asked: &Asked,
    rights: &Rights,
    id: &str,
) -> Result<Request<B>, Error> {
    let target = || Box::from(session.caller.target().as_str());
    let malformed = |why: &'static str| Error::Record(target(), why.into());
    let query = request.uri().query().map_or_else(String::new, |query| format!("?{query}"));
    let uri: Uri = format!("{}{query}", asked.path)
        .parse()
        .map_err(|_| malformed("the path cannot be written"))?;
    let (mut parts, body) = request.into_parts();
    headers::strip_hops(&mut parts.headers);
    headers::strip_claims(&mut parts.headers);
    headers::impersonate(&mut parts.headers, &rights.terms).map_err(|_| {
        malformed("a role names a Kubernetes user or group that no header can hold")
    })?;
    if let Ok(id) = HeaderValue::from_str(id) {
        parts.headers.insert(AUDIT_ID, id);
    }
    let mut sent = Request::new(body);
    *sent.method_mut() = parts.method;
    *sent.uri_mut() = uri;
    *sent.headers_mut() = parts.headers;
    Ok(sent)
}

fn is_json(headers: &http::HeaderMap) -> bool {
    headers
        .get(http::header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/json"))
}

/// Returns when the answer must break off: its session is cut, or what was asked is allowed no more.
fn leash(live: Live, caller: Caller, rights: Rights) -> BoxFuture<'static, Cut> {
    Box::pin(async move {
        tokio::select! {
            cut = live.cut() => cut,
            cut = watch_over(&live.session, &caller, &rights) => cut,
        }
    })
}

/// An answer on its way to the client.
struct Streamed {
    inner: Body,
    leash: BoxFuture<'static, Cut>,
    /// Whether it is a stream of JSON lines, in which the end can be told.
    is_watch: bool,
    at_line_end: bool,
    over: bool,
    _seat: Seat,
}

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.over {
            return Poll::Ready(None);
        }
        if let Poll::Ready(cut) = self.leash.as_mut().poll(cx) {
            self.over = true;
            if self.is_watch && self.at_line_end {
                let event = json!({ "type": "ERROR", "object": No::cut(&cut).object() });
                return Poll::Ready(Some(Ok(Frame::data(format!("{event}\n").into()))));
            }
            return Poll::Ready(Some(Err(cut.line.into())));
        }
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(last) = frame.data_ref().and_then(|data| data.last())
        {
            self.at_line_end = *last == b'\n';
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.inner.size_hint()
    }
}

/// Adds a field to an event.
fn say(body: &mut serde_json::Value, key: &str, value: serde_json::Value) {
    if let Some(fields) = body.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
}

/// What is written down of a request.
pub(super) struct Written {
    body: serde_json::Value,
}

impl Written {
    pub(super) fn new<B>(request: &Request<B>, asked: &Asked, id: &str) -> Self {
        let query: String =
            request.uri().query().unwrap_or_default().chars().take(MAX_QUERY).collect();
        let verb = match &asked.call {
            Call::Discovery => "discovery",
            Call::Object(object) => object.verb,
            Call::Path(_) => "path",
        };
        let mut body = json!({
            "verb": verb, "method": request.method().as_str(), "path": asked.path, "request_id": id,
        });
        if !query.is_empty() {
            say(&mut body, "query", json!(query));
        }
        Self { body }
    }

    fn body(&self, code: u16) -> serde_json::Value {
        let mut body = self.body.clone();
        say(&mut body, "code", json!(code));
        body
    }

    pub(super) fn event(
        &self,
        code: u16,
        rights: &Rights,
        error: Option<&str>,
    ) -> serde_json::Value {
        let mut body = self.body(code);
        say(&mut body, "kube_user", json!(rights.terms.kube_user));
        if !rights.terms.kube_groups.is_empty() {
            say(&mut body, "kube_groups", json!(rights.terms.kube_groups));
        }
        if let Some(error) = error {
            say(&mut body, "error", json!(error));
        }
        body
    }
}

/// The id under which the API server's own audit log knows the request: a UUID of version 4 (RFC 9562, section 5.4).
pub(super) fn request_id() -> String {
    let bits: u128 = rand::random();
    let bits = bits & !(0xf << 76) | 0x4 << 76;
    let bits = bits & !(0x3 << 62) | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
    let parts = [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)];
    parts.join("-")
}
