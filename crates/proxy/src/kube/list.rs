//! Lists and watches of which only a part may be seen: what may not be is taken out, item by item.
//!
//! JSON alone can be cut, so nothing else is asked for: of what the client takes, Tables and JSON are left, and
//! protobuf is not. Where an answer cannot be cut after all, nothing of it is passed on.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use http_body::Frame;
use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::Value;
use wire::kube::items::{Cutter, Piece, Shape};

use crate::gate::Caller;
use crate::http::{Body, BodyError};
use crate::live::Session;

/// Bytes that are gathered before the policy is asked about the items in them.
const GATHERED: usize = 64 * 1024;

/// Asks for what can be cut.
pub(super) fn ask_for_json(headers: &mut HeaderMap) {
    let taken: Vec<String> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == "application/json"))
        .map(str::to_owned)
        .collect();
    let taken = if taken.is_empty() { "application/json".to_owned() } else { taken.join(",") };
    if let Ok(taken) = HeaderValue::from_str(&taken) {
        headers.insert(header::ACCEPT, taken);
    }
    headers.remove(header::ACCEPT_ENCODING);
}

/// Whether an answer can be cut.
pub(super) fn can_be_cut(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default();
    kind.trim_ascii() == b"application/json" && !headers.contains_key(header::CONTENT_ENCODING)
}

/// Takes out of `inner` what the policy does not show to `caller`.
pub(super) fn cut(inner: Body, session: Arc<Session>, caller: Caller, is_watch: bool) -> Body {
    let shape = if is_watch { Shape::Watch } else { Shape::List };
    let cutter = Cutter::new(shape);
    let filtered = Filtered { inner, session, caller, shape, cutter, first: true, over: false };
    filtered.boxed_unsync()
}

struct Filtered {
    inner: Body,
    session: Arc<Session>,
    caller: Caller,
    shape: Shape,
    cutter: Cutter,
    /// Whether no item was passed yet.
    first: bool,
    over: bool,
}

/// What of an item names it. Names are not borrowed: they may be written with escapes.
#[derive(Default, Deserialize)]
struct Item {
    #[serde(default)]
    metadata: Name,
}

#[derive(Default, Deserialize)]
struct Name {
    #[serde(default)]
    name: String,
    namespace: Option<String>,
}

/// A row of a Table; `object` holds metadata, or the whole object.
#[derive(Deserialize)]
struct Row {
    object: Option<Item>,
}

#[derive(Deserialize)]
struct Event {
    r#type: String,
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    kind: Option<String>,
    #[serde(default)]
    metadata: Name,
}

impl Filtered {
    fn shows(&self, names: &[Name]) -> Vec<bool> {
        let items: Vec<_> =
            names.iter().map(|name| (name.namespace.as_deref(), name.name.as_str())).collect();
        self.session.house.gate.shows(&self.caller, &items, self.session.now())
    }

    /// What is passed of some more bytes.
    fn pass(&mut self, bytes: &[u8]) -> Result<Bytes, BodyError> {
        let mut pieces = Vec::new();
        self.cutter.read(bytes, &mut pieces)?;
        let mut out = Vec::with_capacity(bytes.len());
        match self.shape {
            Shape::List => self.pass_items(&pieces, &mut out)?,
            Shape::Watch => {
                for piece in &pieces {
                    if let Piece::Item(event) = piece {
                        self.pass_event(event, &mut out)?;
                    }
                }
            }
        }
        Ok(out.into())
    }

    fn pass_items(&mut self, pieces: &[Piece], out: &mut Vec<u8>) -> Result<(), BodyError> {
        let items = pieces.iter().filter_map(|piece| match piece {
            Piece::Item(item) => Some(item),
            Piece::Around(_) => None,
        });
        let names: Vec<Name> = items.map(|item| name(item)).collect::<Result<_, _>>()?;
        let mut shown = self.shows(&names).into_iter();
        for piece in pieces {
            match piece {
                Piece::Around(text) => out.extend_from_slice(text),
                Piece::Item(item) => {
                    if !shown.next().unwrap_or(false) {
                        continue;
                    }
                    if !std::mem::take(&mut self.first) {
                        out.push(b',');
                    }
                    out.extend_from_slice(item);
                }
            }
        }
        Ok(())
    }

    fn pass_event(&self, event: &[u8], out: &mut Vec<u8>) -> Result<(), BodyError> {
        let Event { r#type, object } = serde_json::from_slice(event)?;
        let passed = match (r#type.as_str(), object.kind.as_deref()) {
            // They speak of the watch, not of an object.
            ("BOOKMARK" | "ERROR", _) => Some(event.to_vec()),
            (_, Some("Table")) => {
                let mut whole: Value = serde_json::from_slice(event)?;
                self.keep_rows(&mut whole)?.then(|| whole.to_string().into_bytes())
            }
            (_, _) => (self.shows(&[object.metadata]) == [true]).then(|| event.to_vec()),
        };
        if let Some(passed) = passed {
            out.extend(passed);
            out.push(b'\n');
        }
        Ok(())
    }

    /// Takes rows out of a Table; whether any are left.
    fn keep_rows(&self, event: &mut Value) -> Result<bool, BodyError> {
        let rows = event.pointer_mut("/object/rows").and_then(Value::as_array_mut);
        let Some(rows) = rows else { return Ok(false) };
        let names: Vec<Name> =
            rows.iter().map(|row| name(row.to_string().as_bytes())).collect::<Result<_, _>>()?;
        let mut shown = self.shows(&names).into_iter();
        rows.retain(|_| shown.next().unwrap_or(false));
        Ok(!rows.is_empty())
    }
}

/// The name of an item, or of a row of a Table. One without a name is shown to nobody.
fn name(item: &[u8]) -> Result<Name, BodyError> {
    let Row { object } = serde_json::from_slice(item)?;
    match object {
        Some(object) => Ok(object.metadata),
        None => Ok(serde_json::from_slice::<Item>(item)?.metadata),
    }
}

impl http_body::Body for Filtered {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        while !self.over {
            let Some(frame) = ready!(Pin::new(&mut self.inner).poll_frame(cx)) else {
                self.over = true;
                if self.cutter.is_whole() {
                    return Poll::Ready(None);
                }
                return Poll::Ready(Some(Err("the answer ended in the middle".into())));
            };
            let passed = match frame.map(Frame::into_data) {
                // Trailers speak of the whole, which this is not.
                Ok(Err(_trailers)) => continue,
                Ok(Ok(data)) => {
                    let mut out = Vec::new();
                    let parts = data.chunks(GATHERED);
                    let passed = parts.map(|part| self.pass(part)).try_for_each(|part| {
                        out.extend_from_slice(&part?);
                        Ok::<_, BodyError>(())
                    });
                    passed.map(|()| Bytes::from(out))
                }
                Err(error) => Err(error),
            };
            match passed {
                Ok(passed) if passed.is_empty() => {}
                Ok(passed) => return Poll::Ready(Some(Ok(Frame::data(passed)))),
                Err(error) => {
                    self.over = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.over
    }
}
