//! What rules, overrides and administrative rules can do, and what one can reach.

use crate::house::{ADMIN, House};
use serde_json::json;

fn rule(name: &str, decision: &str) -> String {
    format!(
        "kind: access_monitoring_rule\nversion: v1\nmetadata: {{name: {name}}}\nspec:\n  subjects: [access_request]\n  condition: access_request.spec.roles.contains(\"dba\")\n  desired_state: reviewed\n  automatic_review: {{integration: builtin, decision: {decision}}}\n"
    )
}

const NODE: &str = "kind: node\nversion: v1\nmetadata: {name: db-box, labels: {team: db}}\nspec: {addr: 'db-box:22'}";

#[tokio::test]
async fn a_rule_reviews_in_the_very_commit_that_files_and_a_denial_wins() {
    let house = House::staged().await;
    assert_eq!(house.yaml("POST", "/v1/rules", &rule("yes", "APPROVED")).await.status, 200);
    let filed = house.ask("alice").await;
    assert_eq!(filed.body["state"], "approved", "{}", filed.body);
    assert_eq!(filed.body["decided_by"], "system:rule/yes");
    let id = filed.body["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(house.history(id).await, ["request.created", "request.reviewed", "rule.reviewed"]);
    assert_eq!(house.get(ADMIN, "/v1/requests").await.body["items"][0]["state"], "approved");

    assert_eq!(house.yaml("POST", "/v1/rules", &rule("no", "DENIED")).await.status, 200);
    assert_eq!(house.ask("alice").await.body["state"], "denied");
    let broken = rule("broken", "APPROVED").replace(".contains(", ".contain(");
    let answer = house.yaml("POST", "/v1/rules", &broken).await;
    assert_eq!(answer.body["errors"][0]["path"], "spec.condition", "{}", answer.body);
}

#[tokio::test]
async fn an_administrator_overrides_others_but_not_by_a_power_won_by_request() {
    let house = House::staged().await;
    let id = house.asked("alice").await;
    let over = house
        .verb(house.user("ada"), id, "state", json!({"decision": "deny", "reason": "no"}))
        .await;
    assert_eq!(
        (over.status.as_u16(), &over.body["state"]),
        (200, &json!("denied")),
        "{}",
        over.body
    );
    let id = house.asked("alice").await;
    let reviewer = house.verb(house.user("bob"), id, "state", json!({"decision": "approve"})).await;
    assert_eq!(
        (reviewer.status.as_u16(), reviewer.code().as_str()),
        (403, "request.administrative_rule_required")
    );

    // Ada holds a grant: she must not decide over others with it.
    house.person("ada", &["admin", "engineer"]).await;
    let own = house.asked("ada").await;
    assert_eq!(house.review(house.user("bob"), own, "approve").await.status, 200);
    let over = house.verb(house.user("ada"), id, "state", json!({"decision": "approve"})).await;
    assert_eq!(over.code(), "request.override_with_grant", "{}", over.body);
}

#[tokio::test]
async fn what_can_be_reached_follows_the_grant() {
    let house = House::staged().await;
    assert_eq!(house.yaml("POST", "/v1/nodes", NODE).await.status, 200);
    let reach = async || house.get(house.user("alice"), "/v1/reach").await.body["items"][0].clone();
    let why =
        async || house.get(house.user("alice"), "/v1/why?target=db-box&login=root").await.body;
    let before = reach().await;
    assert_eq!((&before["name"], &before["logins"]), (&json!("db-box"), &json!([])), "{before}");
    assert_eq!(before["requestable"][0]["roles"], json!(["dba"]));
    let denied = why().await;
    assert_eq!(denied["allowed"], false);
    assert!(
        denied["next"].as_str().unwrap().starts_with("tsh request new --roles=dba"),
        "{denied}"
    );

    let id = house.asked("alice").await;
    house.review(house.user("bob"), id, "approve").await;
    let open = reach().await;
    assert_eq!(open["logins"][0]["login"], "root", "{open}");
    assert_eq!(open["logins"][0]["request"], id.to_string());
    let allowed = why().await;
    assert_eq!(
        (&allowed["allowed"], &allowed["requests"]),
        (&json!(true), &json!([id.to_string()]))
    );

    house.verb(house.user("carol"), id, "revoke", json!({"reason": "incident"})).await;
    assert_eq!(why().await["allowed"], false);
    // Whoever may not know of the host learns the same as of one that is not there.
    let words = async |target: &str| {
        let body = house
            .get(house.user("mallory"), &format!("/v1/why?target={target}&login=root"))
            .await
            .body;
        body.to_string().replace(target, "X")
    };
    assert_eq!(words("db-box").await, words("no-such").await);
    assert_eq!(house.get(house.user("mallory"), "/v1/reach").await.body["items"], json!([]));
    let other =
        house.get(house.user("mallory"), "/v1/why?target=db-box&login=root&user=alice").await;
    assert_eq!(other.status, 403);
    let other = house.get(house.user("ada"), "/v1/why?target=db-box&login=root&user=alice").await;
    assert_eq!(other.body["allowed"], false, "{}", other.body);
}

#[tokio::test]
async fn a_rule_with_a_condition_reaches_as_far_as_its_condition() {
    let house = House::staged().await;
    let role = "kind: role\nversion: v7\nmetadata: {name: keeper}\nspec:\n  allow:\n    rules:\n    - resources: [node]\n      verbs: [list, read, create, update, delete]\n      where: equals(resource.metadata.labels[\"team\"], \"db\")\n";
    let answer = house.yaml("POST", "/v1/roles", role).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    house.person("kim", &["keeper"]).await;
    let kim = || house.user("kim");
    let other = NODE.replace("db-box", "web-box").replace("team: db", "team: web");
    assert_eq!(house.yaml("POST", "/v1/nodes", &other).await.status, 200);
    assert_eq!(house.document(kim(), "POST", "/v1/nodes", NODE).await.status, 200);
    assert_eq!(
        house.document(kim(), "POST", "/v1/nodes", &other.replace("web-box", "web-2")).await.status,
        403
    );
    let listed = house.get(kim(), "/v1/nodes").await.body;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(house.get(kim(), "/v1/nodes/web-box").await.status, 403);
    // Neither by taking over what is another's, nor by giving hers away.
    let grab = NODE.replace("db-box", "web-box");
    assert_eq!(house.document(kim(), "PUT", "/v1/nodes/web-box", &grab).await.status, 403);
    let give = NODE.replace("team: db", "team: web");
    assert_eq!(house.document(kim(), "PUT", "/v1/nodes/db-box", &give).await.status, 403);
    let delete = |name: &str| {
        http::Request::delete(format!("/v1/nodes/{name}")).body(axum::body::Body::empty()).unwrap()
    };
    assert_eq!(house.send(kim(), delete("web-box")).await.status, 403);
    assert_eq!(house.send(kim(), delete("db-box")).await.status, 204);
    assert_eq!(house.get(kim(), "/v1/roles").await.status, 403);
}

#[tokio::test]
async fn sessions_and_the_log_belong_to_whoever_may_read_them() {
    let house = House::staged().await;
    let id = house.asked("alice").await;
    let event = |code: &'static str, session: &str, user: &str| {
        api::audit::NewEvent::new(code, house.control.now())
            .user(user)
            .session(session)
            .target("db-box")
            .request(id)
            .with("login", "root")
    };
    let sessions = ["00000000-0000-0001", "00000000-0000-0002"];
    let events = vec![
        event("session.started", sessions[0], "alice"),
        event("session.started", sessions[1], "bob"),
        event("session.ended", sessions[0], "alice"),
    ];
    house.store.record(events).await.unwrap();
    let shown = house.request(id).await;
    assert_eq!(shown["sessions"].as_array().unwrap().len(), 2, "{shown}");
    assert!(shown["sessions"][0]["ended"].is_string(), "{shown}");
    assert!(shown["sessions"][1]["ended"].is_null(), "{shown}");
    let own = house.get(house.user("alice"), "/v1/sessions").await.body;
    assert_eq!(own["items"].as_array().unwrap().len(), 1, "{own}");
    assert_eq!(house.get(house.user("alice"), "/v1/sessions?user=bob").await.status, 403);
    let live = house.get(house.user("ada"), "/v1/sessions?live=true").await.body;
    assert_eq!(live["items"][0]["id"], sessions[1], "{live}");
    assert_eq!(house.get(house.user("alice"), "/v1/audit").await.status, 403);
    let seen = house.get(house.user("ada"), "/v1/audit?code=session.*&limit=2").await.body;
    assert_eq!(seen["events"].as_array().unwrap().len(), 2, "{seen}");
    assert!(seen["next"].is_u64(), "{seen}");
    let bad = house.get(house.user("ada"), "/v1/audit?order=sideways").await;
    assert_eq!(bad.body["errors"][0]["path"], "order");
}

#[tokio::test]
async fn what_a_role_would_change_is_told_before_it_does() {
    let house = House::staged().await;
    let node = "kind: node\nversion: v1\nmetadata: {name: db-box, labels: {env: prod}}\nspec: {addr: '10.0.0.5:22', auth: {method: certificate}}\n";
    assert_eq!(house.yaml("POST", "/v1/nodes", node).await.status, 200);
    let role = |labels: &str| {
        format!(
            "kind: role\nversion: v7\nmetadata: {{name: dba}}\nspec: {{allow: {{logins: [root], node_labels: {{env: {labels}}}}}}}\n"
        )
    };
    let foresee = async |who: &str, text: &str| {
        house.document(house.user(who), "POST", "/v1/reach-changes", text).await
    };
    let same = foresee("ada", &role("prod")).await;
    assert_eq!((same.status.as_u16(), &same.body["changes"]), (200, &json!([])), "{same:?}");
    let narrower = foresee("ada", &role("test")).await;
    assert_eq!(
        narrower.body["changes"],
        json!([{"user": "alice", "target": "node/db-box", "login": "root", "before": "request", "after": "closed"}])
    );
    let now = house.get(house.user("alice"), "/v1/reach").await;
    assert_eq!(now.body["items"][0]["name"], "db-box", "nothing was written");
    assert_eq!(foresee("bob", &role("test")).await.status, 403);
    assert_eq!(foresee("ada", "kind: role\n").await.status, 422);
}
