//! Authorities over the API.

use ca::{Authorities, Authority, Phase};
use serde_json::json;
use store::{Absent, Commit};

use crate::house::{ADMIN, House};
use crate::login::keys;

/// Stores the authorities, as the daemon does when it starts on a new directory.
async fn stored(house: &House) {
    let sealed = house.control.authorities().to_sealed(house.control.seal()).unwrap();
    let key = store::secrets::key(control::auth::AUTHORITIES);
    house.store.commit(Commit::new().expecting(&key, Absent).put(&key, sealed)).await.unwrap();
}

#[tokio::test]
async fn everyone_logged_in_may_see_what_to_trust_and_no_key_is_in_it() {
    let house = House::open().await;
    house.person("alice", &[]).await;
    let answer = house.get(house.user("alice"), "/v1/auth/export").await;
    let items = answer.body["items"].as_array().unwrap().clone();
    let kinds: Vec<_> = items.iter().map(|item| item["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["app", "database", "ssh-host", "ssh-identity", "tls", "ssh-user"]);
    assert!(items[5]["public"].as_str().unwrap().starts_with("ssh-ed25519 "));
    assert!(items[4]["pin"].as_str().unwrap().starts_with("sha256:"));
    assert!(!answer.body.to_string().contains("PRIVATE"));
}

#[tokio::test]
async fn a_rotation_is_stored_before_it_signs() {
    let house = House::open().await;
    stored(&house).await;
    let rotate = async |step: &str| {
        let body = json!({"kind": "ssh-user", "step": step});
        house.call(ADMIN, "POST", "/v1/auth/rotate", &body).await
    };
    assert_eq!(rotate("switch").await.code(), "rotation.order");
    let begun = rotate("begin").await;
    assert_eq!(begun.status, 200, "{begun:?}");
    assert_eq!(begun.body["items"].as_array().unwrap().len(), 2);
    let authorities = house.control.authorities();
    assert_eq!(authorities.phase(Authority::User), Phase::Prepared);
    let (sealed, _) =
        house.store.secrets().load(control::auth::AUTHORITIES).await.unwrap().unwrap();
    let kept = Authorities::open(&sealed, house.control.seal()).unwrap();
    assert_eq!(kept.trusted_user_ca_keys(), authorities.trusted_user_ca_keys());
    assert_eq!(rotate("switch").await.status, 200);
    assert_eq!(rotate("finish").await.status, 200);
    let unknown = json!({"kind": "ssh-user", "step": "leap"});
    let answer = house.call(ADMIN, "POST", "/v1/auth/rotate", &unknown).await;
    assert_eq!(answer.body["errors"][0]["path"], "step");
}

#[tokio::test]
async fn an_identity_for_automation_is_signed_on_the_host_only_and_has_no_second_factor() {
    let house = House::open().await;
    house.person("bot", &[]).await;
    let body = json!({"user": "bot", "ttl": "8h", "keys": keys()});
    let answer = house.call(ADMIN, "POST", "/v1/auth/sign", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let line = answer.body["ssh_certificate"].as_str().unwrap();
    let certificate = ca::keys::Certificate::from_openssh(line).unwrap();
    let authorities = house.control.authorities();
    let identity = authorities.verify_identity_ssh(&certificate, house.control.now()).unwrap();
    assert!(!identity.mfa);
    let over = house.call(house.user("bot"), "POST", "/v1/auth/sign", &body).await;
    assert_eq!(over.code(), "forbidden");
    let nobody = json!({"user": "nobody", "ttl": "8h", "keys": keys()});
    let answer = house.call(ADMIN, "POST", "/v1/auth/sign", &nobody).await;
    assert_eq!(answer.body["errors"][0]["path"], "user");
}
