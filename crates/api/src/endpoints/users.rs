//! Users, invites and tokens.

use super::Endpoint;

/// All of them.
pub const ALL: &[Endpoint] = &[];
