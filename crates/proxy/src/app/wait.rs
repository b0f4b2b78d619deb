//! Waiting for a decision: server-sent events (WHATWG HTML, section 9.2) for the page of [`super::page::waits`].

use std::sync::Arc;
use std::time::Duration;

use access::name::RequestId;
use bytes::Bytes;
use http::Response;
use http::header::{self, HeaderValue};
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::answer::guarded;
use super::body::Download;
use crate::gate::Caller;
use crate::{House, Standing};

/// How often it is looked whether someone has decided; the policy itself says at once when access is open.
const ROUND: Duration = Duration::from_secs(3);
/// How long one page waits; it comes again by itself.
const LONGEST: Duration = Duration::from_hours(1);

/// Tells `caller` when he may go on, or that request `id` will not open the door.
pub(super) fn events(
    house: Arc<House>,
    caller: Caller,
    id: RequestId,
    expires: Timestamp,
) -> Response<Download> {
    let (tell, told) = mpsc::channel(4);
    tokio::spawn(async move {
        let _ = tokio::time::timeout(LONGEST, watch(&house, &caller, id, expires, &tell)).await;
    });
    let mut response = Response::new(Download::Told(told));
    let kind = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    guarded(response.headers_mut());
    response
}

async fn watch(
    house: &House,
    caller: &Caller,
    id: RequestId,
    expires: Timestamp,
    tell: &mpsc::Sender<Bytes>,
) {
    let mut policy = house.gate.changed();
    let mut word: &'static [u8] = b": waiting\n\n";
    loop {
        policy.mark_unchanged();
        let now = house.now();
        if house.gate.admit(caller, now).is_ok() {
            let _ = tell.send(Bytes::from_static(b"event: open-door\ndata: now\n\n")).await;
            return;
        }
        if now >= expires || matches!(house.requests.standing(id).await, Standing::Decided(_)) {
            let _ = tell.send(Bytes::from_static(b"event: decided\ndata: now\n\n")).await;
            return;
        }
        // Who does not listen any more is found out by a word that says nothing.
        if tell.send(Bytes::from_static(word)).await.is_err() {
            return;
        }
        word = b":\n\n";
        tokio::select! {
            changed = policy.changed() => if changed.is_err() { return },
            () = tell.closed() => return,
            () = house.closing.cancelled() => return,
            () = tokio::time::sleep(ROUND) => {}
        }
    }
}
