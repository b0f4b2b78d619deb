//! Cancel requests reach the right backend, with the right key, for their owner.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use wire::postgres::{CancelKey, write};

use crate::raw::{Raw, clear, shown};
use crate::stand::{PATIENCE, Stand, text};

/// A session that sleeps, and its key.
async fn sleeper(client: &crate::stand::Client) -> (Raw, CancelKey) {
    let (mut raw, key) = Raw::open(client).await;
    let (process, secret) = key.split_first_chunk().unwrap();
    let key = CancelKey { process: u32::from_be_bytes(*process), secret: secret.into() };
    let mut out = Vec::new();
    write::query(&mut out, "do $$ begin raise notice 'asleep'; perform pg_sleep(50); end $$");
    raw.send(&out).await;
    // A cancel that overtakes its statement stops nothing.
    raw.until(b'N').await;
    (raw, key)
}

async fn is_cancelled(mut raw: Raw) {
    let messages = raw.until(b'Z').await;
    let error = messages.iter().find(|(kind, _)| *kind == b'E').expect("an error");
    assert!(shown(&error.1).starts_with("57014"), "{}", shown(&error.1));
}

#[tokio::test(flavor = "multi_thread")]
async fn control_c_in_psql_stops_the_statement() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let mut psql = alice.psql(&["-v", "ON_ERROR_STOP=0"]);
    psql.stdin(Stdio::piped());
    let mut child = psql.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
    stdin.write_all(b"select 'begun';\nselect pg_sleep(50);\nselect 'alive';\n").await.unwrap();
    assert_eq!(stdout.next_line().await.unwrap().as_deref(), Some("begun"));
    let pid = child.id().unwrap().to_string();
    let asleep = "select count(*) from pg_stat_activity where query like 'select pg_sleep(50)%' and state = 'active'";
    while stand.postgres.sql("orders", asleep) == "0" {
        tokio::task::yield_now().await;
    }
    assert!(alice.run("kill", &["-INT", &pid], b"").await.status.success());
    // A script ends with the statement that was stopped; a session that was cut would say something else.
    let out = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
    let said = text(&out.stderr);
    assert!(said.contains("57014: canceling statement due to user request"), "{said}");
    drop(stdin);
    let cancelled = stand.events_until("db.cancelled", |events| events.len() == 1).await;
    assert_eq!(
        (&cancelled[0]["user"], &cancelled[0]["target"]),
        (&"alice".into(), &"orders-db".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_good_in_the_clear_in_tls_and_in_the_tunnel() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let (raw, key) = sleeper(&alice).await;
    assert_eq!(clear(stand.addr, &key.request()).await, b"");
    is_cancelled(raw).await;

    let (raw, key) = sleeper(&alice).await;
    let mut other = Raw::knock(&alice).await;
    other.send(&key.request()).await;
    assert_eq!(other.next().await, None);
    is_cancelled(raw).await;

    let (raw, key) = sleeper(&alice).await;
    let mut other = Raw::direct(&alice, "x-countersign").await;
    other.send(wire::route::postgres_line("orders-db").as_bytes()).await;
    other.send(&key.request()).await;
    assert_eq!(other.next().await, None);
    is_cancelled(raw).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_and_another_person_cancel_nothing() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let mallory = stand.client("mallory", &["dba"]).await;
    let (raw, key) = sleeper(&alice).await;
    let mut wrong = key.clone();
    wrong.secret[0] ^= 1;
    clear(stand.addr, &wrong.request()).await;
    wrong.secret = [&key.secret[..], &[0]].concat().into();
    clear(stand.addr, &wrong.request()).await;
    let mut other = Raw::knock(&mallory).await;
    other.send(&key.request()).await;
    assert_eq!(other.next().await, None);
    let refused = stand.events_until("db.cancel.refused", |events| events.len() == 3).await;
    let codes: Vec<_> =
        refused.iter().map(|event| event["body"]["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["wrong_key", "wrong_key", "other_user"]);
    assert_eq!(refused[2]["body"]["by"], "mallory");
    // It sleeps on, until the right key comes.
    assert_eq!(stand.events("db.cancelled").await.len(), 0);
    clear(stand.addr, &key.request()).await;
    is_cancelled(raw).await;
    // And the key ends with its session.
    let ended = stand.events_until("session.ended", |events| !events.is_empty()).await;
    assert_eq!(ended.len(), 1);
    clear(stand.addr, &key.request()).await;
    assert_eq!(stand.events("db.cancelled").await.len(), 1);
}
