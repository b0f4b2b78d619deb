//! The daemon: configuration → handles → tasks.
//!
//! The only room that reads the environment, files of configuration and the clock. It builds every other
//! room from parts, so that a test builds the same house with other parts.

mod admin;
mod ask;
pub mod command;
pub mod config;
mod declared;
mod diag;
pub mod house;
mod http;
mod keys;
mod logging;
mod metrics;
mod restore;
mod retention;
mod tls;
mod web;
