//! What the audit log is told of a session and its recording.

use api::audit::{NewEvent, code};
use jiff::Timestamp;
use serde_json::json;

use super::{Meta, Outcome, Sealed};

impl Meta {
    /// An event in this session: who, where, under which request.
    ///
    /// An event belongs to one request; a session that several grants opened says the first, and all in `requests`.
    #[must_use]
    pub fn event(&self, code: &'static str, now: Timestamp) -> NewEvent {
        let mut event =
            NewEvent::new(code, now).user(&self.user).session(&self.session).target(&self.target);
        event.login.clone_from(&self.login_id);
        event.request = self.requests.first().cloned();
        if self.requests.len() > 1 {
            event = event.with("requests", json!(self.requests));
        }
        event.with("login", self.login.clone())
    }

    /// `session.started`.
    #[must_use]
    pub fn started_event(&self) -> NewEvent {
        let mut event = self.event(code::SESSION_STARTED, self.started);
        for (field, value) in [("peer", &self.peer), ("client", &self.client)] {
            if let Some(value) = value {
                event = event.with(field, value.clone());
            }
        }
        event
    }

    /// `session.ended`.
    #[must_use]
    pub fn ended_event(&self, outcome: &Outcome, ended: Timestamp) -> NewEvent {
        let lasted = ended.duration_since(self.started).as_millis();
        self.event(code::SESSION_ENDED, ended)
            .with("outcome", outcome.code().to_owned())
            .with("milliseconds", u64::try_from(lasted).unwrap_or(0))
    }
}

impl Sealed {
    /// `recording.sealed`, with the digest that proves the parts.
    #[must_use]
    pub fn sealed_event(&self, now: Timestamp) -> NewEvent {
        let mut event = self
            .meta
            .event(code::RECORDING_SEALED, now)
            .with("digest", self.digest.clone())
            .with("parts", self.parts)
            .with("bytes", self.bytes);
        if self.recovered {
            event = event.with("recovered", true);
        }
        if self.broken {
            event = event.with("broken", true);
        }
        event
    }

    /// `session.ended`.
    #[must_use]
    pub fn ended_event(&self) -> NewEvent {
        self.meta.ended_event(&self.outcome, self.ended)
    }
}
