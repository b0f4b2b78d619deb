//! Logging in and out.

use super::Endpoint;

/// All of them.
pub const ALL: &[Endpoint] = &[];
