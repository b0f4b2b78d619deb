//! An access request: someone asks for more than they hold, for a while.
//!
//! ```text
//!             approve, enough times              revoke
//!   Pending ──────────────────────────► Approved ───────► Revoked
//!      ├── deny, enough times ─► Denied    └── release ─► Released
//!      ├── cancel ─► Cancelled
//!      └── promote ─► Promoted
//! ```
//!
//! A request is the list of its [`Event`]s; [`Request::replay`] makes it from them. Commands become
//! events in [`Request::decide`], a new request in [`file`]; both are pure, `now` is an argument.
//!
//! Expired is deliberately not a state: `answer_by` and the window of a grant are compared with `now`
//! wherever they are used ([`Request::status`]), so nothing becomes unsafe when a sweeper is late.

mod actor;
mod event;
mod refusal;
mod state;

pub use actor::{Actor, Author, Channel, Command, Draft, Opening, Program};
pub use event::{Act, Event, Extension, Outcome, ReplayError, Requested};
pub use refusal::{Refusal, Side};
pub use state::{Approval, Grant, Limit, LimitKind, Request, State, Status};
