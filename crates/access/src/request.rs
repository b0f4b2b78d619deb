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
mod asker;
mod decide;
mod event;
mod extending;
mod file;
mod find;
mod length;
mod missing;
mod notes;
mod prune;
mod refusal;
mod reviewers;
mod rights;
mod state;

pub use actor::{Actor, Author, Channel, Command, Draft, Opening, Program};
pub use event::{Act, Event, Extension, Outcome, ReplayError, Requested};
pub use extending::extensions;
pub use file::{MAX_REASON, MAX_RESOURCES, MAX_ROLES, file};
pub use find::{BadFind, Find};
pub use length::{DEFAULT_DURATION, DEFAULT_TTL, MAX_AHEAD, MAX_DURATION, MAX_TTL};
pub use missing::{Missing, Need};
pub use notes::{Notes, NotesChange, NotesError};
pub use refusal::{Refusal, Side};
pub use rights::{can_list, may_see};
pub use state::{Approval, Grant, Limit, LimitKind, Request, State, Status};

pub(crate) use asker::{Asker, Manner};
pub(crate) use file::reason_needed;
pub(crate) use prune::{may_search, reaches, reaches_part};
