//! What the cluster demands of everyone: one document, guarded, on the record, and with defaults.

use crate::house::{ADMIN, House};
use serde_json::{Value, json};

const PATH: &str = "/v1/cluster-settings/cluster";

fn document(spec: &Value) -> String {
    let metadata = json!({"name": "cluster"});
    json!({"kind": "cluster_settings", "version": "v1", "metadata": metadata, "spec": spec})
        .to_string()
}

#[tokio::test]
async fn the_defaults_are_shown_until_settings_are_written_and_after_they_are_removed() {
    let house = House::staged().await;
    let defaults =
        json!({"device_trust": true, "locking_mode": "strict", "require_session_mfa": "off"});
    let shown = house.get(ADMIN, PATH).await.body;
    assert_eq!((&shown["spec"], shown["metadata"].get("revision")), (&defaults, None), "{shown}");
    assert_eq!(house.get(ADMIN, "/v1/cluster-settings").await.body["items"], json!([shown]));
    assert_eq!(house.get(ADMIN, "/v1/cluster-settings/other").await.status, 404);

    // The defaults, read and written back with an edit.
    let mut edited = shown;
    edited["spec"]["require_session_mfa"] = json!("session");
    let written = house.call(ADMIN, "PUT", PATH, &edited).await;
    assert_eq!((written.status.as_u16(), &written.body["created"]), (200, &json!(true)));
    let settings = house.store.policy().read(|policy| *policy.settings());
    assert!(settings.require_session_mfa.is_required() && settings.device_trust);
    let again = house.yaml("POST", "/v1/cluster-settings", &document(&json!({}))).await;
    assert_eq!(again.code(), "exists", "{}", again.body);
    let listed = house.get(ADMIN, "/v1/cluster-settings").await.body;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed}");
    assert!(listed["items"][0]["metadata"]["revision"].is_u64(), "{listed}");

    let delete = http::Request::delete(PATH).body(axum::body::Body::empty()).unwrap();
    assert_eq!(house.send(ADMIN, delete).await.status, 204);
    assert_eq!(house.get(ADMIN, PATH).await.body["spec"], defaults);
    let settings = house.store.policy().read(|policy| *policy.settings());
    assert_eq!(settings, access::policy::Settings::default());
    let log = house.get(ADMIN, "/v1/audit?target=cluster_settings/cluster&order=oldest").await;
    let codes: Vec<_> = log.body["events"].as_array().unwrap().iter().map(|e| &e["code"]).collect();
    assert_eq!(codes, ["cluster_settings.created", "cluster_settings.removed"]);
    assert_eq!(log.body["events"][0]["body"]["document"]["spec"]["require_session_mfa"], "session");
}

#[tokio::test]
async fn what_is_wrong_is_named_and_what_surprises_is_said() {
    let house = House::staged().await;
    for (spec, path) in [
        (json!({"second_factor": "otp"}), "spec.second_factor"),
        (json!({"require_session_mfa": "hardware_key"}), "spec.require_session_mfa"),
        (json!({"locking_mode": "lax"}), "spec.locking_mode"),
    ] {
        let refused = house.yaml("POST", "/v1/cluster-settings", &document(&spec)).await;
        assert_eq!(refused.body["errors"][0]["path"], path, "{}", refused.body);
    }
    let other = document(&json!({})).replace(r#""cluster""#, r#""mine""#);
    let refused = house.yaml("POST", "/v1/cluster-settings", &other).await;
    assert_eq!(refused.body["errors"][0]["path"], "metadata.name", "{}", refused.body);

    let spec = json!({"device_trust": false, "locking_mode": "best_effort"});
    let written = house.yaml("POST", "/v1/cluster-settings", &document(&spec)).await;
    let warned: Vec<_> =
        written.body["warnings"].as_array().unwrap().iter().map(|w| &w["path"]).collect();
    assert_eq!(warned, ["spec.device_trust", "spec.locking_mode"], "{}", written.body);
}

#[tokio::test]
async fn a_rule_for_the_resource_lets_someone_read_or_write_it_and_nothing_else_does() {
    let house = House::staged().await;
    for (role, verbs) in [("watcher", "[list, read]"), ("keeper", "[read, create, update]")] {
        let text = format!(
            "kind: role\nversion: v7\nmetadata: {{name: {role}}}\nspec: {{allow: {{rules: [{{resources: [cluster_settings], verbs: {verbs}}}]}}}}"
        );
        assert_eq!(house.yaml("POST", "/v1/roles", &text).await.status, 200);
        house.person(role, &[role]).await;
    }
    let body = serde_json::from_str(&document(&json!({"require_session_mfa": "session"}))).unwrap();
    let put = async |name: &str| house.call(house.user(name), "PUT", PATH, &body).await.status;
    assert_eq!(house.get(house.user("watcher"), PATH).await.status, 200);
    assert_eq!(put("watcher").await, 403);
    assert_eq!(put("alice").await, 403);
    assert_eq!(house.get(house.user("alice"), PATH).await.status, 403);
    assert_eq!(put("keeper").await, 200);
    assert_eq!(house.get(house.user("keeper"), "/v1/roles").await.status, 403);
}
