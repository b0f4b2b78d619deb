//! The prepared statements of a connection: their texts, and what is known of their values.

use std::collections::{BTreeMap, BTreeSet};

use wire::mysql::{Parameters, Value};

use crate::database::statements::{Prepared, Values};

/// Prepared statements of one connection. MySQL's own limit for a whole server is 16382 (`max_prepared_stmt_count`).
const MAX_PREPARED: usize = 16 * 1024;
/// Bytes of their texts.
const MAX_TEXTS: usize = 8 * 1024 * 1024;
/// Values of one statement that may be sent in parts before it runs; of others it is not said that they were.
const MAX_IN_PARTS: usize = 256;
/// MariaDB: the statement that was prepared last.
const LAST: u32 = u32::MAX;

/// A prepared statement.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) text: Prepared,
    parameters: Parameters,
    /// Values that were sent before it runs.
    in_parts: BTreeSet<u16>,
}

/// What is prepared on a connection, by id.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    known: BTreeMap<u32, Known>,
    texts: usize,
    last: Option<u32>,
}

impl Known {
    pub(super) fn new(text: Prepared, parameters: u16) -> Self {
        Self { text, parameters: Parameters::new(parameters), in_parts: BTreeSet::new() }
    }

    /// Reads the values it is executed with from `rest`, and their types for the next time.
    pub(super) fn read(&mut self, rest: &[u8], mut values: Option<&mut Values>) {
        let Self { parameters, in_parts, .. } = self;
        // What is no execution is the server's to refuse.
        let _ = parameters.read(
            rest,
            |n| in_parts.contains(&n),
            |value| {
                if let Some(values) = &mut values {
                    keep(values, value);
                }
            },
        );
        in_parts.clear();
    }

    /// The same of a bulk execution, of whose bytes some were `unseen`.
    pub(super) fn read_bulk(
        &mut self,
        rest: &[u8],
        unseen: usize,
        mut values: Option<&mut Values>,
    ) {
        let _ = self.parameters.read_bulk(rest, |value| {
            if let Some(values) = &mut values {
                keep(values, value);
            }
        });
        if let Some(values) = values.filter(|_| unseen > 0) {
            keep(values, Value::Unseen);
        }
    }
}

fn keep(values: &mut Values, value: Value<'_>) {
    match value {
        Value::Null => values.null(),
        Value::Bytes(bytes) => keep_bytes(values, bytes, bytes.len()),
        Value::Cut(bytes, length) => {
            keep_bytes(values, bytes, usize::try_from(length).unwrap_or(usize::MAX));
        }
        Value::Date { .. }
        | Value::Default
        | Value::Double(_)
        | Value::Float(_)
        | Value::Ignored
        | Value::Int(_)
        | Value::Long
        | Value::Time { .. }
        | Value::UInt(_)
        | Value::Unseen => values.shown(value),
    }
}

fn keep_bytes(values: &mut Values, bytes: &[u8], length: usize) {
    // A letter that was cut at the end is no reason to take text for something else.
    let is_text = match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && bytes.len() < length,
    };
    if is_text { values.text(bytes, length) } else { values.binary(bytes, length) }
}

impl Shelf {
    /// Whether one more may be prepared.
    pub(super) fn has_room_for(&self, text: &Prepared) -> bool {
        self.known.len() < MAX_PREPARED && self.texts.saturating_add(text.weight()) <= MAX_TEXTS
    }

    pub(super) fn put(&mut self, id: u32, known: Known) {
        self.forget(id);
        self.texts = self.texts.saturating_add(known.text.weight());
        self.known.insert(id, known);
        self.last = Some(id);
    }

    fn id(&self, id: u32) -> u32 {
        if id == LAST { self.last.unwrap_or(LAST) } else { id }
    }

    pub(super) fn get(&mut self, id: u32) -> Option<&mut Known> {
        self.known.get_mut(&self.id(id))
    }

    pub(super) fn forget(&mut self, id: u32) {
        if let Some(known) = self.known.remove(&self.id(id)) {
            self.texts = self.texts.saturating_sub(known.text.weight());
        }
    }

    /// A value of a statement is sent before it runs.
    pub(super) fn in_parts(&mut self, id: u32, parameter: u16) {
        if let Some(known) = self.get(id)
            && known.in_parts.len() < MAX_IN_PARTS
        {
            known.in_parts.insert(parameter);
        }
    }

    /// Values that were sent before are forgotten.
    pub(super) fn reset(&mut self, id: u32) {
        if let Some(known) = self.get(id) {
            known.in_parts.clear();
        }
    }
}
