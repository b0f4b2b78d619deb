//! wire: protocols, bytes to meaning and back.
//!
//! Everything here is pure: no I/O, no clock, no allocation that a peer can size. A parser is given
//! the bytes seen so far and says what they mean, that it needs more, or what is wrong and at which byte.

pub mod cast;
pub mod kube;
pub mod mysql;
pub mod postgres;
pub mod proxy_protocol;
pub mod route;
pub mod sftp;
pub mod sniff;
pub mod sql;
