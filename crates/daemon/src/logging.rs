//! The log: what an operator reads. Names, hosts and commands stand in the audit log, never here above debug.

use crate::config::{Log, LogFormat};
use tracing_subscriber::EnvFilter;

/// Starts writing log lines to standard error. Our own rooms at the configured level, what they stand on at
/// `warn`; `RUST_LOG` wins, for the day it is needed.
pub(crate) fn start(log: Log) {
    let level = log.level.as_str();
    let rooms = ["access", "api", "ca", "control", "daemon", "proxy", "store", "wire"]
        .map(|room| format!(",{room}={level}"))
        .concat();
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("warn{rooms}")));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first writer.
    let _ = match log.format {
        LogFormat::Text => lines.with_ansi(false).with_target(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}
