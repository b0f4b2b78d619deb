//! Certificate authorities.

use super::Endpoint;

/// All of them.
pub const ALL: &[Endpoint] = &[];
