//! Notes: what a notifier keeps beside a request, such as the id of the message it sent.
//!
//! Two notifiers may run at once, so a change names what it expects to find; an empty text stands for
//! "not there", both in what is expected and in what is set.

use std::collections::BTreeMap;

/// The most keys one notifier may keep beside one request.
const MAX_KEYS: usize = 64;

/// The longest key or value, in bytes.
const MAX_BYTES: usize = 4096;

/// What one notifier keeps beside one request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Notes(BTreeMap<String, String>);

/// A change of notes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NotesChange {
    /// What must be there; an empty text: nothing must be there.
    pub expect: BTreeMap<String, String>,
    /// What is to be there; an empty text removes the key.
    pub set: BTreeMap<String, String>,
}

/// Why notes stay as they are.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotesError {
    /// Something else is there.
    #[error("compare failed: `{key}` is not what was expected")]
    CompareFailed {
        /// The first key that differs.
        key: String,
    },
    /// More than fits.
    #[error("notes hold at most {MAX_KEYS} keys, each key and value of at most {MAX_BYTES} bytes")]
    TooMuch,
}

impl Notes {
    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Everything, by key.
    #[must_use]
    pub const fn entries(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Whether there is anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The notes after `change`, if what it expects is there; nothing is half done.
    pub fn changed(&self, change: NotesChange) -> Result<Self, NotesError> {
        if let Some((key, _)) =
            change.expect.iter().find(|(key, value)| self.get(key).unwrap_or_default() != *value)
        {
            return Err(NotesError::CompareFailed { key: key.clone() });
        }
        let mut next = self.0.clone();
        for (key, value) in change.set {
            if key.len() > MAX_BYTES || value.len() > MAX_BYTES {
                return Err(NotesError::TooMuch);
            }
            if value.is_empty() {
                next.remove(&key);
            } else {
                next.insert(key, value);
            }
        }
        if next.len() > MAX_KEYS {
            return Err(NotesError::TooMuch);
        }
        Ok(Self(next))
    }
}

impl FromIterator<(String, String)> for Notes {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(entries: T) -> Self {
        Self(entries.into_iter().filter(|(_, value)| !value.is_empty()).collect())
    }
}
