//! What an application hears of a request, and a client of an answer.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::origin::Origin;
use crate::stand::{APP, Stand, said};

#[tokio::test]
async fn what_clients_say_about_themselves_is_taken_out_and_what_we_say_is_signed() {
    let origin = Origin::start().await;
    let stand = Stand::before(&origin.uri()).await;
    let rewrite = json!({"headers": [
        {"name": "X-Team", "value": "{{external.team}}"},
        {"name": "X-None", "value": "{{external.none}}"},
        {"name": "X-Token", "value": "Bearer {{internal.jwt}}"},
    ]});
    stand.put("app", APP, json!({"uri": origin.uri(), "rewrite": rewrite})).await;
    let alice = stand.client("alice", &["reader"]).await;
    let mut args = vec!["-i".to_owned()];
    for header in [
        "Countersign-Jwt-Assertion: forged",
        "X-Forwarded-For: 6.6.6.6",
        "X_Forwarded_User: root",
        "X-Remote-User: root",
        "X-WebAuth-User: root",
        "X-Team: root",
        "Connection: X-Secret, keep-alive",
        "X-Secret: one hop",
        "Cookie: a=1; __Host-countersign-app=mine; b=2",
        "Authorization: Basic YTpi",
    ] {
        args.extend(["-H".to_owned(), header.to_owned()]);
    }
    args.push(alice.url("/who?x=1"));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    for version in ["--http1.1", "--http2"] {
        let heard = said(alice.curl(&[&[version], &args[..]].concat())).await.json();
        let headers = &heard["headers"];
        for gone in
            ["x_forwarded_user", "x-remote-user", "x-webauth-user", "x-none", "te", "upgrade"]
        {
            assert_eq!(headers[gone], Value::Null, "{gone}: {heard:#}");
        }
        // HTTP/2 has no header that names others.
        let one_hop = (version == "--http2").then_some("one hop");
        assert_eq!(headers["x-secret"].as_str(), one_hop, "{heard:#}");
        assert_eq!(headers["x-forwarded-for"], "127.0.0.1");
        assert_eq!(headers["x-forwarded-proto"], "https");
        assert_eq!(headers["x-forwarded-host"], headers["host"]);
        assert_eq!(headers["host"], format!("wiki.gw.example.com:{}", stand.addr.port()));
        assert_eq!(headers["x-team"], "day,night");
        assert_eq!(headers["cookie"], "a=1; b=2");
        assert_eq!(headers["authorization"], "Basic YTpi");
        assert_eq!((&heard["path"], &heard["version"]), (&json!("/who?x=1"), &json!("HTTP/1.1")));

        let token = headers["countersign-jwt-assertion"].as_str().unwrap();
        assert_eq!(headers["x-token"], format!("Bearer {token}"));
        let claims = token.split('.').nth(1).unwrap();
        let claims: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        assert_eq!((&claims["sub"], &claims["aud"]), (&json!("alice"), &json!([APP])));
        assert_eq!(claims["roles"], json!(["reader"]));
        assert_eq!(claims["traits"]["team"], json!(["day", "night"]));
        let lasts = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
        assert!((1..=300).contains(&lasts), "{claims}");
    }
}

#[tokio::test]
async fn redirects_and_cookies_stay_with_the_name_that_people_know() {
    let origin = Origin::start().await;
    let stand = Stand::before(&origin.uri()).await;
    let rewrite = json!({"redirect": ["wiki.internal"]});
    stand.put("app", APP, json!({"uri": origin.uri(), "rewrite": rewrite})).await;
    let alice = stand.client("alice", &["reader"]).await;
    for (to, expected) in [
        (format!("{}/x?y", origin.uri()), alice.url("/x?y")),
        ("http://wiki.internal:8080/x".to_owned(), alice.url("/x")),
        ("//WIKI.internal/x".to_owned(), alice.url("/x")),
        (
            "https://elsewhere.example.com/x".to_owned(),
            "https://elsewhere.example.com/x".to_owned(),
        ),
        ("/x".to_owned(), "/x".to_owned()),
        (
            "https://wiki.internal.evil.example/x".to_owned(),
            "https://wiki.internal.evil.example/x".to_owned(),
        ),
    ] {
        let answer = alice.get(&format!("/redirect?to={to}")).await;
        assert_eq!(answer.header("location"), Some(expected.as_str()), "{answer:?}");
    }
    let cookies = alice.get("/cookie").await;
    let set: Vec<_> =
        cookies.head.lines().filter(|line| line.to_lowercase().starts_with("set-cookie")).collect();
    assert_eq!(set, ["set-cookie: a=1; Path=/", "set-cookie: b=2; HttpOnly"], "{cookies:?}");
}

#[tokio::test]
async fn a_connection_is_one_applications_and_says_so() {
    let origin = Origin::start().await;
    let stand = Stand::before(&origin.uri()).await;
    let alice = stand.client("alice", &["reader"]).await;
    let other =
        said(alice.curl(&["-i", "-H", "Host: other.gw.example.com", &alice.url("/")])).await;
    assert_eq!(
        (other.status, other.json()["code"].as_str()),
        (421, Some("misdirected")),
        "{other:?}"
    );
    let traced = said(alice.curl(&["-i", "-X", "TRACE", &alice.url("/")])).await;
    assert_eq!(traced.status, 405);
    let h2c = ["-i", "-H", "Connection: Upgrade", "-H", "Upgrade: h2c", "--http1.1"];
    let upgraded = said(alice.curl(&[&h2c[..], &[&alice.url("/")]].concat())).await;
    assert_eq!(upgraded.status, 501, "{upgraded:?}");
    assert!(origin.seen.lock().unwrap().is_empty());
}
