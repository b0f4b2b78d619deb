//! The data plane end to end: stock OpenSSH clients, the proxy, a real sshd.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, which is what it is for"
)]

mod attack;
mod cut;
mod denial;
mod forward;
mod limits;
mod port;
mod session;
mod stand;
mod target;
