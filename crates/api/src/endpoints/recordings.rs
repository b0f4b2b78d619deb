//! Recordings of sessions.

use super::Endpoint;

/// All of them.
pub const ALL: &[Endpoint] = &[];
