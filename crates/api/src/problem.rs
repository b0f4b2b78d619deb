//! What went wrong, as JSON: RFC 9457 (`application/problem+json`) with a stable code and a hint.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The media type of a [`Problem`] (RFC 9457 §3).
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A refusal or a failure, told to whoever called.
///
/// `code` is stable and meant for programs; `title`, `detail` and `hint` are meant for people and may
/// change. Nothing here names a rule, a host or a cause that the caller may not know of.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the code says what kind of problem this is (RFC 9457 §4.2.1).
    #[serde(rename = "type", default = "Problem::about_blank")]
    pub kind: String,
    /// The HTTP status in words.
    pub title: String,
    /// The HTTP status code.
    pub status: u16,
    /// A stable code, such as `request.own`.
    pub code: String,
    /// One sentence: what failed.
    pub detail: String,
    /// What to do next; often a command to type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The id of the call, as the daemon logged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Every field that is wrong, where the problem is in the document that was sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

/// One wrong place in a document.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct FieldProblem {
    /// The key path, such as `spec.allow.request.thresholds[0].filter`; empty where the whole is wrong.
    pub path: String,
    /// What is wrong there.
    pub message: String,
    /// The line in the text that was sent, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The column in that line, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    /// In which document of the text, counted from 1; absent where the text is one document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<u64>,
}

impl FieldProblem {
    /// What is wrong at a key path.
    pub fn at(path: impl Into<String>, message: impl std::fmt::Display) -> Self {
        Self { path: path.into(), message: message.to_string(), ..Self::default() }
    }
}

impl Problem {
    fn about_blank() -> String {
        "about:blank".to_owned()
    }

    /// A problem with a status, a code and a sentence; the title follows from the status.
    pub fn new(status: u16, code: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: Self::about_blank(),
            title: title(status).to_owned(),
            status,
            code: code.to_owned(),
            detail: detail.into(),
            hint: None,
            instance: None,
            errors: Vec::new(),
        }
    }

    /// Adds what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the fields that are wrong.
    pub fn errors(mut self, errors: Vec<FieldProblem>) -> Self {
        self.errors = errors;
        self
    }

    /// 400: the call cannot be read.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(400, "bad_request", detail)
    }

    /// 401: nobody is logged in on this connection.
    pub fn unauthenticated() -> Self {
        Self::new(401, "unauthenticated", "you are not logged in").hint("tsh login")
    }

    /// 403: the rules of the caller's roles do not allow this.
    pub fn forbidden() -> Self {
        Self::new(403, "forbidden", "access denied")
    }

    /// 404: no such thing, or none that the caller may see; the two look the same.
    pub fn not_found() -> Self {
        Self::new(404, "not_found", "no such thing, or you may not see it")
    }

    /// 409: somebody else was faster, or the state does not allow it.
    pub fn conflict(code: &str, detail: impl Into<String>) -> Self {
        Self::new(409, code, detail)
    }

    /// 422: the document is well-formed and wrong.
    pub fn invalid(detail: impl Into<String>, errors: Vec<FieldProblem>) -> Self {
        Self::new(422, "invalid", detail).errors(errors)
    }

    /// 429: too many calls.
    pub fn too_many() -> Self {
        Self::new(429, "too_many", "too many calls").hint("wait a little and try again")
    }

    /// 500: our fault. The cause is in the daemon's log, under the call's id.
    pub fn internal() -> Self {
        Self::new(500, "internal", "internal error")
            .hint("the daemon's log has the cause under this id")
    }

    /// 503: cannot be done now; nothing was changed.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(503, "unavailable", detail).hint("nothing was changed; try again")
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Problem {}

impl std::fmt::Display for FieldProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.document, self.line) {
            (Some(document), Some(line)) => write!(f, "document {document}, line {line}: ")?,
            (Some(document), None) => write!(f, "document {document}: ")?,
            (None, Some(line)) => write!(f, "line {line}: ")?,
            (None, None) => {}
        }
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        507 => "Insufficient Storage",
        _ => "Error",
    }
}
