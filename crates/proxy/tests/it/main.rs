//! The data plane end to end: stock OpenSSH clients, the proxy, a real sshd.

mod session;
mod stand;
