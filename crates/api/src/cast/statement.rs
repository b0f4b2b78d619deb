//! A statement of a database session as it is read: `wire::cast::statement` writes it and says what the keys mean.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// Bytes of texts that are remembered by their numbers; what is given a number beyond is not.
const MAX_KNOWN: usize = 64 << 20;

/// A statement, or what became of one that was begun in an event before.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Statement {
    /// Its number in its channel, from 1.
    pub n: u64,
    /// Its text; absent where the event only says what became of it, or its number was given in a part that is not here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
    /// How many bytes the text has, where it was cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
    /// The number of its text, where that was run more than once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p: Option<u32>,
    /// The values bound to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub v: Vec<Value>,
    /// It is still running; a later event of the same number says what became of it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub sent: bool,
    /// Rows, as the database counted them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Milliseconds to the end of its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<f64>,
    /// Bytes of rows and copied data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The error's code and message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub err: Option<(String, String)>,
    /// It was not run, because something before it failed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub skipped: bool,
    /// The classes for which the policy did not let it through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// The session ended before its answer.
    #[serde(default, skip_serializing_if = "is_false")]
    pub lost: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// A value bound to a statement.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// None.
    Null,
    /// In writing, whole.
    Text(String),
    /// Cut, not in writing, or not kept.
    Part {
        /// Its beginning, in writing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// Its bytes, or the first of them, in hexadecimal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hex: Option<String>,
        /// How many bytes it has, where not all are here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<u64>,
        /// It stands for so many values that were not kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        more: Option<u64>,
    },
}

impl Statement {
    /// When it was passed on, in milliseconds, if it was written down at `at_ms`.
    #[must_use]
    pub fn began_ms(&self, at_ms: u64) -> u64 {
        // Whole milliseconds are enough, and below 2^53.
        at_ms.saturating_sub(self.ms.unwrap_or(0.0).clamp(0.0, 1e15) as u64)
    }

    /// What became of it, in a line: `1 row, 0.41 ms`.
    #[must_use]
    pub fn ending(&self) -> String {
        let mut parts = Vec::new();
        if let Some(classes) = &self.refused {
            parts.push(format!("REFUSED ({classes})"));
        }
        if let Some((code, message)) = &self.err {
            parts.push(format!("ERROR {code}: {message}"));
        }
        if self.skipped {
            parts.push("not run: something before it failed".to_owned());
        }
        if self.lost {
            parts.push("the session ended before its answer".to_owned());
        }
        if self.sent {
            parts.push("still running".to_owned());
        }
        match self.rows {
            None => {}
            Some(1) => parts.push("1 row".to_owned()),
            Some(rows) => parts.push(format!("{rows} rows")),
        }
        if let Some(bytes) = self.bytes.filter(|bytes| *bytes >= 1 << 20) {
            parts.push(format!("{} MiB", bytes >> 20));
        }
        if let Some(ms) = self.ms {
            parts.push(if ms < 10_000.0 {
                format!("{ms:.2} ms")
            } else {
                format!("{:.1} s", ms / 1000.0)
            });
        }
        parts.join(", ")
    }

    /// Its values, in a line: `[42, NULL, 'x']`.
    #[must_use]
    pub fn bound(&self) -> String {
        let mut line = String::from("[");
        for (index, value) in self.v.iter().enumerate() {
            if index > 0 {
                line.push_str(", ");
            }
            value.write(&mut line);
        }
        line.push(']');
        line
    }
}

impl Value {
    fn write(&self, line: &mut String) {
        // Writing to a String cannot fail.
        let _ = match self {
            Self::Null => write!(line, "NULL"),
            Self::Text(text) => write!(line, "'{}'", text.replace('\'', "''")),
            Self::Part { text: Some(text), of, .. } => {
                write!(line, "'{}…' ({} bytes)", text.replace('\'', "''"), of.unwrap_or(0))
            }
            Self::Part { hex: Some(hex), of: None, .. } => write!(line, "0x{hex}"),
            Self::Part { hex: Some(hex), of: Some(of), .. } => {
                write!(line, "0x{hex}… ({of} bytes)")
            }
            Self::Part { more: Some(more), .. } => write!(line, "… {more} more"),
            Self::Part { of, .. } => write!(line, "({} bytes)", of.unwrap_or(0)),
        };
    }
}

/// The texts that were given numbers.
#[derive(Debug, Default)]
pub(super) struct Texts {
    known: BTreeMap<(u32, u32), (String, Option<u64>)>,
    weight: usize,
}

impl Texts {
    /// Reads a statement of `channel`, with the text that its number stands for.
    ///
    /// # Errors
    /// It is no statement.
    pub(super) fn read(&mut self, channel: u32, data: &str) -> Result<Statement, String> {
        let mut statement: Statement =
            serde_json::from_str(data).map_err(|error| format!("not a statement: {error}"))?;
        let Some(p) = statement.p else { return Ok(statement) };
        match &statement.sql {
            Some(sql) => {
                let former = self.known.remove(&(channel, p));
                let former = former.map_or(0, |(text, _)| text.len());
                self.weight = self.weight.saturating_sub(former);
                if self.weight.saturating_add(sql.len()) <= MAX_KNOWN {
                    self.weight = self.weight.saturating_add(sql.len());
                    self.known.insert((channel, p), (sql.clone(), statement.of));
                }
            }
            None => {
                if let Some((sql, of)) = self.known.get(&(channel, p)) {
                    (statement.sql, statement.of) = (Some(sql.clone()), *of);
                }
            }
        }
        Ok(statement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &mut Texts, data: &str) -> Statement {
        texts.read(0, data).unwrap()
    }

    #[test]
    fn a_number_stands_for_the_text_it_was_given_with() {
        let mut texts = Texts::default();
        assert_eq!(read(&mut texts, r#"{"n":1,"p":1}"#).sql, None);
        read(&mut texts, r#"{"n":2,"p":1,"sql":"SELECT $1"}"#);
        let again = read(&mut texts, r#"{"n":3,"p":1,"v":["x"],"rows":1,"ms":0.41}"#);
        assert_eq!(again.sql.as_deref(), Some("SELECT $1"));
        assert_eq!(texts.read(1, r#"{"n":3,"p":1}"#).unwrap().sql, None, "of another channel");
        assert!(texts.read(0, "{}").is_err());
    }

    #[test]
    fn values_and_endings_are_lines() {
        let mut texts = Texts::default();
        let statement = read(
            &mut texts,
            r#"{"n":1,"sql":"x","v":[null,"it's",{"hex":"00ff"},{"text":"ab","of":5000},{"of":7},{"more":3}],"err":["42P01","no table"],"ms":12345.6}"#,
        );
        assert_eq!(
            statement.bound(),
            "[NULL, 'it''s', 0x00ff, 'ab…' (5000 bytes), (7 bytes), … 3 more]"
        );
        assert_eq!(statement.ending(), "ERROR 42P01: no table, 12.3 s");
        assert_eq!(statement.began_ms(20_000), 7655);
    }
}
