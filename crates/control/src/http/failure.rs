//! A call that was refused or failed, on its way out as a problem.

use api::document::Part;
use api::problem::{FieldProblem, MEDIA_TYPE, Problem};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use store::kv::{CommitError, Fault, ReadError};

/// A call that was refused or failed.
///
/// What the caller is told is the problem; the cause, where there is one, goes to the log under the
/// call's id and nowhere else.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct Failure {
    /// What the caller is told.
    pub problem: Box<Problem>,
    /// What the log says.
    #[source]
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Whose side a failure is on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// The caller's.
    Client,
    /// Ours.
    House,
}

impl Failure {
    /// Whose side this failure is on.
    pub fn side(&self) -> Side {
        if self.problem.status >= 500 { Side::House } else { Side::Client }
    }

    /// Our fault; `cause` goes to the log.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { problem: Box::new(Problem::internal()), cause: Some(cause.into()) }
    }

    /// The document or body is wrong in these places.
    pub fn fields(errors: Vec<FieldProblem>) -> Self {
        let detail = match errors.as_slice() {
            [only] => only.to_string(),
            many => format!("{} fields are wrong", many.len()),
        };
        Problem::invalid(detail, errors).into()
    }

    /// One field is wrong.
    pub fn field(path: &str, message: impl std::fmt::Display) -> Self {
        Self::fields(vec![FieldProblem::at(path, message)])
    }

    /// Where fields of this document are wrong, the same with their lines.
    pub(crate) fn placed(self, part: &Part<'_>) -> Self {
        if self.problem.status == 422 && !self.problem.errors.is_empty() {
            Self::fields(part.placed(self.problem.errors))
        } else {
            self
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { problem: Box::new(problem), cause: None }
    }
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict(_) => {
                Problem::conflict("conflict", "someone else changed this in the meantime")
                    .hint("read it again, then try again")
                    .into()
            }
            CommitError::Invalid(inner) => Problem::new(422, "too_large", inner.to_string()).into(),
            CommitError::LeaseEnded(_) => Self::internal(error),
            CommitError::Fault(fault) => fault.into(),
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Invalid(_) => Self::internal(error),
            ReadError::Fault(fault) => fault.into(),
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let problem = match &fault {
            Fault::Full => {
                Problem::new(507, "store.full", "the daemon's disk is full: nothing was changed")
                    .hint("tell your administrators to free some space")
            }
            Fault::ReadOnly => Problem::new(
                503,
                "store.read_only",
                "the daemon cannot write its data: nothing was changed",
            ),
            Fault::Closed => Problem::unavailable("the daemon is stopping"),
            Fault::Corrupt(_) | Fault::Io(_) => Problem::internal(),
        };
        Self { problem: Box::new(problem), cause: Some(Box::new(fault)) }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if let Some(cause) = &self.cause {
            tracing::error!(code = %self.problem.code, cause = %cause, "a call failed");
        }
        respond(*self.problem)
    }
}

/// The problem as a response. It stays in the extensions too, so that the shell can add the call's id.
pub(super) fn respond(problem: Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut response = (status, body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    if problem.status == 401 {
        // RFC 9110 §15.5.2: a 401 carries a challenge.
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response.extensions_mut().insert(problem);
    response
}
