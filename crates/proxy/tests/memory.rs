//! How much memory sessions take. A binary of its own: other tests in the same process would be measured too.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, which is what it is for"
)]

#[path = "it/stand.rs"]
#[expect(dead_code, reason = "the stand has more than these tests use")]
mod stand;

use std::process::Stdio;
use std::time::Duration;

use stand::{Client, PATIENCE, Reserved, Stand, text};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Child;

/// One measurement at a time.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// An `ssh` that stays, once its remote command has said that it is there.
async fn staying(client: &Client, args: &[&str]) -> Child {
    let mut ssh = client.command("ssh");
    ssh.args(args).args(["db-box", "echo up; cat"]).stdin(Stdio::piped());
    let mut ssh = ssh.spawn().unwrap();
    let mut out = BufReader::new(ssh.stdout.take().unwrap());
    let mut line = String::new();
    tokio::time::timeout(PATIENCE, out.read_line(&mut line)).await.unwrap().unwrap();
    assert_eq!(line, "up\n");
    ssh.stdout = Some(out.into_inner());
    ssh
}

/// The freeze that a stalled channel used to cause (a reader that never reads, over a shared connection).
#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_forward_holds_up_nobody_else_and_stays_small() {
    let _alone = ALONE.lock().await;
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    // A sink on the target's side that accepts and never reads.
    let sink = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sink_port = sink.local_addr().unwrap().port();
    let reserved = Reserved::port();
    let local = reserved.number();
    let control = format!("ControlPath={}", dave.home.join("mux").display());
    let l = format!("{local}:127.0.0.1:{sink_port}");
    let _master = staying(&dave, &["-M", "-o", &control, "-L", &l]).await;
    let mut stalled = TcpStream::connect(("127.0.0.1", local)).await.unwrap();
    let (_never_read, _) = tokio::time::timeout(PATIENCE, sink.accept()).await.unwrap().unwrap();
    let before = resident();
    let chunk = vec![b's'; 1 << 20];
    let mut sent = 0usize;
    // Writes until nothing moves any more: every buffer on the way is full.
    while let Ok(written) =
        tokio::time::timeout(Duration::from_secs(2), stalled.write(&chunk)).await
    {
        sent += written.unwrap();
        assert!(sent < 200 << 20, "nothing holds the sender back");
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 8 << 20, "grew by {grown} bytes for {sent} that were sent");
    for _ in 0..5 {
        let args = ["-o", &control, "-o", "ControlMaster=no", "db-box", "echo moves"];
        let out = tokio::time::timeout(Duration::from_secs(20), dave.ssh(&args)).await;
        let out = out.expect("a second program hangs behind the stalled forward");
        assert_eq!(text(&out.stdout), "moves\n", "{}", text(&out.stderr));
    }
    // And the other way: a program whose output nobody reads.
    let mut flood = dave.command("ssh");
    flood.args(["-o", &control, "-o", "ControlMaster=no", "db-box", "head -c 100000000 /dev/zero"]);
    let _unread = flood.spawn().unwrap();
    let args = ["-o", &control, "-o", "ControlMaster=no", "db-box", "echo still"];
    let out = tokio::time::timeout(Duration::from_secs(20), dave.ssh(&args)).await;
    assert_eq!(text(&out.expect("hangs behind unread output").stdout), "still\n");
    // When the sink goes, its channel ends, whoever waited for window.
    drop(_never_read);
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, stalled.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the forward outlives its sink");
}

/// This process's resident memory, in bytes: the proxy runs in it.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_sessions_are_small() {
    let _alone = ALONE.lock().await;
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let open = |count: usize| {
        let dave = &dave;
        async move {
            let mut all = Vec::new();
            for _ in 0..count {
                let mut ssh = dave.command("ssh");
                let mut ssh =
                    ssh.args(["db-box", "echo up; cat"]).stdin(Stdio::piped()).spawn().unwrap();
                let mut line = String::new();
                let mut out = BufReader::new(ssh.stdout.take().unwrap());
                tokio::time::timeout(PATIENCE, out.read_line(&mut line)).await.unwrap().unwrap();
                all.push((ssh, out));
            }
            all
        }
    };
    let _warm = open(5).await;
    let before = resident();
    let _idle = open(20).await;
    let each = resident().saturating_sub(before) / 20;
    // Unoptimised code has bigger futures; the release build is measured by the bench.
    assert!(each < 200 * 1024, "{each} bytes for each idle session");
}
