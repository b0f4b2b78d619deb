//! What holds for every call: an id, a log line, a limit of time and length, headers, no panic, no rush.

use super::{CALL_TIMEOUT, Failure, MAX_TARGET, failure::respond, rate::Known};
use crate::{Caller, Control};
use api::problem::Problem;
use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use tower_http::catch_panic::CatchPanicLayer;

/// The id of a call: in the answer's `x-request-id`, in problems and in the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CallId(pub u64);

impl std::fmt::Display for CallId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

const CALL_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Nothing of this API is a page, so nothing of it may be framed, sniffed, cached or referred to.
/// A handler that does serve a page sets its own policy.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

pub(super) fn wrap(router: Router<Control>, control: &Control) -> Router<Control> {
    router
        .fallback(|| async { Failure::from(Problem::not_found()) })
        .method_not_allowed_fallback(|| async {
            Failure::from(Problem::new(405, "method", "this path does not know this method"))
        })
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(control.clone(), around))
}

fn panicked(cause: Box<dyn std::any::Any + Send>) -> Response {
    let text = cause
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| cause.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(panic = text, "a handler panicked");
    respond(Problem::internal())
}

async fn around(State(control): State<Control>, mut request: Request, next: Next) -> Response {
    let id = CallId(rand::random());
    request.extensions_mut().insert(id);
    let mut response = match refuse_early(&control, &request) {
        Some(problem) => respond(problem),
        None => match tokio::time::timeout(CALL_TIMEOUT, run(&control, request, next)).await {
            Ok(response) => response,
            Err(_) => respond(Problem::unavailable("this took too long")),
        },
    };
    if let Some(mut problem) = response.extensions_mut().remove::<Problem>() {
        problem.instance = Some(id.to_string());
        tracing::info!(%id, code = problem.code, status = problem.status, "refused");
        let headers = std::mem::take(response.headers_mut());
        response = respond(problem);
        for (name, value) in &headers {
            if name != header::CONTENT_LENGTH {
                response.headers_mut().insert(name, value.clone());
            }
        }
    } else if response.status().is_client_error()
        && response.headers().get(header::CONTENT_TYPE).is_none_or(is_text)
    {
        // A refusal of the framework's own: a parameter that is not UTF-8, a method it does not know.
        response = respond(from_framework(response.status()));
    }
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(CALL_ID, value);
    }
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Runs the call; of a caller nobody knows by the connection, a session token may say who it is: given as such, or in
/// a browser's cookie.
async fn run(control: &Control, mut request: Request, next: Next) -> Response {
    let anonymous = matches!(request.extensions().get(), None | Some(Caller::Anonymous { .. }));
    let cookie = || crate::login::browser::token(request.headers(), request.method());
    if anonymous && let Some(token) = session_token(&request).or_else(cookie) {
        match crate::login::session_identity(control, token).await {
            Ok(Some(identity)) => _ = request.extensions_mut().insert(Caller::User(identity)),
            Ok(None) => {}
            Err(failure) => return failure.into_response(),
        }
    }
    next.run(request).await
}

/// The token of `Authorization: Bearer` (RFC 6750 section 2.1).
fn session_token(request: &Request) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn is_text(value: &HeaderValue) -> bool {
    value.as_bytes().starts_with(b"text/plain")
}

fn from_framework(status: StatusCode) -> Problem {
    match status {
        StatusCode::NOT_FOUND => Problem::not_found(),
        other => Problem::new(other.as_u16(), "bad_request", "this call cannot be read"),
    }
}

fn refuse_early(control: &Control, request: &Request) -> Option<Problem> {
    if request.uri().path_and_query().is_some_and(|target| target.as_str().len() > MAX_TARGET) {
        return Some(Problem::new(
            414,
            "too_large",
            format!("the path is longer than {MAX_TARGET} bytes"),
        ));
    }
    let caller = request.extensions().get::<Caller>().cloned().unwrap_or(Caller::NOBODY);
    let known = match &caller {
        // The administrator on the host is never kept out by load.
        Caller::Admin { .. } => return None,
        Caller::Anonymous { .. } => Known::No,
        Caller::User(_) => Known::Yes,
    };
    (!control.gauges.admit(&caller.name(), known)).then(Problem::too_many)
}
