//! The law: who may do what, until when, by whose leave.
//!
//! This room is pure. It has no clock, no randomness, no files and no network: `now` and ids are
//! arguments, everything it knows is in the [`policy::Policy`] it is asked about. The rules are those of
//! "the law" (docs/design), cited here as *the law, §n*; the cases in `tests/cases` are its exam.
//!
//! ```text
//!   role documents ─┐
//!   users, targets ─┼─► Policy ── decide(identity, ask, now) ──► Permit │ Denial (code, sentence, next step)
//!   locks, requests ┘
//! ```

pub mod app;
pub mod ask;
pub mod capability;
pub mod denial;
pub mod display;
pub mod expr;
pub mod identity;
pub mod join;
pub mod label;
pub mod lock;
pub mod name;
pub mod oncall;
pub mod pattern;
pub mod permit;
pub mod policy;
pub mod promotion;
pub mod request;
pub mod resource;
pub mod review;
pub mod role;
pub mod rule;
pub mod schedule;
pub mod statement;
pub mod target;
pub mod template;
pub mod threshold;
