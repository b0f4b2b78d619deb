//! The data plane end to end: stock OpenSSH clients, the proxy, a real sshd.

mod denial;
mod forward;
mod session;
mod stand;
