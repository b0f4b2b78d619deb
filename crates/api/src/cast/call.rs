//! A call of an HTTP session as it is read: `wire::cast::call` writes it and says what the keys mean.

use serde::{Deserialize, Serialize};

/// A call, and what came of it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Call {
    /// Its number in its channel, from 1.
    pub n: u64,
    /// Its method.
    pub m: String,
    /// Its path.
    pub p: String,
    /// How many bytes the path has, where it was cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
    /// Bytes of its query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q: Option<u64>,
    /// The answer's status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s: Option<u16>,
    /// Milliseconds to the end of the answer.
    #[serde(default)]
    pub ms: f64,
    /// Bytes from the client.
    #[serde(default, rename = "in", skip_serializing_if = "Option::is_none")]
    pub received: Option<u64>,
    /// Bytes to the client.
    #[serde(default, rename = "out", skip_serializing_if = "Option::is_none")]
    pub sent: Option<u64>,
    /// Whether the connection became one of another protocol.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub up: bool,
    /// Why there is no whole answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub err: Option<String>,
    /// Why it was not passed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

impl Call {
    /// When it began, in milliseconds, if it was written down at `at_ms`.
    #[must_use]
    pub fn began_ms(&self, at_ms: u64) -> u64 {
        // Whole milliseconds are enough, and below 2^53.
        at_ms.saturating_sub(self.ms.clamp(0.0, 1e15) as u64)
    }

    /// It in a line: `GET /d/abc?… -- 200, 1.2 ms, 34 B in, 5.1 KiB out`.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = format!("{} {}", self.m, self.p);
        if self.of.is_some() {
            line.push('…');
        }
        if self.q.is_some() {
            line.push_str("?…");
        }
        let mut parts = Vec::new();
        if let Some(why) = &self.refused {
            parts.push(format!("REFUSED ({why})"));
        }
        parts.extend(self.s.map(|status| status.to_string()));
        parts.extend(self.err.as_ref().map(|why| format!("ERROR {why}")));
        if self.up {
            parts.push("connection of another protocol".to_owned());
        }
        parts.push(format!("{:.1} ms", self.ms));
        parts.extend(self.received.map(|bytes| format!("{} in", size(bytes))));
        parts.extend(self.sent.map(|bytes| format!("{} out", size(bytes))));
        format!("{line} -- {}", parts.join(", "))
    }
}

fn size(bytes: u64) -> String {
    // Exact below 2^53.
    let number = bytes as f64;
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", number / 1024.0),
        _ => format!("{:.1} MiB", number / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::Call;

    fn line(json: &str) -> String {
        serde_json::from_str::<Call>(json).unwrap().line()
    }

    #[test]
    fn a_call_is_a_line() {
        assert_eq!(
            line(r#"{"n":1,"m":"GET","p":"/d/abc","q":9,"s":200,"ms":1.24,"out":5222}"#),
            "GET /d/abc?… -- 200, 1.2 ms, 5.1 KiB out"
        );
        assert_eq!(
            line(r#"{"n":2,"m":"POST","p":"/x","s":403,"ms":0.01,"refused":"no_access"}"#),
            "POST /x -- REFUSED (no_access), 403, 0.0 ms"
        );
        assert_eq!(
            line(
                r#"{"n":3,"m":"GET","p":"/ws","s":101,"ms":900.0,"in":7,"out":2097152,"up":true,"err":"cut"}"#
            ),
            "GET /ws -- 101, ERROR cut, connection of another protocol, 900.0 ms, 7 B in, 2.0 MiB out"
        );
    }
}
