//! MySQL's door end to end: stock clients, the proxy, a real MariaDB.

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

mod client;
mod cut;
mod faulty;
mod made;
mod raw;
mod stand;
mod strangers;
mod talk;
