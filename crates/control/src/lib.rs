//! The control plane: who asks for what over HTTP, one folder per resource.
//!
//! ```text
//!  Caller ──► rate ──► guard ──► handler ──► access::decide ──► one commit (state + event)
//!             limit    endpoint  parse,      the law, pure      store; a conflict means someone
//!                      table     convert                        was faster: load and decide again
//! ```
//!
//! Everything that decides stands in `access`; everything that keeps stands in `store`. This crate
//! carries one to the other. Who calls is put into the request by the daemon, as [`Caller`]; without
//! it a call is [`Caller::Anonymous`]. Deliberately absent: sockets, TLS and the clock, which are the
//! daemon's; and any state of its own, so that several daemons can share one store.

mod audit;
pub mod auth;
mod backup;
mod caller;
mod control;
mod documents;
mod events;
pub mod http;
pub mod login;
pub mod openapi;
mod ping;
mod reach;
mod recordings;
pub mod requests;
mod sessions;
mod tokens;
mod users;

pub use caller::Caller;
pub use control::{Clock, Control, Parts};
pub use documents::{Declared, Readers};
pub use http::{Failure, Routes};
