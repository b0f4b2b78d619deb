//! Requests, from the outside: stories, properties over random sequences, and a second opinion.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what cannot be read fails the test"
)]

mod extending;
mod filing;
mod input;
mod missing;
mod oracle;
mod properties;
mod refusals;
mod storing;
mod story;
mod town;
