//! The API as its callers meet it: a real store in a directory of its own, the whole router, a clock
//! the test moves. One binary, a module per story.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so"
)]

mod apps;
mod authorities;
mod batch;
mod browsers;
mod contract;
mod coverage;
mod databases;
mod documents;
mod enter;
mod followed;
mod house;
mod invites;
mod kube;
mod login;
mod many;
mod powers;
mod recordings;
mod requests;
mod settings;
mod stage;
mod tokens;
mod users;
