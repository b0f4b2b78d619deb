//! Strangers: nonsense, half handshakes, floods. Others are unharmed.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::stand::{PATIENCE, Setup, Stand, text};
use proxy::SlotLimits;

async fn say(stand: &Stand, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(stand.addr).await.unwrap();
    let _ = stream.write_all(bytes).await;
    let mut back = Vec::new();
    // What the other side does is its business; it must only end.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut back))
        .await
        .expect("the connection stays open");
    back
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_answered_shortly_or_not_at_all() {
    let stand = Stand::open().await;
    let told = |bytes: &'static [u8]| say(&stand, bytes);
    assert!(text(&told(b"countersign/1 telnet box\n").await).contains("names no protocol of ours"));
    assert!(text(&told(b"countersign/1 ssh a b\n").await).contains("must name one target"));
    assert!(text(&told(b"GET / HTTP/1.1\r\n\r\n").await).contains("This port speaks HTTPS"));
    // A SSLRequest, and then no TLS: a TLS alert (RFC 8446, section 5.1) after the yes.
    assert!(told(b"\x00\x00\x00\x08\x04\xd2\x16\x2fhello?").await.starts_with(b"S\x15"));
    assert!(told(b"hello?\r\n").await.is_empty());
    assert!(
        told(b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nSSH-2.0-x\r\n").await.is_empty(),
        "only balancers may say this"
    );
    let long = [b"countersign/1 ssh ".to_vec(), vec![b'a'; 600]].concat();
    let mut stream = TcpStream::connect(stand.addr).await.unwrap();
    stream.write_all(&long).await.unwrap();
    let mut back = String::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_string(&mut back)).await.unwrap();
    assert!(back.contains("longer than 512 bytes"), "{back}");
}

#[tokio::test(flavor = "multi_thread")]
async fn random_and_cut_off_handshakes_harm_nobody() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let mut seed = 1u64;
    for round in 0..60 {
        let mut bytes =
            if round % 2 == 0 { b"SSH-2.0-noise\r\n".to_vec() } else { vec![0x16, 3, 1] };
        for _ in 0..400 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            bytes.push(seed.to_be_bytes()[0]);
        }
        let mut stream = TcpStream::connect(stand.addr).await.unwrap();
        let _ = stream.write_all(&bytes[..bytes.len() - round]).await;
        drop(stream);
    }
    assert_eq!(text(&dave.ssh(&["db-box", "echo fine"]).await.stdout), "fine\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_strangers_do_not_keep_people_out() {
    let limits = SlotLimits { total: 600, per_address: 500 };
    let stand = Stand::open_with(Setup { slots: limits, ..Setup::default() }).await;
    let dave = stand.client("dave", &["dba"]).await;
    // All from one address, which is not the one people come from.
    let mut held = Vec::new();
    for n in 0..2000u32 {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.9:0".parse().unwrap()).unwrap();
        if let Ok(Ok(mut stream)) =
            tokio::time::timeout(Duration::from_secs(5), socket.connect(stand.addr)).await
        {
            if n % 2 == 0 {
                let _ = stream.write_all(b"SSH-2.0-half\r\n").await;
            }
            held.push(stream);
        }
    }
    assert!(held.len() > 400);
    assert_eq!(text(&dave.ssh(&["db-box", "echo in"]).await.stdout), "in\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_use_is_said_to_be() {
    let stand = Stand::open().await;
    let error = proxy::bind(stand.addr).unwrap_err().to_string();
    assert!(error.contains("is in use: is another daemon running?"), "{error}");
}
