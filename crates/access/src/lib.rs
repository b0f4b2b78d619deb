//! The law: who may do what, until when, by whose leave. Pure: no clock, no store, no network.

pub mod display;
