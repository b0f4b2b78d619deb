//! Rules over paths and methods.

use serde_json::{Value, json};

use crate::origin::Origin;
use crate::stand::{Client, Stand, said};

async fn status(client: &Client, method: &str, path: &str) -> u16 {
    let url = client.url(path);
    said(client.curl(&["-i", "--path-as-is", "-X", method, &url])).await.status
}

#[tokio::test]
async fn roles_rule_over_paths_and_methods_and_no_spelling_gets_around_them() {
    let origin = Origin::start().await;
    let stand = Stand::before(&origin.uri()).await;
    let paths = json!({"app_paths": [
        {"paths": ["/", "/docs/*", "/files/{{external.team}}"], "methods": ["GET", "HEAD"]},
        {"paths": ["/docs/notes"]},
    ]});
    stand.put_role("narrow", paths).await;
    let alice = stand.client("alice", &["narrow"]).await;
    for (method, path, expected) in [
        ("GET", "/", 200),
        ("GET", "/docs/a?x=/admin", 200),
        ("GET", "/docs/a%20b", 200),
        ("GET", "/files/night", 200),
        ("POST", "/docs/notes", 200),
        ("POST", "/docs/a", 403),
        ("GET", "/admin", 403),
        ("GET", "/docs", 403),
        ("GET", "/%61dmin", 403),
        ("GET", "/docs/../admin", 400),
        ("GET", "/docs/%2e%2e/admin", 400),
        ("GET", "/docs/%2E%2E%2fadmin", 400),
        ("GET", "/docs/%252e%252e/admin", 400),
        ("GET", "/docs/..;/admin", 400),
        ("GET", "/docs/a%5c..%5cadmin", 400),
        ("GET", "//admin", 400),
    ] {
        assert_eq!(status(&alice, method, path).await, expected, "{method} {path}");
    }
    let seen = origin.seen.lock().unwrap().clone();
    assert!(!seen.iter().any(|line| line.contains("admin") && !line.contains("x=")), "{seen:?}");
    let refused = stand.events_soon("app.call.refused").await;
    assert_eq!(
        (&refused[0]["body"]["method"], &refused[0]["body"]["path"]),
        (&json!("POST"), &json!("/docs/a"))
    );
    assert_eq!(refused[0]["body"]["code"], "no_access");

    // Whoever is not ruled over may call whatever there is, as it was written.
    let bob = stand.client("bob", &["reader"]).await;
    assert_eq!(status(&bob, "GET", "/a%2fb/../c").await, 200);
    assert_eq!(origin.seen.lock().unwrap().last().unwrap(), "GET /a%2fb/../c");
}

#[tokio::test]
async fn what_is_denied_stays_denied_and_a_wider_role_opens_the_rest() {
    let origin = Origin::start().await;
    let stand = Stand::before(&origin.uri()).await;
    let deny = json!({"allow": {}, "deny": {"app_paths": [{"paths": ["/admin", "/admin/*"]}]}});
    stand.put("role", "no-admin", deny).await;
    stand.put_role("narrow", json!({"app_paths": [{"paths": ["/docs/*"]}]})).await;
    let alice = stand.client("alice", &["narrow"]).await;
    assert_eq!(status(&alice, "GET", "/x").await, 403);
    // A grant, or here the record, adds a role: the next call is made.
    stand.put("user", "alice", json!({"roles": ["narrow", "reader", "no-admin"]})).await;
    assert_eq!(status(&alice, "GET", "/x").await, 200);
    for path in ["/admin", "/admin/x", "/%61dmin"] {
        assert_eq!(status(&alice, "GET", path).await, 403, "{path}");
    }
    let said: Value = alice.get("/admin").await.json();
    assert_eq!(said["status"], 403);
}
