//! Bodies, upgrades and trailers: streamed as they come.

use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::origin::Origin;
use crate::stand::{PATIENCE, Stand, finish, said, text};

#[tokio::test]
async fn a_large_upload_is_streamed_and_connections_are_kept() {
    let origin = Origin::start().await;
    let stand = Stand::before(&origin.uri()).await;
    let alice = stand.client("alice", &["reader"]).await;
    let bytes = vec![b'x'; 32 * 1024 * 1024];
    for version in ["--http1.1", "--http2"] {
        let args = [version, "-T", "-", "-H", "Expect:"];
        let upload =
            finish(alice.curl(&[&args[..], &[&alice.url("/count")]].concat()), &bytes).await;
        assert_eq!(text(&upload.stdout), bytes.len().to_string(), "{}", text(&upload.stderr));
    }
    let echoed = finish(alice.curl(&["-d", "hello", &alice.url("/echo")]), b"").await;
    assert_eq!(text(&echoed.stdout), "hello");
    assert_eq!(*origin.connections.lock().unwrap(), 1, "connections are kept for the next request");
}

#[tokio::test]
async fn a_websocket_passes_and_ends_when_access_does() {
    let origin = Origin::start().await;
    let stand = Stand::before(&origin.uri()).await;
    let alice = stand.client("alice", &["reader"]).await;
    let (ca, cert, key) = (alice.file("ca.pem"), alice.file("cert.pem"), alice.file("key.pem"));
    let at = alice.addr.to_string();
    let mut client = alice.command("openssl");
    client.args(["s_client", "-quiet", "-connect", &at, "-servername", crate::stand::HOST]);
    client.args(["-CAfile", &ca, "-cert", &cert, "-key", &key, "-alpn", "http/1.1"]);
    let mut child = client.stderr(Stdio::null()).spawn().unwrap();
    let (mut to, mut from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let ask = format!(
        "GET /ws HTTP/1.1\r\nHost: {}:{}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        crate::stand::HOST,
        alice.addr.port()
    );
    to.write_all(ask.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    let reading = async {
        while !head.ends_with(b"\r\n\r\n") {
            head.push(from.read_u8().await.unwrap());
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap();
    let head = text(&head);
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert!(head.contains("x-asserted: true"), "the assertion is on the upgrade too: {head}");
    // A frame with a mask that is nobody's business: bytes pass as they are.
    let frame = [0x81, 0x85, 1, 2, 3, 4, 0x69, 0x67, 0x6f, 0x68, 0x6e];
    to.write_all(&frame).await.unwrap();
    let mut back = [0; 11];
    tokio::time::timeout(PATIENCE, from.read_exact(&mut back)).await.unwrap().unwrap();
    assert_eq!(back, frame);

    let withdrawn = tokio::time::Instant::now();
    stand.put("user", "alice", json!({"roles": []})).await;
    let rest = tokio::time::timeout(PATIENCE, from.read_to_end(&mut Vec::new())).await.unwrap();
    assert!(withdrawn.elapsed() < Duration::from_secs(1), "{:?} {rest:?}", withdrawn.elapsed());
    let ended = stand.events_soon("session.ended").await;
    assert_eq!(ended[0]["body"]["bytes_out"], json!(11), "{ended:?}");
}

#[tokio::test]
async fn grpc_has_its_trailers_over_http_2_on_both_sides() {
    let origin = Origin::start().await;
    let stand = Stand::before(&origin.uri()).await;
    let alice = stand.client("alice", &["reader"]).await;
    let args = ["-i", "--http2", "-H", "content-type: application/grpc", "-H", "te: trailers"];
    let body = ["--data-binary", "\u{1}\u{1}\u{1}\u{1}\u{1}"];
    let url = alice.url("/grpc");
    let answer = said(alice.curl(&[&args[..], &body, &[&url]].concat())).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.contains("grpc-status: 0"), "{answer:?}");
    let log = origin.seen.lock().unwrap().clone();
    assert_eq!(log, ["POST /grpc"]);
}

#[tokio::test]
async fn an_application_that_is_not_there_is_told_so() {
    let origin = Origin::start().await;
    let stand = Stand::before("http://127.0.0.1:1").await;
    let alice = stand.client("alice", &["reader"]).await;
    let gone = alice.get("/").await;
    assert_eq!(
        (gone.status, gone.json()["code"].as_str()),
        (502, Some("target_unreachable")),
        "{gone:?}"
    );
    // Its address changes: the visit goes on there.
    stand.put("app", crate::stand::APP, json!({"uri": origin.uri()})).await;
    let found = async { while alice.get("/").await.status != 200 {} };
    tokio::time::timeout(PATIENCE, found).await.expect("the new address is never used");
}
