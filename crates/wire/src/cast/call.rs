//! A call of an HTTP session, as JSON: the data of the event `h`.
//!
//! ```json
//! {"n":12,"m":"POST","p":"/api/login","q":9,"s":302,"ms":3.120,"in":41,"out":0}
//! ```
//!
//! | key | meaning |
//! |---|---|
//! | `n` | the call's number in its channel, from 1 |
//! | `m` | its method; `TCP` of a connection that is no HTTP |
//! | `p` | its path as it was asked for, at most [`MAX_PATH`] bytes of it |
//! | `of` | how many bytes the path has, where it was cut |
//! | `q` | bytes of the query behind it, which is not kept: it may hold secrets |
//! | `s` | the answer's status |
//! | `ms` | milliseconds from the request to the end of the answer |
//! | `in`, `out` | bytes of the bodies: from the client, to the client |
//! | `up` | `true`: the connection became one of another protocol (WebSocket), and the numbers are of all of it |
//! | `err` | why there is no whole answer |
//! | `refused` | why the call was not passed on |
//!
//! Headers and bodies are not kept. Whoever reads must skip keys that he does not know.

use core::time::Duration;

use super::{number, quoted};

/// Bytes of a path that are kept.
pub const MAX_PATH: usize = 2048;

/// A call, and what came of it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Call<'a> {
    /// Its number, from 1.
    pub n: u64,
    /// Its method.
    pub method: &'a str,
    /// Its path.
    pub path: &'a str,
    /// Bytes of its query.
    pub query: usize,
    /// The answer's status, if there was one.
    pub status: Option<u16>,
    /// From the request to the end of the answer.
    pub took: Duration,
    /// Bytes of the request's body.
    pub received: u64,
    /// Bytes of the answer's body.
    pub sent: u64,
    /// Whether the connection became one of another protocol.
    pub upgraded: bool,
    /// Why there is no whole answer.
    pub error: Option<&'a str>,
    /// Why it was not passed on.
    pub refused: Option<&'a str>,
}

impl Call<'_> {
    /// Appends it.
    pub fn write(&self, json: &mut Vec<u8>) {
        number(json, format_args!("{{\"n\":{},\"m\":", self.n));
        quoted(json, self.method);
        json.extend_from_slice(b",\"p\":");
        let mut kept = self.path.len().min(MAX_PATH);
        while !self.path.is_char_boundary(kept) {
            kept = kept.saturating_sub(1);
        }
        quoted(json, self.path.get(..kept).unwrap_or_default());
        if kept < self.path.len() {
            number(json, format_args!(",\"of\":{}", self.path.len()));
        }
        if self.query > 0 {
            number(json, format_args!(",\"q\":{}", self.query));
        }
        if let Some(status) = self.status {
            number(json, format_args!(",\"s\":{status}"));
        }
        let micros = self.took.as_micros();
        number(json, format_args!(",\"ms\":{}.{:03}", micros / 1000, micros % 1000));
        if self.received > 0 {
            number(json, format_args!(",\"in\":{}", self.received));
        }
        if self.sent > 0 {
            number(json, format_args!(",\"out\":{}", self.sent));
        }
        if self.upgraded {
            json.extend_from_slice(b",\"up\":true");
        }
        for (key, why) in [("err", self.error), ("refused", self.refused)] {
            if let Some(why) = why {
                number(json, format_args!(",\"{key}\":"));
                quoted(json, why);
            }
        }
        json.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(call: Call<'_>) -> String {
        let mut json = Vec::new();
        call.write(&mut json);
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn a_call_and_what_came_of_it() {
        let call = Call {
            n: 12,
            method: "POST",
            path: "/api/\"x\"",
            query: 9,
            status: Some(302),
            took: Duration::from_micros(3120),
            received: 41,
            ..Call::default()
        };
        assert_eq!(
            written(call),
            r#"{"n":12,"m":"POST","p":"/api/\"x\"","q":9,"s":302,"ms":3.120,"in":41}"#
        );
        let tunnel = Call {
            upgraded: true,
            sent: 7,
            error: Some("cut"),
            refused: Some("x"),
            ..Call::default()
        };
        assert_eq!(
            written(tunnel),
            r#"{"n":0,"m":"","p":"","ms":0.000,"out":7,"up":true,"err":"cut","refused":"x"}"#
        );
    }

    #[test]
    fn a_long_path_is_cut_between_characters() {
        let path = format!("/{}", "é".repeat(MAX_PATH));
        let text = written(Call { path: &path, ..Call::default() });
        assert!(text.contains(&format!(",\"of\":{}", path.len())), "{text}");
        assert!(text.len() < MAX_PATH + 100);
    }
}
