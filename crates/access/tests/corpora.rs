//! The corpora of the fuzz targets, replayed: what people write by hand.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a target that breaks its promise panics, and the test fails"
)]

#[path = "../../../fuzz/src/replay.rs"]
pub mod replay;
#[path = "../../../fuzz/src/access.rs"]
pub mod targets;

#[test]
fn expression() {
    replay::replay("expression", &[], targets::expression);
}

#[test]
fn pattern() {
    replay::replay("pattern", &[], targets::pattern);
}

#[test]
fn template() {
    replay::replay("template", &[], targets::template);
}

#[test]
fn name() {
    replay::replay("name", &[], targets::name);
}

#[test]
fn schedule() {
    replay::replay("schedule", &[], targets::schedule);
}
