//! The relay between a scripted client and a scripted database.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use wire::postgres::front::{Bind, Text};
use wire::postgres::write::frame;

use super::*;
use crate::database::statements::{Outcome, Refusal};

/// Refuses texts with `forbidden` in them, and writes down what became of the others.
#[derive(Debug, Default)]
struct Notes(Vec<String>);

impl Watch for Notes {
    type Prepared = String;
    type Ticket = String;
    type Values = usize;

    fn judge(&mut self, text: Text<'_>) -> Result<String, Refusal> {
        let text = String::from_utf8_lossy(text.bytes).into_owned();
        self.judge_again(&text).map(|()| text)
    }

    fn judge_again(&mut self, text: &String) -> Result<(), Refusal> {
        if !text.contains("forbidden") {
            return Ok(());
        }
        self.0.push(format!("refused: {text}"));
        Err(Refusal::of("no", "because", "ask"))
    }

    fn keep(&mut self, bind: &Bind<'_>) -> Option<usize> {
        Some(bind.values().count())
    }

    fn sent(&mut self, text: &String, values: Option<&usize>) -> String {
        format!("{text} {values:?}")
    }

    fn done(&mut self, ticket: String, outcome: Outcome<'_>) {
        let error = outcome.error.map(|(code, _)| String::from_utf8_lossy(code).into_owned());
        let Outcome { rows, skipped, .. } = outcome;
        self.0.push(format!("{ticket}: {rows:?} {error:?} {skipped}"));
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        Poll::Ready(Ok(()))
    }

    fn weight(text: &String) -> usize {
        text.len()
    }

    fn weight_of(_: &usize) -> usize {
        8
    }
}

/// The outer ends of a relay, and the relay.
struct Ends {
    client: DuplexStream,
    server: DuplexStream,
    relay: tokio::task::JoinHandle<(Over, Vec<String>)>,
}

fn relay(buffer: usize) -> Ends {
    let (client, near) = tokio::io::duplex(buffer);
    let (server, far) = tokio::io::duplex(buffer);
    let mut relay = Relay {
        client: near,
        server: far,
        up: Tube::default(),
        down: Tube::default(),
        ledger: Ledger::new(Notes::default()),
        exchange: |theirs| CancelKey { process: 7, ..theirs },
        unsaid: Vec::new(),
        left: false,
        lost: false,
        broken: false,
        waits: false,
        hears: Hears::default(),
    };
    let relay = tokio::spawn(async move {
        let mut bells = Bells::new();
        let over = poll_fn(|cx| relay.poll(&mut bells, &mut || {}, cx)).await;
        (over, relay.ledger.watch.0)
    });
    Ends { client, server, relay }
}

#[tokio::test]
async fn every_byte_arrives_whatever_its_frame_and_the_pieces_it_comes_in() {
    let mut sent = Vec::new();
    write::parse(&mut sent, b"s", "select $1");
    frame(&mut sent, b'B', |out| {
        out.extend_from_slice(b"\0s\0\0\0\0\x01");
        out.extend_from_slice(&(3_u32 << 20).to_be_bytes());
        out.extend(std::iter::repeat_n(b'v', 3 << 20));
        out.extend_from_slice(&[0, 0]);
    });
    write::execute(&mut sent, "");
    write::query(&mut sent, &"-".repeat(3 << 20));
    write::sync(&mut sent);
    for buffer in [100, 4096, 70_000, 8 << 20] {
        let Ends { mut client, mut server, .. } = relay(buffer);
        let (source, len) = (sent.clone(), sent.len());
        tokio::spawn(async move {
            client.write_all(&source).await.unwrap();
            std::future::pending::<()>().await;
        });
        let mut got = vec![0; len];
        server.read_exact(&mut got).await.unwrap();
        assert!(got == sent, "with a buffer of {buffer}");
    }
}

/// Reads frames from the relay's end at `stream` until one of this type; their types.
async fn until(stream: &mut DuplexStream, kind: u8) -> String {
    let mut seen = String::new();
    loop {
        let got = stream.read_u8().await.unwrap();
        let length = usize::try_from(stream.read_u32().await.unwrap()).unwrap();
        stream.read_exact(&mut vec![0; length - 4]).await.unwrap();
        seen.push(char::from(got));
        if got == kind {
            return seen;
        }
    }
}

/// Answers as a database would: a letter is an empty message, `C` has the tag `SELECT 2`, `E` the SQLSTATE `42601`.
fn answers(script: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for letter in script.bytes() {
        frame(&mut out, letter, |out| match letter {
            b'C' => out.extend_from_slice(b"SELECT 2\0"),
            b'E' => out.extend_from_slice(b"SERROR\0VERROR\0C42601\0Mwrong\0\0"),
            b'Z' => out.push(b'I'),
            b'G' => out.extend_from_slice(&[0; 3]),
            _ => {}
        });
    }
    out
}

/// One Parse, Bind and Execute of the unnamed statement.
fn run(out: &mut Vec<u8>, text: &str) {
    write::parse(out, b"", text);
    write::bind(out, "", "");
    write::execute(out, "");
}

/// What was written down of a session in which the client sent `sent`, the database `answers(script)`, and the client
/// got `got`.
async fn story(sent: &[u8], script: &str, got: &str) -> Vec<String> {
    let Ends { mut client, mut server, relay } = relay(1 << 20);
    client.write_all(sent).await.unwrap();
    server.read_exact(&mut vec![0; sent.len()]).await.unwrap();
    server.write_all(&answers(script)).await.unwrap();
    let seen = until(&mut client, b'Z').await;
    assert_eq!(seen, got);
    drop(client);
    relay.await.unwrap().1
}

#[tokio::test]
async fn every_statement_gets_its_own_outcome() {
    let mut sent = Vec::new();
    run(&mut sent, "one");
    run(&mut sent, "two");
    run(&mut sent, "three");
    write::sync(&mut sent);
    // The second one's Execute fails, and the third is skipped.
    let told = story(&sent, "12C12EZ", "12C12EZ").await;
    assert_eq!(
        told,
        [
            "one Some(0): Some(2) None false",
            "two Some(0): None Some(\"42601\") false",
            "three Some(0): None None true"
        ]
    );
}

#[tokio::test]
async fn a_query_of_several_statements_is_one_with_all_their_rows() {
    let mut sent = Vec::new();
    write::query(&mut sent, "a; b");
    assert_eq!(story(&sent, "CCZ", "CCZ").await, ["a; b None: Some(4) None false"]);
}

#[tokio::test]
async fn a_refused_statement_is_exchanged_and_its_error_too() {
    let mut sent = Vec::new();
    run(&mut sent, "one");
    run(&mut sent, "forbidden");
    write::sync(&mut sent);
    let Ends { mut client, mut server, relay } = relay(1 << 20);
    client.write_all(&sent).await.unwrap();
    assert_eq!(until(&mut server, b'S').await, "PBEPBES");
    server.write_all(&answers("12CEZ")).await.unwrap();
    let mut got = vec![0; 4096];
    let mut len = 0;
    while !got[..len].ends_with(b"Z\0\0\0\x05I") {
        len += client.read(&mut got[len..]).await.unwrap();
    }
    let told = String::from_utf8_lossy(&got[..len]).into_owned();
    assert!(told.contains("C42501\0Mno\0Dbecause\0Hask\0") && !told.contains("42601"), "{told}");
    drop(client);
    let told = relay.await.unwrap().1;
    assert_eq!(told, ["refused: forbidden", "one Some(0): Some(2) None false"]);
}

#[tokio::test]
async fn nothing_of_a_refused_text_passes_however_long_it_is() {
    let mut sent = Vec::new();
    write::query(&mut sent, &format!("forbidden {}", "x".repeat(3 << 20)));
    write::query(&mut sent, "one");
    let Ends { mut client, mut server, .. } = relay(64 * 1024);
    tokio::spawn(async move {
        client.write_all(&sent).await.unwrap();
        std::future::pending::<()>().await;
    });
    let mut expected = Vec::new();
    write::query(&mut expected, "countersign refused this statement");
    write::query(&mut expected, "one");
    let mut got = vec![0; expected.len()];
    server.read_exact(&mut got).await.unwrap();
    assert_eq!(got, expected);
}

#[tokio::test]
async fn a_client_that_sends_without_end_waits_for_answers() {
    const MANY: usize = 6000;
    let mut sent = Vec::new();
    for _ in 0..MANY {
        write::sync(&mut sent);
    }
    let Ends { mut client, mut server, .. } = relay(1 << 20);
    client.write_all(&sent).await.unwrap();
    let first = async {
        for _ in 0..4096 {
            until(&mut server, b'S').await;
        }
    };
    first.await;
    // No more come until something is answered.
    let more = tokio::time::timeout(Duration::from_millis(50), server.read_u8()).await;
    assert!(more.is_err(), "{more:?}");
    server.write_all(&answers(&"Z".repeat(4096))).await.unwrap();
    for _ in 4096..MANY {
        until(&mut server, b'S').await;
    }
}

#[tokio::test]
async fn while_data_is_copied_in_sync_means_nothing() {
    let mut sent = Vec::new();
    run(&mut sent, "copy");
    write::sync(&mut sent);
    frame(&mut sent, b'c', |_| {});
    write::sync(&mut sent);
    write::query(&mut sent, "after");
    let Ends { mut client, mut server, relay } = relay(1 << 20);
    client.write_all(&sent).await.unwrap();
    server.read_exact(&mut vec![0; sent.len()]).await.unwrap();
    server.write_all(&answers("12GCZCZ")).await.unwrap();
    assert_eq!(until(&mut client, b'Z').await, "12GCZ");
    assert_eq!(until(&mut client, b'Z').await, "CZ");
    drop(client);
    let told = relay.await.unwrap().1;
    assert_eq!(told, ["copy Some(0): Some(2) None false", "after None: Some(2) None false"]);
}

#[test]
fn what_is_cut_is_cut_between_frames() {
    let (first, second) = (answers("D"), answers("D"));
    let both = [&first[..], &second].concat();
    let cut = |written: usize| {
        let mut tube = Tube::default();
        tube.buf.extend_from_slice(&both);
        tube.walk(back::hold, |_| Ok(Look::Pass)).unwrap();
        let mut sink = Taking(written);
        let waker = std::task::Waker::noop();
        let drained = tube.poll_drain(&mut sink, &mut false, &mut Context::from_waker(waker));
        assert!(drained.is_pending() || written == both.len());
        (tube.cut(), tube.clear)
    };
    assert_eq!(cut(0), (0, 0));
    assert_eq!(cut(1), (0, 5));
    assert_eq!(cut(5), (0, 5));
    assert_eq!(cut(6), (0, 10));
    assert_eq!(cut(10), (0, 0));

    // A frame of which a part was sent, and another part is not there yet.
    let mut tube = Tube::default();
    tube.buf.extend_from_slice(b"D\0\0\0\x0eabcd");
    tube.walk(back::hold, |_| Ok(Look::Pass)).unwrap();
    let mut context = Context::from_waker(std::task::Waker::noop());
    let drained = tube.poll_drain(&mut Taking(usize::MAX), &mut false, &mut context);
    assert!(drained.is_ready());
    assert_eq!(tube.cut(), 6);
}

/// Takes so many bytes, and then no more.
struct Taking(usize);

impl AsyncWrite for Taking {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        if taken == 0 { Poll::Pending } else { Poll::Ready(Ok(taken)) }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
