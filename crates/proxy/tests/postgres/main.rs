//! The PostgreSQL door against a real PostgreSQL: stock clients, and frames by hand.

#[path = "../databases/servers.rs"]
mod servers;

mod cancel;
mod cut;
mod hold;
mod raw;
mod session;
mod stand;
mod statements;
mod strangers;
