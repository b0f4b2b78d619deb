//! The corpora of the fuzz targets, replayed: what proves who someone is.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a target that breaks its promise panics, and the test fails"
)]

#[path = "../../../fuzz/src/replay.rs"]
pub mod replay;
#[path = "../../../fuzz/src/ca.rs"]
pub mod targets;

#[test]
fn identity_ssh() {
    replay::replay("identity_ssh", &targets::genuine("identity_ssh"), targets::identity_ssh);
}

#[test]
fn identity_x509() {
    replay::replay("identity_x509", &targets::genuine("identity_x509"), targets::identity_x509);
}

#[test]
fn sealed() {
    replay::replay("sealed", &targets::genuine("sealed"), targets::sealed);
}

#[test]
fn user_key() {
    replay::replay("user_key", &targets::genuine("user_key"), targets::user_key);
}
