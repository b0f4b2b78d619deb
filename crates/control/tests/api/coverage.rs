//! Every endpoint refuses whom it must refuse, before it does anything.

use crate::house::{House, NOBODY};
use api::endpoints::{self, Auth, Endpoint};
use axum::body::Body;
use http::Request;

/// A path of this endpoint that names nothing there is.
fn path(endpoint: &Endpoint) -> String {
    endpoint.at(&["0123456789abcdef", "x"])
}

fn request(endpoint: &Endpoint) -> Request<Body> {
    Request::builder()
        .method(endpoint.method.as_str())
        .uri(path(endpoint))
        .header("content-type", "application/json")
        .body(Body::from("{}"))
        .unwrap()
}

#[tokio::test]
async fn every_endpoint_refuses_callers_nobody_knows() {
    let house = House::open().await;
    for endpoint in endpoints::all().filter(|endpoint| endpoint.auth != Auth::Public) {
        let answer = house.send(NOBODY, request(endpoint)).await;
        let what = format!("{} {}", endpoint.method.as_str(), endpoint.path);
        assert_eq!(answer.status, 401, "{what}: {}", answer.body);
        assert_eq!(answer.code(), "unauthenticated", "{what}");
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{what}");
        assert!(answer.headers.contains_key("www-authenticate"), "{what}");
    }
}

#[tokio::test]
async fn every_administrative_endpoint_refuses_users_without_the_rule() {
    let house = House::open().await;
    house.person("mallory", &[]).await;
    for endpoint in endpoints::all() {
        match endpoint.auth {
            Auth::AdminSocket | Auth::Rule(..) => {}
            Auth::Public | Auth::User => continue,
        }
        let answer = house.send(house.user("mallory"), request(endpoint)).await;
        let what = format!("{} {}", endpoint.method.as_str(), endpoint.path);
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (403, "forbidden"),
            "{what}: {}",
            answer.body
        );
    }
}

#[tokio::test]
async fn an_identity_that_stands_for_nobody_is_nobody() {
    let house = House::open().await;
    house.person("alice", &[]).await;
    let alice = house.user("alice");
    let stranger = house.user("nobody-we-know");
    for endpoint in endpoints::all().filter(|endpoint| endpoint.auth != Auth::Public) {
        let what = format!("{} {}", endpoint.method.as_str(), endpoint.path);
        let answer = house.send(stranger.clone(), request(endpoint)).await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.body);
    }
    house.later(13 * 60);
    let answer = house.get(alice, "/v1/requests").await;
    assert_eq!(answer.status, 401, "an identity that has run out: {}", answer.body);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let house = House::open().await;
    assert_eq!(house.get(NOBODY, "/v1/nothing-here").await.code(), "not_found");
    let answer = house.send(NOBODY, Request::delete("/v1/ping").body(Body::empty()).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (405, "method"));
    let long = format!("/v1/requests?text={}", "x".repeat(9000));
    assert_eq!(house.get(NOBODY, &long).await.status, 414);
    let answer = house.get(NOBODY, "/v1/ping").await;
    for header in [
        "x-content-type-options",
        "x-frame-options",
        "content-security-policy",
        "cache-control",
        "x-request-id",
    ] {
        assert!(answer.headers.contains_key(header), "{header}");
    }
}

#[test]
fn every_endpoint_has_a_handler_and_every_handler_an_endpoint() {
    let table: Vec<String> =
        endpoints::all().map(|e| format!("{} {}", e.method.as_str(), e.path)).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let house = House::open().await;
        let mut mounted: Vec<String> = house
            .control
            .mounted()
            .iter()
            .map(|e| format!("{} {}", e.method.as_str(), e.path))
            .collect();
        let mut table = table;
        mounted.sort();
        table.sort();
        assert_eq!(table, mounted);
    });
}
