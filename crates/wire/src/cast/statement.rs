//! A statement of a database session, as JSON: the data of the event `q`.
//!
//! ```json
//! {"n":12,"sql":"UPDATE t SET a = $1 WHERE id = $2","v":["x",null],"rows":1,"ms":0.41,"bytes":17}
//! ```
//!
//! | key | meaning |
//! |---|---|
//! | `n` | the statement's number in its channel, from 1 |
//! | `sql` | its text, at most [`MAX_SQL`] bytes of it; bytes that are no UTF-8 stand as U+FFFD |
//! | `of` | how many bytes the text has, where it was cut |
//! | `p` | a number for this text; with `sql` it is given, without `sql` it refers to the one given last |
//! | `v` | the values bound to it, see [`Values`] |
//! | `sent` | `true`: it is still running, and a second event of the same `n`, without text, says what became of it |
//! | `rows` | rows, as the database counts them |
//! | `ms` | milliseconds from sending it on to the end of its answer |
//! | `bytes` | bytes of rows and copied data in the answer |
//! | `err` | the error's code (SQLSTATE) and message |
//! | `skipped` | `true`: it was not run, because something before it failed |
//! | `refused` | the classes for which the policy did not let it through, or `policy` |
//! | `lost` | `true`: the session ended before its answer |
//!
//! Whoever reads must skip keys that he does not know.

use core::fmt;
use core::time::Duration;

use super::{decimal, number, quoted, text::Utf8};

/// Bytes of a text that are kept.
pub const MAX_SQL: usize = 1 << 20;
/// Bytes of one value that are kept.
pub const MAX_VALUE: usize = 4 << 10;
/// Bytes of all values of a statement that are kept.
pub const MAX_VALUES: usize = 64 << 10;
/// Bytes of an error's message that are kept.
const MAX_MESSAGE: usize = 4 << 10;

/// Begins a statement.
pub fn open(n: u64, json: &mut Vec<u8>) {
    json.extend_from_slice(b"{\"n\":");
    decimal(json, n);
}

/// Its text, cut at [`MAX_SQL`]; `length` is how many bytes it has in all.
pub fn sql(text: &[u8], length: usize, json: &mut Vec<u8>) {
    json.extend_from_slice(b",\"sql\":");
    let kept = text.get(..MAX_SQL).unwrap_or(text);
    lossy(kept, json);
    if length > kept.len() {
        number(json, format_args!(",\"of\":{length}"));
    }
}

/// The number of its text.
pub fn prepared(p: u32, json: &mut Vec<u8>) {
    json.extend_from_slice(b",\"p\":");
    decimal(json, p.into());
}

/// Its values.
pub fn values(values: &Values, json: &mut Vec<u8>) {
    json.extend_from_slice(b",\"v\":[");
    json.extend_from_slice(&values.json);
    if values.more > 0 {
        if !values.json.is_empty() {
            json.push(b',');
        }
        number(json, format_args!("{{\"more\":{}}}", values.more));
    }
    json.push(b']');
}

/// It is still running; what became of it follows.
pub fn sent(json: &mut Vec<u8>) {
    json.extend_from_slice(b",\"sent\":true");
}

/// Why it was not let through.
pub fn refused(classes: &str, json: &mut Vec<u8>) {
    json.extend_from_slice(b",\"refused\":");
    quoted(json, classes);
}

/// The session ended before its answer.
pub fn lost(json: &mut Vec<u8>) {
    json.extend_from_slice(b",\"lost\":true");
}

/// What became of a statement.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Outcome<'a> {
    /// Rows, as the database counts them.
    pub rows: Option<u64>,
    /// Bytes of rows and copied data.
    pub bytes: u64,
    /// The error's code and message.
    pub error: Option<(&'a [u8], &'a [u8])>,
    /// It was not run, because something before it failed.
    pub skipped: bool,
}

/// What became of it, and how long that took.
pub fn outcome(outcome: &Outcome<'_>, took: Duration, json: &mut Vec<u8>) {
    if let Some(rows) = outcome.rows {
        json.extend_from_slice(b",\"rows\":");
        decimal(json, rows);
    }
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    json.extend_from_slice(b",\"ms\":");
    decimal(json, micros / 1000);
    // A thousand more has all three digits that are wanted, and a place for the point before them.
    let begin = json.len();
    decimal(json, micros % 1000 + 1000);
    if let Some(first) = json.get_mut(begin) {
        *first = b'.';
    }
    if outcome.bytes > 0 {
        json.extend_from_slice(b",\"bytes\":");
        decimal(json, outcome.bytes);
    }
    if let Some((code, message)) = outcome.error {
        json.extend_from_slice(b",\"err\":[");
        lossy(code.get(..MAX_MESSAGE).unwrap_or(code), json);
        json.push(b',');
        lossy(message.get(..MAX_MESSAGE).unwrap_or(message), json);
        json.push(b']');
    }
    if outcome.skipped {
        json.extend_from_slice(b",\"skipped\":true");
    }
}

/// Ends a statement.
pub fn close(json: &mut Vec<u8>) {
    json.push(b'}');
}

/// What is kept of values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kept {
    /// They themselves.
    Full,
    /// How long each is.
    Lengths,
}

/// Values bound to a statement, as they are written down: a text is a string, none is `null`, other bytes are
/// `{"hex":"00ff"}`; what was cut is `{"text":"…","of":5000}` or has `of` too; where only lengths are kept a value is
/// `{"of":5}`; and values behind [`MAX_VALUES`] are `{"more":3}`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Values {
    kept: Kept,
    json: Vec<u8>,
    /// Values that did not fit.
    more: u32,
}

impl Values {
    /// None yet.
    #[must_use]
    pub const fn new(kept: Kept) -> Self {
        Self { kept, json: Vec::new(), more: 0 }
    }

    /// Bytes that they take.
    #[must_use]
    pub const fn weight(&self) -> usize {
        self.json.capacity()
    }

    /// No value.
    pub fn null(&mut self) {
        if self.begin() {
            self.json.extend_from_slice(b"null");
        }
    }

    /// A value in writing, of `length` bytes in all; `bytes` may be the beginning.
    pub fn text(&mut self, bytes: &[u8], length: usize) {
        if !self.begin() {
            return;
        }
        let kept = bytes.get(..MAX_VALUE).unwrap_or(bytes);
        let json = &mut self.json;
        match self.kept {
            Kept::Lengths => number(json, format_args!("{{\"of\":{length}}}")),
            Kept::Full if kept.len() == length => lossy(kept, json),
            Kept::Full => {
                json.extend_from_slice(b"{\"text\":");
                lossy(kept, json);
                number(json, format_args!(",\"of\":{length}}}"));
            }
        }
    }

    /// A value that is not in writing, of `length` bytes in all; `bytes` may be the beginning.
    pub fn binary(&mut self, bytes: &[u8], length: usize) {
        if !self.begin() {
            return;
        }
        let kept = bytes.get(..MAX_VALUE / 2).unwrap_or(bytes);
        let json = &mut self.json;
        if self.kept == Kept::Lengths {
            return number(json, format_args!("{{\"of\":{length}}}"));
        }
        json.extend_from_slice(b"{\"hex\":\"");
        for byte in kept {
            number(json, format_args!("{byte:02x}"));
        }
        json.push(b'"');
        if kept.len() < length {
            number(json, format_args!(",\"of\":{length}"));
        }
        json.push(b'}');
    }

    /// A value that says by itself how it is written.
    pub fn shown(&mut self, value: impl fmt::Display) {
        let mut written = Vec::new();
        number(&mut written, format_args!("{value}"));
        self.text(&written, written.len());
    }

    /// Whether there is room for one more, with what separates it from the one before.
    fn begin(&mut self) -> bool {
        if self.json.len() >= MAX_VALUES {
            self.more = self.more.saturating_add(1);
            return false;
        }
        if !self.json.is_empty() {
            self.json.push(b',');
        }
        true
    }
}

/// Bytes as a string; what is no UTF-8 stands as U+FFFD.
fn lossy(bytes: &[u8], json: &mut Vec<u8>) {
    json.push(b'"');
    let mut utf8 = Utf8::default();
    utf8.push(bytes, json);
    utf8.finish(json);
    json.push(b'"');
}
