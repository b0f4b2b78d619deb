//! Following what happens: server-sent events over the store's watch.
//!
//! The id of an event is the store's revision, so `Last-Event-ID` resumes without a gap and without a
//! queue: a client that lags, or comes back, is served from the change log. Where the log no longer
//! reaches so far back, the stream begins with a `reset`: list again, and go on from its id.
//!
//! Who looks is asked again at every batch: a stream shows what its caller may see now, and ends when
//! she may not look any more.

use crate::http::{Failure, List, Ticket};
use crate::requests::{Eyes, told};
use crate::{Caller, Control, Routes};
use access::name::RequestId;
use api::endpoints::{Verb, events as table};
use api::problem::Problem;
use api::stream::{Change, ChangeVerb, HEARTBEAT_SECONDS};
use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::sse::{Event, Sse},
};
use futures_util::{Stream, stream};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use store::kv::{self, Revision, Watch, WatchError};

/// Kinds of keys a follower can see, with the resource whose `list` rule opens them. Requests have
/// rules of their own; secrets, logins and invites are never shown.
const PREFIXES: [(&str, &str); 9] = [
    ("/role/", "role"),
    ("/user/", "user"),
    ("/node/", "node"),
    ("/db/", "db"),
    ("/kube_cluster/", "kube_cluster"),
    ("/app/", "app"),
    ("/lock/", "lock"),
    ("/cluster_settings/", "cluster_settings"),
    ("/rule/", "access_monitoring_rule"),
];
const REQUESTS: &str = "/request/";

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.on(&table::EVENTS, everything).on(&table::REQUEST_EVENTS, one_request)
}

type Answer = Result<Sse<stream::BoxStream<'static, Result<Event, Infallible>>>, Failure>;

async fn everything(
    State(control): State<Control>,
    caller: Caller,
    headers: HeaderMap,
    _: List,
) -> Answer {
    let prefixes: Vec<&'static str> =
        std::iter::once(REQUESTS).chain(PREFIXES.iter().map(|(prefix, _)| *prefix)).collect();
    follow(control, caller, &headers, &prefixes)
}

async fn one_request(
    State(control): State<Control>,
    caller: Caller,
    Path(text): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let id: RequestId = text.parse().map_err(|_| Problem::not_found())?;
    crate::requests::show(&control, &caller, id).await?;
    let key = format!("{REQUESTS}{id}");
    follow(control, caller, &headers, &[&key])
}

fn follow(control: Control, caller: Caller, headers: &HeaderMap, prefixes: &[&str]) -> Answer {
    let Some(ticket) = control.gauges.stream(&caller.name()) else {
        return Err(Problem::too_many().hint("close one of the streams that are open").into());
    };
    let after = match headers.get("last-event-id") {
        None => control.store().revision(),
        Some(value) => {
            let id = value.to_str().ok().and_then(|text| text.parse::<u64>().ok());
            let id = id.ok_or_else(|| {
                Problem::bad_request("Last-Event-ID must be the id of an event of this stream")
            })?;
            // An id from the future is from another life of this store: begin anew, and say so below.
            Revision(id)
        }
    };
    let watch = control.store().watch(prefixes, after);
    let ahead = after > control.store().revision();
    let follower = Follower {
        prefixes: prefixes.iter().map(|&prefix| prefix.to_owned()).collect(),
        control,
        caller,
        watch,
        ready: VecDeque::new(),
        seen: after,
        ahead,
        _ticket: ticket,
    };
    Ok(Sse::new(Box::pin(follower.events())))
}

/// One client that follows.
struct Follower {
    control: Control,
    caller: Caller,
    prefixes: Vec<String>,
    watch: Watch,
    /// Events of the batch at hand; at most what one batch holds.
    ready: VecDeque<Event>,
    /// Everything up to here has been said or need not be.
    seen: Revision,
    ahead: bool,
    _ticket: Ticket,
}

impl Follower {
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> + Send {
        stream::unfold(self, |mut follower| async move {
            let event = follower.next().await?;
            Some((Ok(event), follower))
        })
    }

    async fn next(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.ahead) {
            return self.reset().await;
        }
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let beat = Duration::from_secs(HEARTBEAT_SECONDS);
            match tokio::time::timeout(beat, self.watch.next()).await {
                // The id moves on even where nothing was to be said, so that coming back stays cheap.
                Err(_) => {
                    crate::http::still(&self.control, &self.caller).ok()?;
                    return Some(Event::default().comment("").id(self.seen.to_string()));
                }
                Ok(Ok(batch)) => {
                    crate::http::still(&self.control, &self.caller).ok()?;
                    self.seen = batch.revision;
                    self.take(&batch.changes)?;
                }
                Ok(Err(WatchError::Compacted(_))) => return self.reset().await,
                Ok(Err(WatchError::Fault(_))) => return None,
            }
        }
    }

    /// Tells the client to list again, and goes on from now. Whoever follows one thing is told how it is.
    async fn reset(&mut self) -> Option<Event> {
        self.seen = self.control.store().revision();
        let prefixes: Vec<&str> = self.prefixes.iter().map(String::as_str).collect();
        self.watch = self.control.store().watch(&prefixes, self.seen);
        if let [only] = self.prefixes.as_slice()
            && let Some(entry) = self.control.store().load(only.clone()).await.ok()?
        {
            let now =
                kv::Change { revision: entry.revision, key: entry.key, value: Some(entry.value) };
            self.take(&[now])?;
        }
        Some(Event::default().event("reset").id(self.seen.to_string()).data("{}"))
    }

    fn take(&mut self, changes: &[kv::Change]) -> Option<()> {
        let eyes = Eyes::of(&self.control, &self.caller).ok()?;
        let mut rest = changes.iter().peekable();
        while let Some(change) = rest.next() {
            let Some(shown) = self.shown(&eyes, change) else { continue };
            let Ok(data) = serde_json::to_string(&shown) else { continue };
            // Of several changes in one commit only the last carries its revision: whoever comes back from
            // between them reads them again rather than never.
            let whole = rest.peek().is_none_or(|next| next.revision != change.revision);
            let id = if whole { change.revision.0 } else { change.revision.0.saturating_sub(1) };
            self.ready.push_back(Event::default().event("change").id(id.to_string()).data(data));
        }
        Some(())
    }

    /// The change as this caller may see it.
    fn shown(&self, eyes: &Eyes, change: &kv::Change) -> Option<Change> {
        let verb = if change.value.is_some() { ChangeVerb::Put } else { ChangeVerb::Delete };
        let revision = change.revision.0;
        if let Some(name) = change.key.strip_prefix(REQUESTS) {
            let (request, _) = store::requests::read(&change.key, change.value.as_deref()?).ok()?;
            let now = self.control.now();
            let view = self.control.store().policy().read(|policy| {
                eyes.sees(policy, &request).then(|| told(policy, &request, revision, now))
            })?;
            return Some(Change {
                revision,
                resource: "request".to_owned(),
                name: name.to_owned(),
                verb,
                request: Some(view),
            });
        }
        let (prefix, resource) =
            PREFIXES.iter().find(|(prefix, _)| change.key.starts_with(prefix))?;
        self.control.caller_may(&self.caller, resource, Verb::List).ok()?;
        let name = change.key.strip_prefix(prefix)?.to_owned();
        Some(Change { revision, resource: (*resource).to_owned(), name, verb, request: None })
    }
}

#[cfg(test)]
mod tests {
    use super::PREFIXES;
    use api::document::Kind;

    #[test]
    fn every_document_but_tokens_can_be_followed() {
        let shown: Vec<&str> = PREFIXES.iter().map(|(_, resource)| *resource).collect();
        for kind in Kind::ALL {
            assert_eq!(shown.contains(&kind.as_str()), kind != Kind::Token, "{kind:?}");
        }
    }
}
