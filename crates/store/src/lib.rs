//! State, outbox, audit log and recordings on SQLite; the only room that knows SQL.
//!
//! ```text
//!   commit(changes, events) ──► state.db ──outbox──► audit.db      one data directory, 0700,
//!                                  │ watch                         one daemon
//!                                  └──► policy snapshot, followers
//! ```
//!
//! Deliberately absent: reading on a hot path. Whoever decides, decides on the snapshot of [`Store::policy`], which the
//! watch keeps up to date.

pub mod audit;
pub mod backup;
pub mod conformance;
mod directory;
pub mod documents;
pub mod kv;
mod outbox;
mod policy;
pub mod recording;
pub mod requests;
pub mod secrets;
pub mod sqlite;
mod store;
mod stored;

pub use kv::{Absent, Clock, Commit, CommitError, Entry, Fault, Kv, Range, ReadError, Revision};
pub use policy::PolicyHandle;
pub use store::{OpenError, Options, Store};
pub use stored::Unreadable;
