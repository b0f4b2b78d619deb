//! The end of a session that is not its client's: within a second, wherever it is, with a reason.

use std::time::Duration;

use tokio::time::Instant;
use wire::postgres::write;

use crate::raw::{Raw, shown};
use crate::stand::{PATIENCE, Stand};

/// The law: access that was withdrawn is gone within a second.
const SOON: Duration = Duration::from_secs(1);

fn query(sql: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write::query(&mut out, sql);
    out
}

/// Takes alice's role away.
async fn withdraw(stand: &Stand) {
    stand.put("user", "alice", serde_json::json!({"roles": []})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_session_hears_why_it_ends() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let (mut raw, _) = Raw::open(&alice).await;
    let begun = Instant::now();
    withdraw(&stand).await;
    let (kind, body) = raw.next().await.expect("a word");
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert_eq!(kind, b'E');
    assert!(shown(&body).starts_with("57P01 Your access was withdrawn."), "{}", shown(&body));
    assert_eq!(raw.next().await, None);
    let cut = stand.events_until("session.cut", |events| events.len() == 1).await;
    assert_eq!(cut[0]["body"]["code"], "withdrawn");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_in_the_middle_ends_with_a_whole_row_and_the_reason() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let (mut raw, _) = Raw::open(&alice).await;
    raw.send(&query(
        "select n, repeat('x', 300000) from generate_series(1, 100000000) n /* endless */",
    ))
    .await;
    for _ in 0..20 {
        raw.next().await.unwrap();
    }
    let begun = Instant::now();
    withdraw(&stand).await;
    let mut last = None;
    // Every message before the last is whole.
    while let Some((kind, body)) = raw.next().await {
        assert!(matches!(kind, b'D' | b'E'), "{}", char::from(kind));
        last = Some((kind, body));
    }
    assert!(begun.elapsed() < SOON + SOON / 2, "{:?}", begun.elapsed());
    let (kind, body) = last.expect("a word");
    assert_eq!(kind, b'E');
    assert!(shown(&body).starts_with("57P01"), "{}", shown(&body));
    // What he has begun does not go on without him.
    let begun = Instant::now();
    let running = "select count(*) from pg_stat_activity where query like '%/* endless */%' and pid <> pg_backend_pid()";
    while stand.postgres.sql("orders", running) != "0" {
        assert!(begun.elapsed() < PATIENCE, "the statement goes on");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_says_nothing_is_stopped_too() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let (mut raw, _) = Raw::open(&alice).await;
    raw.send(&query("select pg_sleep(3600) /* long */")).await;
    let running = "select count(*) from pg_stat_activity where query like '%/* long */%' and state = 'active' and pid <> pg_backend_pid()";
    while stand.postgres.sql("orders", running) != "1" {
        tokio::task::yield_now().await;
    }
    withdraw(&stand).await;
    let (kind, body) = raw.next().await.expect("a word");
    assert_eq!(kind, b'E');
    assert!(shown(&body).starts_with("57P01"), "{}", shown(&body));
    let begun = Instant::now();
    while stand.postgres.sql("orders", running) != "0" {
        assert!(begun.elapsed() < PATIENCE, "the statement goes on");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_in_the_middle_of_copying_hears_it_too() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let (mut raw, _) = Raw::open(&alice).await;
    raw.query("create temp table t (s text)").await;
    raw.send(&query("copy t from stdin")).await;
    raw.until(b'G').await;
    withdraw(&stand).await;
    let mut row = Vec::new();
    write::frame(&mut row, b'd', |out| out.extend_from_slice(&[b'x'; 1000]));
    // It sends on while its end is already on the way.
    for _ in 0..100 {
        raw.send(&row).await;
    }
    let said = raw.until(b'E').await;
    assert!(shown(&said.last().expect("a word").1).starts_with("57P01"));
}

/// Kilobytes of memory that this process holds, the data plane within it.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_stops_the_database_and_nobody_else_and_is_cut_in_time() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let bob = stand.client("bob", &["dba"]).await;
    let (mut other, _) = Raw::open(&bob).await;
    let (mut raw, _) = Raw::open(&alice).await;
    let before = resident();
    raw.send(&query(
        "select n, repeat('y', 1000) from generate_series(1, 4000000) n /* stalled */",
    ))
    .await;
    let waits = "select count(*) from pg_stat_activity where query like '%/* stalled */%' and wait_event = 'ClientWrite' and pid <> pg_backend_pid()";
    // Blocked in ten looks in a row: it can write no more.
    let mut blocked = 0;
    while blocked < 10 {
        blocked = if stand.postgres.sql("orders", waits) == "1" { blocked + 1 } else { 0 };
    }
    // Four gigabytes wait at the database; the other tests of this program run beside this one.
    let grown = resident().saturating_sub(before);
    assert!(grown < 400_000, "{grown} KiB more");
    assert_eq!(other.query("select 'unharmed'").await, ["unharmed"]);

    let begun = Instant::now();
    withdraw(&stand).await;
    let ended = stand
        .events_until("session.ended", |events| events.iter().any(|e| e["user"] == "alice"))
        .await;
    assert!(begun.elapsed() < SOON + SOON / 2, "{:?}", begun.elapsed());
    assert_eq!(ended[0]["body"]["outcome"], "withdrawn", "{ended:#?}");
    assert_eq!(other.query("select 'unharmed'").await, ["unharmed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_is_told_of() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let (mut raw, _) = Raw::open(&alice).await;
    let pid = raw.query("select pg_backend_pid()").await.remove(0);
    stand.postgres.sql("orders", &format!("select pg_terminate_backend({pid})"));
    let messages = raw.until(0).await;
    let said: Vec<_> = messages.iter().map(|(_, body)| shown(body)).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("57P01 terminating connection"), "{said:?}");
    let ended = stand.events_until("session.ended", |events| events.len() == 1).await;
    assert_eq!(ended[0]["body"]["outcome"], "target_vanished");
}
