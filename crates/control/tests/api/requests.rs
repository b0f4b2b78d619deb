//! What people do with requests, and what others try.

use crate::house::{ADMIN, House, NOBODY};
use serde_json::json;
use std::collections::BTreeSet;

#[tokio::test]
async fn a_request_is_asked_for_approved_and_given_back() {
    let house = House::staged().await;
    let filed = house.ask("alice").await;
    assert_eq!(filed.body["state"], "pending");
    assert_eq!(filed.body["roles"], json!(["dba"]));
    assert_eq!(filed.body["missing"]["reviewers"], json!(["bob", "carol"]));
    let id = filed.body["id"].as_str().unwrap().parse().unwrap();

    let approved = house.review(house.user("bob"), id, "approve").await;
    assert_eq!(approved.status, 200, "{}", approved.body);
    assert_eq!(approved.body["state"], "approved");
    assert_eq!(approved.body["decided_by"], "bob");
    assert_eq!(approved.body["duration"], "4h");
    assert_eq!(approved.body["until"], "2026-11-07T13:00:00Z");
    assert_eq!(approved.body["missing"], json!(null));

    let shown = house.get(house.user("alice"), &format!("/v1/requests/{id}")).await.body;
    let told: Vec<&str> =
        shown["timeline"].as_array().unwrap().iter().map(|m| m["code"].as_str().unwrap()).collect();
    assert_eq!(told, ["request.created", "request.reviewed"]);

    let released = house.verb(house.user("alice"), id, "release", json!({})).await;
    assert_eq!(released.body["state"], "released", "{}", released.body);
    assert_eq!(
        house.history(id).await,
        ["request.created", "request.reviewed", "request.released"]
    );
}

#[tokio::test]
async fn of_two_reviewers_at_once_one_wins_and_the_other_is_told_who() {
    let house = House::staged().await;
    for _ in 0..20 {
        let id = house.asked("alice").await;
        let (bob, carol) = tokio::join!(
            house.review(house.user("bob"), id, "approve"),
            house.review(house.user("carol"), id, "deny")
        );
        let (won, lost, winner) =
            if bob.status == 200 { (bob, carol, "bob") } else { (carol, bob, "carol") };
        assert_eq!(won.status, 200, "{}", won.body);
        assert_eq!(
            (lost.status.as_u16(), lost.code().as_str()),
            (409, "request.request_closed"),
            "{}",
            lost.body
        );
        assert!(lost.body["detail"].as_str().unwrap().contains(winner), "{}", lost.body);
        assert_eq!(house.history(id).await, ["request.created", "request.reviewed"]);
        assert_eq!(house.request(id).await["reviews"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn many_callers_at_once_lose_nothing_that_was_acknowledged() {
    let house = House::staged().await;
    let all = futures_util::future::join_all((0..40).map(|_| async {
        let id = house.asked("alice").await;
        let answer = house.review(house.user("bob"), id, "approve").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        id
    }))
    .await;
    for id in all {
        assert_eq!(house.request(id).await["state"], "approved");
        assert_eq!(house.history(id).await.len(), 2);
    }
}

#[tokio::test]
async fn nobody_approves_her_own_request_by_any_way_in() {
    let house = House::staged().await;
    // She may ask, review, and administer: everything but decide her own.
    house.person("alice", &["engineer", "reviewer", "admin"]).await;
    let id = house.asked("alice").await;
    for channel in ["cli", "web", "api", "anything"] {
        let request = http::Request::post(format!("/v1/requests/{id}/reviews"))
            .header("content-type", "application/json")
            .header("countersign-channel", channel)
            .body(axum::body::Body::from(r#"{"decision":"approve"}"#))
            .unwrap();
        let answer = house.send(house.user("alice"), request).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (403, "request.own_request"),
            "{channel}"
        );
    }
    let over = house.verb(house.user("alice"), id, "state", json!({"decision": "approve"})).await;
    assert_eq!(over.code(), "request.own_request");
    // In a body nobody can say who she is.
    let body = json!({"decision": "approve", "author": "bob"});
    let named =
        house.call(house.user("alice"), "POST", &format!("/v1/requests/{id}/reviews"), &body).await;
    assert_eq!((named.status.as_u16(), named.code().as_str()), (422, "invalid"), "{}", named.body);
    // Filed for her by someone else, it is still hers; and it is not for who filed it to approve.
    let filed = house
        .call(
            house.user("ada"),
            "POST",
            "/v1/requests",
            &json!({"user": "alice", "roles": ["dba"], "reason": "x"}),
        )
        .await;
    assert_eq!(filed.status, 200, "{}", filed.body);
    let other = filed.body["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(
        house.review(house.user("alice"), other, "approve").await.code(),
        "request.own_request"
    );
    assert_eq!(house.request(id).await["state"], "pending");
    assert_eq!(house.request(other).await["state"], "pending");
}

#[tokio::test]
async fn the_administrator_on_the_host_overrides_and_is_named() {
    let house = House::staged().await;
    let id = house.asked("alice").await;
    let review = house.review(ADMIN, id, "approve").await;
    assert_eq!(review.status, 403, "reviews belong to people: {}", review.body);
    let over =
        house.verb(ADMIN, id, "state", json!({"decision": "approve", "reason": "outage"})).await;
    assert_eq!(over.body["state"], "approved", "{}", over.body);
    assert_eq!(over.body["decided_by"], "system:operator/0");
    assert_eq!(house.history(id).await, ["request.created", "request.overridden"]);
    let file =
        house.call(ADMIN, "POST", "/v1/requests", &json!({"roles": ["dba"], "reason": "x"})).await;
    assert_ne!(file.status, 200, "the socket is nobody who could hold a grant: {}", file.body);
}

#[tokio::test]
async fn what_is_revoked_takes_its_extensions_with_it() {
    let house = House::staged().await;
    for (verb, by, state) in [("revoke", "bob", "revoked"), ("release", "alice", "released")] {
        let first = house.asked("alice").await;
        house.review(house.user("bob"), first, "approve").await;
        let wish = json!({"extends": first.to_string(), "reason": "not done", "duration": "1h"});
        let filed = house.call(house.user("alice"), "POST", "/v1/requests", &wish).await;
        assert_eq!(filed.status, 200, "{}", filed.body);
        let second = filed.body["id"].as_str().unwrap().parse().unwrap();
        let approved = house.review(house.user("bob"), second, "approve").await;
        assert_eq!(approved.body["until"], "2026-11-07T14:00:00Z", "{}", approved.body);

        let denied = house.verb(house.user("mallory"), first, verb, json!({})).await;
        assert_ne!(denied.status, 200, "{}", denied.body);
        assert_eq!(house.request(second).await["state"], "approved", "nobody ended anything yet");

        let ended = house.verb(house.user(by), first, verb, json!({})).await;
        assert_eq!(ended.status, 200, "{}", ended.body);
        assert_eq!(house.request(first).await["state"], state);
        assert_eq!(house.request(second).await["state"], state);
    }
}

#[tokio::test]
async fn a_call_sent_again_changes_nothing() {
    let house = House::staged().await;
    let id = house.asked("alice").await;
    assert_eq!(house.verb(house.user("alice"), id, "cancel", json!({})).await.status, 200);
    assert_eq!(house.verb(house.user("alice"), id, "cancel", json!({})).await.status, 409);
    let id = house.asked("alice").await;
    assert_eq!(house.review(house.user("bob"), id, "deny").await.status, 200);
    assert_eq!(house.review(house.user("bob"), id, "approve").await.status, 409);
    let id = house.asked("alice").await;
    assert_eq!(house.review(house.user("bob"), id, "approve").await.status, 200);
    assert_eq!(
        house.verb(house.user("bob"), id, "revoke", json!({"reason": "over"})).await.status,
        200
    );
    assert_eq!(house.verb(house.user("bob"), id, "revoke", json!({})).await.status, 409);
    assert_eq!(house.history(id).await, ["request.created", "request.reviewed", "request.revoked"]);
}

#[tokio::test]
async fn what_one_may_not_see_looks_like_what_is_not_there() {
    let house = House::staged().await;
    let id = house.asked("alice").await;
    let unknown = "ffffffff-ffff-ffff".parse().unwrap();
    let bodies = [
        ("reviews", json!({"decision": "approve"})),
        ("cancel", json!({})),
        ("release", json!({})),
        ("revoke", json!({})),
        ("state", json!({"decision": "approve"})),
    ];
    for (verb, body) in bodies {
        let mut hidden = house.verb(house.user("mallory"), id, verb, body.clone()).await;
        let mut absent = house.verb(house.user("mallory"), unknown, verb, body).await;
        for answer in [&mut hidden, &mut absent] {
            answer.body.as_object_mut().unwrap().remove("instance");
        }
        assert_eq!((hidden.status.as_u16(), &hidden.body), (404, &absent.body), "{verb}");
    }
    for path in [
        format!("/v1/requests/{id}"),
        format!("/v1/requests/{id}/sessions"),
        format!("/v1/requests/{id}/events"),
    ] {
        assert_eq!(house.get(house.user("mallory"), &path).await.status, 404, "{path}");
    }
    assert_eq!(house.get(house.user("mallory"), "/v1/requests").await.body["items"], json!([]));
    assert_eq!(house.get(house.user("alice"), "/v1/requests/not-an-id").await.status, 404);
    assert_eq!(house.get(NOBODY, &format!("/v1/requests/{id}")).await.status, 401);
    assert_eq!(house.request(id).await["state"], "pending");
}

#[tokio::test]
async fn a_dry_run_says_what_would_happen_and_keeps_nothing() {
    let house = House::staged().await;
    let body = json!({"roles": ["dba"], "reason": "x", "duration": "30h", "dry_run": true});
    let answer = house.call(house.user("alice"), "POST", "/v1/requests", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!((&answer.body["duration"], &answer.body["revision"]), (&json!("4h"), &json!(0)));
    assert!(
        answer.body["duration_cut_by"].as_str().unwrap().contains("engineer"),
        "{}",
        answer.body
    );
    assert_eq!(house.get(ADMIN, "/v1/requests?state=all").await.body["items"], json!([]));
    let refused = house.call(house.user("mallory"), "POST", "/v1/requests", &body).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (403, "request.not_requestable")
    );
}

#[tokio::test]
async fn nothing_waits_longer_than_it_said() {
    let house = House::staged().await;
    let pending = house.asked("alice").await;
    let granted = house.asked("alice").await;
    assert_eq!(house.review(house.user("bob"), granted, "approve").await.status, 200);
    house.later(25 * 60);
    assert_eq!(house.request(pending).await["state"], "expired");
    assert_eq!(house.request(granted).await["state"], "expired");
    assert_eq!(house.review(house.user("bob"), pending, "approve").await.status, 409);
    assert_eq!(house.get(ADMIN, "/v1/requests").await.body["items"], json!([]));
    let all = house.get(ADMIN, "/v1/requests?state=expired").await;
    assert_eq!(all.body["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn pages_have_everything_once_newest_first() {
    let house = House::staged().await;
    let mut filed = Vec::new();
    for _ in 0..23 {
        filed.push(house.asked("alice").await.to_string());
        house.later(1);
    }
    filed.reverse();
    let (mut seen, mut path) = (Vec::new(), "/v1/requests?limit=5".to_owned());
    for _ in 0..10 {
        let page = house.get(house.user("bob"), &path).await;
        assert_eq!(page.status, 200, "{}", page.body);
        seen.extend(
            page.body["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page.body["next"].as_str() else { break };
        path = format!("/v1/requests?limit=5&cursor={}", next.replace('/', "%2F"));
    }
    assert_eq!(seen, filed);
    let unique: BTreeSet<_> = seen.iter().collect();
    assert_eq!(unique.len(), 23);
    let since = house.get(house.user("bob"), "/v1/requests?since=2026-11-07T09:20:00Z").await;
    assert_eq!(since.body["items"].as_array().unwrap().len(), 3);
    let reviewable = house.get(house.user("alice"), "/v1/requests?reviewable=true").await;
    assert_eq!(reviewable.body["items"], json!([]), "one's own is not reviewable");
}

#[tokio::test]
async fn bad_input_is_refused_by_the_field_that_is_wrong() {
    let house = House::staged().await;
    let alice = || house.user("alice");
    let raw = async |body: String, kind: &str| {
        let request = http::Request::post("/v1/requests")
            .header("content-type", kind)
            .body(axum::body::Body::from(body));
        house.send(alice(), request.unwrap()).await
    };
    let field = |answer: &crate::house::Answer| {
        answer.body["errors"][0]["path"].as_str().unwrap_or("-").to_owned()
    };

    let answer = raw(r#"{"roles": ["dba"], "reasn": "x"}"#.to_owned(), "application/json").await;
    assert_eq!(
        (answer.status.as_u16(), field(&answer).as_str()),
        (422, "reasn"),
        "{}",
        answer.body
    );
    let answer = raw("{\n \"roles\": [1]}".to_owned(), "application/json").await;
    assert_eq!(
        (answer.status.as_u16(), field(&answer).as_str()),
        (422, "roles[0]"),
        "{}",
        answer.body
    );
    assert_eq!(answer.body["errors"][0]["line"], 2);
    let answer = raw(r#"{"roles": ["dba"]"#.to_owned(), "application/json").await;
    assert_eq!(answer.status, 422, "{}", answer.body);
    let answer =
        raw(r#"{"resources": ["/main/node/a", "nonsense"]}"#.to_owned(), "application/json").await;
    assert_eq!(field(&answer), "resources[1]", "{}", answer.body);
    let answer = raw("{}".to_owned(), "text/plain").await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (415, "media_type"));
    let answer =
        raw(format!(r#"{{"reason": "{}"}}"#, "x".repeat(300_000)), "application/json").await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (413, "too_large"));
    let answer = raw(
        format!(r#"{{"roles": ["dba"], "reason": "{}"}}"#, "x".repeat(4097)),
        "application/json",
    )
    .await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (422, "request.reason_too_long"));

    for (query, path) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=x", "limit"),
        ("cursor=forged", "cursor"),
        ("cursor=0123456789abcdef%2Fnothing", "cursor"),
        ("state=opne", "state"),
        ("since=yesterday", "since"),
        ("user=..%2F..", "user"),
        ("stat=open", "stat"),
        ("limit=1&limit=2", "limit"),
        ("reviewable=maybe", "reviewable"),
    ] {
        let answer = house.get(alice(), &format!("/v1/requests?{query}")).await;
        assert_eq!(
            (answer.status.as_u16(), field(&answer).as_str()),
            (422, path),
            "{query}: {}",
            answer.body
        );
    }
    // A cursor into nowhere is only a position.
    let answer =
        house.get(alice(), "/v1/requests?cursor=0000000000000000%2Fffffffff-ffff-ffff").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[tokio::test]
async fn whoever_is_locked_out_is_out_at_once() {
    let house = House::staged().await;
    let id = house.asked("alice").await;
    let lock = "kind: lock\nversion: v1\nmetadata: {name: bob-left}\nspec: {target: {user: bob}, message: left}";
    assert_eq!(house.yaml("POST", "/v1/locks", lock).await.status, 200);
    assert_eq!(house.review(house.user("bob"), id, "approve").await.status, 401);
    assert_eq!(house.review(house.user("carol"), id, "approve").await.status, 200);
}
