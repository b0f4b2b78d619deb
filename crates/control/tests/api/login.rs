//! Logging in, and every way it is refused.

use std::net::IpAddr;

use access::identity::Identity;
use api::audit::{AuditQuery, code};
use api::document::Kind;
use control::Caller;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::house::{ADMIN, Answer, House, NOBODY};

pub(crate) const PASSWORD: &str = "correct horse battery";

/// Someone's authenticator.
pub(crate) struct Phone(totp_rs::Totp);

impl Phone {
    pub(crate) fn with(secret: &str) -> Self {
        let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
        Self(totp_rs::Builder::new().with_secret(secret).build_noncompliant())
    }

    pub(crate) fn code(&self, house: &House) -> String {
        let now = house.control.now().as_second();
        self.0.generate(u64::try_from(now).unwrap()).to_string()
    }
}

pub(crate) fn keys() -> Value {
    let tls = "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEevuVS/b5ZrzvxSY7vTLXvDGdQUpL\n\
        Hsi1QFuFGaBRFnEJuTOmAY0QTJI2r8OWy1T5OSP0xyuDMcmsAlLp7ZyoMQ==\n\
        -----END PUBLIC KEY-----\n";
    let ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEhS6AswXWQjnXB7ZTh8mUZLUOYV1iVBHcXr0EuVDPtD x";
    json!({"ssh": ssh, "tls": tls})
}

/// Invites someone who exists, and gives the path of the link.
pub(crate) async fn invited(house: &House, user: &str) -> String {
    let path = format!("/v1/users/{user}/invite");
    let answer = house.call(ADMIN, "POST", &path, &json!({})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let link = answer.body["link"].as_str().unwrap();
    let token = link.strip_prefix("https://gw.example.com:443/invite/").unwrap();
    format!("/v1/invites/{token}")
}

/// Someone with a password and an authenticator, one step of which is used up.
pub(crate) async fn enrolled(house: &House, user: &str) -> Phone {
    house.person(user, &[]).await;
    let path = invited(house, user).await;
    let view = house.get(NOBODY, &path).await;
    let phone = Phone::with(view.body["totp_secret"].as_str().unwrap());
    let body = json!({"password": PASSWORD, "totp": phone.code(house)});
    let answer = house.call(NOBODY, "POST", &path, &body).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    house.later(1);
    phone
}

pub(crate) fn from(address: &str) -> Caller {
    Caller::Anonymous { peer: Some(address.parse::<IpAddr>().unwrap()), lapsed: None }
}

pub(crate) async fn try_login(house: &House, user: &str, password: &str, totp: &str) -> Answer {
    let body = json!({"user": user, "password": password, "totp": totp, "keys": keys()});
    house.call(NOBODY, "POST", "/v1/login", &body).await
}

/// The codes and bodies of the audit log, oldest first.
pub(crate) async fn log(house: &House) -> Vec<(String, Value)> {
    let query = AuditQuery { limit: Some(1000), ..AuditQuery::default() };
    let page = house.store.audit().query(query).await.unwrap();
    let mut events: Vec<_> = page.events;
    events.sort_by_key(|event| event.seq);
    events.into_iter().map(|it| (it.event.code.to_string(), it.event.body)).collect()
}

/// What the audit log says about the last login that was refused.
async fn reason(house: &House) -> String {
    let log = log(house).await;
    let failed = log.iter().rev().find(|(kind, _)| kind == code::LOGIN_FAILED).unwrap();
    failed.1["reason"].as_str().unwrap().to_owned()
}

/// What a stranger can see of an answer.
fn seen(answer: &Answer) -> String {
    let mut headers = answer.headers.clone();
    headers.remove("x-request-id");
    let mut body = answer.body.clone();
    body.as_object_mut().unwrap().remove("instance");
    format!("{} {headers:?} {body}", answer.status)
}

fn identity(house: &House, answer: &Answer) -> Identity {
    let line = answer.body["ssh_certificate"].as_str().unwrap();
    let certificate = ca::keys::Certificate::from_openssh(line).unwrap();
    let authorities = house.control.authorities();
    authorities.verify_identity_ssh(&certificate, house.control.now()).unwrap()
}

#[tokio::test]
async fn a_password_and_a_code_become_certificates_that_say_who_someone_is() {
    let house = House::open().await;
    let phone = enrolled(&house, "alice").await;
    let answer = try_login(&house, "alice", PASSWORD, &phone.code(&house)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let ssh = identity(&house, &answer);
    assert_eq!((ssh.user.as_str(), ssh.mfa), ("alice", true));
    assert_eq!(ssh.expires, house.control.now() + SignedDuration::from_hours(12));
    assert_eq!(answer.body["login"], ssh.login.to_string());
    let pem = answer.body["tls_certificate"].as_str().unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"));
    let log = log(&house).await;
    let codes: Vec<_> = log.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(
        codes,
        [code::USER_INVITED, code::USER_ENROLLED, code::LOGIN_SUCCEEDED, code::CERT_ISSUED]
    );
}

#[tokio::test]
async fn a_code_works_once() {
    let house = House::open().await;
    let phone = enrolled(&house, "alice").await;
    let code = phone.code(&house);
    assert_eq!(try_login(&house, "alice", PASSWORD, &code).await.status, 200);
    let again = try_login(&house, "alice", PASSWORD, &code).await;
    assert_eq!(again.code(), "login.refused");
    assert_eq!(reason(&house).await, "the code was used before");
}

#[tokio::test]
async fn of_two_logins_with_one_code_at_once_only_one_succeeds() {
    let house = House::open().await;
    let phone = enrolled(&house, "alice").await;
    let code = phone.code(&house);
    let (one, two) = tokio::join!(
        try_login(&house, "alice", PASSWORD, &code),
        try_login(&house, "alice", PASSWORD, &code)
    );
    let mut both = [one.code(), two.code()];
    both.sort();
    assert_eq!(both, ["200", "login.refused"]);
}

#[tokio::test]
async fn whatever_is_wrong_the_answer_is_the_same() {
    let house = House::open().await;
    let alice = enrolled(&house, "alice").await;
    let disabled = enrolled(&house, "bob").await;
    let document = json!({"kind": "user", "version": "v1", "metadata": {"name": "bob"},
        "spec": {"disabled": true}});
    assert_eq!(house.call(ADMIN, "PUT", "/v1/users/bob", &document).await.status, 200);
    house.person("carol", &[]).await;
    let (code, bobs) = (alice.code(&house), disabled.code(&house));
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let long = "x".repeat(100_000);
    let mut answers = Vec::new();
    for (user, password, totp, why) in [
        ("nobody", PASSWORD, code.as_str(), "no such user"),
        ("alice", "wrong horse battery", code.as_str(), "wrong password"),
        ("alice", PASSWORD, wrong, "wrong code"),
        ("alice", "", "", "wrong password"),
        ("alice", long.as_str(), code.as_str(), "wrong password"),
        ("bob", PASSWORD, bobs.as_str(), "the user is disabled"),
        ("carol", PASSWORD, code.as_str(), "the user has no password yet"),
        ("алиса", PASSWORD, code.as_str(), "no such user"),
        ("../../user/alice", PASSWORD, code.as_str(), "no such user"),
        ("alice\u{0}", PASSWORD, code.as_str(), "no such user"),
        ("ALICE", PASSWORD, code.as_str(), "no such user"),
    ] {
        let answer = try_login(&house, user, password, totp).await;
        assert_eq!(answer.code(), "login.refused", "{user:?} {why}");
        assert_eq!(reason(&house).await, why, "{user:?}");
        answers.push(seen(&answer));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
}

#[tokio::test]
async fn after_five_failures_even_the_right_password_waits_and_looks_no_different() {
    let house = House::open().await;
    let phone = enrolled(&house, "alice").await;
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(seen(&try_login(&house, "alice", "wrong horse battery", "000000").await));
    }
    let locked = try_login(&house, "alice", PASSWORD, &phone.code(&house)).await;
    assert_eq!(reason(&house).await, "locked out after failures");
    answers.push(seen(&locked));
    answers.push(seen(&try_login(&house, "nobody", PASSWORD, "000000").await));
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert!(log(&house).await.iter().any(|(kind, _)| kind == code::LOGIN_LOCKED));
    house.later(1);
    let later = try_login(&house, "alice", PASSWORD, &phone.code(&house)).await;
    assert_eq!(later.status, 200, "{later:?}");
}

#[tokio::test]
async fn guesses_at_once_are_counted_like_guesses_in_a_row() {
    let house = House::open().await;
    let phone = enrolled(&house, "alice").await;
    let guess = || try_login(&house, "alice", "wrong horse battery", "000000");
    tokio::join!(guess(), guess(), guess(), guess(), guess());
    try_login(&house, "alice", PASSWORD, &phone.code(&house)).await;
    assert_eq!(reason(&house).await, "locked out after failures");
}

#[tokio::test]
async fn who_knocks_too_often_waits_by_name_and_by_address_whether_the_name_exists_or_not() {
    let house = House::open().await;
    enrolled(&house, "alice").await;
    let mut ends = Vec::new();
    for user in ["alice", "nobody"] {
        let mut answers = Vec::new();
        for _ in 0..12 {
            answers.push(try_login(&house, user, "wrong horse battery", "000000").await.code());
        }
        ends.push(answers);
    }
    assert_eq!(ends[0], ends[1]);
    assert_eq!(ends[0][9..], ["login.refused", "too_many", "too_many"]);
    let knock = async |caller, user: String| {
        let body = json!({"user": user, "password": "x", "totp": "0", "keys": keys()});
        house.call(caller, "POST", "/v1/login", &body).await.code()
    };
    let mut last = String::new();
    for at in 0..61 {
        last = knock(from("192.0.2.1"), format!("u{at}")).await;
    }
    assert_eq!(last, "too_many");
    assert_eq!(knock(from("192.0.2.2"), "u".to_owned()).await, "login.refused");
}

#[tokio::test]
async fn a_login_lasts_as_long_as_the_strictest_role_says_and_no_longer() {
    let house = House::open().await;
    let role = json!({"kind": "role", "version": "v7", "metadata": {"name": "short"},
        "spec": {"options": {"max_session_ttl": "2h"}}});
    let commit = store::documents::put(Kind::Role, "short", &role, store::Absent).unwrap();
    house.store.commit(commit).await.unwrap();
    let phone = enrolled(&house, "alice").await;
    let document = json!({"kind": "user", "version": "v1", "metadata": {"name": "alice"},
        "spec": {"roles": ["short"]}});
    assert_eq!(house.call(ADMIN, "PUT", "/v1/users/alice", &document).await.status, 200);
    let login = async |ttl: &str| {
        house.later(1);
        let body = json!({"user": "alice", "password": PASSWORD, "totp": phone.code(&house),
            "keys": keys(), "ttl": ttl});
        let answer = house.call(NOBODY, "POST", "/v1/login", &body).await;
        identity(&house, &answer).expires.duration_since(house.control.now())
    };
    assert_eq!(login("30h").await, SignedDuration::from_hours(2));
    assert_eq!(login("30m").await, SignedDuration::from_mins(30));
}

#[tokio::test]
async fn a_bad_key_is_named_and_costs_no_code() {
    let house = House::open().await;
    let phone = enrolled(&house, "alice").await;
    let mut body = json!({"user": "alice", "password": PASSWORD, "totp": phone.code(&house),
        "keys": {"ssh": "ssh-dss AAAA", "tls": keys()["tls"]}});
    let answer = house.call(NOBODY, "POST", "/v1/login", &body).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (422, "invalid".to_owned()));
    assert_eq!(answer.body["errors"][0]["path"], "keys.ssh");
    body["keys"] = keys();
    assert_eq!(house.call(NOBODY, "POST", "/v1/login", &body).await.status, 200);
}

#[tokio::test]
async fn logging_out_ends_the_certificates_at_once() {
    let house = House::open().await;
    let phone = enrolled(&house, "alice").await;
    let answer = try_login(&house, "alice", PASSWORD, &phone.code(&house)).await;
    let caller = Caller::User(identity(&house, &answer));
    let list = house.get(caller.clone(), "/v1/logins").await;
    assert_eq!(list.body["items"][0]["current"], true, "{list:?}");
    assert_eq!(list.body["items"][0]["how"], "password");
    assert_eq!(house.get(caller.clone(), "/v1/status").await.body["user"], "alice");
    let out = house.call(caller.clone(), "POST", "/v1/logout", &json!({})).await;
    assert_eq!(out.status, 204, "{out:?}");
    assert_eq!(house.get(caller, "/v1/status").await.code(), "unauthenticated");
}

#[tokio::test]
async fn nobody_ends_the_login_of_someone_else_without_the_rule() {
    let house = House::open().await;
    let phone = enrolled(&house, "alice").await;
    house.person("bob", &[]).await;
    let answer = try_login(&house, "alice", PASSWORD, &phone.code(&house)).await;
    let path = format!("/v1/logins/{}", answer.body["login"].as_str().unwrap());
    let end = async |caller| house.call(caller, "DELETE", &path, &json!({})).await.code();
    assert_eq!(end(house.user("bob")).await, "not_found");
    assert_eq!(house.get(house.user("bob"), "/v1/logins?user=alice").await.code(), "forbidden");
    assert_eq!(end(ADMIN).await, "204");
    let caller = Caller::User(identity(&house, &answer));
    assert_eq!(house.get(caller, "/v1/status").await.code(), "unauthenticated");
}

#[tokio::test]
async fn a_browser_gets_a_token_that_ends_with_its_login() {
    let house = House::open().await;
    let phone = enrolled(&house, "alice").await;
    let body = json!({"user": "alice", "password": PASSWORD, "totp": phone.code(&house)});
    let answer = house.call(NOBODY, "POST", "/v1/login/web", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let token = answer.body["session_token"].as_str().unwrap();
    let who =
        async |token: &str| control::login::session_identity(&house.control, token).await.unwrap();
    let identity = who(token).await.unwrap();
    assert_eq!(identity.user.as_str(), "alice");
    assert_eq!(who(&"x".repeat(43)).await, None);
    assert_eq!(who("").await, None);
    let with = async |value: String| {
        let request = http::Request::get("/v1/status").header("authorization", value);
        house.send(NOBODY, request.body(axum::body::Body::empty()).unwrap()).await
    };
    assert_eq!(with(format!("Bearer {token}")).await.body["user"], "alice");
    assert_eq!(with(format!("Basic {token}")).await.code(), "unauthenticated");
    assert_eq!(with(format!("Bearer {}", "x".repeat(43))).await.code(), "unauthenticated");
    let dump = house.store.range(store::Range::prefix("/")).await.unwrap();
    let kept = dump.entries.iter().any(|entry| {
        entry.key.contains(token) || entry.value.windows(token.len()).any(|w| w == token.as_bytes())
    });
    assert!(!kept, "the token itself is stored");
    let caller = Caller::User(identity);
    house.call(caller, "POST", "/v1/logout", &json!({})).await;
    assert_eq!(who(token).await, None);
}

#[tokio::test]
async fn a_session_token_ends_by_the_clock() {
    let house = House::open().await;
    let phone = enrolled(&house, "alice").await;
    let body = json!({"user": "alice", "password": PASSWORD, "totp": phone.code(&house)});
    let answer = house.call(NOBODY, "POST", "/v1/login/web", &body).await;
    let token = answer.body["session_token"].as_str().unwrap();
    house.later(12 * 60);
    let who = control::login::session_identity(&house.control, token).await.unwrap();
    assert_eq!(who, None);
}

#[tokio::test]
async fn nothing_secret_is_in_the_audit_log() {
    let house = House::open().await;
    let phone = enrolled(&house, "alice").await;
    let code = phone.code(&house);
    try_login(&house, "alice", PASSWORD, &code).await;
    try_login(&house, "my secret password!", "x", &code).await;
    let log = format!("{:?}", log(&house).await);
    for secret in [PASSWORD, code.as_str(), "my secret password!", "argon2id"] {
        assert!(!log.contains(secret), "{secret}");
    }
}
