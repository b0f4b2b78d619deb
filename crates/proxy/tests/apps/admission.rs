//! Who gets in, and what those hear who do not.

use serde_json::json;

use crate::origin::{Nginx, Origin};
use crate::stand::{APP, HOST, Stand, said};

#[tokio::test]
async fn whoever_may_reaches_nginx_over_both_versions_of_http_and_it_is_written_down() {
    let nginx = Nginx::start().await;
    let stand = Stand::before(&format!("http://{}", nginx.addr)).await;
    let alice = stand.client("alice", &["reader"]).await;
    for version in ["--http1.1", "--http2"] {
        let answer = said(alice.curl(&["-i", version, &alice.url("/page.html")])).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, "<h1>the wiki</h1>\n"),
            "{answer:?}"
        );
    }
    let started = stand.events_soon("session.started").await;
    assert_eq!(started.len(), 1, "both calls are one session: {started:?}");
    assert_eq!(started[0]["user"], "alice");
    assert_eq!(started[0]["target"], APP);

    // A redirect to the address it has behind us leads back to the name it has before us.
    let moved = alice.get("/old").await;
    assert_eq!(moved.header("location"), Some(alice.url("/page.html").as_str()), "{moved:?}");
}

#[tokio::test]
async fn whoever_may_not_hears_the_next_command_and_nothing_reaches_the_application() {
    let origin = Origin::start().await;
    let stand = Stand::before(&origin.uri()).await;
    stand.put("role", "asker", json!({"allow": {"request": {"roles": ["reader"]}}})).await;
    stand.put("role", "judge", json!({"allow": {"review_requests": {"roles": ["reader"]}}})).await;
    stand.put("user", "carol", json!({"roles": ["judge"]})).await;
    let bob = stand.client("bob", &["asker"]).await;
    let denied = bob.get("/").await;
    assert_eq!(denied.status, 403, "{denied:?}");
    assert_eq!(denied.header("content-type"), Some("application/problem+json"));
    let problem = denied.json();
    let hint = problem["hint"].as_str().unwrap();
    assert!(hint.contains("tsh request new --roles=reader"), "{problem}");
    assert!(hint.contains("carol"), "{problem}");
    assert_eq!(stand.events_soon("session.refused").await[0]["user"], "bob");

    let nobody = said(bob.curl_as_nobody(&["-i", &bob.url("/")])).await;
    assert_eq!(nobody.status, 401, "{nobody:?}");
    assert_eq!(nobody.json()["code"], "unauthenticated");
    assert!(nobody.json()["hint"].as_str().unwrap().contains("tsh apps login wiki"));

    // What does not exist reads like what is forbidden.
    let mallory = stand.client("mallory", &[]).await;
    let forbidden = mallory.get("/").await.json();
    let url = mallory.url("/").replace(HOST, "none.gw.example.com");
    let unknown = said(mallory.curl(&["-i", &url])).await.json();
    let renamed = unknown.to_string().replace("none", APP);
    assert_eq!(renamed, forbidden.to_string());
    assert!(origin.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn withdrawn_access_ends_on_the_connection_that_is_open() {
    let origin = Origin::start().await;
    let stand = Stand::before(&origin.uri()).await;
    let alice = stand.client("alice", &["reader"]).await;
    let mut following = alice.curl(&["-N", &alice.url("/events")]);
    let mut child = following.spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let mut heard = vec![0; "data: one\n\ndata: two\n\n".len()];
    let read = tokio::io::AsyncReadExt::read_exact(&mut out, &mut heard);
    tokio::time::timeout(crate::stand::PATIENCE, read).await.unwrap().unwrap();

    let withdrawn = tokio::time::Instant::now();
    stand.put("user", "alice", json!({"roles": []})).await;
    let ended = tokio::time::timeout(crate::stand::PATIENCE, child.wait()).await.unwrap().unwrap();
    assert!(!ended.success(), "the stream was not broken off");
    assert!(withdrawn.elapsed() < std::time::Duration::from_secs(1), "{:?}", withdrawn.elapsed());
    assert_eq!(alice.get("/").await.status, 403);
    let ended = stand.events_soon("session.ended").await;
    assert_eq!(
        (&ended[0]["body"]["calls"], &ended[0]["body"]["errors"]),
        (&json!(1), &json!(1)),
        "{ended:?}"
    );
}
