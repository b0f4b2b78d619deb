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
    };
    let relay = tokio::spawn(async move {
        let over = poll_fn(|cx| relay.poll(&mut || {}, cx)).await;
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
        let (mut source, len) = (sent.clone(), sent.len());
        tokio::spawn(async move {
            client.write_all(&mut source).await.unwrap();
            std::future::pending::<()>().await;
        });
        let mut got = vec![0; len];
        server.read_exact(&mut got).await.unwrap();
        assert!(got == sent, "with a buffer of {buffer}");
    }
}
