//! From a login to an application: for browsers, to where an application is, and to nowhere else.

use axum::body::Body;
use http::{Request, header};
use serde_json::{Value, json};

use crate::house::{ADMIN, Answer, House, NOBODY};
use crate::login::{PASSWORD, Phone, enrolled};

const STATE: &str = "0123456789abcdef0123456789abcdef";

/// A house with the application `wiki`, which alice may open, and a phone of hers.
async fn house() -> (House, Phone) {
    let house = House::open().await;
    let phone = enrolled(&house, "alice").await;
    let role = json!({"kind": "role", "version": "v8", "metadata": {"name": "reader"}, "spec": {"allow": {"app_labels": {"*": "*"}}}});
    assert_eq!(house.call(ADMIN, "POST", "/v1/roles", &role).await.status, 200);
    let app = json!({"kind": "app", "version": "v1", "metadata": {"name": "wiki"}, "spec": {"uri": "http://wiki:80"}});
    assert_eq!(house.call(ADMIN, "POST", "/v1/apps", &app).await.status, 200);
    house.person("alice", &["reader"]).await;
    (house, phone)
}

fn path(at: &str, to: &str) -> String {
    let pairs = [("at", at), ("state", STATE), ("to", to)];
    let query = pairs
        .map(|(name, value)| format!("{name}={}", value.replace('/', "%2F").replace(':', "%3A")));
    format!("/v1/enter?{}", query.join("&"))
}

fn text(answer: &Answer) -> &str {
    answer.body.as_str().unwrap_or_default()
}

fn location(answer: &Answer) -> &str {
    answer.headers[header::LOCATION].to_str().unwrap()
}

async fn send(house: &House, fields: &[(&str, &str)], site: Option<&str>) -> Answer {
    let mut all = vec![("at", "wiki.gw.example.com"), ("state", STATE), ("to", "/d/abc")];
    all.extend(fields);
    let body: Vec<String> =
        all.iter().map(|(name, value)| format!("{name}={}", value.replace(' ', "+"))).collect();
    let mut request =
        Request::post("/v1/enter").header("content-type", "application/x-www-form-urlencoded");
    if let Some(site) = site {
        request = request.header("sec-fetch-site", site);
    }
    house.send(NOBODY, request.body(Body::from(body.join("&"))).unwrap()).await
}

#[tokio::test]
async fn whoever_is_logged_in_goes_on_with_a_ticket_for_that_application() {
    let (house, _) = house().await;
    let sent = house.get(house.user("alice"), &path("wiki.gw.example.com", "/d/abc?x=1")).await;
    assert_eq!(sent.status, 303, "{sent:?}");
    let ticket = location(&sent)
        .strip_prefix("https://wiki.gw.example.com/.countersign/enter?ticket=")
        .unwrap();
    let opened = house.control.authorities().open_ticket("app-enter", ticket).unwrap();
    let says: Value = serde_json::from_slice(&opened).unwrap();
    assert_eq!((&says["user"], &says["app"]), (&json!("alice"), &json!("wiki")));
    assert_eq!((&says["state"], &says["to"]), (&json!(STATE), &json!("/d/abc?x=1")));

    // A link that could leave the host is none.
    for to in ["//evil.example", "https://evil.example", "/\\evil"] {
        let sent = house.get(house.user("alice"), &path("wiki.gw.example.com", to)).await;
        let ticket = location(&sent).rsplit('=').next().unwrap();
        let opened = house.control.authorities().open_ticket("app-enter", ticket).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&opened).unwrap()["to"], "/", "{to}");
    }
}

#[tokio::test]
async fn nothing_leads_to_a_place_that_is_no_application_of_ours() {
    let (house, _) = house().await;
    for at in [
        "evil.example",
        "gw.example.com",
        "wiki.gw.example.com:8443",
        "a.b.gw.example.com",
        "wiki.gw.example.com@evil",
        "",
    ] {
        let answer = house.get(house.user("alice"), &path(at, "/")).await;
        assert_eq!(answer.status, 400, "{at}: {answer:?}");
    }
    let short = house.get(house.user("alice"), "/v1/enter?at=wiki.gw.example.com&state=x").await;
    assert_eq!(short.status, 400);
    // What does not exist, and what may not be asked for, look the same.
    house.person("mallory", &[]).await;
    let forbidden = house.get(house.user("mallory"), &path("wiki.gw.example.com", "/")).await;
    let unknown = house.get(house.user("mallory"), &path("none.gw.example.com", "/")).await;
    assert_eq!((forbidden.status.as_u16(), unknown.status.as_u16()), (403, 403));
    assert_eq!(text(&forbidden).replace("wiki", "none"), text(&unknown));
}

#[tokio::test]
async fn nobody_logs_in_here_and_goes_on() {
    let (house, phone) = house().await;
    let form = house.get(NOBODY, &path("wiki.gw.example.com", "/d/abc")).await;
    assert_eq!(form.status, 200, "{form:?}");
    assert!(
        text(&form).contains("name=\"totp\"") && text(&form).contains("to go on to <b>wiki</b>"),
        "{form:?}"
    );
    let policy = form.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("form-action 'self' https://wiki.gw.example.com;"), "{policy}");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    // Our cookie does not come along with a step from elsewhere: one more step, of our own.
    let request =
        Request::get(path("wiki.gw.example.com", "/")).header("sec-fetch-site", "same-site");
    let again = house.send(NOBODY, request.body(Body::empty()).unwrap()).await;
    assert!(
        text(&again).contains("http-equiv=\"refresh\"") && text(&again).contains("again=1"),
        "{again:?}"
    );

    let right = [("user", "alice"), ("password", PASSWORD)];
    let wrong = send(&house, &[right[0], ("password", "wrong"), ("totp", "000000")], None).await;
    assert_eq!(wrong.status, 401, "{wrong:?}");
    assert!(
        text(&wrong).contains("role=\"alert\"") && !wrong.headers.contains_key(header::SET_COOKIE)
    );
    let code = phone.code(&house);
    let elsewhere = send(&house, &[right[0], right[1], ("totp", &code)], Some("cross-site")).await;
    assert_eq!(elsewhere.status, 400, "{elsewhere:?}");
    let entered = send(&house, &[right[0], right[1], ("totp", &code)], Some("same-origin")).await;
    assert_eq!(entered.status, 303, "{entered:?}");
    assert!(
        location(&entered).starts_with("https://wiki.gw.example.com/.countersign/enter?ticket=")
    );
    let cookie = entered.headers[header::SET_COOKIE].to_str().unwrap();
    for word in ["__Host-countersign=", "; HttpOnly", "; Secure", "; SameSite=Strict"] {
        assert!(cookie.contains(word), "{cookie}");
    }
}

#[tokio::test]
async fn everybody_may_fetch_the_keys_that_assertions_are_checked_with() {
    let (house, _) = house().await;
    let keys = house.get(NOBODY, "/.well-known/jwks.json").await;
    assert_eq!(keys.body, house.control.authorities().assertion_keys());
    assert_eq!(keys.body["keys"][0]["alg"], "ES256");
    assert!(keys.body["keys"][0].get("d").is_none());
}
