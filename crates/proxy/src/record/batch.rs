//! Statements of a database session, or calls of a visit to an application, on their way to the writer: many in one
//! message.

use std::time::Duration;

use tokio::time::Instant;

/// What stands before each entry: microseconds after the first one, and its length.
const HEAD: usize = 8;

/// What entries are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Entries {
    /// Of [`wire::cast::call`].
    Calls,
    /// Of [`wire::cast::statement`].
    #[default]
    Statements,
}

/// Entries, each a JSON text, and when each was complete.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    kind: Entries,
    first: Option<Instant>,
    bytes: Vec<u8>,
    /// Where the entry begins that is being written.
    begun: usize,
}

impl Batch {
    /// One of calls.
    pub(crate) fn calls() -> Self {
        Self { kind: Entries::Calls, ..Self::default() }
    }

    /// What its entries are.
    pub(super) fn kind(&self) -> Entries {
        self.kind
    }

    /// Begins an entry: its text is appended to what this gives.
    pub(crate) fn begin(&mut self, at: Instant) -> &mut Vec<u8> {
        self.begun = self.bytes.len();
        let first = *self.first.get_or_insert(at);
        let micros = at.saturating_duration_since(first).as_micros();
        let micros = u32::try_from(micros).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&micros.to_le_bytes());
        self.bytes.extend_from_slice(&[0; 4]);
        &mut self.bytes
    }

    /// Ends the entry that was begun.
    pub(crate) fn end(&mut self) {
        let length = self.bytes.len().saturating_sub(self.begun.saturating_add(HEAD));
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let slot = self.begun.saturating_add(4)..self.begun.saturating_add(HEAD);
        if let Some(slot) = self.bytes.get_mut(slot) {
            slot.copy_from_slice(&length.to_le_bytes());
        }
    }

    /// Bytes of it.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Its entries, in order.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Instant, &str)> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (head, behind) = rest.split_first_chunk::<HEAD>()?;
            let [a, b, c, d, e, f, g, h] = *head;
            let micros = u32::from_le_bytes([a, b, c, d]);
            let length = usize::try_from(u32::from_le_bytes([e, f, g, h])).ok()?;
            let (json, behind) = behind.split_at_checked(length)?;
            rest = behind;
            let at = self.first? + Duration::from_micros(micros.into());
            // INVARIANT: what `wire::cast` writes is UTF-8.
            Some((at, std::str::from_utf8(json).ok()?))
        })
    }
}
