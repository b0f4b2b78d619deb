//! A server that leaves, garbles, or says nothing while its answer is awaited: the client is told between two whole
//! packets, it is in the books, and nobody else notices.

use std::time::Duration;

use bytes::BytesMut;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use wire::mysql::{Capabilities, Greeting, Status, put_packet, take};

use crate::raw::{ABLE, Packet, Raw, error};
use crate::stand::{Client, Stand};

/// What the server says to one connection, and whether it leaves then.
struct Lines {
    /// Before the log-in.
    greeting: Vec<u8>,
    /// To the client's response; it leaves before that if this is nothing.
    welcome: Vec<u8>,
    /// To each command.
    answer: Vec<u8>,
    stays: bool,
}

fn packets(first: u8, payloads: &[&[u8]]) -> Vec<u8> {
    let (mut out, mut seq) = (BytesMut::new(), first);
    for payload in payloads {
        seq = put_packet(&mut out, seq, payload);
    }
    out.to_vec()
}

impl Default for Lines {
    fn default() -> Self {
        let mut payload = BytesMut::new();
        let greeting = Greeting {
            version: "8.0.39".into(),
            connection: 7,
            scramble: *b"0123456789abcdefghij",
            capabilities: Capabilities::PASSED,
            collation: 45,
            status: Status::AUTOCOMMIT.0,
            plugin: wire::mysql::plugin::NATIVE.into(),
        };
        greeting.put(&mut payload);
        let column = b"\x03def\0\0\0\x01n\0\x0c\x2d\0\x04\0\0\0\xfd\0\0\0\0\0";
        let end = b"\xfe\0\0\x02\0\0\0";
        Self {
            greeting: packets(0, &[&payload]),
            welcome: packets(2, &[b"\0\0\0\x02\0\0\0"]),
            answer: packets(1, &[b"\x01", column, b"\x05first", b"\x06second", end]),
            stays: false,
        }
    }
}

/// Reads one packet of the client.
async fn packet(socket: &mut TcpStream, ahead: &mut BytesMut) -> Option<()> {
    loop {
        if let Some(packet) = take(ahead, usize::MAX).ok()? {
            let len = packet.len;
            let _ = ahead.split_to(len);
            return Some(());
        }
        if socket.read_buf(ahead).await.ok()? == 0 {
            return None;
        }
    }
}

async fn play(mut socket: TcpStream, lines: Lines) -> Option<()> {
    let mut ahead = BytesMut::new();
    socket.write_all(&lines.greeting).await.ok()?;
    if lines.welcome.is_empty() {
        return Some(());
    }
    packet(&mut socket, &mut ahead).await?;
    socket.write_all(&lines.welcome).await.ok()?;
    packet(&mut socket, &mut ahead).await?;
    socket.write_all(&lines.answer).await.ok()?;
    if !lines.stays {
        socket.shutdown().await.ok()?;
    }
    // Whatever else the client says is read, and is not answered.
    while socket.read_buf(&mut ahead).await.ok()? > 0 {}
    Some(())
}

/// A stand with a second target, `faulty`, which plays what it is given, one connection after the other.
async fn faulty() -> (Stand, Client, mpsc::UnboundedSender<Lines>) {
    let stand = Stand::open().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = listener.local_addr().unwrap().to_string();
    let (send, mut lines) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Some(lines) = lines.recv().await else { return };
            tokio::spawn(play(socket, lines));
        }
    });
    let spec = json!({"protocol": "mysql", "uri": uri, "tls": {"mode": "off"}});
    stand.put("db", "faulty", spec).await;
    let alice = stand.client("alice", &["dba"]).await;
    (stand, alice, send)
}

async fn come(alice: &Client) -> (Raw, Packet) {
    Raw::come(alice, "gw.example.com", "app@faulty", ABLE).await
}

/// What a client gets from its command on, in order, each packet whole and with the next number.
async fn heard(alice: &Client) -> Vec<Vec<u8>> {
    let (mut raw, welcome) = come(alice).await;
    assert_eq!(welcome.1[0], 0, "{welcome:?}");
    raw.send(0, b"\x03select n").await;
    let packets = raw.rest().await;
    for (number, (seq, _)) in packets.iter().enumerate() {
        assert_eq!(usize::from(*seq), number + 1, "{packets:?}");
    }
    packets.into_iter().map(|(_, payload)| payload).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_leaves_at_any_byte_of_an_answer_is_told_of_between_two_packets() {
    let (stand, alice, send) = faulty().await;
    let mut other = Raw::enter(&stand.client("carol", &["dba"]).await).await;
    let whole = Lines::default().answer;
    for end in 0..whole.len() {
        let answer = whole[..end].to_vec();
        let mut left = BytesMut::from(&answer[..]);
        let mut wanted = Vec::new();
        while let Some(packet) = take(&left, usize::MAX).unwrap() {
            wanted.push(packet.payload.to_vec());
            let len = packet.len;
            let _ = left.split_to(len);
        }
        send.send(Lines { answer, ..Lines::default() }).unwrap();
        let mut got = heard(&alice).await;
        let last = got.pop().unwrap();
        assert_eq!(error(&last), "1158 The database closed the connection.", "at {end}");
        assert_eq!(got, wanted, "what was whole arrived, at {end}");
    }
    assert_eq!(other.ask("select 1").await.unwrap(), "1", "another session is unharmed");
    let ended = stand.events_until("session.ended", |events| events.len() >= whole.len()).await;
    assert!(ended.iter().all(|event| event["body"]["outcome"] == "target_vanished"), "{ended:#?}");
    // All of it, and then it leaves: the answer is the client's, and nothing is behind it.
    send.send(Lines::default()).unwrap();
    assert_eq!(heard(&alice).await.len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_byte_anywhere_in_an_answer_ends_in_an_answer_or_in_words() {
    let (stand, alice, send) = faulty().await;
    let mut other = Raw::enter(&stand.client("carol", &["dba"]).await).await;
    let whole = Lines::default().answer;
    let (mut garbled, mut vanished) = (0, 0);
    for at in 0..whole.len() {
        let mut answer = whole.clone();
        answer[at] ^= 0xff;
        send.send(Lines { answer, ..Lines::default() }).unwrap();
        let (mut raw, _) = come(&alice).await;
        raw.send(0, b"\x03select n").await;
        // It ends, and not within a packet: what a changed letter of a row means is nobody's to say.
        let packets = raw.rest().await;
        let last = packets.last().filter(|(_, payload)| payload[0] == 0xff && payload.len() > 9);
        let said = last.map(|(_, payload)| error(payload)).unwrap_or_default();
        garbled +=
            usize::from(said == "1156 The database sent what is no MySQL. The session ends.");
        vanished += usize::from(said == "1158 The database closed the connection.");
    }
    assert!(garbled > 0 && vanished > 0, "{garbled}, {vanished}");
    assert_eq!(other.ask("select 1").await.unwrap(), "1", "another session is unharmed");
    let ended = stand.events_until("session.ended", |events| events.len() >= whole.len()).await;
    let told = |code: &str| ended.iter().filter(|event| event["body"]["outcome"] == code).count();
    let books = (told("target_protocol"), told("target_vanished"));
    assert_eq!(books, (garbled, vanished), "each is in the books");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_leaves_at_any_byte_of_the_log_in_is_an_error_of_the_log_in() {
    let (stand, alice, send) = faulty().await;
    let whole = Lines::default();
    for end in 0..whole.greeting.len() {
        let greeting = whole.greeting[..end].to_vec();
        let lines = Lines { greeting, welcome: Vec::new(), answer: Vec::new(), stays: false };
        send.send(lines).unwrap();
        let (_, (_, said)) = come(&alice).await;
        assert_eq!(error(&said), "1105 The connection to the database failed.", "at {end}");
    }
    let ended =
        stand.events_until("session.ended", |events| events.len() >= whole.greeting.len()).await;
    assert!(ended.iter().all(|event| event["body"]["outcome"] == "target_vanished"), "{ended:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_never_answers_holds_its_own_session_only_and_the_law_still_ends_it() {
    let (stand, alice, send) = faulty().await;
    let mut other = Raw::enter(&stand.client("carol", &["dba"]).await).await;
    send.send(Lines { answer: Vec::new(), stays: true, ..Lines::default() }).unwrap();
    let (mut raw, _) = come(&alice).await;
    raw.send(0, b"\x03select n").await;
    assert_eq!(other.ask("select 1").await.unwrap(), "1", "another session is unharmed");
    let began = tokio::time::Instant::now();
    stand.put("user", "alice", json!({"roles": []})).await;
    let packets = raw.rest().await;
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
    assert_eq!(packets.len(), 1);
    assert!(error(&packets[0].1).starts_with("1053 Your access was withdrawn."), "{packets:?}");
    let ended = stand.events_until("session.ended", |events| !events.is_empty()).await;
    assert_eq!(ended[0]["body"]["outcome"], "withdrawn");
    assert_eq!(other.ask("select 2").await.unwrap(), "2");
}
