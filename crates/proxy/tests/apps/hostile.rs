//! Bytes that no browser sends: refused, or passed on in one meaning only.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::origin::Origin;
use crate::stand::{Client, HOST, PATIENCE, Stand, text};

/// A connection by hand, with the client's certificate: to this host name, to speak this.
pub(crate) async fn connect(client: &Client, host: &str, alpn: &[u8]) -> TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(client.file("ca.pem")).unwrap() {
        roots.add(root.unwrap()).unwrap();
    }
    let chain: Vec<_> = CertificateDer::pem_file_iter(client.file("cert.pem"))
        .unwrap()
        .map(|one| one.unwrap())
        .collect();
    let key = PrivateKeyDer::from_pem_file(client.file("key.pem")).unwrap();
    let mut config = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![alpn.to_vec()];
    let socket = TcpStream::connect(client.addr).await.unwrap();
    let name = ServerName::try_from(host.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap()
}

/// What comes back until the connection ends, or is silent after an answer.
async fn send(client: &Client, bytes: &str) -> String {
    let mut stream = connect(client, HOST, b"http/1.1").await;
    let bytes = bytes.replace("HOST", &format!("{HOST}:{}", client.addr.port()));
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut back = Vec::new();
    // Every case ends with `Connection: close`, or is refused and closed.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut back)).await.expect("it hangs");
    text(&back)
}

#[tokio::test]
async fn a_request_has_one_meaning_or_is_refused() {
    let origin = Origin::start().await;
    let stand = Stand::before(&origin.uri()).await;
    let alice = stand.client("alice", &["reader"]).await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    let length = smuggled.len() + 5;
    for (what, bytes) in [
        ("two lengths", format!("POST /echo HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{smuggled}")),
        ("an encoding that is none", format!("POST /echo HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: xchunked\r\nConnection: close\r\n\r\n{smuggled}")),
        ("a folded header", "GET /echo HTTP/1.1\r\nHost: HOST\r\nX-A: b\r\n c\r\nConnection: close\r\n\r\n".to_owned()),
        ("a space before the colon", "GET /echo HTTP/1.1\r\nHost: HOST\r\nContent-Length : 5\r\nConnection: close\r\n\r\nhello".to_owned()),
        ("two hosts", "GET /echo HTTP/1.1\r\nHost: HOST\r\nHost: HOST\r\nConnection: close\r\n\r\n".to_owned()),
        ("another host in the address", "GET http://evil.example/echo HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n".to_owned()),
        ("no host", "GET /echo HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned()),
        ("a negative length", "POST /echo HTTP/1.1\r\nHost: HOST\r\nContent-Length: -1\r\nConnection: close\r\n\r\n".to_owned()),
        ("a chunk that is none", "POST /echo HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n\r\n".to_owned()),
        ("a head that is too long", format!("GET /echo HTTP/1.1\r\nHost: HOST\r\nX-A: {}\r\nConnection: close\r\n\r\n", "a".repeat(100_000))),
        ("too many headers", format!("GET /echo HTTP/1.1\r\nHost: HOST\r\n{}Connection: close\r\n\r\n", "X-A: b\r\n".repeat(500))),
        ("no HTTP", "\u{1}\u{2}\u{3}\r\n\r\n".to_owned()),
    ] {
        let answer = send(&alice, &bytes).await;
        let status = answer.split(' ').nth(1).unwrap_or("closed");
        assert!(["400", "414", "431", "502", "closed"].contains(&status), "{what}: {answer}");
    }
    let log = origin.seen.lock().unwrap().clone();
    assert!(!log.iter().any(|line| line.contains("smuggled")), "{log:?}");
}

#[tokio::test]
async fn what_can_be_read_in_one_way_only_passes_in_that_way() {
    let origin = Origin::start().await;
    let stand = Stand::before(&origin.uri()).await;
    let alice = stand.client("alice", &["reader"]).await;
    // A length and chunks: the chunks count (RFC 9112, section 6.3), for us and, since we write it anew, for the
    // application; what follows is not read as a request of his.
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let length = smuggled.len() + 5;
    let bytes = format!(
        "POST /echo HTTP/1.1\r\nHost: HOST\r\nContent-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
    );
    let answer = send(&alice, &bytes).await;
    assert!(answer.contains("connection: close") || answer.contains(" 400 "), "{answer}");
    let log = origin.seen.lock().unwrap().clone();
    assert!(!log.iter().any(|line| line.contains("smuggled")), "{log:?}");
    let bytes = "POST /echo HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let answer = send(&alice, bytes).await;
    assert!(answer.ends_with("hello") || answer.starts_with("HTTP/1.1 400"), "{answer}");
    // Line feeds alone end lines (RFC 9112, section 2.2); the application gets whole ones.
    let answer = send(&alice, "GET /who HTTP/1.1\nHost: HOST\nConnection: close\n\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn whoever_begins_and_does_not_go_on_is_not_waited_for() {
    let origin = Origin::start().await;
    let stand = Stand::before(&origin.uri()).await;
    let alice = stand.client("alice", &["reader"]).await;
    let mut slow = connect(&alice, HOST, b"http/1.1").await;
    slow.write_all(b"GET / HTTP/1.1\r\nHost: x").await.unwrap();
    // Everybody else is served meanwhile, and his connection ends by itself.
    assert_eq!(alice.get("/").await.status, 200);
    let mut back = Vec::new();
    tokio::time::timeout(PATIENCE, slow.read_to_end(&mut back))
        .await
        .expect("it is waited for")
        .ok();
}
