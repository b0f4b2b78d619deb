//! The data plane end to end: stock OpenSSH clients, the proxy, a real sshd.

mod attack;
mod cut;
mod denial;
mod forward;
mod limits;
mod port;
mod session;
mod stand;
mod target;
