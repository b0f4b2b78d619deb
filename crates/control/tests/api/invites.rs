//! Invites: once, for one person, for a while.

use api::audit::code;
use axum::body::Body;
use http::Request;
use serde_json::json;

use crate::house::{ADMIN, House, NOBODY};
use crate::login::{PASSWORD, Phone, enrolled, from, invited, keys, log, try_login};

async fn phone(house: &House, path: &str) -> Phone {
    let view = house.get(NOBODY, path).await;
    assert_eq!(view.status, 200, "{view:?}");
    Phone::with(view.body["totp_secret"].as_str().unwrap())
}

#[tokio::test]
async fn an_invite_shows_who_and_the_second_factor() {
    let house = House::open().await;
    house.person("alice@example.com", &[]).await;
    let path = invited(&house, "alice@example.com").await;
    let view = house.get(NOBODY, &path).await.body;
    assert_eq!((&view["user"], &view["cluster"]), (&json!("alice@example.com"), &json!("main")));
    let url = view["totp_url"].as_str().unwrap();
    assert!(url.starts_with("otpauth://totp/main:alice%40example.com?"), "{url}");
    assert!(url.contains(view["totp_secret"].as_str().unwrap()), "{url}");
}

#[tokio::test]
async fn accepted_from_a_terminal_it_is_a_login_at_once() {
    let house = House::open().await;
    house.person("alice", &[]).await;
    let path = invited(&house, "alice").await;
    let phone = phone(&house, &path).await;
    let body = json!({"password": PASSWORD, "totp": phone.code(&house), "keys": keys()});
    let answer = house.call(NOBODY, "POST", &path, &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["user"], "alice");
    // The code that confirmed the factor is used up.
    let again = try_login(&house, "alice", PASSWORD, &phone.code(&house)).await;
    assert_eq!(again.code(), "login.refused");
}

#[tokio::test]
async fn a_used_a_replaced_an_expired_and_an_unknown_link_look_alike() {
    let house = House::open().await;
    house.person("alice", &[]).await;
    let used = invited(&house, "alice").await;
    let phone = phone(&house, &used).await;
    let body = json!({"password": PASSWORD, "totp": phone.code(&house)});
    assert_eq!(house.call(NOBODY, "POST", &used, &body).await.status, 204);
    let replaced = invited(&house, "alice").await;
    let expired = invited(&house, "alice").await;
    assert_eq!(house.get(NOBODY, &replaced).await.code(), "invite.gone");
    house.later(24 * 60);
    let unknown = format!("/v1/invites/{}", "x".repeat(43));
    let odd = "/v1/invites/..%2F..%2Fuser";
    let mut answers = Vec::new();
    for path in [used.as_str(), replaced.as_str(), expired.as_str(), unknown.as_str(), odd] {
        for answer in [house.get(NOBODY, path).await, house.call(NOBODY, "POST", path, &body).await]
        {
            assert_eq!(answer.code(), "invite.gone", "{path}");
            let mut body = answer.body;
            body.as_object_mut().unwrap().remove("instance");
            answers.push((answer.status, body.to_string()));
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
}

#[tokio::test]
async fn of_two_who_accept_one_invite_one_wins_and_the_other_changes_nothing() {
    let house = House::open().await;
    house.person("alice", &[]).await;
    let path = invited(&house, "alice").await;
    let phone = phone(&house, &path).await;
    let accept = async |password: &str| {
        let body = json!({"password": password, "totp": phone.code(&house)});
        house.call(NOBODY, "POST", &path, &body).await.code()
    };
    let passwords = ["correct horse battery", "another horse battery"];
    let (one, two) = tokio::join!(accept(passwords[0]), accept(passwords[1]));
    let winner = match (one.as_str(), two.as_str()) {
        ("204", "invite.gone") => passwords[0],
        ("invite.gone", "204") => passwords[1],
        both => panic!("{both:?}"),
    };
    house.later(1);
    for password in passwords {
        let answer = try_login(&house, "alice", password, &phone.code(&house)).await;
        assert_eq!(answer.status == 200, password == winner, "{password}");
        house.later(1);
    }
}

#[tokio::test]
async fn a_bad_password_or_code_is_named_and_the_link_still_works() {
    let house = House::open().await;
    house.person("alice", &[]).await;
    let path = invited(&house, "alice").await;
    let phone = phone(&house, &path).await;
    let code = phone.code(&house);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let long = "x".repeat(2000);
    for (password, totp, field) in [
        ("short", code.as_str(), "password"),
        ("alicealicealice", code.as_str(), "password"),
        (long.as_str(), code.as_str(), "password"),
        (PASSWORD, wrong, "totp"),
        (PASSWORD, "", "totp"),
    ] {
        let body = json!({"password": password, "totp": totp});
        let answer = house.call(NOBODY, "POST", &path, &body).await;
        assert_eq!(answer.status, 422, "{answer:?}");
        assert_eq!(answer.body["errors"][0]["path"], field);
    }
    let body = json!({"password": PASSWORD, "totp": code});
    assert_eq!(house.call(NOBODY, "POST", &path, &body).await.status, 204);
}

#[tokio::test]
async fn a_new_invite_takes_away_what_was_logged_in_with_before() {
    let house = House::open().await;
    let phone = enrolled(&house, "alice").await;
    let login = try_login(&house, "alice", PASSWORD, &phone.code(&house)).await;
    assert_eq!(login.status, 200);
    invited(&house, "alice").await;
    house.later(1);
    let after = try_login(&house, "alice", PASSWORD, &phone.code(&house)).await;
    assert_eq!(after.code(), "login.refused");
    let codes: Vec<_> = log(&house).await.into_iter().map(|(code, _)| code).collect();
    assert!(codes.iter().any(|it| it == code::USER_RESET), "{codes:?}");
    assert!(codes.iter().any(|it| it == code::LOGIN_ENDED), "{codes:?}");
    let list = house.get(ADMIN, "/v1/logins?user=alice").await;
    assert_eq!(list.body["items"], json!([]));
}

#[tokio::test]
async fn an_invite_of_a_user_who_was_removed_is_worth_nothing() {
    let house = House::open().await;
    house.person("alice", &[]).await;
    let path = invited(&house, "alice").await;
    assert_eq!(house.call(ADMIN, "DELETE", "/v1/users/alice", &json!({})).await.status, 204);
    assert_eq!(house.get(NOBODY, &path).await.code(), "invite.gone");
}

#[tokio::test]
async fn guessing_links_ends_in_waiting() {
    let house = House::open().await;
    let mut last = String::new();
    for at in 0..61 {
        last = house.get(from("192.0.2.1"), &format!("/v1/invites/{at:043}")).await.code();
    }
    assert_eq!(last, "too_many");
}

#[tokio::test]
async fn neither_the_link_nor_the_secret_is_stored_in_the_clear() {
    let house = House::open().await;
    house.person("alice", &[]).await;
    let path = invited(&house, "alice").await;
    let token = path.rsplit('/').next().unwrap();
    let secret = house.get(NOBODY, &path).await.body["totp_secret"].as_str().unwrap().to_owned();
    let dump = house.store.range(store::Range::prefix("/")).await.unwrap();
    let log = format!("{:?}", log(&house).await);
    for secret in [token, secret.as_str()] {
        assert!(!log.contains(secret));
        for entry in &dump.entries {
            let value = String::from_utf8_lossy(&entry.value);
            assert!(!entry.key.contains(secret) && !value.contains(secret), "{}", entry.key);
        }
    }
}

#[tokio::test]
async fn a_browser_sees_a_page_without_script_and_sets_its_password_there() {
    let house = House::open().await;
    house.person("alice", &[]).await;
    let path = invited(&house, "alice").await;
    let phone = phone(&house, &path).await;
    let page = path.replace("/v1/invites/", "/invite/");
    let shown = house.get(NOBODY, &page).await;
    assert_eq!(shown.status, 200);
    let html = shown.body.as_str().unwrap();
    assert!(html.contains("<svg") && !html.contains("<script"), "{html}");
    let policy = shown.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("form-action 'self'"));
    assert_eq!(shown.headers["referrer-policy"], "no-referrer");
    assert_eq!(shown.headers["cache-control"], "no-store");
    let send = async |form: String| {
        let request = Request::post(page.as_str())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form))
            .unwrap();
        house.send(NOBODY, request).await
    };
    let words = "correct+horse+battery";
    let differ = send(format!("password={words}&again=other&totp={}", phone.code(&house))).await;
    assert_eq!(differ.status, 422);
    assert!(differ.body.as_str().unwrap().contains("The two passwords differ."));
    let code = phone.code(&house);
    let good = send(format!("password={words}&again={words}&totp={code}")).await;
    assert_eq!(good.status, 200, "{good:?}");
    assert!(
        good.body.as_str().unwrap().contains("tsh login --proxy gw.example.com:443 --user alice")
    );
    let gone = house.get(NOBODY, &page).await;
    assert_eq!(gone.status, 404);
    assert!(gone.body.as_str().unwrap().starts_with("<!doctype html>"));
    house.later(1);
    assert_eq!(try_login(&house, "alice", PASSWORD, &phone.code(&house)).await.status, 200);
}

#[tokio::test]
async fn the_code_that_accepts_an_invite_is_the_first_use_of_the_factor() {
    let house = House::open().await;
    let before = house.control.now();
    crate::login::enrolled(&house, "alice").await;
    let factors = house.get(house.user("alice"), "/v1/mfa").await.body;
    assert_eq!(factors["items"][0]["used"], before.to_string(), "{factors}");
}
