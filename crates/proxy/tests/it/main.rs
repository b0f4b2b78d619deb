//! The data plane end to end: stock OpenSSH clients, the proxy, a real sshd.

mod attack;
mod cut;
mod denial;
mod forward;
mod session;
mod stand;
