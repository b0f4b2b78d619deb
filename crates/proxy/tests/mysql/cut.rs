//! A session that may not go on ends within a second, whatever it is doing, and says why.

use std::time::Duration;

use serde_json::json;

use crate::raw::{Raw, error};
use crate::stand::{Client, Stand};

/// Revoked is revoked within a second; the machine that tests may be busy with others.
const AT_ONCE: Duration = Duration::from_millis(1500);
/// More rows than any buffer on the way holds.
const MANY_ROWS: &str = "select repeat('x', 1000) from seq_1_to_2000000";

async fn in_a_session() -> (Stand, Client) {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    (stand, alice)
}

impl Stand {
    /// Takes alice's role away; how long her session goes on.
    async fn revoke(&self) -> Duration {
        let began = tokio::time::Instant::now();
        self.put("user", "alice", json!({"roles": []})).await;
        let ended = self.events_until("session.ended", |events| !events.is_empty()).await;
        assert_eq!(ended[0]["body"]["outcome"], "withdrawn", "{ended:#?}");
        began.elapsed()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_stalls_its_server_and_is_cut_all_the_same() {
    let (stand, alice) = in_a_session().await;
    let mut stalled = Raw::enter(&alice).await;
    stalled.send(0, &[b"\x03", MANY_ROWS.as_bytes()].concat()).await;
    // Until the server waits for us: a thread that writes to the network.
    let state = "select state from information_schema.processlist where user = 'app'";
    let mut seen = String::new();
    while !seen.contains("Writing to net") && !seen.contains("Sending data") {
        seen = stand.server.sql("mysql", state);
    }
    let mut other = Raw::enter(&stand.client("carol", &["dba"]).await).await;
    assert_eq!(other.ask("select 1").await.unwrap(), "1", "another session is unharmed");
    let lasted = stand.revoke().await;
    assert!(lasted < AT_ONCE, "{lasted:?}");
    assert_eq!(other.ask("select 2").await.unwrap(), "2");
    let left = "select count(*) from information_schema.processlist where user = 'app'";
    while stand.server.sql("mysql", left) != "1" {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_the_middle_of_a_result_the_last_packet_says_why() {
    let (stand, alice) = in_a_session().await;
    let mut raw = Raw::enter(&alice).await;
    raw.send(0, &[b"\x03", MANY_ROWS.as_bytes()].concat()).await;
    for _ in 0..100 {
        raw.packet().await;
    }
    let (lasted, packets) = tokio::join!(stand.revoke(), raw.rest());
    assert!(lasted < AT_ONCE, "{lasted:?}");
    let (seq, last) = packets.last().unwrap();
    assert!(error(last).starts_with("1053 Your access was withdrawn."), "{}", error(last));
    for pair in packets.windows(2) {
        assert_eq!(pair[1].0, pair[0].0.wrapping_add(1), "numbered in sequence");
    }
    assert_eq!(*seq, packets[packets.len() - 2].0.wrapping_add(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_runs_is_ended_in_the_database_too() {
    let (stand, alice) = in_a_session().await;
    let mut raw = Raw::enter(&alice).await;
    // A statement that does not look whether anyone still listens.
    let long = "select benchmark(100000000000, md5('a'))";
    raw.send(0, &[b"\x03", long.as_bytes()].concat()).await;
    let running =
        "select count(*) from information_schema.processlist where info like 'select bench%'";
    while stand.server.sql("mysql", running) != "1" {}
    let (lasted, packets) = tokio::join!(stand.revoke(), raw.rest());
    assert!(lasted < AT_ONCE, "{lasted:?}");
    assert_eq!(packets.len(), 1);
    assert_eq!(packets[0].0, 1);
    assert!(error(&packets[0].1).starts_with("1053 Your access was withdrawn."));
    while stand.server.sql("mysql", running) != "0" {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_client_finds_the_reason_where_it_looks_for_its_next_answer() {
    let (stand, alice) = in_a_session().await;
    let mut raw = Raw::enter(&alice).await;
    assert_eq!(raw.ask("select 1").await.unwrap(), "1");
    assert!(stand.revoke().await < AT_ONCE);
    let packets = raw.rest().await;
    assert_eq!(packets.len(), 1);
    assert_eq!(packets[0].0, 1, "as the answer to a command numbered 0");
    assert!(error(&packets[0].1).starts_with("1053 Your access was withdrawn."));
}
