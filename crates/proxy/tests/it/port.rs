//! The one port: balancers before it, and HTTP behind it.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::stand::{Client, PATIENCE, Setup, Stand, text, write};

/// The header of version 2 for a connection from 203.0.113.9:4711 (proxy-protocol.txt, section 2.2).
fn version_2() -> Vec<u8> {
    let mut header = b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c".to_vec();
    header.extend_from_slice(&[203, 0, 113, 9, 127, 0, 0, 1, 0x12, 0x67, 0, 22]);
    header
}

const VERSION_1: &[u8] = b"PROXY TCP4 203.0.113.9 127.0.0.1 4711 22\r\n";

/// A balancer that says `header` and the routing line, from the address `from`.
async fn balancer(to: SocketAddr, from: &'static str, header: Vec<u8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind(from.parse().unwrap()).unwrap();
            let mut far = socket.connect(to).await.unwrap();
            far.write_all(&header).await.unwrap();
            far.write_all(wire::route::ssh_line("db-box").as_bytes()).await.unwrap();
            tokio::spawn(async move {
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    port
}

fn trusting() -> Setup {
    let network = proxy::Network { address: "127.0.0.7".parse().unwrap(), bits: 32 };
    Setup { trusted: vec![network], ..Setup::default() }
}

async fn over(dave: &Client, port: u16) -> std::process::Output {
    dave.ssh(&["-o", &format!("Port={port}"), "db-box", "echo balanced"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_balancer_names_the_source_and_a_stranger_does_not() {
    let stand = Stand::open_with(trusting()).await;
    let dave = stand.client("dave", &["dba"]).await;
    for header in [VERSION_1.to_vec(), version_2()] {
        let port = balancer(stand.addr, "127.0.0.7:0", header.clone()).await;
        let out = over(&dave, port).await;
        assert_eq!(text(&out.stdout), "balanced\n", "{}", text(&out.stderr));
        // The same words from elsewhere are nobody's.
        let port = balancer(stand.addr, "127.0.0.8:0", header).await;
        assert_eq!(over(&dave, port).await.status.code(), Some(255));
    }
    let started = stand.events("session.started").await;
    assert_eq!(started.len(), 2);
    assert!(started.iter().all(|e| e["body"]["peer"] == "203.0.113.9:4711"), "{started:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_balancer_may_also_say_nothing_or_speak_for_itself() {
    let stand = Stand::open_with(trusting()).await;
    let dave = stand.client("dave", &["dba"]).await;
    // `LOCAL`: the balancer's own connection.
    let local = b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00".to_vec();
    for header in [Vec::new(), local, b"PROXY UNKNOWN\r\n".to_vec()] {
        let port = balancer(stand.addr, "127.0.0.7:0", header).await;
        let out = over(&dave, port).await;
        assert_eq!(text(&out.stdout), "balanced\n", "{}", text(&out.stderr));
    }
    let started = stand.events("session.started").await;
    let own = |e: &serde_json::Value| e["body"]["peer"].as_str().unwrap().starts_with("127.0.0.7:");
    assert!(started.iter().all(own), "{started:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_header_is_not_believed() {
    let stand = Stand::open_with(trusting()).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.7:0".parse().unwrap()).unwrap();
    let mut stream = socket.connect(stand.addr).await.unwrap();
    stream.write_all(&[VERSION_1, VERSION_1, b"SSH-2.0-x\r\n"].concat()).await.unwrap();
    let mut back = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut back)).await.unwrap();
    assert!(back.is_empty(), "{}", text(&back));
}

#[tokio::test(flavor = "multi_thread")]
async fn http_inside_tls_is_handed_over_with_who_is_there() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &[]).await;
    let at = |name: &str| dave.home.join(name).display().to_string();
    write(&dave.home.join("ca.pem"), &stand.authorities.tls_roots_pem(), 0o600);
    let url = format!("https://{}/", stand.addr);
    let (roots, cert, key) = (at("ca.pem"), at("cert.pem"), at("key.pem"));
    let curl = ["-sS", "--http1.1", "--max-time", "30", "--cacert", &roots, &url];
    let out = dave.run("curl", &curl, b"").await;
    assert_eq!(text(&out.stdout), "hello", "{}", text(&out.stderr));

    let pair = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &key];
    assert!(dave.run("openssl", &pair, b"").await.status.success());
    let public = dave.run("openssl", &["pkey", "-in", &key, "-pubout"], b"").await;
    let now = stand.clock.now();
    let identity = access::identity::Identity {
        user: "dave".parse().unwrap(),
        login: access::name::LoginId::from_bits(1),
        expires: now + jiff::SignedDuration::from_hours(1),
        mfa: true,
        device: false,
    };
    let signed =
        stand.authorities.sign_identity_x509(&identity, &text(&public.stdout), now).unwrap();
    write(&dave.home.join("cert.pem"), &signed.pem(), 0o600);
    let known = [&curl[..], &["--cert", &cert, "--key", &key]].concat();
    let out = dave.run("curl", &known, b"").await;
    assert_eq!(text(&out.stdout), "hello", "{}", text(&out.stderr));

    // Good for TLS, but its hour is over by our clock: he is nobody, and may log in again.
    stand.clock.advance(jiff::SignedDuration::from_hours(2));
    let out = dave.run("curl", &known, b"").await;
    assert_eq!(text(&out.stdout), "hello", "{}", text(&out.stderr));

    let visitors = stand.visitors.lock().unwrap();
    let who: Vec<_> =
        visitors.iter().map(|(_, one)| one.as_ref().map(|one| one.user.to_string())).collect();
    assert_eq!(who, [None, Some("dave".to_owned()), None]);
    assert!(visitors.iter().all(|(peer, _)| peer.ip().is_loopback()));
}

/// A TLS connection of nobody, on which nothing is said.
async fn silent_tls(to: SocketAddr) -> tokio::process::Child {
    let mut openssl = tokio::process::Command::new("openssl");
    openssl.args(["s_client", "-connect", &to.to_string()]).kill_on_drop(true);
    let pipe = std::process::Stdio::piped;
    let mut openssl =
        openssl.stdin(pipe()).stdout(pipe()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(openssl.stdout.take().unwrap()).lines();
    while !lines.next_line().await.unwrap().expect("TLS").contains("SSL handshake has read") {}
    openssl
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_nobody_stays_a_stranger_inside_tls_and_makes_room_like_one() {
    let slots = proxy::SlotLimits { total: 2, per_address: 2 };
    let stand = Stand::open_with(Setup { slots, ..Setup::default() }).await;
    let mut oldest = silent_tls(stand.addr).await;
    let _newer = silent_tls(stand.addr).await;
    let mut here = TcpStream::connect(stand.addr).await.unwrap();
    let read = tokio::time::timeout(PATIENCE, here.read(&mut [0])).await.unwrap();
    assert!(matches!(read, Ok(0) | Err(_)), "its address has had its share: {read:?}");

    let elsewhere = tokio::net::TcpSocket::new_v4().unwrap();
    elsewhere.bind("127.0.0.9:0".parse().unwrap()).unwrap();
    let mut elsewhere = elsewhere.connect(stand.addr).await.unwrap();
    elsewhere.write_all(b"SSH-2.0-someone\r\n").await.unwrap();
    let mut line = String::new();
    let mut elsewhere = BufReader::new(elsewhere);
    tokio::time::timeout(PATIENCE, elsewhere.read_line(&mut line)).await.unwrap().unwrap();
    assert_eq!(line, "SSH-2.0-countersign\r\n");
    tokio::time::timeout(PATIENCE, oldest.wait()).await.expect("it made room").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_software_is_in_the_books() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    assert!(dave.ssh(&["db-box", "true"]).await.status.success());
    let jump = format!("ssh -F {} -W %h:%p dave@gw", dave.home.join("config").display());
    let proxy = format!("ProxyCommand={jump}");
    let out = dave.ssh(&["-o", &proxy, "-o", "HostName=db-box", "db-box", "true"]).await;
    assert!(out.status.success(), "{}", text(&out.stderr));
    let started = stand.events("session.started").await;
    let named = |e: &serde_json::Value| {
        e["body"]["client"].as_str().is_some_and(|name| name.starts_with("OpenSSH_"))
    };
    assert!(started.len() == 2 && started.iter().all(named), "{started:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_waits_for_our_name_first_is_answered() {
    let stand = Stand::open().await;
    let mut stream = TcpStream::connect(stand.addr).await.unwrap();
    stream.write_all(wire::route::ssh_line("db-box").as_bytes()).await.unwrap();
    let mut line = String::new();
    let mut stream = BufReader::new(stream);
    tokio::time::timeout(PATIENCE, stream.read_line(&mut line)).await.unwrap().unwrap();
    assert_eq!(line, "SSH-2.0-countersign\r\n");
}
