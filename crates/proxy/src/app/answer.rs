//! What we say ourselves: problems for programs (RFC 9457), pages for people.

use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use serde_json::json;

use super::body::Download;
use crate::gate::Refused;

/// Something that is not passed on, and why.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) code: Box<str>,
    pub(super) detail: String,
    pub(super) hints: Vec<String>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self { status, code: code.into(), detail: detail.into(), hints: Vec::new() }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// What a refusal of the gate says.
    pub(super) fn refused(refused: &Refused) -> Self {
        let status = match &*refused.code {
            "house_full" | "too_many_sessions" | "audit_unavailable" | "recording_unavailable" => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            "login_required" | "account_closed" => StatusCode::UNAUTHORIZED,
            _ => StatusCode::FORBIDDEN,
        };
        let mut lines = Vec::new();
        let mut hints = Vec::new();
        for line in &refused.lines {
            match line.strip_prefix("hint: ") {
                Some(hint) => hints.push(hint.to_owned()),
                None => lines.push(line.as_str()),
            }
        }
        Self { status, code: refused.code.clone(), detail: lines.join(" "), hints }
    }

    /// The answer for programs.
    pub(super) fn json(&self) -> Response<Download> {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let mut problem = json!({
            "type": "about:blank",
            "title": title,
            "status": self.status.as_u16(),
            "code": &*self.code,
            "detail": self.detail,
        });
        if let (Some(fields), false) = (problem.as_object_mut(), self.hints.is_empty()) {
            fields.insert("hint".to_owned(), self.hints.join("\n").into());
        }
        let mut text = problem.to_string();
        text.push('\n');
        let mut response = Response::new(Download::of(text));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            // What is there to be shown is a client certificate, or a cookie: no scheme of HTTP's own.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Countersign"));
        }
        guarded(headers);
        response
    }
}

/// Nothing we say ourselves is kept, framed, guessed at or referred to.
pub(super) fn guarded(headers: &mut HeaderMap) {
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
