//! The corpora of the fuzz targets, replayed: what arrives as YAML, JSON or a file.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a target that breaks its promise panics, and the test fails"
)]

#[path = "../../../fuzz/src/replay.rs"]
pub mod replay;
#[path = "../../../fuzz/src/api.rs"]
pub mod targets;

#[test]
fn cast() {
    replay::replay("cast", &[], targets::cast);
}

#[test]
fn document() {
    replay::replay("document", &[], targets::document);
}

#[test]
fn stored_request() {
    replay::replay("stored_request", &[], targets::stored_request);
}

#[test]
fn bundle() {
    replay::replay("bundle", &[], targets::bundle);
}

#[test]
fn tape() {
    replay::replay("tape", &[], targets::tape);
}

#[test]
fn span() {
    replay::replay("span", &[], targets::span);
}
