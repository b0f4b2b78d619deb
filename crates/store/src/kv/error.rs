//! What can go wrong with state, and whose side it is on.

use super::{LeaseId, Revision, limits};

/// The backend failed: nobody's input is at fault.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Fault {
    /// No space is left for the database.
    #[error("the disk that holds the data directory is full: free some space; nothing was written")]
    Full,
    /// The database cannot be written.
    #[error("the data directory cannot be written: it is read-only, or belongs to another user")]
    ReadOnly,
    /// The database is damaged.
    #[error(
        "the database is damaged ({0}): stop the daemon and restore the data directory from a backup"
    )]
    Corrupt(String),
    /// Reading or writing failed. A commit that fails so may have happened, or not: read again.
    #[error("the database could not be read or written ({0})")]
    Io(String),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

/// What was asked of the store is beyond its limits.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidInput {
    /// The key is too long.
    #[error("a key has {0} bytes, more than {max}", max = limits::KEY_BYTES)]
    KeyLength(usize),
    /// The key does not begin with a slash.
    #[error("a key must begin with `/`")]
    KeyStart,
    /// The key has a byte that is not printable ASCII.
    #[error("byte {0} of a key is not printable ASCII")]
    KeyByte(usize),
    /// The value is too long.
    #[error("the value of `{key}` has {bytes} bytes, more than {max}", max = limits::VALUE_BYTES)]
    Value {
        /// Of this key.
        key: String,
        /// So long it is.
        bytes: usize,
    },
    /// Only the store writes there.
    #[error("`{0}` is reserved for the store")]
    Reserved(String),
    /// Too many compares and changes.
    #[error("a commit has {0} operations, more than {max}", max = limits::COMMIT_OPERATIONS)]
    Operations(usize),
    /// Too many events.
    #[error("a commit has {0} events, more than {max}", max = limits::COMMIT_EVENTS)]
    Events(usize),
    /// The event is too long.
    #[error("an event `{0}` has {1} bytes, more than {max}", max = limits::EVENT_BYTES)]
    Event(String, usize),
    /// The event is nested too deep to be read again.
    #[error("the body of an event `{0}` is nested deeper than {max}", max = limits::EVENT_DEPTH)]
    EventDepth(String),
    /// Too much in all.
    #[error("a commit has {0} bytes, more than {max}", max = limits::COMMIT_BYTES)]
    Bytes(usize),
    /// Too many keys at once.
    #[error("{0} keys were asked for at once, more than {max}", max = limits::RANGE_ENTRIES)]
    Keys(usize),
    /// Too many keys to remove at once.
    #[error("a commit would remove {0} keys, more than {max}", max = limits::DELETED_KEYS)]
    Deletes(usize),
    /// The lease is not longer than nothing, or too long.
    #[error("a lease must last between 1 ns and {max} s", max = limits::LEASE_SECONDS)]
    Lease,
}

/// A commit did not happen.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CommitError {
    /// This key is not as expected: someone was faster. Load and decide again.
    #[error("`{0}` has changed in the meantime")]
    Conflict(String),
    /// The lease has ended, or never was.
    #[error("lease {0} has ended")]
    LeaseEnded(LeaseId),
    /// It is beyond a limit.
    #[error(transparent)]
    Invalid(#[from] InvalidInput),
    /// The backend failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl CommitError {
    /// Whether someone was faster: loading and deciding again may succeed.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }
}

/// Nothing could be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ReadError {
    /// It is beyond a limit.
    #[error(transparent)]
    Invalid(#[from] InvalidInput),
    /// The backend failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A watch cannot go on.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WatchError {
    /// Changes after the revision asked for are forgotten: list again, then watch from the revision of the list.
    #[error("changes up to revision {0} are no longer kept: list again and watch from there")]
    Compacted(Revision),
    /// The backend failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}
