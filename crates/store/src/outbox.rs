//! Events on their way from a commit into the audit log.

use crate::kv::{OUTBOX, Revision};

/// The key of an event of a commit: keys sort as the events happened.
pub(crate) fn key(revision: Revision, n: usize) -> String {
    format!("{OUTBOX}{:016x}/{n:04x}", revision.0)
}
