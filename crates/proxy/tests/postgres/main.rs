//! The PostgreSQL door against a real PostgreSQL: stock clients, and frames by hand.

#[path = "../databases/servers.rs"]
mod servers;

mod raw;
mod session;
mod stand;
