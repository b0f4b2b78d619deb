//! The audit log.

use super::Endpoint;

/// All of them.
pub const ALL: &[Endpoint] = &[];
