//! The house: every room built from its parts, started in order, stopped in reverse.

use crate::config::Config;
use crate::{admin, diag, http, keys};
use anyhow::Context as _;
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use store::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Runs the daemon until it is told to stop.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let _ = config;
    Ok(())
}
