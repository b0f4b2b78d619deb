//! Documents: written, read back, refused.

use crate::house::{ADMIN, Answer, House};
use serde_json::json;

const NODE: &str = "kind: node\nversion: v1\nmetadata: {name: db-box, labels: {env: prod}}\nspec: {addr: 'db-box:22'}";

#[tokio::test]
async fn an_edit_succeeds_only_if_nobody_was_faster() {
    let house = House::staged().await;
    let created = house.yaml("POST", "/v1/nodes", NODE).await;
    assert_eq!(
        (created.status.as_u16(), &created.body["created"]),
        (200, &json!(true)),
        "{}",
        created.body
    );
    assert_eq!(house.yaml("POST", "/v1/nodes", NODE).await.code(), "exists");

    let mut mine = house.get(ADMIN, "/v1/nodes/db-box").await.body;
    let theirs = mine.clone();
    mine["spec"]["addr"] = json!("10.0.0.9:22");
    assert_eq!(house.call(ADMIN, "PUT", "/v1/nodes/db-box", &theirs).await.status, 200);
    let late = house.call(ADMIN, "PUT", "/v1/nodes/db-box", &mine).await;
    assert_eq!((late.status.as_u16(), late.code().as_str()), (409, "conflict"), "{}", late.body);
    mine["metadata"].as_object_mut().unwrap().remove("revision");
    assert_eq!(house.call(ADMIN, "PUT", "/v1/nodes/db-box", &mine).await.status, 200);
    assert_eq!(house.get(ADMIN, "/v1/nodes/db-box").await.body["spec"]["addr"], "10.0.0.9:22");
    let moved = house.call(ADMIN, "PUT", "/v1/nodes/other", &mine).await;
    assert_eq!(moved.body["errors"][0]["path"], "metadata.name");

    assert_eq!(house.get(house.user("mallory"), "/v1/nodes/db-box").await.status, 403);
    assert_eq!(
        house
            .send(
                ADMIN,
                http::Request::delete("/v1/nodes/db-box").body(axum::body::Body::empty()).unwrap()
            )
            .await
            .status,
        204
    );
    assert_eq!(house.get(ADMIN, "/v1/nodes/db-box").await.status, 404);
    let log = house.get(ADMIN, "/v1/audit?target=node/db-box&order=oldest").await;
    let codes: Vec<&str> = log.body["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["node.created", "node.updated", "node.updated", "node.removed"]);
    assert_eq!(log.body["events"][0]["user"], "system:operator/0");
}

#[tokio::test]
async fn a_secret_goes_in_and_never_comes_out() {
    let house = House::staged().await;
    let text = "kind: node\nversion: v1\nmetadata: {name: old-box}\nspec:\n  addr: old-box:22\n  auth: {method: password, password: hunter2-hunter2}";
    assert_eq!(house.yaml("POST", "/v1/nodes", text).await.status, 200);
    let everything = [
        house.get(ADMIN, "/v1/nodes/old-box").await.body.to_string(),
        house.get(ADMIN, "/v1/nodes").await.body.to_string(),
        house.get(ADMIN, "/v1/audit").await.body.to_string(),
    ];
    assert!(everything.iter().all(|text| !text.contains("hunter2")), "{everything:?}");
    let (sealed, _) = house.store.secrets().load("node/old-box").await.unwrap().unwrap();
    assert!(!String::from_utf8_lossy(&sealed).contains("hunter2"));
    let opened = house.control.seal().open(&sealed, "node/old-box").unwrap();
    assert_eq!(&*opened, b"hunter2-hunter2");

    // Read back and written again, it keeps the secret it has; another method needs another secret.
    let mut shown = house.get(ADMIN, "/v1/nodes/old-box").await.body;
    assert_eq!(house.call(ADMIN, "PUT", "/v1/nodes/old-box", &shown).await.status, 200);
    shown["metadata"].as_object_mut().unwrap().remove("revision");
    shown["spec"]["auth"] = json!({"method": "key"});
    let answer = house.call(ADMIN, "PUT", "/v1/nodes/old-box", &shown).await;
    assert_eq!(answer.body["errors"][0]["path"], "spec.auth.private_key", "{}", answer.body);
    shown["spec"]["auth"] = json!({"method": "certificate"});
    assert_eq!(house.call(ADMIN, "PUT", "/v1/nodes/old-box", &shown).await.status, 200);
    assert!(house.store.secrets().load("node/old-box").await.unwrap().is_none());
}

#[tokio::test]
async fn what_is_wrong_in_a_document_is_named_by_path() {
    let house = House::staged().await;
    let refused = async |path: &str, text: &str| {
        let answer = house.yaml("POST", path, text).await;
        assert_eq!(answer.status, 422, "{text}: {}", answer.body);
        answer.body["errors"][0]["path"].as_str().unwrap().to_owned()
    };
    let node = |spec: &str| format!("kind: node\nversion: v1\nmetadata: {{name: a}}\nspec: {spec}");
    assert_eq!(refused("/v1/nodes", &node("{addr: nowhere}")).await, "spec.addr");
    assert_eq!(refused("/v1/nodes", &node("{addr: 'a:22', hostkeys: []}")).await, "spec.hostkeys");
    assert_eq!(
        refused("/v1/nodes", &node("{addr: 'a:22', host_keys: [x]}")).await,
        "spec.host_keys[0]"
    );
    assert_eq!(
        refused("/v1/nodes", &node("{addr: 'a:22', auth: {password: x}}")).await,
        "spec.auth.password"
    );
    assert_eq!(refused("/v1/nodes", &NODE.replace("kind: node", "kind: lock")).await, "kind");
    assert_eq!(
        refused("/v1/nodes", &NODE.replace("db-box,", "-oProxyCommand=x,")).await,
        "metadata.name"
    );
    let lock = |target: &str| {
        format!("kind: lock\nversion: v1\nmetadata: {{name: a}}\nspec: {{target: {target}}}")
    };
    assert_eq!(refused("/v1/locks", &lock("{}")).await, "spec.target");
    assert_eq!(refused("/v1/locks", &lock("{request: nonsense}")).await, "spec.target.request");
    let role = |allow: &str| {
        format!("kind: role\nversion: v7\nmetadata: {{name: a}}\nspec: {{allow: {allow}}}")
    };
    assert_eq!(refused("/v1/roles", &role("{login: [root]}")).await, "spec.allow.login");
    let broken =
        role("{request: {roles: [dba], thresholds: [{approve: 1, deny: 1, filter: 'contains('}]}}");
    assert_eq!(refused("/v1/roles", &broken).await, "spec.allow.request.thresholds[0].filter");
    assert_eq!(house.get(ADMIN, "/v1/roles/a").await.status, 404, "nothing is half done");
}

#[tokio::test]
async fn a_role_that_somebody_holds_stays() {
    let house = House::staged().await;
    let delete = |name: &str| {
        http::Request::delete(format!("/v1/roles/{name}")).body(axum::body::Body::empty()).unwrap()
    };
    let answer = house.send(ADMIN, delete("reviewer")).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (409, "role.in_use"));
    assert!(answer.body["detail"].as_str().unwrap().contains("bob, carol"), "{}", answer.body);
    assert_eq!(house.send(ADMIN, delete("dba")).await.status, 204);
    assert_eq!(house.send(ADMIN, delete("dba")).await.status, 404);
}

#[tokio::test]
async fn a_host_is_told_what_it_needs_to_trust_us() {
    let house = House::staged().await;
    assert_eq!(house.yaml("POST", "/v1/nodes", NODE).await.status, 200);
    let trust = house.get(ADMIN, "/v1/nodes/db-box/trust").await.body;
    assert_eq!(trust["sshd_config"].as_array().unwrap().len(), 2);
    assert!(
        trust["trusted_user_ca_keys"][0].as_str().unwrap().starts_with("ssh-ed25519 "),
        "{trust}"
    );
    assert!(trust["known_hosts"][0].as_str().unwrap().starts_with("@cert-authority "), "{trust}");
    let key =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ host";
    let path = "/v1/nodes/db-box/host-certificate";
    let signed =
        house.call(ADMIN, "POST", path, &json!({"public_key": key, "names": ["db"]})).await;
    assert_eq!(signed.status, 200, "{}", signed.body);
    assert!(
        signed.body["certificate"]
            .as_str()
            .unwrap()
            .starts_with("ssh-ed25519-cert-v01@openssh.com ")
    );
    let bad = house.call(ADMIN, "POST", path, &json!({"public_key": "nonsense"})).await;
    assert_eq!(bad.body["errors"][0]["path"], "public_key");
    // No host may be signed into another's name.
    assert_eq!(
        house.yaml("POST", "/v1/nodes", &NODE.replace("name: db-box", "name: victim")).await.status,
        200
    );
    let stolen =
        house.call(ADMIN, "POST", path, &json!({"public_key": key, "names": ["victim"]})).await;
    assert_eq!(stolen.body["errors"][0]["path"], "names[0]", "{}", stolen.body);
    let log = house.get(ADMIN, "/v1/audit?code=cert.issued").await;
    assert_eq!(log.body["events"].as_array().unwrap().len(), 1);
}

/// What a rule makes of requests for `dba`, by its condition.
async fn tried(house: &House, condition: &str, more: serde_json::Value) -> Answer {
    let mut body = json!({"rule": {
        "kind": "access_monitoring_rule", "version": "v1", "metadata": {"name": "tried"},
        "spec": {
            "subjects": ["access_request"], "condition": condition, "desired_state": "reviewed",
            "automatic_review": {"integration": "builtin", "decision": "APPROVED"},
        },
    }});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    house.call(house.user("ada"), "POST", "/v1/rule-tests", &body).await
}

const DBA: &str = r#"access_request.spec.roles.contains("dba")"#;

#[tokio::test]
async fn a_rule_is_tried_on_past_and_made_up_requests_and_nothing_is_kept() {
    let house = House::staged().await;
    let id = house.asked("alice").await.to_string();
    let verdict = |answer: &Answer| {
        assert_eq!(answer.status, 200, "{}", answer.body);
        let findings = answer.body["findings"].as_array().unwrap();
        assert_eq!(findings.len(), 1);
        (findings[0]["request"].as_str().map(str::to_owned), findings[0]["verdict"].clone())
    };
    for more in [json!({}), json!({"requests": [id]})] {
        let answer = tried(&house, DBA, more.clone()).await;
        assert_eq!(verdict(&answer), (Some(id.clone()), json!("approves")));
        let answer = tried(&house, r#"user.metadata.name == "bob""#, more).await;
        assert_eq!(verdict(&answer), (Some(id.clone()), json!("no_match")));
    }
    let made_up = json!({"made_up": {"user": "alice", "roles": ["dba"], "reason": "x"}});
    assert_eq!(verdict(&tried(&house, DBA, made_up).await), (None, json!("approves")));
    let never = json!({"made_up": {"user": "alice", "roles": ["admin"], "reason": "x"}});
    assert_ne!(tried(&house, DBA, never).await.status, 200, "it could not be filed");
    let unknown = json!({"requests": ["00000000-0000-0000"]});
    assert_eq!(tried(&house, DBA, unknown).await.status, 404);
    assert_eq!(tried(&house, "frobnicate(1)", json!({})).await.status, 422);
    let requests = house.get(ADMIN, "/v1/requests?state=all").await;
    assert_eq!(requests.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(requests.body["items"][0]["state"], "pending");
}
