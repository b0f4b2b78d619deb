//! Databases: written, trusted, refused; their passwords go in and never come out.

use crate::house::{ADMIN, Answer, House};
use axum::body::Body;
use control::Readers;
use http::Request;
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

/// Declares this text as the daemon does; names written, removed and adopted.
async fn declare(house: &House, text: &str) -> Result<[Vec<String>; 3], String> {
    let declared = house.control.declare_databases(&ADMIN, Some((text, Readers::Owner))).await;
    let declared = declared.map_err(|failure| failure.to_string())?;
    Ok([declared.written, declared.removed, declared.adopted])
}

fn declared(name: &str, more: &str) -> String {
    format!(
        "---\nkind: db\nversion: v1\nmetadata: {{name: {name}}}\nspec: {{protocol: postgres, uri: '{name}:5432'{more}}}\n"
    )
}

fn names<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).into()
}

#[tokio::test]
async fn what_the_configuration_declares_is_changed_there_and_nowhere_else() {
    let house = House::staged().await;
    let both = declared("one", "")
        + &declared("two", ", auth: {method: password, passwords: {app: hunter2}}");
    assert_eq!(declare(&house, &both).await.unwrap(), [names(["one", "two"]), vec![], vec![]]);
    assert!(!house.get(ADMIN, "/v1/audit").await.body.to_string().contains("hunter2"));
    // The same again is no change: a start writes nothing that is there.
    let nothing: [Vec<String>; 3] = Default::default();
    assert_eq!(declare(&house, &both).await.unwrap(), nothing);
    let other = both.replace("hunter2", "hunter3");
    assert_eq!(declare(&house, &other).await.unwrap(), [names(["two"]), vec![], vec![]]);

    let document = house.get(ADMIN, "/v1/databases/one").await.body;
    let put = house.call(ADMIN, "PUT", "/v1/databases/one", &document).await;
    assert_eq!((put.status.as_u16(), &put.body["code"]), (409, &json!("static")), "{}", put.body);
    let all = house.call(ADMIN, "POST", "/v1/documents?replace=true", &document).await;
    assert_eq!(all.status, 409, "{}", all.body);
    let delete = Request::delete("/v1/databases/one").body(Body::empty()).unwrap();
    assert_eq!(house.send(ADMIN, delete).await.status, 409);

    // What is gone from the text is gone, with its passwords; what others made stays theirs.
    assert_eq!(put_named(&house, "three").await, 200);
    let left = declare(&house, &declared("one", "")).await.unwrap();
    assert_eq!(left, [vec![], names(["two"]), vec![]]);
    assert_eq!(house.get(ADMIN, "/v1/databases/two").await.status, 404);
    assert!(house.store.secrets().load("db/two").await.unwrap().is_none());
    assert_eq!(put_named(&house, "three").await, 200);
    let adopted = declare(&house, &declared("three", "")).await.unwrap();
    assert_eq!(adopted, [names(["three"]), names(["one"]), names(["three"])]);
    house.control.declare_databases(&ADMIN, None).await.unwrap();
    assert_eq!(house.get(ADMIN, "/v1/databases").await.body["items"], json!([]));
}

async fn put_named(house: &House, name: &str) -> u16 {
    let mut document = document(&json!({"protocol": "postgres", "uri": "db-1:5432"}));
    document["metadata"]["name"] = json!(name);
    house.call(ADMIN, "PUT", &format!("/v1/databases/{name}"), &document).await.status.as_u16()
}

#[tokio::test]
async fn a_configuration_with_a_mistake_changes_nothing() {
    let house = House::staged().await;
    declare(&house, &declared("one", "")).await.unwrap();
    let text = declared("two", "")
        + "---\nkind: role\nversion: v8\nmetadata: {name: r}\nspec: {}\n"
        + &declared("two", "");
    let failure =
        house.control.declare_databases(&ADMIN, Some((&text, Readers::Owner))).await.unwrap_err();
    let told: Vec<_> = failure.problem.errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "document 2, line 7: `role` is no kind of this file: it takes `db`",
            "document 3, line 12: db `two` stands in this text already, from line 2 on"
        ]
    );
    let secret = declared("two", ", auth: {method: password, passwords: {app: hunter2}}");
    let open = house.control.declare_databases(&ADMIN, Some((&secret, Readers::Everybody))).await;
    let told = open.unwrap_err().to_string();
    assert!(told.contains("everybody on this machine can read this file"), "{told}");
    let listed = house.get(ADMIN, "/v1/databases").await.body;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
}
