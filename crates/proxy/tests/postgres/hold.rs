//! Holding the line: a client that said its reason waits, and is told what it waits for.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use crate::stand::{Stand, finish, text};

const REASON: &str = r"-c countersign.reason=ticket\ #1234 -c geqo=off";

/// A role that may be asked for and opens the database.
async fn requestable(stand: &Stand) {
    let request = serde_json::json!({"request": {"roles": ["dba"]}});
    stand.put("role", "asker", serde_json::json!({"allow": request})).await;
    let review = serde_json::json!({"review_requests": {"roles": ["dba"]}});
    stand.put("role", "reviewer", serde_json::json!({"allow": review})).await;
    stand.put("user", "carol", serde_json::json!({"roles": ["reviewer"]})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn psql_with_a_reason_waits_with_notices_and_goes_on_when_approved() {
    let stand = Stand::open().await;
    requestable(&stand).await;
    let alice = stand.client("alice", &["asker"]).await;
    let mut psql = alice.psql(&["-c", "select 'in', current_setting('geqo')"]);
    psql.env("PGOPTIONS", REASON);
    let mut child = psql.spawn().unwrap();
    stand.desk.filed.notified().await;
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).await.unwrap();
    assert!(
        line.starts_with("NOTICE:  ") && line.contains("is filed. Asked: bob, carol."),
        "{line}"
    );
    let asked = stand.desk.asked.lock().unwrap()[0].clone();
    assert_eq!((asked.reason.as_str(), asked.wish.roles[0].as_str()), ("ticket #1234", "dba"));
    stand.put("user", "alice", serde_json::json!({"roles": ["asker", "dba"]})).await;
    let out = child.wait_with_output().await.unwrap();
    assert_eq!(text(&out.stdout), "in|off\n");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).await.unwrap();
    assert!(rest.contains("NOTICE:  Approved."), "{rest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_denied_is_told_so() {
    let stand = Stand::open().await;
    requestable(&stand).await;
    *stand.desk.standing.lock().unwrap() = Some("Denied by carol: use the replica.".to_owned());
    let alice = stand.client("alice", &["asker"]).await;
    let mut psql = alice.psql(&["-c", "select 1"]);
    psql.env("PGOPTIONS", REASON);
    let out = finish(psql, b"").await;
    let said = text(&out.stderr);
    assert!(
        said.contains("FATAL:  28000: Access denied") || said.contains("FATAL:  Access denied"),
        "{said}"
    );
    assert!(said.contains("Denied by carol: use the replica."), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_without_a_reason_gets_the_command_at_once() {
    let stand = Stand::open().await;
    requestable(&stand).await;
    let alice = stand.client("alice", &["asker"]).await;
    let out = alice.sql("select 1").await;
    let said = text(&out.stderr);
    assert!(said.contains("FATAL:  Access denied"), "{said}");
    assert!(said.contains("HINT:  tsh request new --roles=dba --reason=\"...\""), "{said}");
    assert!(stand.desk.asked.lock().unwrap().is_empty());
}
