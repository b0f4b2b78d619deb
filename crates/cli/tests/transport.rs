//! What happens between client and server when the server is not the right one, goes away, or lies.
//!
//! The servers here are fakes of the transport only: they speak TLS or HTTP, and know nothing of access.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so")]

#[path = "transport/fake.rs"]
mod fake;

use std::io::Write;
use std::time::Duration;

use api::endpoints::events::PING;
use api::ping::Ping;
use cli::client::{Api, answer::MAX_ANSWER};
use cli::exit::Exit;
use cli::trust::{Pin, Trust, look};
use expect_test::expect;
use fake::{Authority, Http, head, json, request, said};

const ANSWER: &str =
    r#"{"cluster":"example","version":"0.1.0","host_authorities":[],"public_addr":"gw:3080"}"#;

#[test]
fn the_right_pin_opens_the_conversation() {
    let authority = Authority::new();
    let server = authority.serve(|stream| {
        head(stream);
        json(stream, ANSWER);
    });
    let pin = look(&server.address).unwrap();
    assert_eq!(pin, Pin::of(&authority.certificate).unwrap());
    let api = Api::over_tls(&server.address, Trust::Pin(pin), None).unwrap();
    let ping: Ping = api.read(&PING, &[], &[]).unwrap();
    assert_eq!(ping.cluster, "example");
    let api = Api::over_tls(
        &server.address,
        Trust::Authorities(vec![authority.certificate.clone()]),
        None,
    )
    .unwrap();
    api.read::<Ping>(&PING, &[], &[]).unwrap();
}

#[test]
fn another_authority_is_refused_loudly_and_hears_nothing() {
    let (right, wrong) = (Authority::new(), Authority::new());
    let pin = Pin::of(&right.certificate).unwrap();
    let mut texts = Vec::new();
    for trust in [Trust::Pin(pin), Trust::Authorities(vec![right.certificate.clone()])] {
        let server = wrong.serve(|stream| {
            head(stream);
            json(stream, ANSWER);
        });
        let api = Api::over_tls(&server.address, trust, None).unwrap();
        let error = api.read::<Ping>(&PING, &[], &[]).unwrap_err();
        let text = error.message().replace(&server.address, "HOST:PORT");
        texts.push(text);
        assert_eq!(error.exit(), Exit::Network);
        assert_eq!(server.heard(), "", "the wrong server must hear nothing");
    }
    assert_eq!(texts[0], texts[1]);
    expect![[r#"
        error: `HOST:PORT` IS NOT THE SERVER YOU TRUSTED: its authority is not the one that was agreed to. Someone may be reading along. Nothing was sent
        hint: ask an administrator for the pin (`tctl status` shows it)
        hint: then log in again: tsh login --proxy HOST:PORT --pin sha256:…
    "#]].assert_eq(&texts[0]);
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::named("elsewhere.example");
    let server = authority.serve(|stream| json(stream, ANSWER));
    let pin = Pin::of(&authority.certificate).unwrap();
    let error = Api::over_tls(&server.address, Trust::Pin(pin), None)
        .unwrap()
        .read::<Ping>(&PING, &[], &[])
        .unwrap_err();
    assert!(
        error.to_string().starts_with("the server's certificate is not for `127.0.0.1:"),
        "{error}"
    );
}

#[test]
fn a_server_without_tls_is_no_countersign_server() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    let error = look(&address).unwrap_err();
    assert_eq!(error.exit(), Exit::Network);
    assert!(
        error.to_string().ends_with("is not a Countersign server: it shows no authority"),
        "{error}"
    );
    served.join().unwrap();
}

#[test]
fn nobody_listening_is_a_network_error() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    assert_eq!(look(&address).unwrap_err().exit(), Exit::Network);
}

#[test]
fn a_connection_dropped_within_an_answer_is_a_network_error() {
    let server = Http::serve(|stream, _, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"cluster\":").unwrap();
    });
    let error = Api::over_socket(&server.path).unwrap().read::<Ping>(&PING, &[], &[]).unwrap_err();
    assert_eq!(error.exit(), Exit::Network, "{}", error.message());
    assert!(error.to_string().ends_with("broke"), "{error}");
}

#[test]
fn an_endless_answer_is_not_kept() {
    let server = Http::serve(|stream, _, _| {
        let announced = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", MAX_ANSWER + 1);
        stream.write_all(announced.as_bytes()).unwrap();
        let piece = vec![b' '; 1024 * 1024];
        while stream.write_all(&piece).is_ok() {}
    });
    let error = Api::over_socket(&server.path).unwrap().read::<Ping>(&PING, &[], &[]).unwrap_err();
    assert!(error.to_string().contains("is longer than"), "{error}");
}

#[test]
fn a_refusal_is_shown_in_the_servers_words_and_cannot_paint() {
    let server = Http::serve(|stream, _, _| {
        let body = r#"{"type":"about:blank","title":"Forbidden","status":403,"code":"forbidden","detail":"access denied \u001b[2J","hint":"ask \u202e bob","errors":[{"path":"spec","message":"bad\nerror: forged","line":7}]}"#;
        let text = format!(
            "HTTP/1.1 403 Forbidden\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(text.as_bytes()).unwrap();
    });
    let (out, err, exit) = said(&server, "tsh request ls");
    assert_eq!((out.as_str(), exit), ("", Exit::Denied));
    expect![[r#"
        error: access denied \u001b[2J
          line 7: spec: bad\nerror: forged
        hint: ask \u{202e} bob
    "#]]
    .assert_eq(&err);
}

#[test]
fn something_that_is_no_countersign_server_is_named() {
    let server = Http::serve(|stream, _, _| {
        stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\r\nnginx").unwrap();
    });
    let (_, err, exit) = said(&server, "tsh request ls");
    assert_eq!(exit, Exit::NotFound);
    assert_eq!(
        err,
        "error: the server answered with HTTP status 404\nhint: is this address the Countersign server?\n"
    );
}

#[test]
fn a_broken_stream_of_events_is_resumed_where_it_broke() {
    let server = Http::serve(|stream, count, head| {
        let events = head.starts_with("GET /v1/requests/bc8ca931-fec9-4b15/events ");
        let resumed = head.to_ascii_lowercase().contains("\r\nlast-event-id: 9\r\n");
        match (events, resumed, count) {
            // The first stream tells of one review and breaks.
            (true, false, _) => fake::events(stream, &[(9, &request("pending", 9))]),
            // Reading the request again, the server is just restarting.
            (false, _, 2) => {}
            (false, _, _) => json(stream, &request("pending", 7)),
            // The second goes on after it.
            (true, true, _) => fake::events(stream, &[(11, &request("approved", 11))]),
        }
    });
    let (out, err, exit) = said(&server, "tsh request new --wait bc8ca931-fec9-4b15");
    assert_eq!(exit, Exit::Done, "{err}");
    expect![[r#"
        Seeking request approval...
        Approved by bob: go ahead. bc8ca931-fec9-4b15 ends 2019-11-07 20:38 UTC (in 1h)
    "#]]
    .assert_eq(&out);
    expect![[r#"
        bc8ca931-fec9-4b15 waits for 1 more approval from: bob
    "#]]
    .assert_eq(&err);
}

#[test]
fn a_denied_request_ends_with_3() {
    let server = Http::serve(|stream, _, head| match head.contains("/events ") {
        true => fake::events(stream, &[(8, &request("denied", 8))]),
        false => json(stream, &request("pending", 7)),
    });
    let (out, _, exit) = said(&server, "tsh request new --wait bc8ca931-fec9-4b15");
    assert_eq!(
        (out.as_str(), exit),
        (
            "Seeking request approval...\nDenied by bob: go ahead (bc8ca931-fec9-4b15)\n",
            Exit::Denied
        )
    );
}

#[test]
fn an_empty_page_is_not_the_end_of_a_list_and_a_cursor_that_stays_is() {
    let server = Http::serve(|stream, _, head| {
        if head.contains("cursor=b") {
            json(stream, &format!(r#"{{"items":[{}],"next":"b"}}"#, request("pending", 7)))
        } else {
            let next = if head.contains("cursor=a") { "b" } else { "a" };
            json(stream, &format!(r#"{{"items":[],"next":"{next}"}}"#))
        }
    });
    let (out, err, exit) = said(&server, "tsh request ls");
    assert_eq!((err.as_str(), exit), ("", Exit::Done));
    assert_eq!(out.matches("bc8ca931-fec9-4b15").count(), 1, "{out}");
}

#[test]
fn a_beginning_of_an_id_is_enough_if_it_is_unique() {
    let server = Http::serve(|stream, _, head| match head.contains("text=bc8c") {
        true => json(stream, &format!(r#"{{"items":[{}]}}"#, request("pending", 7))),
        false => json(stream, &request("pending", 7)),
    });
    let (out, err, exit) = said(&server, "tsh request show bc8c");
    assert_eq!(exit, Exit::Done, "{err}");
    assert!(out.starts_with("Request    bc8ca931-fec9-4b15\nState      PENDING\n"), "{out}");
    let (_, err, exit) = said(&server, "tsh request show bc8g");
    assert_eq!(exit, Exit::Usage);
    assert!(err.starts_with("error: `bc8g` is not the id of a request\n"), "{err}");
}

/// How long a fake waits for what must come at once.
const PATIENCE: Duration = Duration::from_secs(20);
