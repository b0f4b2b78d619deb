//! Kubernetes clusters: written, refused; their secrets go in and never come out, nor to another address.

use crate::house::{ADMIN, Answer, House};
use serde_json::{Value, json};

async fn put(house: &House, spec: &Value) -> Answer {
    let document = json!({"kind": "kube_cluster", "version": "v1", "metadata": {"name": "prod", "labels": {"env": "prod"}}, "spec": spec});
    house.call(ADMIN, "PUT", "/v1/kube-clusters/prod", &document).await
}

async fn sealed(house: &House) -> Option<Value> {
    let (sealed, _) = house.store.secrets().load("kube_cluster/prod").await.unwrap()?;
    let opened = house.control.seal().open(&sealed, "kube_cluster/prod").unwrap();
    serde_json::from_slice(&opened).unwrap()
}

fn paths(answer: &Answer) -> Vec<&str> {
    let errors = answer.body["errors"].as_array().unwrap();
    errors.iter().map(|error| error["path"].as_str().unwrap()).collect()
}

/// A certificate and its key, in PEM.
fn pair() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["proxy".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

#[tokio::test]
async fn a_token_goes_in_and_never_comes_out_nor_to_another_address() {
    let house = House::staged().await;
    let spec = json!({"server": "https://10.0.0.1:6443", "auth": {"method": "token"}});
    assert_eq!(paths(&put(&house, &spec).await), ["spec.auth.token"]);

    let spec = json!({"server": "https://10.0.0.1:6443", "auth": {"method": "token", "token": "hunter2-token"}});
    assert_eq!(put(&house, &spec).await.status, 200);
    assert_eq!(sealed(&house).await.unwrap(), json!({"token": "hunter2-token"}));
    for path in ["/v1/kube-clusters/prod", "/v1/kube-clusters", "/v1/audit"] {
        let text = house.get(ADMIN, path).await.body.to_string();
        assert!(!text.contains("hunter2") && text.contains("prod"), "{text}");
    }

    // Written again as it was read, it keeps its token.
    let mut read = house.get(ADMIN, "/v1/kube-clusters/prod").await.body;
    assert_eq!(house.call(ADMIN, "PUT", "/v1/kube-clusters/prod", &read).await.status, 200);
    assert_eq!(sealed(&house).await.unwrap(), json!({"token": "hunter2-token"}));

    // Another address would be sent a secret that its writer need not know.
    read = house.get(ADMIN, "/v1/kube-clusters/prod").await.body;
    read["spec"]["server"] = json!("https://evil.example.com:6443");
    let moved = house.call(ADMIN, "PUT", "/v1/kube-clusters/prod", &read).await;
    assert_eq!(paths(&moved), ["spec.auth.token"], "{}", moved.body);

    let spec = json!({"auth": {"method": "in_cluster"}});
    assert_eq!(put(&house, &spec).await.status, 200);
    assert!(sealed(&house).await.is_none(), "needed no more");
}

#[tokio::test]
async fn a_key_must_fit_its_certificate() {
    let house = House::staged().await;
    let (certificate, key) = pair();
    let (_, other) = pair();
    let spec = |key: &str| json!({"server": "https://c:6443", "auth": {"method": "certificate", "certificate": certificate, "key": key}});
    assert_eq!(paths(&put(&house, &spec(&other)).await), ["spec.auth.key"]);
    assert_eq!(put(&house, &spec(&key)).await.status, 200);
    assert_eq!(sealed(&house).await.unwrap(), json!({"key": key}));
    let read = house.get(ADMIN, "/v1/kube-clusters/prod").await.body;
    assert_eq!(read["spec"]["auth"], json!({"method": "certificate", "certificate": certificate}));
}

#[tokio::test]
async fn every_problem_is_named_at_once() {
    let house = House::staged().await;
    let refused = put(
        &house,
        &json!({
            "server": "http://c:6443", "tls": {"server_name": "a b", "ca_cert": "no PEM"},
            "auth": {"method": "token", "token": "with space", "key": "x"},
        }),
    )
    .await;
    assert_eq!(
        paths(&refused),
        [
            "spec.server",
            "spec.tls.server_name",
            "spec.tls.ca_cert",
            "spec.auth.key",
            "spec.auth.token"
        ],
        "{}",
        refused.body
    );
    for server in [
        "https://",
        "https://u:p@c",
        "https://c/?a=b",
        "https://c/a//b",
        "https://c/%2e",
        "https://c/../d",
        "c:6443",
    ] {
        let refused =
            put(&house, &json!({"server": server, "auth": {"method": "token", "token": "t"}}))
                .await;
        assert_eq!(paths(&refused), ["spec.server"], "{server}");
    }
}

#[tokio::test]
async fn the_law_knows_a_cluster_as_soon_as_it_is_written() {
    let house = House::staged().await;
    let spec = json!({"server": "https://c:6443", "auth": {"method": "token", "token": "t"}});
    assert_eq!(put(&house, &spec).await.status, 200);
    let id = access::target::TargetId {
        kind: access::target::TargetKind::KubeCluster,
        name: "prod".parse().unwrap(),
    };
    let known = || house.store.policy().read(|policy| policy.target(&id).cloned());
    assert_eq!(known().unwrap().labels["env"], "prod");
    let delete = http::Request::delete("/v1/kube-clusters/prod").body(axum::body::Body::empty());
    assert_eq!(house.send(ADMIN, delete.unwrap()).await.status, 204);
    assert!(known().is_none());
    assert!(sealed(&house).await.is_none());
}
