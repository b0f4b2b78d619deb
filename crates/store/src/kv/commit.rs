//! A commit: what must hold, what shall change, what happened.

use api::audit::NewEvent;
use bytes::Bytes;
use serde_json::Value;

use super::error::InvalidInput;
use super::{LeaseId, OUTBOX, Revision, limits};

/// That a key does not exist.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Absent;

/// What a key must be for a commit to happen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expect {
    /// It does not exist.
    Absent,
    /// It exists, and was last written by this commit.
    Revision(Revision),
}

impl From<Absent> for Expect {
    fn from(Absent: Absent) -> Self {
        Self::Absent
    }
}

impl From<Revision> for Expect {
    fn from(revision: Revision) -> Self {
        Self::Revision(revision)
    }
}

/// What was read before: nothing, or something written by that commit.
impl From<Option<Revision>> for Expect {
    fn from(seen: Option<Revision>) -> Self {
        seen.map_or(Self::Absent, Self::Revision)
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Put {
        key: String,
        value: Bytes,
    },
    Delete {
        key: String,
    },
    /// Every key from the first, up to but without the second.
    DeleteRange {
        from: String,
        to: String,
    },
}

/// Compares, changes and events that happen together or not at all.
///
/// The events are written beside the state, in the same transaction, and moved into the audit log from there.
#[derive(Clone, Debug, Default)]
#[must_use = "a commit does nothing until it is given to the store"]
pub struct Commit {
    pub(crate) expects: Vec<(String, Expect)>,
    pub(crate) ops: Vec<Op>,
    pub(crate) events: Vec<NewEvent>,
    pub(crate) lease: Option<LeaseId>,
}

impl Commit {
    /// An empty commit. Committing it does nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The commit happens only if `key` is as expected: [`Absent`], or last written by this [`Revision`].
    pub fn expecting(mut self, key: impl Into<String>, expect: impl Into<Expect>) -> Self {
        self.expects.push((key.into(), expect.into()));
        self
    }

    /// Writes a key.
    pub fn put(mut self, key: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.ops.push(Op::Put { key: key.into(), value: value.into() });
        self
    }

    /// Removes a key; one that does not exist stays so.
    pub fn delete(mut self, key: impl Into<String>) -> Self {
        self.ops.push(Op::Delete { key: key.into() });
        self
    }

    /// Removes every key that begins with `prefix`.
    pub fn delete_prefix(mut self, prefix: impl Into<String>) -> Self {
        let from = prefix.into();
        let to = super::range::after_prefix(&from);
        self.ops.push(Op::DeleteRange { from, to });
        self
    }

    pub(crate) fn delete_range(mut self, from: String, to: String) -> Self {
        self.ops.push(Op::DeleteRange { from, to });
        self
    }

    /// All keys put by this commit live on this lease and vanish with it. Without it, a put detaches a key from the
    /// lease it had.
    pub fn lease(mut self, lease: LeaseId) -> Self {
        self.lease = Some(lease);
        self
    }

    /// What happened, for the audit log: written in the same transaction.
    pub fn event(mut self, event: NewEvent) -> Self {
        self.events.push(event);
        self
    }

    /// Several events, in this order.
    pub fn events(mut self, events: impl IntoIterator<Item = NewEvent>) -> Self {
        self.events.extend(events);
        self
    }

    /// Everything of `other` after everything of this one. A lease of `other` counts if this one has none.
    pub fn and(mut self, other: Self) -> Self {
        self.expects.extend(other.expects);
        self.ops.extend(other.ops);
        self.events.extend(other.events);
        self.lease = self.lease.or(other.lease);
        self
    }

    /// Whether it would do nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty() && self.events.is_empty()
    }

    /// Checks every limit of [`limits`], and gives the bytes it takes with its events as JSON.
    pub(crate) fn check(&self) -> Result<(usize, Vec<String>), InvalidInput> {
        let operations = self.expects.len() + self.ops.len();
        if operations > limits::COMMIT_OPERATIONS {
            return Err(InvalidInput::Operations(operations));
        }
        if self.events.len() > limits::COMMIT_EVENTS {
            return Err(InvalidInput::Events(self.events.len()));
        }
        let mut bytes = 0;
        for (key, _) in &self.expects {
            bytes += check_key(key)?;
        }
        for op in &self.ops {
            bytes += match op {
                Op::Put { key, value } => {
                    if value.len() > limits::VALUE_BYTES {
                        return Err(InvalidInput::Value { key: key.clone(), bytes: value.len() });
                    }
                    if key.starts_with(OUTBOX) {
                        return Err(InvalidInput::Reserved(key.clone()));
                    }
                    check_key(key)? + value.len()
                }
                Op::Delete { key } => check_key(key)?,
                Op::DeleteRange { from, to } => check_key(from)? + to.len(),
            };
        }
        let mut events = Vec::with_capacity(self.events.len());
        for event in &self.events {
            if depth(&event.body) > limits::EVENT_DEPTH {
                return Err(InvalidInput::EventDepth(event.code.to_string()));
            }
            // INVARIANT: an event is text, a time and JSON values, so it always serializes.
            let text = serde_json::to_string(event)
                .map_err(|_| InvalidInput::Event(event.code.to_string(), 0))?;
            if text.len() > limits::EVENT_BYTES {
                return Err(InvalidInput::Event(event.code.to_string(), text.len()));
            }
            bytes += text.len();
            events.push(text);
        }
        if bytes > limits::COMMIT_BYTES {
            return Err(InvalidInput::Bytes(bytes));
        }
        Ok((bytes, events))
    }
}

/// How deep arrays and objects are nested; it looks no deeper than a little beyond the limit.
fn depth(value: &Value) -> usize {
    fn within(value: &Value, left: usize) -> usize {
        if left == 0 {
            return 1;
        }
        match value {
            Value::Array(items) => {
                1 + items.iter().map(|item| within(item, left - 1)).max().unwrap_or(0)
            }
            Value::Object(fields) => {
                1 + fields.values().map(|item| within(item, left - 1)).max().unwrap_or(0)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        }
    }
    within(value, limits::EVENT_DEPTH + 1)
}

/// Checks a key's length and characters and gives its length in bytes.
pub(crate) fn check_key(key: &str) -> Result<usize, InvalidInput> {
    if key.len() > limits::KEY_BYTES {
        return Err(InvalidInput::KeyLength(key.len()));
    }
    if !key.starts_with('/') {
        return Err(InvalidInput::KeyStart);
    }
    match key.bytes().position(|b| !(0x21..=0x7e).contains(&b)) {
        Some(at) => Err(InvalidInput::KeyByte(at)),
        None => Ok(key.len()),
    }
}
