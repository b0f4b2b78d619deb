//! HTTP around the handlers: who may call what, how much, and how refusals look.

mod body;
mod failure;
mod guard;
mod list;
mod rate;
mod routes;
mod shell;

pub use body::{Json, Text};
pub use failure::{Failure, Side};
pub(crate) use guard::still;
pub use list::List;
pub(crate) use rate::Ticket;
pub use rate::{Gauges, Limits};
pub use routes::Routes;
pub use shell::CallId;

use std::time::Duration;

/// The longest JSON body, in bytes. A reason has 4096, a resource request 300 names.
pub const MAX_JSON: usize = 256 * 1024;
/// The longest document body, in bytes.
pub const MAX_DOCUMENT: usize = api::document::MAX_TEXT;
/// How long a body may take to arrive.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a call may take, streams excepted.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest path with its query, in bytes.
pub const MAX_TARGET: usize = 8 * 1024;

/// Counts calls. The daemon registers one with its metrics.
pub trait Meter: Send + Sync {
    /// A call to `operation` was answered with `status`; `code` is the problem's, or `ok`.
    fn called(&self, operation: &'static str, status: u16, code: &str);
}

/// Counts nothing.
#[derive(Clone, Copy, Debug)]
pub struct NoMeter;

impl Meter for NoMeter {
    fn called(&self, _: &'static str, _: u16, _: &str) {}
}

/// The answer of a handler: JSON, or a problem.
pub type Answer<T> = Result<axum::Json<T>, Failure>;
