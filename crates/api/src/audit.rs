//! The audit log as it is seen from outside: events, questions, pages.
//!
//! An event says what happened, when, to whom; the store numbers it and hashes it into the log. The bytes that are
//! hashed are [`AuditEvent::canonical`], so anyone who holds an exported event can hash it again.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

pub mod code;

/// What is about to be written to the audit log: an event without its number.
///
/// The ids are text, because the log outlives every type: an event written today must be readable when names follow
/// other rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NewEvent {
    /// When it happened, by the daemon's clock.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// What happened: one of [`code`], such as `request.created`.
    #[schema(value_type = String, example = "request.created")]
    pub code: Cow<'static, str>,
    /// Who did it, or tried to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The login session it was done with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// The session on a target it happened in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The access request it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The target, or the document, it was done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Whatever else belongs to it, by code. Never a secret.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub body: Value,
}

impl NewEvent {
    /// An event of this code at `now`, with nothing else said yet.
    #[must_use]
    pub fn new(code: impl Into<Cow<'static, str>>, now: Timestamp) -> Self {
        Self {
            time: now,
            code: code.into(),
            user: None,
            login: None,
            session: None,
            request: None,
            target: None,
            body: Value::Object(serde_json::Map::new()),
        }
    }

    /// Who did it.
    #[must_use]
    pub fn user(mut self, user: impl fmt::Display) -> Self {
        self.user = Some(user.to_string());
        self
    }

    /// The login session it was done with.
    #[must_use]
    pub fn login(mut self, login: impl fmt::Display) -> Self {
        self.login = Some(login.to_string());
        self
    }

    /// The session on a target it happened in.
    #[must_use]
    pub fn session(mut self, session: impl fmt::Display) -> Self {
        self.session = Some(session.to_string());
        self
    }

    /// The access request it belongs to.
    #[must_use]
    pub fn request(mut self, request: impl fmt::Display) -> Self {
        self.request = Some(request.to_string());
        self
    }

    /// The target, or the document, it was done to.
    #[must_use]
    pub fn target(mut self, target: impl fmt::Display) -> Self {
        self.target = Some(target.to_string());
        self
    }

    /// All of the body at once: an object, made with `serde_json::json!` or from a type that serializes.
    #[must_use]
    pub fn body(mut self, body: Value) -> Self {
        self.body = body;
        self
    }

    /// One more field of the body. A body that is not an object is replaced by one.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        if let Value::Object(fields) = &mut self.body {
            fields.insert(field.to_owned(), value.into());
        } else {
            self.body = Value::Object([(field.to_owned(), value.into())].into_iter().collect());
        }
        self
    }
}

/// An event in the audit log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEvent {
    /// Its place in the log, from 0 and without gaps: the index of its leaf in the Merkle tree.
    pub seq: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: NewEvent,
}

impl AuditEvent {
    /// The bytes that are hashed: JSON without white space, keys of every object sorted by code point.
    ///
    /// They do not depend on how a map happens to be ordered in memory, and parsing and writing them again gives the
    /// same bytes.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut text = String::with_capacity(256);
        // INVARIANT: an event is text, integers and JSON values, so it always serializes.
        write_canonical(&serde_json::to_value(self).unwrap_or(Value::Null), &mut text);
        text
    }
}

/// Any JSON in its one canonical writing: no white space, keys sorted by code point.
#[must_use]
pub fn canonical_json(value: &Value) -> String {
    let mut text = String::with_capacity(256);
    write_canonical(value, &mut text);
    text
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            // Writing to a String cannot fail.
            let _ = write!(text, "{value}");
        }
        Value::Array(items) => {
            text.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                write_canonical(item, text);
            }
            text.push(']');
        }
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort_unstable();
            text.push('{');
            for (i, key) in keys.into_iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                let _ = write!(text, "{}:", Value::String(key.clone()));
                write_canonical(fields.get(key).unwrap_or(&Value::Null), text);
            }
            text.push('}');
        }
    }
}

/// A question to the audit log. Everything that is set must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuditQuery {
    /// Not before this moment.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Before this moment.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// Any of these codes; `session.*` stands for every code that begins with `session.`.
    pub codes: Vec<String>,
    /// By this user.
    pub user: Option<String>,
    /// With this login session.
    pub login: Option<String>,
    /// In this session.
    pub session: Option<String>,
    /// Belonging to this access request.
    pub request: Option<String>,
    /// On this target or document.
    pub target: Option<String>,
    /// This text somewhere in the event, in any case of ASCII letters.
    pub text: Option<String>,
    /// Oldest first, or newest first.
    pub order: AuditOrder,
    /// How many at most; 100 unless told, never more than 1000.
    pub limit: Option<u32>,
    /// Where the page before ended: [`AuditPage::next`], or any event's number: strictly beyond it in `order`.
    pub cursor: Option<u64>,
}

/// Which way a query reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AuditOrder {
    /// The latest first, as people read.
    #[default]
    Newest,
    /// As it happened: what exports and followers use.
    Oldest,
}

/// What a query found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// The events, in the order asked for.
    pub events: Vec<AuditEvent>,
    /// Put this into [`AuditQuery::cursor`] for the next page; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event() -> AuditEvent {
        let time = "2026-11-07T19:38:00Z".parse().unwrap();
        let event = NewEvent::new(code::REQUEST_CREATED, time)
            .user("alice")
            .request("bc8ca931-fec9-4b15")
            .body(
                json!({"roles": ["dba"], "reason": "a \"quoted\"\nline", "a": {"z": 1, "b": null}}),
            );
        AuditEvent { seq: 7, event }
    }

    #[test]
    fn the_hashed_bytes_are_sorted_and_without_space() {
        assert_eq!(
            event().canonical(),
            r#"{"body":{"a":{"b":null,"z":1},"reason":"a \"quoted\"\nline","roles":["dba"]},"code":"request.created","request":"bc8ca931-fec9-4b15","seq":7,"time":"2026-11-07T19:38:00Z","user":"alice"}"#
        );
    }

    #[test]
    fn reading_the_hashed_bytes_gives_the_event_and_the_same_bytes_again() {
        let read: AuditEvent = serde_json::from_str(&event().canonical()).unwrap();
        assert_eq!(read, event());
        assert_eq!(read.canonical(), event().canonical());
    }

    #[test]
    fn a_field_can_be_added_to_a_body_of_any_shape() {
        let time = Timestamp::UNIX_EPOCH;
        assert_eq!(
            NewEvent::new("x", time).with("a", 1).with("b", "two").body,
            json!({"a": 1, "b": "two"})
        );
        assert_eq!(NewEvent::new("x", time).body(json!(3)).with("a", 1).body, json!({"a": 1}));
    }
}
