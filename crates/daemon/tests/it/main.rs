//! End-to-end stories: the real daemon, real `tsh` and `tctl`, a real sshd a real ssh, and real databases, on loopback.
//!
//! Rules are proven in `access`; these prove the wiring. One binary, a module per story.

#![expect(clippy::disallowed_methods, reason = "tests are clients: they have clocks of their own")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a story that does not go as told fails"
)]

mod apps;
mod backup;
mod certificates;
mod clock;
mod crash;
mod databases;
mod disk;
mod follow;
mod hostile;
mod house;
mod input;
mod inside;
mod kube;
#[path = "../../../proxy/tests/ports/reserved.rs"]
mod reserved;
mod rotation;
mod settings;
mod sshd;
mod stop;
mod story;
mod strangers;
mod typed;
