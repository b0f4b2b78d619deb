//! What roles limit: connections at once, programs at once, sessions that cannot be recorded. And staying alive.

use std::process::Stdio;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use crate::stand::{Client, PATIENCE, Setup, Stand, text};

/// An `ssh` that stays, once its program has said that it runs.
async fn staying(client: &Client, args: &[&str]) -> Child {
    let mut ssh = client.command("ssh");
    let ssh = ssh.args(args).args(["db-box", "echo up; cat"]).stdin(Stdio::piped());
    let mut ssh = ssh.spawn().unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(ssh.stdout.take().unwrap());
    tokio::time::timeout(PATIENCE, out.read_line(&mut line)).await.unwrap().unwrap();
    assert_eq!(line, "up\n");
    ssh
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_more_than_allowed_is_refused_until_one_ends() {
    let stand = Stand::open().await;
    stand.put_role("dba", json!({"max_connections": 1})).await;
    let dave = stand.client("dave", &["dba"]).await;
    let carol = stand.client("carol", &["dba"]).await;
    let mut first = staying(&dave, &[]).await;
    let out = dave.ssh(&["db-box", "true"]).await;
    assert_eq!(out.status.code(), Some(77));
    assert_eq!(
        text(&out.stderr),
        "Access denied\nYou have too many sessions open. Close one first.\n"
    );
    assert_eq!(stand.events("session.refused").await[0]["body"]["code"], "too_many_sessions");
    assert!(carol.ssh(&["db-box", "true"]).await.status.success(), "others count for themselves");
    drop(first.stdin.take());
    assert!(first.wait().await.unwrap().success());
    stand.events_until("session.ended", |e| e.iter().any(|e| e["user"] == "dave")).await;
    // The count goes down right after the end is written.
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !dave.ssh(&["db-box", "true"]).await.status.success() {
        assert!(tokio::time::Instant::now() < deadline);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_house_lets_nobody_in_until_someone_has_left() {
    let stand = Stand::open_with(Setup { sessions: Some(1), ..Setup::default() }).await;
    let dave = stand.client("dave", &["dba"]).await;
    let carol = stand.client("carol", &["dba"]).await;
    let mut first = staying(&dave, &[]).await;
    assert_eq!(stand.proxy.sessions(), 1);
    let out = carol.ssh(&["db-box", "true"]).await;
    let line = "This gateway has as many sessions open as it may have. Try again later.";
    assert_eq!(text(&out.stderr), format!("Access denied\n{line}\n"));
    assert_eq!(out.status.code(), Some(77));
    let refused = stand.events("session.refused").await;
    assert_eq!(
        (&refused[0]["user"], &refused[0]["body"]["code"]),
        (&json!("carol"), &json!("house_full"))
    );
    drop(first.stdin.take());
    assert!(first.wait().await.unwrap().success());
    // The count goes down right after the end is written.
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !carol.ssh(&["db-box", "true"]).await.status.success() {
        assert!(tokio::time::Instant::now() < deadline);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_program_more_than_allowed_on_a_connection_is_refused() {
    let stand = Stand::open().await;
    stand.put_role("dba", json!({"max_sessions": 1})).await;
    let dave = stand.client("dave", &["dba"]).await;
    let control = format!("ControlPath={}", dave.home.join("mux").display());
    let _master = staying(&dave, &["-M", "-o", &control]).await;
    let through = ["-o", &control, "-o", "ControlMaster=no", "-o", "ProxyCommand=false"];
    let out = dave.ssh(&[&through[..], &["db-box", "echo second"]].concat()).await;
    assert!(!out.status.success() && out.stdout.is_empty(), "{}", text(&out.stdout));
    stand.put_role("dba", json!({"max_sessions": 2})).await;
    // The new limit is looked at by the running session soon.
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !dave.ssh(&[&through[..], &["db-box", "true"]].concat()).await.status.success() {
        assert!(tokio::time::Instant::now() < deadline);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_who_must_be_recorded_and_not_who_need_not() {
    let stand = Stand::open_with(Setup { reserve: u64::MAX, ..Setup::default() }).await;
    let dave = stand.client("dave", &["dba"]).await;
    let out = dave.ssh(&["db-box", "true"]).await;
    assert_eq!(out.status.code(), Some(77));
    assert!(text(&out.stderr).contains("cannot be recorded now"), "{}", text(&out.stderr));
    assert!(stand.events("session.started").await.is_empty());

    stand.put_role("dba", json!({"record_session": {"default": "best_effort"}})).await;
    let out = dave.ssh(&["db-box", "echo all the same"]).await;
    assert_eq!(text(&out.stdout), "all the same\n", "{}", text(&out.stderr));
    let started = stand.events("session.started").await;
    assert_eq!(started[0]["body"]["recorded"], false, "{started:#?}");
    assert_eq!(stand.events("ssh.command").await[0]["body"]["command"], "echo all the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn signs_of_life_are_answered_and_are_no_work() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let alive = ["-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=1"];
    // Two unanswered ones would end it with 255.
    let out = dave.ssh(&[&alive[..], &["db-box", "sleep 4; echo still"]].concat()).await;
    assert_eq!(text(&out.stdout), "still\n", "{}", text(&out.stderr));
    stand.put_role("dba", json!({"client_idle_timeout": "2s"})).await;
    let out = dave.ssh(&[&alive[..], &["db-box", "sleep 60"]].concat()).await;
    assert_eq!(out.status.code(), Some(77), "nobody is there: {}", text(&out.stderr));
}
