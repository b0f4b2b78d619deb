//! Answers of our own, in the form that Kubernetes clients read: `Status` objects (API conventions, "Response Status
//! Kind"). `kubectl` prints their message after `Error from server (Reason):`.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};

use crate::error::Error;
use crate::gate::{Cut, Refused};
use crate::http::Body;

/// A refusal in words.
pub(super) struct No {
    /// The status of HTTP.
    code: StatusCode,
    /// A reason that clients know.
    reason: &'static str,
    message: String,
}

impl No {
    /// The policy says no, or someone else who decides.
    pub(super) fn refused(refused: &Refused) -> Self {
        let (code, reason) = match &*refused.code {
            "login_required" | "account_closed" => (StatusCode::UNAUTHORIZED, "Unauthorized"),
            "too_many_sessions" | "house_full" => {
                (StatusCode::TOO_MANY_REQUESTS, "TooManyRequests")
            }
            "audit_unavailable" | "recording_unavailable" | "store" => {
                (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable")
            }
            _ => (StatusCode::FORBIDDEN, "Forbidden"),
        };
        Self { code, reason, message: words(&refused.lines) }
    }

    /// Nobody is there.
    pub(super) fn nobody() -> Self {
        let message = "this needs a login: run `tsh login`, then `tsh kube login`";
        Self { code: StatusCode::UNAUTHORIZED, reason: "Unauthorized", message: message.into() }
    }

    /// The request itself is wrong.
    pub(super) fn bad(why: impl Into<String>) -> Self {
        Self { code: StatusCode::BAD_REQUEST, reason: "BadRequest", message: why.into() }
    }

    /// A method that is not served.
    pub(super) fn method(why: impl Into<String>) -> Self {
        let code = StatusCode::METHOD_NOT_ALLOWED;
        Self { code, reason: "MethodNotAllowed", message: why.into() }
    }

    /// One thing more than may be.
    pub(super) fn too_many(why: &str) -> Self {
        let code = StatusCode::TOO_MANY_REQUESTS;
        Self { code, reason: "TooManyRequests", message: why.into() }
    }

    /// The session has ended meanwhile; whoever asks again is judged anew.
    pub(super) fn over() -> Self {
        let message = "this session has ended: try again";
        Self {
            code: StatusCode::SERVICE_UNAVAILABLE,
            reason: "ServiceUnavailable",
            message: message.into(),
        }
    }

    /// The session was cut before the answer came.
    pub(super) fn cut(cut: &Cut) -> Self {
        let lines = [cut.line.clone(), hint(&cut.hint)];
        Self { code: StatusCode::FORBIDDEN, reason: "Forbidden", message: words(&lines) }
    }

    /// Something broke on our side, or the cluster's.
    pub(super) fn failed(error: &Error) -> Self {
        let (code, reason) = match error.side() {
            crate::error::Side::Target => (StatusCode::BAD_GATEWAY, "ServiceUnavailable"),
            crate::error::Side::Client | crate::error::Side::House => {
                (StatusCode::INTERNAL_SERVER_ERROR, "InternalError")
            }
        };
        Self { code, reason, message: error.public().into() }
    }

    pub(super) const fn code(&self) -> u16 {
        self.code.as_u16()
    }

    /// The object.
    pub(super) fn object(&self) -> Value {
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code(),
        })
    }

    /// The answer.
    pub(super) fn answer(&self) -> Response<Body> {
        let body = Full::new(Bytes::from(self.object().to_string()));
        let body = body.map_err(|never| match never {}).boxed_unsync();
        let mut answer = Response::new(body);
        *answer.status_mut() = self.code;
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
        answer
    }
}

fn hint(command: &str) -> String {
    if command.is_empty() { String::new() } else { format!("hint: {command}") }
}

/// Lines for one message. Names and reasons are other people's words.
fn words(lines: &[String]) -> String {
    let shown: Vec<_> = lines
        .iter()
        .filter(|line| !line.is_empty())
        .map(|line| access::display::shown(line).to_string())
        .collect();
    shown.join("\n")
}
