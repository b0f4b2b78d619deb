//! Browsers: from the application to the house's login and back, by hand.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::origin::Origin;
use crate::stand::{APP, Client, Said, Stand, said};

const HTML: [&str; 2] = ["-H", "Accept: text/html,*/*;q=0.8"];

/// What a browser without a certificate gets.
async fn visit(client: &Client, cookies: &str, args: &[&str], path: &str) -> Said {
    let url = client.url(path);
    let jar = format!("Cookie: {cookies}");
    let mut all = vec!["-i", HTML[0], HTML[1], "-H", &jar];
    all.extend(args);
    all.push(&url);
    said(client.curl_as_nobody(&all)).await
}

/// The value of the cookie that an answer sets.
fn cookie(said: &Said, name: &str) -> Option<String> {
    said.head.lines().find_map(|line| {
        let value = line.strip_prefix("set-cookie: ")?.strip_prefix(name)?.strip_prefix('=')?;
        assert!(line.contains("Secure") && line.contains("HttpOnly"), "{line}");
        assert!(line.contains("SameSite=Lax") && line.contains("Path=/;"), "{line}");
        assert!(!line.to_lowercase().contains("domain"), "{line}");
        Some(value.split(';').next().unwrap().to_owned())
    })
}

/// A ticket, as the house's login makes it.
fn ticket(stand: &Stand, user: &str, change: &Value) -> String {
    let identity = stand.identity(user);
    let mut says = json!({
        "id": format!("ticket-{}", rand::random::<u64>()),
        "user": user,
        "login": identity.login.to_string(),
        "expires": identity.expires,
        "mfa": true,
        "app": APP,
        "state": "",
        "to": "/deep/link?x=1",
        "until": identity.expires,
    });
    for (key, value) in change.as_object().unwrap() {
        says[key] = value.clone();
    }
    stand.authorities.seal_ticket("app-enter", says.to_string().as_bytes()).unwrap()
}

/// Begins to log in; the state.
async fn begin(client: &Client, path: &str) -> String {
    let sent = visit(client, "", &[], path).await;
    assert_eq!(sent.status, 303, "{sent:?}");
    let state = cookie(&sent, "__Host-countersign-start").unwrap();
    let to = sent.header("location").unwrap();
    assert!(to.starts_with("https://gw.example.com/v1/enter?at=wiki.gw.example.com%3A"), "{to}");
    assert!(to.contains(&format!("state={state}")), "{to}");
    state
}

/// Logs in; the cookie.
async fn log_in(stand: &Stand, client: &Client, user: &str) -> String {
    let state = begin(client, "/deep/link?x=1").await;
    let ticket = ticket(stand, user, &json!({ "state": state }));
    let jar = format!("__Host-countersign-start={state}");
    let entered = visit(client, &jar, &[], &format!("/.countersign/enter?ticket={ticket}")).await;
    assert_eq!(
        (entered.status, entered.header("location")),
        (303, Some("/deep/link?x=1")),
        "{entered:?}"
    );
    format!("__Host-countersign-app={}", cookie(&entered, "__Host-countersign-app").unwrap())
}

#[tokio::test]
async fn a_browser_logs_in_and_comes_back_to_where_it_wanted_to_go() {
    let origin = Origin::start().await;
    let stand = Stand::before(&origin.uri()).await;
    let alice = stand.client("alice", &["reader"]).await;
    let jar = log_in(&stand, &alice, "alice").await;
    let page = visit(&alice, &jar, &[], "/deep/link?x=1").await;
    assert_eq!(page.status, 200, "{page:?}");
    let heard = page.json();
    assert_eq!(heard["path"], "/deep/link?x=1");
    assert_eq!(
        heard["headers"]["cookie"],
        Value::Null,
        "our cookie is not the application's: {heard}"
    );

    // Who calls by a script is told, not sent away.
    let script = ["-H", "Sec-Fetch-Mode: cors"];
    let told = visit(&alice, "", &script, "/api").await;
    assert_eq!((told.status, told.json()["code"].as_str()), (401, Some("unauthenticated")));

    // The login has an end, and a lock ends it before.
    stand.put("lock", "out", json!({"target": {"user": "alice"}})).await;
    let locked = visit(&alice, &jar, &[], "/").await;
    assert_eq!(locked.status, 403, "{locked:?}");
    stand.advance(SignedDuration::from_hours(2));
    assert_eq!(visit(&alice, &jar, &[], "/").await.status, 303);
}

#[tokio::test]
async fn a_ticket_is_good_once_here_for_whoever_began_and_not_for_long() {
    let origin = Origin::start().await;
    let stand = Stand::before(&origin.uri()).await;
    let alice = stand.client("alice", &["reader"]).await;
    let state = begin(&alice, "/").await;
    let jar = format!("__Host-countersign-start={state}");
    let enter = async |jar: &str, ticket: &str| {
        visit(&alice, jar, &[], &format!("/.countersign/enter?ticket={ticket}")).await
    };
    let past = "2020-01-01T00:00:00Z";
    for (what, change) in [
        ("of another browser", json!({"state": "another"})),
        ("for another application", json!({"state": state, "app": "other"})),
        ("too old", json!({"state": state, "until": past})),
    ] {
        let answer = enter(&jar, &ticket(&stand, "alice", &change)).await;
        assert_eq!(answer.status, 400, "{what}: {answer:?}");
        assert_eq!(cookie(&answer, "__Host-countersign-app"), None, "{what}");
    }
    let good = ticket(&stand, "alice", &json!({ "state": state }));
    assert_eq!(enter("", &good).await.status, 400, "without the state's cookie");
    assert_eq!(enter(&jar, &good).await.status, 303);
    assert_eq!(enter(&jar, &good).await.status, 400, "a second time");
    assert_eq!(enter(&jar, "nonsense").await.status, 400);

    // It leads nowhere but to this host.
    for evil in ["//evil.example", "https://evil.example", "/\\evil.example"] {
        let led = ticket(&stand, "alice", &json!({"state": state, "to": evil}));
        assert_eq!(enter(&jar, &led).await.header("location"), Some("/"), "{evil}");
    }
}

#[tokio::test]
async fn whoever_is_denied_asks_on_the_page_waits_and_goes_on() {
    let origin = Origin::start().await;
    let stand = Stand::before(&origin.uri()).await;
    stand.put("role", "asker", json!({"allow": {"request": {"roles": ["reader"]}}})).await;
    stand.put("role", "judge", json!({"allow": {"review_requests": {"roles": ["reader"]}}})).await;
    stand.put("user", "carol", json!({"roles": ["judge"]})).await;
    let bob = stand.client("bob", &["asker"]).await;
    let jar = log_in(&stand, &bob, "bob").await;
    let denied = visit(&bob, &jar, &[], "/page?a=%3Cb%3E").await;
    assert_eq!(denied.status, 403, "{denied:?}");
    assert!(denied.body.contains("Access to wiki is denied"), "{denied:?}");
    assert!(denied.body.contains("tsh request new --roles=reader"), "{denied:?}");
    let policy = denied.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let hidden = |name: &str| {
        let at = denied.body.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
        at.split('"').next().unwrap().to_owned()
    };
    let form = hidden("form");

    let send = async |jar: &str, extra: &[&str], form: &str, reason: &str| {
        let (form, reason) = (format!("form={form}"), format!("reason={reason}"));
        let mut args = vec![
            "--data-urlencode",
            &form,
            "--data-urlencode",
            &reason,
            "--data-urlencode",
            "to=/page",
        ];
        args.extend(extra);
        visit(&bob, jar, &args, "/.countersign/request").await
    };
    assert_eq!(send("", &[], &form, "x").await.status, 400, "nobody's form");
    assert_eq!(send(&jar, &[], "forged", "x").await.status, 400);
    let elsewhere = ["-H", "Origin: https://evil.example"];
    assert_eq!(send(&jar, &elsewhere, &form, "x").await.status, 400);
    assert!(stand.desk.asked.lock().unwrap().is_empty());
    let empty = send(&jar, &[], &form, "  ").await;
    assert!(empty.body.contains("Say why you need it."), "{empty:?}");

    let filed = send(&jar, &[], &form, "ticket <1234>").await;
    assert_eq!(filed.status, 303, "{filed:?}");
    assert_eq!(stand.desk.asked.lock().unwrap()[0].reason, "ticket <1234>");
    let wait = filed.header("location").unwrap().to_owned();
    let page = visit(&bob, &jar, &[], &wait).await;
    assert!(
        page.body.contains("Waiting for approval") && page.body.contains("bob, carol"),
        "{page:?}"
    );
    let other = stand.client("mallory", &[]).await;
    let theirs = log_in(&stand, &other, "mallory").await;
    // The test's logins have one number; the user is what differs.
    assert_ne!(visit(&other, &theirs, &[], "/").await.status, 200);

    let events = wait.replace("/wait?", "/wait/events?");
    let waiting = visit(&bob, &jar, &["-N", "--max-time", "30"], &events);
    let approve = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        stand.put("user", "bob", json!({"roles": ["reader"]})).await;
    };
    let (told, ()) = tokio::join!(waiting, approve);
    assert!(told.body.contains("event: open-door"), "{told:?}");
    let on = visit(&bob, &jar, &[], &wait).await;
    assert_eq!((on.status, on.header("location")), (303, Some("/page")), "{on:?}");
    assert_eq!(visit(&bob, &jar, &[], "/page").await.status, 200);
}

#[tokio::test]
async fn whoever_logs_out_has_left_with_that_cookie_for_good() {
    let origin = Origin::start().await;
    let stand = Stand::before(&origin.uri()).await;
    let alice = stand.client("alice", &["reader"]).await;
    let jar = log_in(&stand, &alice, "alice").await;
    assert_eq!(visit(&alice, &jar, &[], "/").await.status, 200);
    let page = visit(&alice, &jar, &[], "/.countersign/logout").await;
    let form = page.body.split("name=\"form\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = format!("form={form}");
    let left = visit(&alice, &jar, &["--data-urlencode", &form], "/.countersign/logout").await;
    assert_eq!(left.status, 200, "{left:?}");
    assert_eq!(visit(&alice, &jar, &[], "/").await.status, 303, "the cookie is worth nothing");
    assert_eq!(stand.events_soon("session.ended").await.len(), 1);
}
