//! The law: who may do what, until when, by whose leave. Pure: no clock, no store, no network.

pub mod display;
pub mod identity;
pub mod name;
pub mod promotion;
pub mod request;
pub mod resource;
pub mod review;
pub mod target;
pub mod threshold;
