//! Users as administrators write them, and what ends with them.

use access::ask::Ask;
use control::Caller;
use serde_json::json;

use crate::house::{ADMIN, House, NOBODY};
use crate::login::{PASSWORD, enrolled, try_login};

fn document(name: &str) -> serde_json::Value {
    json!({"kind": "user", "version": "v1", "metadata": {"name": name},
        "spec": {"roles": ["dba"], "traits": {"logins": ["root"]}}})
}

#[tokio::test]
async fn a_user_is_made_read_changed_and_removed() {
    let house = House::open().await;
    let made = house.call(ADMIN, "POST", "/v1/users", &document("alice@example.com")).await;
    assert_eq!(made.status, 200, "{made:?}");
    assert_eq!(made.body["created"], true);
    assert_eq!(made.body["warnings"][0]["message"], "there is no role `dba` yet");
    let twice = house.call(ADMIN, "POST", "/v1/users", &document("alice@example.com")).await;
    assert_eq!(twice.code(), "exists");
    let read = house.get(ADMIN, "/v1/users/alice@example.com").await;
    assert_eq!(read.body["spec"]["roles"], json!(["dba"]));
    let mut stale = document("alice@example.com");
    stale["metadata"]["revision"] = json!(999);
    let lost = house.call(ADMIN, "PUT", "/v1/users/alice@example.com", &stale).await;
    assert_eq!(lost.code(), "conflict");
    let list = house.get(ADMIN, "/v1/users").await;
    assert_eq!(list.body["items"][0]["metadata"]["name"], "alice@example.com");
    let path = "/v1/users/alice@example.com";
    assert_eq!(house.call(ADMIN, "DELETE", path, &json!({})).await.status, 204);
    assert_eq!(house.get(ADMIN, path).await.code(), "not_found");
}

#[tokio::test]
async fn users_come_in_pages_by_name() {
    let house = House::open().await;
    for name in ["alice", "bob", "carol@example.com"] {
        house.person(name, &[]).await;
    }
    let mut names = Vec::new();
    let mut path = "/v1/users?limit=2".to_owned();
    loop {
        let page = house.get(ADMIN, &path).await;
        assert_eq!(page.status, 200, "{page:?}");
        let items = page.body["items"].as_array().unwrap();
        names.extend(items.iter().map(|it| it["metadata"]["name"].as_str().unwrap().to_owned()));
        match page.body["next"].as_str() {
            Some(next) => path = format!("/v1/users?limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(names, ["alice", "bob", "carol@example.com"]);
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let house = House::open().await;
    let bad = json!({"kind": "user", "version": "v9", "metadata": {"name": "al ice"},
        "spec": {"roles": ["-x"]}});
    let answer = house.call(ADMIN, "POST", "/v1/users", &bad).await;
    let paths: Vec<_> = answer.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths, ["version", "metadata.name", "spec.roles[0]"]);
    let unknown = json!({"kind": "user", "version": "v1", "metadata": {"name": "alice"},
        "spec": {"role": ["x"]}});
    let answer = house.call(ADMIN, "POST", "/v1/users", &unknown).await;
    assert_eq!(answer.status, 422, "{answer:?}");
}

#[tokio::test]
async fn a_removed_and_remade_user_does_not_bring_old_certificates_back() {
    let house = House::open().await;
    let phone = enrolled(&house, "alice").await;
    let login = try_login(&house, "alice", PASSWORD, &phone.code(&house)).await;
    let line = login.body["ssh_certificate"].as_str().unwrap();
    let certificate = ca::keys::Certificate::from_openssh(line).unwrap();
    let authorities = house.control.authorities();
    let identity = authorities.verify_identity_ssh(&certificate, house.control.now()).unwrap();
    let caller = Caller::User(identity.clone());
    assert_eq!(house.get(caller.clone(), "/v1/status").await.status, 200);
    house.call(ADMIN, "DELETE", "/v1/users/alice", &json!({})).await;
    assert_eq!(house.get(caller.clone(), "/v1/status").await.code(), "unauthenticated");
    house.person("alice", &[]).await;
    assert_eq!(house.get(caller, "/v1/status").await.code(), "unauthenticated");
    let ask = Ask::ssh("db-box".parse().unwrap(), "root".parse().unwrap());
    let now = house.control.now();
    let denial =
        house.store.policy().read(|policy| policy.decide(&identity, &ask, now).unwrap_err());
    assert_eq!(denial.code().as_str(), "locked");
    let login = try_login(&house, "alice", PASSWORD, &phone.code(&house)).await;
    assert_eq!(login.code(), "login.refused");
}

#[tokio::test]
async fn a_disabled_user_is_out_at_once() {
    let house = House::open().await;
    house.person("alice", &[]).await;
    let alice = house.user("alice");
    assert_eq!(house.get(alice.clone(), "/v1/status").await.status, 200);
    let disabled = json!({"kind": "user", "version": "v1", "metadata": {"name": "alice"},
        "spec": {"disabled": true}});
    assert_eq!(house.call(ADMIN, "PUT", "/v1/users/alice", &disabled).await.status, 200);
    assert_eq!(house.get(alice, "/v1/status").await.code(), "unauthenticated");
}

#[tokio::test]
async fn users_are_written_by_who_has_the_rule_and_nobody_else() {
    let house = House::open().await;
    house.person("mallory", &[]).await;
    for caller in [NOBODY, house.user("mallory")] {
        for (method, path) in [
            ("POST", "/v1/users"),
            ("PUT", "/v1/users/mallory"),
            ("DELETE", "/v1/users/mallory"),
            ("POST", "/v1/users/mallory/invite"),
            ("POST", "/v1/tokens"),
            ("POST", "/v1/auth/rotate"),
            ("POST", "/v1/auth/sign"),
        ] {
            let answer = house.call(caller.clone(), method, path, &document("mallory")).await;
            assert!([401, 403].contains(&answer.status.as_u16()), "{method} {path}: {answer:?}");
        }
    }
}
