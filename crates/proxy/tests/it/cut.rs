//! Sessions that must end: withdrawn, locked, run out, idle. Within a second, with a line that says why.

use std::process::Stdio;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Child;

use crate::stand::{Client, PATIENCE, Stand, text};

/// A live session, in a terminal or not.
async fn live(client: &Client, args: &[&str]) -> Child {
    let mut ssh = client.command("ssh");
    let mut ssh = ssh
        .args(args)
        .args(["db-box", "echo up; sleep 600"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(ssh.stdout.take().unwrap());
    let mut line = String::new();
    tokio::time::timeout(PATIENCE, out.read_line(&mut line)).await.unwrap().unwrap();
    assert_eq!(line.trim_end(), "up");
    ssh
}

/// Waits for the end; what was said, the status, and how long it took.
async fn end(mut ssh: Child) -> (String, Option<i32>, Duration) {
    #[expect(clippy::disallowed_methods, reason = "a test measures how long the cut takes")]
    let since = Instant::now();
    let mut told = String::new();
    let mut err = ssh.stderr.take().unwrap();
    tokio::time::timeout(PATIENCE, err.read_to_string(&mut told))
        .await
        .expect("it was not cut")
        .unwrap();
    let status = ssh.wait().await.unwrap();
    (told, status.code(), since.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_taken_away_ends_live_sessions_within_a_second() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let carol = stand.client("carol", &["dba"]).await;
    let (one, two, other) =
        (live(&dave, &[]).await, live(&dave, &["-tt"]).await, live(&carol, &[]).await);
    stand.put("user", "dave", json!({"roles": []})).await;
    for ssh in [one, two] {
        let (told, status, took) = end(ssh).await;
        assert!(told.contains("Your access was withdrawn."), "{told}");
        assert_eq!(status, Some(77), "{told}");
        assert!(took < Duration::from_secs(1), "took {took:?}");
    }
    let ended = stand.events_until("session.ended", |e| e.len() >= 2).await;
    assert!(ended.iter().all(|e| e["user"] == "dave"), "{ended:#?}");
    drop(other);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_ends_the_session_and_says_so() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let ssh = live(&dave, &[]).await;
    stand
        .put("lock", "incident-7", json!({"target": {"user": "dave"}, "message": "incident 7"}))
        .await;
    let (told, status, took) = end(ssh).await;
    assert!(told.contains("ended by a lock"), "{told}");
    assert_eq!(status, Some(77));
    assert!(took < Duration::from_secs(1), "took {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_runs_out_ends_the_session_where_the_role_wants_that() {
    let stand = Stand::open().await;
    stand.put_role("dba", json!({"disconnect_expired_cert": true})).await;
    let dave = stand.client("dave", &["dba"]).await;
    let ssh = live(&dave, &["-tt"]).await;
    stand.clock.advance(SignedDuration::from_mins(46));
    stand.events_until("session.warned", |e| !e.is_empty()).await;
    stand.clock.advance(SignedDuration::from_mins(15));
    let (told, status, _) = end(ssh).await;
    assert!(told.contains("Your access ends in less than 15 minutes."), "{told}");
    assert!(told.contains("Your access has ended"), "{told}");
    assert_eq!(status, Some(77));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_client_is_sent_home() {
    let stand = Stand::open().await;
    stand.put_role("dba", json!({"client_idle_timeout": "1s"})).await;
    let dave = stand.client("dave", &["dba"]).await;
    let (told, status, _) = end(live(&dave, &[]).await).await;
    assert!(told.contains("idle for too long"), "{told}");
    assert_eq!(status, Some(77));
    assert_eq!(
        stand.events_until("session.cut", |e| !e.is_empty()).await[0]["body"]["code"],
        "idle_timeout"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_cut_all_the_same() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let mut ssh = dave.command("ssh");
    let mut ssh = ssh.args(["db-box", "cat /dev/zero"]).spawn().unwrap();
    stand.events_until("ssh.command", |e| !e.is_empty()).await;
    let pid = rustix::process::Pid::from_raw(i32::try_from(ssh.id().unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    stand.put("user", "dave", json!({"roles": []})).await;
    let ended = stand.events_until("session.ended", |e| !e.is_empty()).await;
    assert_eq!(ended[0]["user"], "dave");
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    let mut out = ssh.stdout.take().unwrap();
    tokio::spawn(async move { tokio::io::copy(&mut out, &mut tokio::io::sink()).await });
    let status = tokio::time::timeout(PATIENCE, ssh.wait()).await.unwrap().unwrap();
    assert!(!status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn options_that_change_apply_to_what_comes_next_in_the_same_session() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let control = format!("ControlPath={}", dave.home.join("mux").display());
    let _master = live(&dave, &["-M", "-o", &control]).await;
    stand.put_role("dba", json!({"ssh_file_copy": false})).await;
    let through = ["-o", &control, "-o", "ControlMaster=no", "-b", "-", "db-box"];
    let out = dave.run("sftp", &through, b"pwd\n").await;
    assert!(!out.status.success(), "{}", text(&out.stdout));
}

#[tokio::test(flavor = "multi_thread")]
async fn live_sessions_are_listed_while_they_live() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let ssh = live(&dave, &[]).await;
    let listed =
        || async { stand.store.range(store::Range::prefix("/session/")).await.unwrap().entries };
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while listed().await.is_empty() {
        assert!(tokio::time::Instant::now() < deadline);
    }
    let entry: serde_json::Value = serde_json::from_slice(&listed().await[0].value).unwrap();
    assert_eq!((entry["user"].as_str(), entry["target"].as_str()), (Some("dave"), Some("db-box")));
    drop(ssh);
    while !listed().await.is_empty() {
        assert!(tokio::time::Instant::now() < deadline);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_on_a_session_ends_that_one_alone() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let first = live(&dave, &[]).await;
    let id = stand.events("session.started").await[0]["session"].as_str().unwrap().to_owned();
    let mut second = live(&dave, &[]).await;
    stand.put("lock", "that-one", json!({"target": {"session": id}})).await;
    let (told, status, took) = end(first).await;
    assert!(told.contains("ended by a lock"), "{told}");
    assert_eq!(status, Some(77));
    assert!(took < Duration::from_secs(1), "took {took:?}");
    let ended = stand.events_until("session.ended", |e| !e.is_empty()).await;
    assert_eq!((ended.len(), ended[0]["session"].as_str()), (1, Some(&*id)));
    assert!(second.try_wait().unwrap().is_none());
    assert!(dave.ssh(&["db-box", "true"]).await.status.success(), "others may still begin");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_on_a_login_ends_its_sessions_and_the_connection_they_jump_over() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let carol = stand.client("carol", &["dba"]).await;
    // A bare outer connection, as `-J` makes it, kept by its own control socket.
    let control = format!("ControlPath={}", dave.home.join("outer").display());
    let mut outer = dave.command("ssh");
    let mut outer = outer.args(["-M", "-N", "-o", &control, "gw"]).spawn().unwrap();
    let jump = format!("ssh -F {} -o {control} -W %h:%p gw", dave.home.join("config").display());
    while !dave.home.join("outer").exists() {
        assert!(outer.try_wait().unwrap().is_none());
        tokio::task::yield_now().await;
    }
    let through = format!("ProxyCommand={jump}");
    let inner = live(&dave, &["-o", &through, "-o", "HostName=db-box"]).await;
    let mut other = live(&carol, &[]).await;

    // Carol is another user; the clients of this stand share one login id, so the lock names both.
    let login = access::name::LoginId::from_bits(1).to_string();
    let target = json!({"login_session": login, "user": "dave"});
    stand.put("lock", "stolen-laptop", json!({"target": target, "message": "stolen"})).await;
    let (told, status, took) = end(inner).await;
    assert!(told.contains("ended by a lock") && told.contains("stolen"), "{told}");
    assert_eq!(status, Some(77));
    assert!(took < Duration::from_secs(1), "took {took:?}");
    let (_, status, _) = end(outer).await;
    assert_eq!(status, Some(255));
    assert!(other.try_wait().unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_removed_and_a_house_that_closes_end_sessions_with_a_line() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let ssh = live(&dave, &[]).await;
    stand.remove("node", "db-box").await;
    let (told, status, _) = end(ssh).await;
    assert!(told.contains("Your access was withdrawn."), "{told}");
    assert_eq!(status, Some(77));

    stand.put("node", "db-box", json!({"addr": stand.sshd})).await;
    let ssh = live(&dave, &[]).await;
    stand.proxy.close(PATIENCE).await;
    assert_eq!(stand.proxy.sessions(), 0);
    let (told, status, _) = end(ssh).await;
    assert!(told.contains("The gateway is shutting down."), "{told}");
    assert_eq!(status, Some(77));
}
