//! Tokens of machines.

use serde_json::{Value, json};

use crate::house::{ADMIN, House, NOBODY};
use crate::login::keys;

async fn token(house: &House) -> String {
    house.person("bot", &[]).await;
    let document = json!({"kind": "token", "version": "v1", "metadata": {"name": "ci"},
        "spec": {"user": "bot", "expires": "2026-11-08T09:00:00Z"}});
    let made = house.call(ADMIN, "POST", "/v1/tokens", &document).await;
    assert_eq!(made.status, 200, "{made:?}");
    made.body["secret"].as_str().unwrap().to_owned()
}

async fn log_in(house: &House, token: &str) -> (String, Value) {
    let body = json!({"token": token, "keys": keys()});
    let answer = house.call(NOBODY, "POST", "/v1/login/token", &body).await;
    (answer.code(), answer.body)
}

#[tokio::test]
async fn a_machine_logs_in_as_its_user_without_a_second_factor() {
    let house = House::open().await;
    let secret = token(&house).await;
    let (code, body) = log_in(&house, &secret).await;
    assert_eq!(code, "200", "{body}");
    let line = body["ssh_certificate"].as_str().unwrap();
    let certificate = ca::keys::Certificate::from_openssh(line).unwrap();
    let authorities = house.control.authorities();
    let identity = authorities.verify_identity_ssh(&certificate, house.control.now()).unwrap();
    assert_eq!((identity.user.as_str(), identity.mfa), ("bot", false));
}

#[tokio::test]
async fn a_wrong_an_expired_and_a_removed_token_look_alike() {
    let house = House::open().await;
    let secret = token(&house).await;
    assert_eq!(log_in(&house, &"x".repeat(43)).await.0, "login.refused");
    assert_eq!(log_in(&house, "").await.0, "login.refused");
    house.later(24 * 60);
    assert_eq!(log_in(&house, &secret).await.0, "login.refused");
    assert_eq!(house.call(ADMIN, "DELETE", "/v1/tokens/ci", &json!({})).await.status, 204);
    assert_eq!(log_in(&house, &secret).await.0, "login.refused");
    assert_eq!(house.get(ADMIN, "/v1/tokens/ci").await.code(), "not_found");
}

#[tokio::test]
async fn a_token_of_a_removed_user_is_worth_nothing() {
    let house = House::open().await;
    let secret = token(&house).await;
    house.call(ADMIN, "DELETE", "/v1/users/bot", &json!({})).await;
    assert_eq!(log_in(&house, &secret).await.0, "login.refused");
}

#[tokio::test]
async fn the_secret_is_shown_once_and_stored_nowhere() {
    let house = House::open().await;
    let secret = token(&house).await;
    let list = house.get(ADMIN, "/v1/tokens").await;
    assert_eq!(list.body["items"][0]["metadata"]["name"], "ci");
    assert!(!list.body.to_string().contains(&secret));
    let dump = house.store.range(store::Range::prefix("/")).await.unwrap();
    for entry in &dump.entries {
        let value = String::from_utf8_lossy(&entry.value);
        assert!(!entry.key.contains(&secret) && !value.contains(&secret), "{}", entry.key);
    }
}

#[tokio::test]
async fn a_token_for_nobody_or_for_ever_is_refused() {
    let house = House::open().await;
    house.person("bot", &[]).await;
    for (user, expires, path) in [
        ("nobody", "2026-11-08T09:00:00Z", "spec.user"),
        ("bot", "2026-11-01T09:00:00Z", "spec.expires"),
        ("bot", "2036-11-01T09:00:00Z", "spec.expires"),
    ] {
        let document = json!({"kind": "token", "version": "v1", "metadata": {"name": "ci"},
            "spec": {"user": user, "expires": expires}});
        let answer = house.call(ADMIN, "POST", "/v1/tokens", &document).await;
        assert_eq!(answer.body["errors"][0]["path"], path, "{answer:?}");
    }
}
