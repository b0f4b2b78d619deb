//! The store from outside: one binary, a module per story.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod house;

mod conformance;
mod crash;
mod log;
