//! What is behind: applications in TLS, and what is no HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::hostile::connect;
use crate::stand::{APP, PATIENCE, Stand, said, text};

/// An application in TLS, called `origin.internal` by its certificate.
async fn secure_origin(stand: &Stand) -> SocketAddr {
    let now = stand.identity("alice").expires - jiff::SignedDuration::from_hours(1);
    let made = stand.authorities.server_tls(&["origin.internal"], now).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(made.chain, made.key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(socket).await else { return };
                let mut head = [0; 4096];
                let _ = stream.read(&mut head).await;
                let _ =
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret").await;
                let _ = stream.shutdown().await;
            });
        }
    });
    addr
}

#[tokio::test]
async fn an_application_in_tls_proves_that_it_is_itself() {
    let stand = Stand::before("http://127.0.0.1:1").await;
    let addr = secure_origin(&stand).await;
    let alice = stand.client("alice", &["reader"]).await;
    let (uri, ca) = (format!("https://{addr}"), stand.authorities.tls_roots_pem());
    let good = json!({"server_name": "origin.internal", "ca_cert": ca});
    for (what, spec, expected) in [
        ("its name, its authority", json!({"uri": uri, "tls": good}), 200),
        (
            "another name",
            json!({"uri": uri, "tls": {"server_name": "other.internal", "ca_cert": ca}}),
            502,
        ),
        (
            "no authority that signed it",
            json!({"uri": uri, "tls": {"server_name": "origin.internal"}}),
            502,
        ),
        ("nothing checked", json!({"uri": uri, "insecure_skip_verify": true}), 200),
    ] {
        stand.put("app", APP, spec).await;
        // The visit takes the new record with the change of the policy.
        let asked = async {
            loop {
                let answer = alice.get("/").await;
                if answer.status == expected {
                    return answer;
                }
            }
        };
        let answer = tokio::time::timeout(PATIENCE, asked).await;
        let answer = answer.unwrap_or_else(|_| panic!("{what}: never {expected}"));
        if expected == 502 {
            assert_eq!(answer.json()["code"], "target_tls", "{what}");
        }
    }
}

#[tokio::test]
async fn what_is_no_http_goes_through_the_tunnel_and_ends_with_access() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut from, mut to) = socket.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    let stand = Stand::before(&format!("tcp://{addr}")).await;
    let alice = stand.client("alice", &["reader"]).await;
    let mut tunnel = connect(&alice, "gw.example.com", b"x-countersign").await;
    tunnel.write_all(b"countersign/1 app wiki\nhello").await.unwrap();
    let mut back = [0; 5];
    tokio::time::timeout(PATIENCE, tunnel.read_exact(&mut back)).await.unwrap().unwrap();
    assert_eq!(text(&back), "hello");
    // By its host name there is only HTTP, and this is none.
    let told = said(alice.curl(&["-i", &alice.url("/")])).await;
    assert_eq!((told.status, told.json()["code"].as_str()), (400, Some("no_http")), "{told:?}");

    stand.put("user", "alice", json!({"roles": []})).await;
    let mut rest = Vec::new();
    let _ =
        tokio::time::timeout(PATIENCE, tunnel.read_to_end(&mut rest)).await.expect("it goes on");
    let ended = stand.events_soon("session.ended").await;
    assert_eq!((&ended[0]["body"]["bytes_in"], &ended[0]["body"]["calls"]), (&json!(5), &json!(1)));

    // Whoever may not is told in words; a person may read them.
    let mut refused = connect(&alice, "gw.example.com", b"x-countersign").await;
    refused.write_all(b"countersign/1 app wiki\n").await.unwrap();
    let mut words = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, refused.read_to_end(&mut words)).await.unwrap();
    assert!(text(&words).starts_with("Access denied"), "{}", text(&words));
}
