//! Access requests: load, let the law decide, apply, commit with the event, and say what came of it.
//!
//! Every way in is the same few functions: the HTTP handlers here, the data plane's "hold the line",
//! and chat integrations call [`file`] and [`act`]. A conflict means that someone was faster: the
//! request is loaded and decided again, so the loser is told who decided.
//!
//! Deliberately absent: any rule. Whether someone may ask, review or end something stands in
//! `access::request`; here is only what it takes to keep it.

mod act;
mod draft;
mod filed;
mod handlers;
mod kept;
mod list;
mod view;

pub use act::act;
pub(crate) use draft::draft;
pub(crate) use filed::made_up;
pub use filed::{dry_run, file};
pub(crate) use handlers::routes;
pub(crate) use list::can_review;
pub use view::show;
pub(crate) use view::{Eyes, told};

use crate::{Caller, Failure};
use access::name::LoginId;
use access::request::{Actor, Channel, Refusal, Side};
use api::problem::Problem;

/// How often a command is decided again after someone was faster. Each time at least one other
/// command has succeeded, so a request with fewer possible reviewers than this never runs out.
pub(crate) const TRIES: usize = 32;

/// Whose word a command is, and by which login.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Who {
    /// The author and the way the command came.
    pub actor: Actor,
    /// The login it was given with, for the audit log.
    pub login: Option<LoginId>,
}

impl Who {
    /// The caller of a command; nobody, where nobody is known.
    pub fn new(caller: &Caller, channel: Channel) -> Option<Self> {
        match caller {
            Caller::Admin { uid } => Some(Self { actor: Actor::operator(*uid), login: None }),
            Caller::Anonymous { .. } => None,
            Caller::User(identity) => {
                Some(Self { actor: Actor::user(identity, channel), login: Some(identity.login) })
            }
        }
    }
}

/// Why a command on a request did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The law says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no such request, or the caller may not see it; the two look the same.
    #[error("no such request, or you may not see it")]
    Unknown,
    /// Others were faster, again and again.
    #[error("too many others act on this request just now")]
    Busy,
    /// What is kept cannot be read, or nothing can be kept.
    #[error("the request could not be kept")]
    Store(#[source] Failure),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Store(failure)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => refused(&refusal).into(),
            Error::Unknown => Problem::not_found().into(),
            Error::Busy => Problem::unavailable(error.to_string()).into(),
            Error::Store(failure) => failure,
        }
    }
}

/// A refusal of the law, told as a problem: same code, same sentence, same next step.
pub(crate) fn refused(refusal: &Refusal) -> Problem {
    let status = match refusal.side() {
        Side::Conflict => 409,
        Side::Forbidden => 403,
        Side::Invalid => 422,
    };
    let problem = Problem::new(status, &format!("request.{}", refusal.code()), refusal.sentence());
    match refusal.next() {
        Some(next) => problem.hint(next),
        None => problem,
    }
}
