//! Server-sent events (WHATWG HTML §9.2): what changed, in order, resumed where the connection broke.

use std::time::Duration;

use api::endpoints::Method;
use api::stream::Change;
use reqwest::header::{ACCEPT, HeaderName, HeaderValue};

use super::Api;
use crate::error::Error;
use crate::exit::Exit;

/// The longest event, in bytes.
pub const MAX_EVENT: usize = 1024 * 1024;
/// The first pause before connecting again; it doubles up to [`MAX_PAUSE`].
pub const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause before connecting again.
pub const MAX_PAUSE: Duration = Duration::from_secs(5);

/// A followed stream of changes.
#[derive(Debug)]
pub struct Events<'a> {
    api: &'a Api,
    path: String,
    last: Option<String>,
    response: Option<reqwest::Response>,
    parser: Parser,
    pause: Duration,
}

/// What following a stream brought.
#[derive(Debug)]
pub enum News {
    /// Something changed.
    Change(Box<Change>),
    /// The connection broke; the next call waits a little and resumes.
    Interrupted,
}

impl<'a> Events<'a> {
    pub(super) fn new(api: &'a Api, path: String, after: Option<u64>) -> Self {
        Self {
            api,
            path,
            last: after.map(|revision| revision.to_string()),
            response: None,
            parser: Parser::default(),
            pause: Duration::ZERO,
        }
    }

    /// Waits for the next change. Safe to drop and call again: nothing is lost.
    ///
    /// # Errors
    /// The server refuses to be followed; a broken connection is no error.
    pub async fn next(&mut self) -> Result<News, Error> {
        loop {
            if let Some(event) = self.parser.take() {
                if let Some(id) = event.id {
                    self.last = Some(id);
                }
                if let Ok(change) = serde_json::from_str(&event.data) {
                    return Ok(News::Change(Box::new(change)));
                }
                continue;
            }
            let Some(response) = &mut self.response else {
                if self.connect().await? {
                    continue;
                }
                return Ok(News::Interrupted);
            };
            match response.chunk().await {
                Ok(Some(piece)) if self.parser.feed(&piece) => self.pause = Duration::ZERO,
                Ok(_) | Err(_) => {
                    self.response = None;
                    self.parser = Parser::default();
                    return Ok(News::Interrupted);
                }
            }
        }
    }

    async fn connect(&mut self) -> Result<bool, Error> {
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).clamp(FIRST_PAUSE, MAX_PAUSE);
        let mut call = self.api.call(Method::Get, &self.path, &[], None::<&()>)?;
        call.headers_mut().insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(last) = self.last.as_deref().and_then(|last| HeaderValue::from_str(last).ok()) {
            call.headers_mut().insert(HeaderName::from_static("last-event-id"), last);
        }
        match self.api.send(call).await {
            Ok(response) => {
                self.response = Some(response);
                Ok(true)
            }
            Err(error) if error.exit() == Exit::Network => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Bytes in, events out.
#[derive(Debug, Default)]
struct Parser {
    buffer: Vec<u8>,
}

#[derive(Debug, Eq, PartialEq)]
struct Event {
    id: Option<String>,
    data: String,
}

impl Parser {
    /// Adds bytes; `false` if an event is longer than [`MAX_EVENT`].
    fn feed(&mut self, bytes: &[u8]) -> bool {
        // Line ends are LF, CR LF or CR; the server writes LF, and a CR before it is dropped.
        self.buffer.extend(bytes.iter().filter(|byte| **byte != b'\r'));
        self.buffer.len() <= MAX_EVENT
    }

    /// The next event that is complete and carries data.
    fn take(&mut self) -> Option<Event> {
        loop {
            let end = self.buffer.windows(2).position(|pair| pair == b"\n\n")?;
            let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
            let block = String::from_utf8_lossy(&block).into_owned();
            let mut event = Event { id: None, data: String::new() };
            for line in block.lines() {
                let (field, value) = line.split_once(':').unwrap_or((line, ""));
                let value = value.strip_prefix(' ').unwrap_or(value);
                match field {
                    "id" if !value.contains('\0') => event.id = Some(value.to_owned()),
                    "data" => {
                        if !event.data.is_empty() {
                            event.data.push('\n');
                        }
                        event.data.push_str(value);
                    }
                    _ => {}
                }
            }
            if !event.data.is_empty() {
                return Some(event);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_arrive_whole_however_the_bytes_are_cut() {
        let text =
            b": heartbeat\n\nid: 7\r\nevent: change\ndata: {\"a\":\ndata: 1}\n\nid:8\ndata:x\n\n";
        for size in 1..text.len() {
            let mut parser = Parser::default();
            let mut found = Vec::new();
            for piece in text.chunks(size) {
                assert!(parser.feed(piece));
                found.extend(std::iter::from_fn(|| parser.take()));
            }
            assert_eq!(
                found,
                [
                    Event { id: Some("7".into()), data: "{\"a\":\n1}".into() },
                    Event { id: Some("8".into()), data: "x".into() }
                ],
                "pieces of {size}"
            );
        }
    }

    #[test]
    fn an_endless_event_is_not_kept() {
        let mut parser = Parser::default();
        assert!(parser.feed(&vec![b'x'; MAX_EVENT]));
        assert!(!parser.feed(b"x"));
    }
}
