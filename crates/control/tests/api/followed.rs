//! Streams: gap-free, resumable, and blind where their reader is.

use crate::house::House;
use axum::body::Body;
use control::Caller;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::time::Duration;

/// A stream being read.
struct Stream {
    body: Body,
    text: String,
}

impl Stream {
    async fn open(house: &House, caller: Caller, path: &str, after: Option<u64>) -> Self {
        let mut request = Request::get(path);
        if let Some(after) = after {
            request = request.header("last-event-id", after.to_string());
        }
        let response = house.respond(caller, request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body(), text: String::new() }
    }

    /// The next event: its id, name and data.
    async fn next(&mut self) -> (u64, String, Value) {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let event: String = self.text.drain(..end + 2).collect();
                let field = |name: &str| {
                    event
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .unwrap_or_default()
                        .trim()
                        .to_owned()
                };
                if field("event:").is_empty() {
                    continue;
                }
                let data = serde_json::from_str(&field("data:")).unwrap();
                return (field("id:").parse().unwrap(), field("event:"), data);
            }
            let frame = tokio::time::timeout(Duration::from_secs(20), self.body.frame()).await;
            let bytes = frame.unwrap().unwrap().unwrap().into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }
}

#[tokio::test]
async fn a_stream_begins_again_where_it_was_left_without_a_gap() {
    let house = House::staged().await;
    let begin = house.store.revision().0;
    let id = house.asked("alice").await;
    house.review(house.user("bob"), id, "approve").await;
    let mut first = Stream::open(&house, house.user("alice"), "/v1/events", Some(begin)).await;
    let (seen, name, change) = first.next().await;
    assert_eq!((name.as_str(), &change["request"]["state"]), ("change", &json!("pending")));
    drop(first);
    house.verb(house.user("bob"), id, "revoke", json!({})).await;
    let mut again = Stream::open(&house, house.user("alice"), "/v1/events", Some(seen)).await;
    assert_eq!(again.next().await.2["request"]["state"], "approved");
    assert_eq!(again.next().await.2["request"]["state"], "revoked");
}

#[tokio::test]
async fn a_stream_shows_only_what_its_reader_may_see() {
    let house = House::staged().await;
    house.person("zoe", &["engineer"]).await;
    let begin = house.store.revision().0;
    let hidden = house.asked("alice").await;
    let node = "kind: node\nversion: v1\nmetadata: {name: db-box}\nspec: {addr: 'db-box:22'}";
    assert_eq!(house.yaml("POST", "/v1/nodes", node).await.status, 200);
    let own = house.asked("zoe").await;
    let mut zoe = Stream::open(&house, house.user("zoe"), "/v1/events", Some(begin)).await;
    assert_eq!(zoe.next().await.2["name"], own.to_string());
    let mut ada = Stream::open(&house, house.user("ada"), "/v1/events", Some(begin)).await;
    assert_eq!(ada.next().await.2["name"], hidden.to_string());
    assert_eq!(ada.next().await.2["name"], "db-box");
}

#[tokio::test]
async fn a_reader_who_is_locked_out_reads_no_further() {
    let house = House::staged().await;
    let id = house.asked("alice").await;
    let mut stream =
        Stream::open(&house, house.user("bob"), &format!("/v1/requests/{id}/events"), None).await;
    let lock = "kind: lock\nversion: v1\nmetadata: {name: a}\nspec: {target: {user: bob}}";
    assert_eq!(house.yaml("POST", "/v1/locks", lock).await.status, 200);
    house.review(house.user("carol"), id, "approve").await;
    let end = tokio::time::timeout(Duration::from_secs(20), stream.body.frame()).await.unwrap();
    assert!(end.is_none(), "{end:?}");
}

#[tokio::test]
async fn an_id_from_elsewhere_begins_anew_and_says_so() {
    let house = House::staged().await;
    let mut stream =
        Stream::open(&house, house.user("alice"), "/v1/events", Some(u64::MAX / 2)).await;
    let (id, name, _) = stream.next().await;
    assert_eq!((id, name.as_str()), (house.store.revision().0, "reset"));
    let asked = house.asked("alice").await;
    assert_eq!(stream.next().await.2["name"], asked.to_string());
    // Whoever waits for one request is told how it is, so that she cannot wait for what has happened.
    house.review(house.user("bob"), asked, "approve").await;
    let path = format!("/v1/requests/{asked}/events");
    let mut one = Stream::open(&house, house.user("alice"), &path, Some(u64::MAX / 2)).await;
    assert_eq!(one.next().await.1, "reset");
    assert_eq!(one.next().await.2["request"]["state"], "approved");
    let bad = Request::get("/v1/events").header("last-event-id", "x").body(Body::empty()).unwrap();
    assert_eq!(house.send(house.user("alice"), bad).await.status, 400);
}

#[tokio::test]
async fn one_user_cannot_hold_every_stream() {
    let house = House::staged().await;
    let mut open = Vec::new();
    for _ in 0..api::stream::MAX_STREAMS_PER_USER {
        open.push(Stream::open(&house, house.user("alice"), "/v1/events", None).await);
    }
    let one_more = house.get(house.user("alice"), "/v1/events").await;
    assert_eq!((one_more.status.as_u16(), one_more.code().as_str()), (429, "too_many"));
    Stream::open(&house, house.user("bob"), "/v1/events", None).await;
    open.pop();
    Stream::open(&house, house.user("alice"), "/v1/events", None).await;
}
