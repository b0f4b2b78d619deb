//! Browsers: a cookie says who, and a proof says that a page of ours is asking.

use axum::body::Body;
use http::{Request, header};
use serde_json::{Value, json};

use crate::house::{Answer, House, NOBODY};
use crate::login::{PASSWORD, Phone, enrolled, invited};

/// The cookie an answer sets, as a browser sends it back.
fn cookie(answer: &Answer) -> String {
    let set = answer.headers[header::SET_COOKIE].to_str().unwrap();
    for word in ["__Host-countersign=", "; Path=/", "; HttpOnly", "; Secure", "; SameSite=Strict"] {
        assert!(set.contains(word), "{set}");
    }
    assert!(!set.contains("Domain"), "{set}");
    set.split(';').next().unwrap().to_owned()
}

async fn call(house: &House, method: &str, path: &str, jar: &str, proof: Option<&str>) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header(header::COOKIE, jar);
    if let Some(proof) = proof {
        request = request.header("countersign-proof", proof);
    }
    house.send(NOBODY, request.body(Body::empty()).unwrap()).await
}

/// Alice at a browser: her cookie and her proof.
async fn logged_in(house: &House, phone: &Phone) -> (String, String) {
    let body = json!({"user": "alice", "password": PASSWORD, "totp": phone.code(house)});
    let answer = house.call(NOBODY, "POST", "/v1/browser", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["user"], "alice");
    assert!(!answer.body.to_string().contains(&cookie(&answer)["__Host-countersign=".len()..]));
    (cookie(&answer), answer.body["proof"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_cookie_reads_and_its_proof_changes() {
    let house = House::open().await;
    let phone = enrolled(&house, "alice").await;
    let (jar, proof) = logged_in(&house, &phone).await;
    let shown = call(&house, "GET", "/v1/browser", &jar, None).await;
    assert_eq!((shown.status.as_u16(), shown.body["proof"].as_str()), (200, Some(proof.as_str())));
    for forged in [None, Some("0"), Some(&proof[1..])] {
        let answer = call(&house, "POST", "/v1/logout", &jar, forged).await;
        assert_eq!(answer.status, 401, "{forged:?}: {answer:?}");
    }
    assert_eq!(call(&house, "POST", "/v1/logout", &jar, Some(&proof)).await.status, 204);
    assert_eq!(call(&house, "GET", "/v1/browser", &jar, None).await.status, 401);
}

#[tokio::test]
async fn logging_out_takes_the_cookie_back_and_everywhere_means_everywhere() {
    let house = House::open().await;
    let phone = enrolled(&house, "alice").await;
    let (first, proof) = logged_in(&house, &phone).await;
    house.later(1);
    let (second, other) = logged_in(&house, &phone).await;
    assert_ne!(proof, other, "another session's proof is worth nothing here");
    let ended = call(&house, "DELETE", "/v1/browser", &first, Some(&proof)).await;
    assert_eq!(ended.status, 204);
    assert!(ended.headers[header::SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(call(&house, "GET", "/v1/status", &first, None).await.status, 401);
    house.later(1);
    let (third, _) = logged_in(&house, &phone).await;
    let ended = call(&house, "DELETE", "/v1/logins", &second, Some(&other)).await;
    assert_eq!(ended.status, 204, "{ended:?}");
    for jar in [second, third] {
        assert_eq!(call(&house, "GET", "/v1/status", &jar, None).await.status, 401);
    }
}

#[tokio::test]
async fn an_invite_is_shown_as_a_picture_and_accepted_into_a_session() {
    let house = House::open().await;
    house.person("alice", &[]).await;
    let path = invited(&house, "alice").await;
    let view = house.get(NOBODY, &path).await.body;
    let rows: Vec<&str> =
        view["totp_qr"].as_array().unwrap().iter().map(|row| row.as_str().unwrap()).collect();
    assert!(rows.len() >= 21 && rows.iter().all(|row| row.len() == rows.len()), "a square");
    assert!(rows[0].starts_with("11111110"), "its first finder pattern (ISO/IEC 18004 §6.3.3)");
    let phone = Phone::with(view["totp_secret"].as_str().unwrap());
    let mut body = json!({"password": PASSWORD, "totp": phone.code(&house), "browser": true});
    body["keys"] = crate::login::keys();
    let both = house.call(NOBODY, "POST", &path, &body).await;
    assert_eq!((both.status.as_u16(), &both.body["errors"][0]["path"]), (422, &json!("browser")));
    body["keys"] = Value::Null;
    let answer = house.call(NOBODY, "POST", &path, &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let shown = call(&house, "GET", "/v1/browser", &cookie(&answer), None).await;
    assert_eq!(shown.body["user"], "alice");
}

#[tokio::test]
async fn what_a_screen_may_offer_is_what_the_policy_says() {
    let house = House::staged().await;
    let ada = house.get(house.user("ada"), "/v1/browser").await.body;
    let powers: Vec<&str> =
        ada["powers"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    for power in ["role/update", "user/create", "session/list", "access_request/update"] {
        assert!(powers.contains(&power), "{powers:?}");
    }
    assert!(ada["proof"].is_null(), "without a cookie there is nothing to prove");
    let bob = house.get(house.user("bob"), "/v1/browser").await.body;
    assert_eq!((&bob["powers"], &bob["can_review"]), (&json!([]), &json!(true)));
}
