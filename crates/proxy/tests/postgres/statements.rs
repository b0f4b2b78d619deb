//! The policy of statements: a refusal is PostgreSQL's own failure, with our words.

use serde_json::json;
use wire::postgres::write::{self, frame};

use crate::raw::{Message, Raw, kinds, shown};
use crate::stand::Stand;

/// The words of the one error among these messages, and the state that ReadyForQuery tells.
fn outcome(messages: &[Message]) -> (String, char) {
    let errors: Vec<_> = messages.iter().filter(|(kind, _)| *kind == b'E').collect();
    assert_eq!(errors.len(), 1, "{}", kinds(messages));
    let (_, ready) = messages.last().unwrap();
    (shown(&errors[0].1), char::from(ready[0]))
}

async fn allow(stand: &Stand, everything: bool) {
    let options = if everything {
        json!({})
    } else {
        json!({"db_deny_statements": ["call", "ddl", "write"]})
    };
    stand.put_role("dba", options).await;
}

fn query(sql: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write::query(&mut out, sql);
    out
}

/// Asks until the session has heard of the policy: it looks at a change within a tenth of a second.
async fn until(raw: &mut Raw, sql: &str, refused: bool) -> Vec<Message> {
    let deadline = tokio::time::Instant::now() + crate::stand::PATIENCE;
    loop {
        raw.send(&query(sql)).await;
        let messages = raw.until(b'Z').await;
        let error = messages.iter().find(|(kind, _)| *kind == b'E');
        if error.is_some_and(|(_, body)| shown(body).starts_with("42501")) == refused {
            return messages;
        }
        assert!(tokio::time::Instant::now() < deadline, "the policy never came");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_query_never_reaches_the_database_and_fails_the_transaction() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let (mut raw, _) = Raw::open(&alice).await;
    raw.query("create temp table t (n int)").await;
    raw.query("begin").await;
    raw.query("insert into t values (1)").await;

    allow(&stand, false).await;
    let messages = until(&mut raw, "drop table t", true).await;
    let (said, status) = outcome(&messages);
    assert!(said.starts_with("42501 Access denied"), "{said}");
    assert_eq!(status, 'E', "the open transaction has failed");

    allow(&stand, true).await;
    // In a failed transaction only its end is taken, by the database itself.
    let messages = until(&mut raw, "select 1", false).await;
    assert!(outcome(&messages).0.starts_with("25P02"));
    raw.send(&query("commit")).await;
    let messages = raw.until(b'Z').await;
    assert_eq!(messages[0], (b'C', b"ROLLBACK\0".to_vec()));
    assert_eq!(raw.query("select count(*) from t").await, ["0"]);

    let refused = stand.events_until("db.statement.refused", |events| !events.is_empty()).await;
    assert_eq!(refused[0]["user"], "alice");
    assert!(
        refused[0]["body"]["statement"].as_str().unwrap().contains("drop table t"),
        "{refused:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_parse_skips_to_sync_and_undoes_the_pipeline() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let (mut raw, _) = Raw::open(&alice).await;
    raw.query("create temp table t (n int)").await;
    let mut prepared = Vec::new();
    write::parse(&mut prepared, b"ins", "insert into t values (1)");
    write::sync(&mut prepared);
    assert_eq!(raw.kinds(&prepared).await, "1Z");

    // The policy becomes strict: what was prepared before is judged again when it is run.
    allow(&stand, false).await;
    until(&mut raw, "drop table if exists nothing", true).await;
    let mut run = Vec::new();
    write::bind(&mut run, "", "ins");
    write::execute(&mut run, "");
    write::sync(&mut run);
    raw.send(&run).await;
    let messages = raw.until(b'Z').await;
    let (said, status) = outcome(&messages);
    assert!(said.starts_with("42501") && status == 'I', "{said}");
    assert_eq!(kinds(&messages), "2EZ");

    let mut out = Vec::new();
    write::parse(&mut out, b"more", "drop table t");
    write::bind(&mut out, "", "more");
    frame(&mut out, b'D', |out| out.extend_from_slice(b"P\0"));
    write::execute(&mut out, "");
    write::sync(&mut out);
    raw.send(&out).await;
    assert_eq!(kinds(&raw.until(b'Z').await), "EZ");

    // Names that the database never heard of are not known afterwards.
    allow(&stand, true).await;
    until(&mut raw, "drop table if exists nothing", false).await;
    let mut out = Vec::new();
    write::bind(&mut out, "", "more");
    write::sync(&mut out);
    raw.send(&out).await;
    assert!(outcome(&raw.until(b'Z').await).0.starts_with("26000"));
    assert_eq!(raw.query("select count(*) from t").await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn function_calls_are_statements_too() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let (mut raw, _) = Raw::open(&alice).await;
    allow(&stand, false).await;
    until(&mut raw, "drop table if exists nothing", true).await;
    let mut out = Vec::new();
    write::call(&mut out, 1);
    raw.send(&out).await;
    let (said, status) = outcome(&raw.until(b'Z').await);
    assert!(said.starts_with("42501") && status == 'I', "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_of_statements_are_in_the_books() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    alice.sql("select generate_series(1, 5); select 1 / 0; select 1;").await;
    let ended = stand.events_until("session.ended", |events| !events.is_empty()).await;
    let body = &ended[0]["body"];
    assert_eq!(
        (&body["statements"], &body["rows"], &body["statement_errors"]),
        (&3.into(), &6.into(), &1.into()),
        "{body:#}"
    );
}
