//! The store from outside: one binary, a module per story.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod house;

mod backup;
mod conformance;
mod crash;
mod directory;
mod log;
mod policy;
mod requests;
mod retention;
