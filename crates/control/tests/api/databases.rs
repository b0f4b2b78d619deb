//! Databases: written, trusted, refused; their passwords go in and never come out.

use crate::house::{ADMIN, Answer, House};
use serde_json::{Value, json};

fn document(spec: &Value) -> Value {
    json!({"kind": "db", "version": "v1", "metadata": {"name": "orders", "labels": {"env": "prod"}}, "spec": spec})
}

async fn put(house: &House, spec: &Value) -> Answer {
    house.call(ADMIN, "PUT", "/v1/databases/orders", &document(spec)).await
}

async fn sealed(house: &House) -> Value {
    let (sealed, _) = house.store.secrets().load("db/orders").await.unwrap().unwrap();
    let opened = house.control.seal().open(&sealed, "db/orders").unwrap();
    serde_json::from_slice(&opened).unwrap()
}

fn with(passwords: &Value) -> Value {
    json!({"protocol": "postgres", "uri": "db-1:5432", "auth": {"method": "password", "passwords": passwords}})
}

#[tokio::test]
async fn passwords_go_in_and_never_come_out() {
    let house = House::staged().await;
    let missing = put(&house, &with(&json!({}))).await;
    assert_eq!(missing.body["errors"][0]["path"], "spec.auth.passwords", "{}", missing.body);

    let spec = with(&json!({"app": "hunter2-app", "dba": "hunter2-dba"}));
    assert_eq!(put(&house, &spec).await.status, 200);
    assert_eq!(sealed(&house).await, json!({"app": "hunter2-app", "dba": "hunter2-dba"}));
    let everything = [
        house.get(ADMIN, "/v1/databases/orders").await.body.to_string(),
        house.get(ADMIN, "/v1/databases").await.body.to_string(),
        house.get(ADMIN, "/v1/audit").await.body.to_string(),
    ];
    assert!(everything.iter().all(|text| !text.contains("hunter2")), "{everything:?}");

    // Written again as it was read, it keeps what was sealed; with others, those replace all that were.
    let read = house.get(ADMIN, "/v1/databases/orders").await.body;
    assert_eq!(house.call(ADMIN, "PUT", "/v1/databases/orders", &read).await.status, 200);
    assert_eq!(sealed(&house).await.as_object().unwrap().len(), 2);
    assert_eq!(put(&house, &with(&json!({"app": "hunter3"}))).await.status, 200);
    assert_eq!(sealed(&house).await, json!({"app": "hunter3"}));

    // The account that makes users has its password under the empty name, which no user has.
    let mut spec = with(&json!({}));
    spec["admin_user"] = json!({"name": "maker", "method": "password"});
    let missing = put(&house, &spec).await;
    assert_eq!(missing.body["errors"][0]["path"], "spec.admin_user.password");
    spec["admin_user"]["password"] = json!("hunter4");
    assert_eq!(put(&house, &spec).await.status, 200);
    assert_eq!(sealed(&house).await, json!({"": "hunter4", "app": "hunter3"}));

    assert_eq!(put(&house, &json!({"protocol": "postgres", "uri": "db-1:5432"})).await.status, 200);
    assert!(house.store.secrets().load("db/orders").await.unwrap().is_none(), "needed no more");
}

#[tokio::test]
async fn every_problem_is_named_at_once() {
    let house = House::staged().await;
    let refused = put(
        &house,
        &json!({
            "protocol": "mysql", "uri": "db-1", "server_version": "8 0",
            "tls": {"mode": "off", "server_name": "a b", "ca_cert": "no PEM"},
            "auth": {"passwords": {"": "x", "app": "with\u{0}zero"}},
            "admin_user": {"name": "maker", "password": "x"},
        }),
    )
    .await;
    let mut paths: Vec<&str> = refused.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["path"].as_str().unwrap())
        .collect();
    paths.dedup();
    assert_eq!(
        paths,
        [
            "spec.uri",
            "spec.server_version",
            "spec.tls.server_name",
            "spec.tls.ca_cert",
            "spec.tls.mode",
            "spec.auth.passwords",
            "spec.auth.passwords.",
            "spec.auth.passwords.app",
            "spec.admin_user.password"
        ],
        "{}",
        refused.body
    );
    let unknown = put(&house, &json!({"protocol": "oracle", "uri": "db-1:1521"})).await;
    assert_eq!(unknown.status, 422, "{}", unknown.body);
}

#[tokio::test]
async fn a_server_is_told_what_to_trust() {
    let house = House::staged().await;
    assert_eq!(house.get(ADMIN, "/v1/databases/orders/trust").await.status, 404);
    for (protocol, line) in [
        ("postgres", "hostssl all USER all cert"),
        ("mysql", "ssl-ca = /etc/mysql/countersign_db_ca.pem"),
    ] {
        let spec = json!({"protocol": protocol, "uri": "db-1:5432"});
        assert_eq!(put(&house, &spec).await.status, 200);
        let trust = house.get(ADMIN, "/v1/databases/orders/trust").await.body;
        assert_eq!(trust["protocol"], protocol);
        assert_eq!(trust["client_ca"], house.control.authorities().database_roots_pem());
        let config = trust["config"].as_array().unwrap();
        assert!(config.iter().any(|found| found == line), "{trust}");
    }
}

#[tokio::test]
async fn the_law_knows_a_database_as_soon_as_it_is_written() {
    let house = House::staged().await;
    assert_eq!(put(&house, &json!({"protocol": "mysql", "uri": "db-1:3306"})).await.status, 200);
    let id = access::target::TargetId {
        kind: access::target::TargetKind::Db,
        name: "orders".parse().unwrap(),
    };
    let known = |id: &access::target::TargetId| {
        house.store.policy().read(|policy| policy.target(id).cloned())
    };
    let target = known(&id).unwrap();
    assert_eq!(target.protocol.as_deref(), Some("mysql"));
    assert_eq!(target.labels["env"], "prod");
    let delete = http::Request::delete("/v1/databases/orders").body(axum::body::Body::empty());
    assert_eq!(house.send(ADMIN, delete.unwrap()).await.status, 204);
    assert!(known(&id).is_none());
}
