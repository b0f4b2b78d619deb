//! Applications behind the daemon: `tsh`, curl, and a real browser.

mod chromium;

use crate::house::{House, PASSWORD, code_at, run};
use chromium::Chromium;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

/// The roles of these stories.
const ROLES: &str = include_str!("apps/roles.yaml");

/// An application that answers each request with its first line, as JSON in a page.
fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let Some(Ok(first)) = lines.next() else { return };
                let _head: Vec<_> =
                    lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                let body = format!("<!doctype html><title>wiki</title><p>found-me {first}</p>");
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
            });
        }
    });
    addr
}

/// A house at `localhost`, with an application at `wiki.localhost`, which alice may ask for and bob grants.
fn house() -> (House, String) {
    let mut house = House::build();
    let config = house.dir.path().join("countersign.yaml");
    std::fs::write(&config, format!("public_addr: localhost:{}\n", house.listen.port())).unwrap();
    house.config = Some(config);
    house.start();
    house.tctl_with(&["create", "-f", "-"], ROLES).ok();
    let app = format!(
        "kind: app\nversion: v1\nmetadata: {{name: wiki, labels: {{env: test}}}}\nspec: {{uri: 'http://{}'}}\n",
        origin()
    );
    house.tctl_with(&["create", "-f", "-"], &app).ok();
    let secret = house.invite("alice", "engineer");
    house.invite("bob", "reviewer");
    (house, secret)
}

fn curl(house: &House, path: &str) -> crate::house::Ran {
    let file = house.home("alice").join(".tsh/app-wiki.curl").display().to_string();
    let port = house.listen.port();
    let at = format!("wiki.localhost:{port}:127.0.0.1");
    let mut command = std::process::Command::new("curl");
    // curl takes no certificate for all names of a top-level domain, so the name is not compared here.
    command.args(["-sS", "-k", "-i", "-K", &file, "--resolve", &at]);
    run(command.arg(format!("https://wiki.localhost:{port}{path}")), "")
}

#[test]
fn a_request_opens_an_application_for_programs_and_its_end_closes_it() {
    let (house, _) = house();
    let listed = house.tsh("alice", &["apps", "ls"]).ok().out;
    assert!(listed.contains("You can reach no application now"), "{listed}");
    assert!(listed.contains("tsh request new --roles=wiki"), "{listed}");
    let denied = house.tsh("alice", &["apps", "login", "wiki"]);
    assert_eq!(denied.status, 3, "{denied:?}");
    assert!(denied.err.contains("hint: tsh request new --roles=wiki"), "{denied:?}");
    assert_eq!(house.tsh("alice", &["why", "app", "wiki"]).status, 3);

    let asked = house
        .tsh(
            "alice",
            &["request", "new", "--roles=wiki", "--reason=docs", "--nowait", "--format=json"],
        )
        .ok();
    let asked: serde_json::Value = serde_json::from_str(&asked.out).unwrap();
    let request = asked["id"].as_str().unwrap().to_owned();
    house.tsh("bob", &["request", "review", "--approve", &request]).ok();

    let login = house.tsh("alice", &["apps", "login", "wiki"]).ok().out;
    assert!(login.contains(&format!("https://wiki.localhost:{}", house.listen.port())), "{login}");
    let page = curl(&house, "/docs?q=secret");
    assert!(
        page.out.starts_with("HTTP/2 200") && page.out.contains("GET /docs?q=secret"),
        "{page:?}"
    );

    // A connection to the house is not the application's, and says so.
    let port = house.listen.port();
    let host = format!("Host: wiki.localhost:{port}");
    let elsewhere = format!("https://localhost:{port}/docs");
    let misdirected =
        run(std::process::Command::new("curl").args(["-sSki", "-H", &host, &elsewhere]), "");
    assert!(misdirected.out.starts_with("HTTP/2 421"), "{misdirected:?}");

    // A local port for a program that can do no TLS.
    let mut proxy = house.program("tsh", "alice");
    let mut proxy = proxy
        .args(["proxy", "app", "wiki", "--format=json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut lines = BufReader::new(proxy.stdout.take().unwrap());
    let opened: serde_json::Value = loop {
        lines.read_line(&mut line).unwrap();
        if let Ok(opened) = serde_json::from_str(&line) {
            break opened;
        }
    };
    let uri = format!("{}/tunnel", opened["uri"].as_str().unwrap());
    let through = run(std::process::Command::new("curl").args(["-sS", &uri]), "");
    assert!(through.out.contains("found-me GET /tunnel"), "{through:?}");

    // The end of the grant is the end of the visit, and what was done stands on the request.
    house.tsh("alice", &["request", "release", &request]).ok();
    let closed = curl(&house, "/docs");
    assert!(closed.out.contains(" 403") && closed.out.contains("tsh request new"), "{closed:?}");
    proxy.kill().unwrap();
    proxy.wait().unwrap();
    let events =
        house.until("session.ended", &["audit", "ls", "--request", &request, "--format", "json"]);
    let told =
        house.tsh("alice", &["recordings", "ls", "--request", &request, "--format=json"]).ok();
    let recordings: serde_json::Value = serde_json::from_str(&told.out).unwrap();
    let text = |one: &serde_json::Value| {
        let session = one["session"].as_str().expect(&told.out);
        house.tsh("alice", &["play", "--text", session]).ok().out
    };
    let played: String = recordings.as_array().expect(&told.out).iter().map(text).collect();
    let played = format!("{played}\n{}", told.out);
    assert!(played.contains("GET /docs?… -- 200"), "{played}");
    assert!(played.contains("GET /tunnel -- 200"), "{played}");
    assert!(events.contains("\"calls\""), "{events}");
    assert!(!events.contains("q=secret"), "{events}");
}

#[test]
fn a_browser_logs_in_is_denied_asks_waits_and_goes_on_by_itself() {
    let (house, secret) = house();
    let mut browser = Chromium::start(house.dir.path());
    browser.go(&format!("https://wiki.localhost:{}/deep/link?x=1", house.listen.port()));
    browser.until("document.querySelector('input[name=totp]') !== null");
    assert!(
        browser.eval("location.host").contains("localhost"),
        "{}",
        browser.eval("location.href")
    );
    // The code of the next half minute: the one of this was used to accept the invite.
    let code = code_at(&secret, Duration::from_secs(30));
    for (name, value) in [("user", "alice"), ("password", PASSWORD), ("totp", &code)] {
        browser.eval(&format!("document.querySelector('input[name={name}]').value = '{value}'"));
    }
    browser.eval("document.querySelector('form button').click()");

    browser.until("document.querySelector('textarea[name=reason]') !== null");
    assert!(browser.eval("document.body.innerText").contains("Access to wiki is denied"));
    assert_eq!(browser.eval("location.pathname + location.search"), "/deep/link?x=1");
    browser.eval("document.querySelector('textarea').value = 'read the <docs>'");
    browser.eval("document.querySelector('form button').click()");

    browser.until("document.body.innerText.includes('Waiting for approval')");
    let table = house.tctl(&["request", "ls", "--format=json"]).ok().out;
    let requests: serde_json::Value = serde_json::from_str(&table).unwrap();
    let first = requests.get(0).or_else(|| requests["items"].get(0)).expect(&table);
    assert_eq!(first["reason"], "read the <docs>", "{table}");
    house.tsh("bob", &["request", "review", "--approve", first["id"].as_str().unwrap()]).ok();

    // Nobody touches the browser.
    browser.until("document.body.innerText.includes('found-me')");
    assert_eq!(browser.eval("location.pathname + location.search"), "/deep/link?x=1");
    assert!(browser.eval("document.body.innerText").contains("GET /deep/link?x=1"));
    assert_eq!(browser.eval("document.cookie"), "", "no script can read the cookie");

    // And at another application's name, or here after leaving, it is somebody else's business again.
    browser.go(&format!("https://wiki.localhost:{}/.countersign/logout", house.listen.port()));
    browser.until("document.querySelector('form button') !== null");
    browser.eval("document.querySelector('form button').click()");
    browser.until("document.body.innerText.includes('You have left')");
}
