//! The policy as a whole: what it decides, how it words a no, and how fast.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on fails, which is what it is for"
)]

mod denials;
mod documents;
mod grants;
mod kube;
mod locks;
mod matrix;
mod options;
mod oracle;
mod reach;
mod rules;
mod size;
mod statements;
mod traits;
mod world;
