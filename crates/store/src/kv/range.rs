//! Reading keys in order, a page at a time.

use super::{Entry, Revision, limits};

/// Which keys to read: a part of the key space, in either direction, so many at most.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct Range {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) backwards: bool,
    pub(crate) limit: usize,
}

impl Range {
    /// All keys that begin with `prefix`.
    pub fn prefix(prefix: impl Into<String>) -> Self {
        let from = prefix.into();
        let to = after_prefix(&from);
        Self { from, to, backwards: false, limit: limits::RANGE_ENTRIES }
    }

    /// Only keys after this one: the last key of the page before.
    pub fn after(mut self, key: &str) -> Self {
        // The least string greater than a key is the key with the least character behind it.
        let next = format!("{key}\0");
        if next > self.from {
            self.from = next;
        }
        self
    }

    /// Only keys before this one.
    pub fn before(mut self, key: &str) -> Self {
        if key < self.to.as_str() {
            key.clone_into(&mut self.to);
        }
        self
    }

    /// The greatest key first.
    pub fn backwards(mut self) -> Self {
        self.backwards = true;
        self
    }

    /// So many entries at most; never more than [`limits::RANGE_ENTRIES`].
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.min(limits::RANGE_ENTRIES);
        self
    }
}

/// A page of a range.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page {
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// Whether there are more beyond the last one.
    pub more: bool,
    /// The revision all of it was read at: watch from here to miss nothing.
    pub revision: Revision,
}

/// The least string greater than every key that begins with `prefix`.
pub(crate) fn after_prefix(prefix: &str) -> String {
    // INVARIANT: keys are printable ASCII, so U+007F is above every character of a key.
    format!("{prefix}\u{7f}")
}
