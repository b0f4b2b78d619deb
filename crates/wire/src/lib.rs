//! Protocols: bytes to meaning and back. Pure: no clock, no network, no allocation an outsider decides the size of.

pub mod cast;
