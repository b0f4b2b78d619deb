//! The daemon: configuration → handles → tasks.
//!
//! The only room that reads the environment, files of configuration and the clock. It builds every other
//! room from parts, so that a test builds the same house with other parts.

pub mod config;
