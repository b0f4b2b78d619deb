//! Applications: what may be written of them, and by which name they are found.

use crate::house::{ADMIN, Answer, House};
use serde_json::{Value, json};

fn document(name: &str, spec: &Value) -> Value {
    json!({"kind": "app", "version": "v1", "metadata": {"name": name, "labels": {"env": "prod"}}, "spec": spec})
}

async fn put(house: &House, name: &str, spec: &Value) -> Answer {
    house.call(ADMIN, "PUT", &format!("/v1/apps/{name}"), &document(name, spec)).await
}

#[tokio::test]
async fn an_application_is_written_read_listed_and_removed() {
    let house = House::staged().await;
    let spec = json!({
        "uri": "http://127.0.0.1:3000",
        "rewrite": {"headers": [{"name": "X-Team", "value": "{{external.team}}"}], "redirect": ["wiki.internal"]},
    });
    assert_eq!(put(&house, "wiki", &spec).await.status, 200);
    let read = house.get(ADMIN, "/v1/apps/wiki").await.body;
    assert_eq!(read["spec"]["uri"], "http://127.0.0.1:3000");
    assert_eq!(read["spec"]["rewrite"]["jwt_claims"], "roles-and-traits");
    assert_eq!(house.get(ADMIN, "/v1/apps").await.body["items"][0]["metadata"]["name"], "wiki");
    let deleted = http::Request::delete("/v1/apps/wiki").body(axum::body::Body::empty()).unwrap();
    assert_eq!(house.send(ADMIN, deleted).await.status, 204);
    assert_eq!(house.get(ADMIN, "/v1/apps/wiki").await.status, 404);
}

#[tokio::test]
async fn what_is_wrong_is_named_by_its_field() {
    let house = House::staged().await;
    for (spec, path) in [
        (json!({"uri": "ftp://wiki:21"}), "spec.uri"),
        (json!({"uri": "http://wiki/path"}), "spec.uri"),
        (json!({"uri": "http://wiki:0"}), "spec.uri"),
        (json!({"uri": "http://wiki:80", "insecure_skip_verify": true}), "spec.uri"),
        (json!({"uri": "https://wiki", "tls": {"ca_cert": "no"}}), "spec.tls.ca_cert"),
        (json!({"uri": "http://wiki", "public_addr": "https://wiki"}), "spec.public_addr"),
        (
            json!({"uri": "http://wiki", "rewrite": {"headers": [{"name": "TE", "value": "x"}]}}),
            "spec.rewrite.headers[0].name",
        ),
        (
            json!({"uri": "http://wiki", "rewrite": {"headers": [{"name": "X", "value": "a\r\nb"}]}}),
            "spec.rewrite.headers[0].value",
        ),
        (
            json!({"uri": "http://wiki", "rewrite": {"redirect": ["a b"]}}),
            "spec.rewrite.redirect[0]",
        ),
    ] {
        let answer = put(&house, "wiki", &spec).await;
        assert_eq!(answer.body["errors"][0]["path"], path, "{spec}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_host_name_leads_to_one_application_and_never_to_the_house() {
    let house = House::staged().await;
    let named = |host: &str| json!({"uri": "http://wiki:80", "public_addr": host});
    assert_eq!(put(&house, "wiki", &named("Wiki.example.com")).await.status, 200);
    let stolen = put(&house, "other", &named("wiki.example.com")).await;
    assert_eq!(stolen.body["errors"][0]["path"], "spec.public_addr", "{}", stolen.body);
    let own = house.control.public_addr().rsplit_once(':').unwrap().0.to_owned();
    let taken = put(&house, "other", &named(&own)).await;
    assert!(taken.body["errors"][0]["path"] == "spec.public_addr", "{}", taken.body);
    // It may keep its own.
    assert_eq!(put(&house, "wiki", &named("wiki.example.com")).await.status, 200);
}
