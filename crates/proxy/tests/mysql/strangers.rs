//! Who speaks no MySQL, or breaks off, gets no further, and harms nobody.

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wire::mysql::put_packet;

use crate::raw::{Raw, error};
use crate::stand::{PATIENCE, Stand};

/// What is answered to these bytes in place of an SSLRequest, behind the greeting.
async fn answered(stand: &Stand, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(stand.addr).await.unwrap();
    let mut greeting = BytesMut::new();
    while wire::mysql::take(&greeting, 1024).unwrap().is_none() {
        assert_ne!(socket.read_buf(&mut greeting).await.unwrap(), 0);
    }
    socket.write_all(bytes).await.unwrap();
    socket.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut answer)).await;
    // A reset is an end too.
    let _ = read.expect("the connection stays open");
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_get_no_further_than_the_greeting() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let mut raw = Raw::enter(&alice).await;
    for junk in [&b""[..], b"GET / HTTP/1.1\r\n\r\n", &[0xff; 64], &[0; 3], b"\x16\x03\x01\x02\x00"]
    {
        let answer = answered(&stand, junk).await;
        assert!(answer.len() < 256, "{junk:?}: {answer:?}");
    }
    // A response where TLS should be asked for.
    let mut plain = BytesMut::new();
    put_packet(&mut plain, 1, &[&[0x85, 0xa6, 0x03, 0][..], &[0; 28], b"root\0\0"].concat());
    let answer = answered(&stand, &plain).await;
    assert_eq!(answer[3], 2, "numbered behind it");
    assert!(error(&answer[4..]).starts_with("3159 "), "{}", error(&answer[4..]));
    assert_eq!(raw.ask("select 1").await.unwrap(), "1", "others are unharmed");
}
