//! The PostgreSQL door against a real PostgreSQL: stock clients, and frames by hand.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, which is what it is for"
)]

#[path = "../ports/reserved.rs"]
mod reserved;
#[path = "../databases/servers.rs"]
mod servers;

mod cancel;
mod cut;
mod drivers;
mod hold;
#[cfg(feature = "peers")]
mod newest;
mod raw;
mod session;
mod stand;
mod statements;
mod strangers;
