//! Being told no: the words, the exit status, and what can be done about it.

use std::process::Stdio;

use jiff::SignedDuration;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::stand::{Client, PATIENCE, Reserved, Stand, text};

/// A user who holds nothing, and may ask for `dba`, which bob reviews.
async fn alice(stand: &Stand) -> Client {
    stand.put("role", "asker", json!({"allow": {"request": {"roles": ["dba"]}}})).await;
    stand.put("role", "reviewer", json!({"allow": {"review_requests": {"roles": ["dba"]}}})).await;
    stand.put("user", "bob", json!({"roles": ["reviewer"]})).await;
    stand.client("alice", &["asker"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_line_is_access_denied_and_the_rest_says_what_to_do() {
    let stand = Stand::open().await;
    let alice = alice(&stand).await;
    let out = alice.ssh(&["-o", "BatchMode=yes", "db-box", "true"]).await;
    let told = text(&out.stderr);
    assert_eq!(out.status.code(), Some(77), "{told}");
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines[0], "Access denied");
    assert!(
        lines.iter().any(|l| l.starts_with("hint: tsh request new --roles=dba --reason=")),
        "{told}"
    );
    assert!(!told.contains("publickey"), "{told}");
    let refused = stand.events("session.refused").await;
    assert_eq!(
        (refused[0]["user"].as_str(), refused[0]["target"].as_str()),
        (Some("alice"), Some("db-box"))
    );
    assert!(stand.events("session.started").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_and_forbidden_targets_look_the_same() {
    let stand = Stand::open().await;
    let eve = stand.client("eve", &[]).await;
    let forbidden = eve.ssh(&["-o", "BatchMode=yes", "db-box", "true"]).await;
    let unknown = eve.ssh(&["-o", "BatchMode=yes", "no-such-box", "true"]).await;
    assert_eq!(forbidden.status.code(), unknown.status.code());
    assert_eq!(
        text(&forbidden.stderr).replace("db-box", "X"),
        text(&unknown.stderr).replace("no-such-box", "X")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_nobody_is_asked() {
    let stand = Stand::open().await;
    let alice = alice(&stand).await;
    // No BatchMode, but no terminal either: the question is answered with nothing.
    let mut command = alice.command("setsid");
    command.args(["-w", "ssh", "-F"]).arg(alice.home.join("config")).args(["db-box", "true"]);
    let out = tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    assert_eq!(out.status.code(), Some(77), "{}", text(&out.stderr));
    assert_eq!(text(&out.stderr).lines().next(), Some("Access denied"));
    // Nor is anything held back from one that shows no questions at all.
    let mut command = alice.command("setsid");
    command.args(["-w", "ssh", "-q", "-F"]).arg(alice.home.join("config")).args(["db-box", "true"]);
    let out = tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    assert_eq!(text(&out.stderr).lines().next(), Some("Access denied"));
    assert!(stand.desk.asked.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_others_expired_or_of_no_user_do_not_get_in() {
    let stand = Stand::open().await;
    stand.put("user", "dave", json!({"roles": ["dba"]})).await;
    let foreign = ca::Authorities::generate("other", stand.clock.now()).unwrap();
    let client = stand.stranger("dave", &foreign, SignedDuration::from_hours(1)).await;
    assert_eq!(client.ssh(&["db-box", "true"]).await.status.code(), Some(255));

    let client = stand.stranger("dave", &stand.authorities, SignedDuration::from_hours(1)).await;
    stand.clock.advance(SignedDuration::from_hours(2));
    let out = client.ssh(&["db-box", "true"]).await;
    let told = "Access denied\nYour login ended 1 h ago.\nhint: tsh login\n";
    assert_eq!((out.status.code(), text(&out.stderr).as_str()), (Some(77), told));
    assert_eq!(stand.events("session.refused").await[0]["body"]["code"], "login_required");
    stand.clock.advance(SignedDuration::from_hours(-2));
    assert_eq!(client.ssh(&["db-box", "true"]).await.status.code(), Some(0));

    // A disabled user has a good certificate, and no access.
    stand.put("user", "dave", json!({"roles": ["dba"], "disabled": true})).await;
    assert_eq!(client.ssh(&["db-box", "true"]).await.status.code(), Some(77));

    // A key without its certificate is nobody's.
    std::fs::remove_file(client.home.join("id-cert.pub")).unwrap();
    assert_eq!(client.ssh(&["db-box", "true"]).await.status.code(), Some(255));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_cannot_be_reached_or_is_another_is_said_to_be() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let dead = Reserved::port();
    stand.put("node", "db-box", json!({"addr": dead.address().to_string()})).await;
    let out = dave.ssh(&["db-box", "true"]).await;
    assert_eq!(
        (out.status.code(), text(&out.stderr).trim()),
        (Some(69), "The target cannot be reached.")
    );

    // The same sshd under a name that its host certificate does not have.
    stand.put("node", "no-such-box", json!({"addr": stand.sshd})).await;
    let out = dave.ssh(&["no-such-box", "true"]).await;
    assert_eq!(out.status.code(), Some(69));
    assert!(text(&out.stderr).contains("did not prove that it is itself"), "{}", text(&out.stderr));
}

/// `ssh` in a terminal of its own, so that it can ask questions.
async fn in_a_terminal(client: &Client, args: &str) -> tokio::process::Child {
    let command = format!("ssh -F {} {args}; echo status=$?", client.home.join("config").display());
    let mut script = client.command("script");
    script.args(["-qec", &command, "/dev/null"]).stdin(Stdio::piped());
    script.spawn().unwrap()
}

/// Reads the terminal until it shows `what`.
async fn until(child: &mut tokio::process::Child, shown: &mut String, what: &str) {
    let out = child.stdout.as_mut().unwrap();
    let mut buffer = [0; 4096];
    while !shown.contains(what) {
        let read = tokio::time::timeout(PATIENCE, out.read(&mut buffer)).await;
        let n = read.unwrap_or_else(|_| panic!("never showed {what:?}: {shown}")).unwrap();
        assert!(n > 0, "ended without {what:?}: {shown}");
        shown.push_str(&text(&buffer[..n]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn someone_at_a_terminal_is_asked_for_a_reason_and_goes_on_when_approved() {
    let stand = Stand::open().await;
    let alice = alice(&stand).await;
    let mut ssh = in_a_terminal(&alice, "db-box 'echo in; exit 5'").await;
    let mut shown = String::new();
    until(&mut ssh, &mut shown, "Reason (empty to leave): ").await;
    assert!(shown.contains("Access denied"), "{shown}");
    assert!(shown.contains("bob"), "{shown}");
    ssh.stdin.as_mut().unwrap().write_all(b"ticket #1234\n").await.unwrap();
    until(&mut ssh, &mut shown, "Seeking request approval...").await;
    {
        let asked = stand.desk.asked.lock().unwrap();
        assert_eq!(asked[0].reason, "ticket #1234");
        assert_eq!(asked[0].caller.identity.user.as_str(), "alice");
        assert_eq!(asked[0].wish.roles[0].as_str(), "dba");
    }
    assert!(!shown.contains("status="));
    // What an approval does to the policy.
    stand.put("user", "alice", json!({"roles": ["asker", "dba"]})).await;
    until(&mut ssh, &mut shown, "status=5").await;
    assert!(shown.contains("in\r\n"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_reason_leaves_with_the_status_of_a_denial() {
    let stand = Stand::open().await;
    let alice = alice(&stand).await;
    let mut ssh = in_a_terminal(&alice, "db-box true").await;
    let mut shown = String::new();
    until(&mut ssh, &mut shown, "Reason (empty to leave): ").await;
    // A person reads before he answers, by the house's clock.
    stand.clock.advance(SignedDuration::from_mins(2));
    ssh.stdin.as_mut().unwrap().write_all(b"\n").await.unwrap();
    until(&mut ssh, &mut shown, "status=77").await;
    assert_eq!(shown.matches("Access denied").count(), 1, "said once: {shown}");
    let after = shown.split("Reason (empty to leave): ").last().unwrap();
    assert_eq!(after.trim(), "status=77", "nothing but the end comes after the question");
    assert!(stand.desk.asked.lock().unwrap().is_empty());
    assert!(!shown.contains("Permission denied"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn someone_who_waits_is_told_when_the_answer_is_no() {
    let stand = Stand::open().await;
    let alice = alice(&stand).await;
    let mut ssh = in_a_terminal(&alice, "db-box true").await;
    let mut shown = String::new();
    until(&mut ssh, &mut shown, "Reason (empty to leave): ").await;
    ssh.stdin.as_mut().unwrap().write_all(b"because\n").await.unwrap();
    until(&mut ssh, &mut shown, "Seeking request approval...").await;
    *stand.desk.standing.lock().unwrap() = Some("Denied by bob: use the replica.".into());
    until(&mut ssh, &mut shown, "status=77").await;
    assert!(shown.contains("Denied by bob: use the replica."), "{shown}");
}
