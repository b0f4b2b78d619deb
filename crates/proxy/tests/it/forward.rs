//! Forwards: allowed and refused by the role, written down, and harmless when they stall.

use std::process::Stdio;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::stand::{Client, PATIENCE, Reserved, Stand, text};

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

async fn echo_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    port
}

async fn echoes(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else { return false };
    let sent = vec![b'e'; 300_000];
    let (mut from, mut to) = stream.split();
    let mut back = vec![0; sent.len()];
    let (written, read) = tokio::join!(to.write_all(&sent), from.read_exact(&mut back));
    written.is_ok() && read.is_ok() && back == sent
}

#[tokio::test(flavor = "multi_thread")]
async fn local_and_remote_forwards_carry_bytes_and_are_written_down() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let (echo, here, there) = (echo_server().await, Reserved::port(), Reserved::port());
    let (local, remote) = (here.number(), there.number());
    let l = format!("{local}:127.0.0.1:{echo}");
    let r = format!("{remote}:127.0.0.1:{echo}");
    let _ssh = staying(&dave, &["-o", "ExitOnForwardFailure=yes", "-L", &l, "-R", &r]).await;
    assert!(echoes(local).await);
    assert!(echoes(remote).await);
    let told = stand
        .events_until("ssh.forward", |e| {
            e.iter().filter(|e| e["body"]["ended"] == true).count() >= 2
        })
        .await;
    let has = |kind: &str| {
        told.iter()
            .any(|e| e["body"]["forward"] == kind && e["body"]["sent"].as_u64() == Some(300_000))
    };
    assert!(has("local") && has("remote"), "{told:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_are_forwarded_both_ways() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let echo = echo_server().await;
    let (here, there) = (dave.home.join("here.sock"), dave.home.join("there.sock"));
    let r = format!("{}:127.0.0.1:{echo}", there.display());
    let l = format!("{}:{}", here.display(), there.display());
    let _ssh = staying(&dave, &["-o", "ExitOnForwardFailure=yes", "-R", &r, "-L", &l]).await;
    let mut stream = tokio::net::UnixStream::connect(&here).await.unwrap();
    stream.write_all(b"round").await.unwrap();
    let mut back = [0; 5];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut back)).await.unwrap().unwrap();
    assert_eq!(&back, b"round");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_role_does_not_allow_is_refused_and_written_down() {
    let stand = Stand::open().await;
    stand
        .put_role(
            "dba",
            json!({
                "forward_agent": false,
                "ssh_port_forwarding": {"local": {"enabled": false}, "remote": {"enabled": false}},
                "ssh_file_copy": false
            }),
        )
        .await;
    let dave = stand.client("dave", &["dba"]).await;
    let (echo, here, there) = (echo_server().await, Reserved::port(), Reserved::port());
    let local = here.number();
    let _ssh = staying(&dave, &["-L", &format!("{local}:127.0.0.1:{echo}")]).await;
    assert!(!echoes(local).await);
    let out = dave
        .ssh(&[
            "-o",
            "ExitOnForwardFailure=yes",
            "-R",
            &format!("{}:127.0.0.1:{echo}", there.number()),
            "db-box",
            "true",
        ])
        .await;
    assert_eq!(out.status.code(), Some(255), "{}", text(&out.stderr));
    let out = dave.run("sftp", &["-b", "-", "db-box"], b"pwd\n").await;
    assert!(!out.status.success());
    let out = dave
        .run("scp", &["-O", "-q", "db-box:/etc/hostname", dave.home.to_str().unwrap()], b"")
        .await;
    assert!(!out.status.success());
    let told = stand.events("ssh.forward").await;
    assert!(told.iter().filter(|e| e["body"]["refused"] == true).count() >= 2, "{told:#?}");
    assert_eq!(stand.events("ssh.subsystem").await[0]["body"]["refused"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_is_forwarded_only_when_allowed() {
    let stand = Stand::open().await;
    stand.put_role("dba", json!({"forward_agent": true})).await;
    let dave = stand.client("dave", &["dba"]).await;
    let socket = dave.home.join("agent");
    let mut agent = Command::new("ssh-agent");
    let mut agent = agent
        .args(["-D", "-a"])
        .arg(&socket)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    while !socket.exists() {
        assert!(agent.try_wait().unwrap().is_none());
        tokio::task::yield_now().await;
    }
    let with_agent = |args: Vec<&'static str>| {
        let mut ssh = dave.command("ssh");
        ssh.args(args).env("SSH_AUTH_SOCK", &socket);
        async move { ssh.output().await.unwrap() }
    };
    let mut add = dave.command("ssh-add");
    let added = add.arg(dave.home.join("id")).env("SSH_AUTH_SOCK", &socket).output().await.unwrap();
    assert!(added.status.success(), "{}", text(&added.stderr));
    let out = with_agent(vec![
        "-A",
        "-o",
        "IdentityAgent=SSH_AUTH_SOCK",
        "db-box",
        "ssh-add -l & ssh-add -l & ssh-add -l; wait",
    ])
    .await;
    assert_eq!(
        text(&out.stdout).matches("ED25519").count() / 3,
        2,
        "{} {}",
        text(&out.stdout),
        text(&out.stderr)
    );
    stand.put_role("dba", json!({"forward_agent": false})).await;
    let out =
        with_agent(vec!["-A", "-o", "IdentityAgent=SSH_AUTH_SOCK", "db-box", "ssh-add -l"]).await;
    assert_eq!(out.status.code(), Some(2), "no agent there: {}", text(&out.stdout));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dynamic_forward_is_a_socks_proxy_and_names_what_was_reached() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let web = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = web.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = web.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            let page = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\ninside";
            let _ = stream.write_all(page).await;
        }
    });
    let reserved = Reserved::port();
    let socks = reserved.number();
    let _ssh = staying(&dave, &["-o", "ExitOnForwardFailure=yes", "-D", &socks.to_string()]).await;
    let proxy = format!("127.0.0.1:{socks}");
    for (kind, host) in [("--socks5-hostname", "localhost"), ("--socks5", "127.0.0.1")] {
        let url = format!("http://{host}:{port}/");
        let get = ["-sS", "--noproxy", "", "--max-time", "30", kind, &proxy, &url];
        let out = dave.run("curl", &get, b"").await;
        assert_eq!(text(&out.stdout), "inside", "{}", text(&out.stderr));
    }
    let told = stand.events("ssh.forward").await;
    let reached =
        |host: &str| told.iter().any(|e| e["body"]["to"] == host && e["body"]["port"] == port);
    assert!(reached("localhost") && reached("127.0.0.1"), "{told:#?}");
    stand.put_role("dba", json!({"ssh_port_forwarding": {"local": {"enabled": false}}})).await;
    let url = format!("http://127.0.0.1:{port}/");
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let get = ["-sS", "--noproxy", "", "--max-time", "30", "--socks5", &proxy, &url];
    // The running session looks at the new role soon.
    while dave.run("curl", &get, b"").await.status.success() {
        assert!(tokio::time::Instant::now() < deadline);
    }
}
