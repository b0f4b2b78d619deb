//! MySQL's `caching_sha2_password`, which no MariaDB has: its whole conversation, with a server made for it.

use std::process::Stdio;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use wire::mysql::{Capabilities, Greeting, Response, plugin, put_packet};

use super::*;
use crate::database::mysql::{MyWanted, open};

/// A scramble, and what it makes of passwords.
const SCRAMBLE: [u8; 20] =
    [10, 47, 74, 111, 75, 73, 34, 48, 88, 76, 114, 74, 37, 13, 3, 80, 82, 2, 23, 21];
const ANSWERS: [(&str, &str); 3] = [
    ("secret", "f490e76f66d9d86665ce54d98c78d0acfe2fb0b08b423da807144873d30b312c"),
    ("secret2", "abc3934a012cf342e876071c8ee202de51785b430258a7a0138bc79c4d800bc6"),
    ("", ""),
];
const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];

/// Reads one packet; its payload.
pub(super) async fn packet(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut header = [0; 4];
    stream.read_exact(&mut header).await.unwrap();
    let [a, b, c, _] = header;
    let mut payload = vec![0; usize::try_from(u32::from_le_bytes([a, b, c, 0])).unwrap()];
    stream.read_exact(&mut payload).await.unwrap();
    payload
}

async fn say(stream: &mut (impl AsyncWrite + Unpin), seq: u8, payload: &[u8]) {
    let mut out = bytes::BytesMut::new();
    put_packet(&mut out, seq, payload);
    stream.write_all(&out).await.unwrap();
    stream.flush().await.unwrap();
}

async fn greet(stream: &mut (impl AsyncWrite + Unpin), capabilities: Capabilities) {
    let mut payload = bytes::BytesMut::new();
    let greeting = Greeting {
        version: "8.0.39".into(),
        connection: 7,
        scramble: SCRAMBLE,
        capabilities,
        collation: 255,
        status: 2,
        plugin: plugin::CACHING_SHA2.into(),
    };
    greeting.put(&mut payload);
    say(stream, 0, &payload).await;
}

/// Reads the client's response: the answer to the challenge in it.
async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let payload = packet(stream).await;
    let response = Response::read(&payload).unwrap();
    assert_eq!((response.user, response.plugin), ("app", Some(plugin::CACHING_SHA2)));
    response.answer.to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A target at a new listener.
async fn target(person: &Person, mode: TlsMode, text: &str) -> (TcpListener, Database) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let mut database = database(Protocol::MySql, &addr, &person.authorities.tls_roots_pem());
    database.tls.mode = mode;
    database.login = password(text);
    (listener, database)
}

async fn connect(person: &Person, database: &Database) -> Result<(), Error> {
    let wanted = MyWanted {
        user: "app".into(),
        db: None,
        capabilities: Capabilities::PASSED,
        charset: 45,
        max_packet: 1 << 24,
        attributes: Bytes::new(),
    };
    open(&person.errand("app"), database, &wanted).await.map(drop)
}

#[tokio::test]
async fn a_password_the_server_remembers_is_answered_for_at_once() {
    let person = Person::new();
    for (text, wanted) in ANSWERS {
        let (listener, database) = target(&person, TlsMode::Off, text).await;
        let served = async {
            let mut socket = listener.accept().await.unwrap().0;
            greet(&mut socket, Capabilities::PASSED).await;
            assert_eq!(hex(&answer(&mut socket).await), wanted);
            say(&mut socket, 2, &[1, 3]).await;
            say(&mut socket, 3, OK).await;
        };
        let (entered, ()) = tokio::join!(connect(&person, &database), served);
        entered.unwrap();
    }
}

#[tokio::test]
async fn a_password_the_server_has_forgotten_goes_inside_tls() {
    let person = Person::new();
    let (listener, database) = target(&person, TlsMode::VerifyFull, "secret").await;
    let shown = person.authorities.server_tls(&["127.0.0.1"], now()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(shown.chain, shown.key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let serve = async || {
        let mut socket = listener.accept().await.unwrap().0;
        greet(&mut socket, Capabilities::PASSED.union(Capabilities::SSL)).await;
        assert_eq!(packet(&mut socket).await.len(), 32);
        let mut stream = acceptor.accept(socket).await.unwrap();
        answer(&mut stream).await;
        say(&mut stream, 3, &[1, 4]).await;
        stream
    };
    let served = async {
        let mut stream = serve().await;
        assert_eq!(packet(&mut stream).await, b"secret\0");
        say(&mut stream, 5, OK).await;
    };
    let (entered, ()) = tokio::join!(connect(&person, &database), served);
    entered.unwrap();

    // Whoever answers without having proven who he is does not get it.
    let insecure = TargetTls { mode: TlsMode::Insecure, ..database.tls.clone() };
    let insecure = Database { tls: insecure, ..database.clone() };
    let served = async {
        let mut stream = serve().await;
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert_eq!(rest, b"");
    };
    let (refused, ()) = tokio::join!(connect(&person, &insecure), served);
    let refused = fault(refused);
    assert!(matches!(refused, Fault::Unsafe { method: plugin::CACHING_SHA2, .. }), "{refused:?}");
}

#[tokio::test]
async fn without_tls_a_forgotten_password_goes_under_the_servers_key() {
    let person = Person::new();
    let (listener, database) = target(&person, TlsMode::Off, PASSWORD).await;
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key.pem");
    let openssl = async |args: &[&str], input: &[u8]| {
        let mut child = tokio::process::Command::new("openssl")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).await.unwrap();
        let out = child.wait_with_output().await.unwrap();
        assert!(out.status.success(), "openssl {args:?}");
        out.stdout
    };
    let path = key.to_str().unwrap();
    openssl(&["genpkey", "-algorithm", "RSA", "-out", path], b"").await;
    let public = openssl(&["pkey", "-in", path, "-pubout"], b"").await;
    let served = async {
        let mut socket = listener.accept().await.unwrap().0;
        greet(&mut socket, Capabilities::PASSED).await;
        answer(&mut socket).await;
        say(&mut socket, 2, &[1, 4]).await;
        assert_eq!(packet(&mut socket).await, [2]);
        say(&mut socket, 4, &[&[1], &*public].concat()).await;
        let secret = packet(&mut socket).await;
        let options = ["rsa_padding_mode:oaep", "rsa_oaep_md:sha1", "rsa_mgf1_md:sha1"];
        let mut args = vec!["pkeyutl", "-decrypt", "-inkey", path];
        args.extend(options.iter().flat_map(|option| ["-pkeyopt", option]));
        let masked = openssl(&args, &secret).await;
        let clear: Vec<u8> =
            masked.iter().zip(SCRAMBLE.iter().cycle()).map(|(a, b)| a ^ b).collect();
        assert_eq!(clear, [PASSWORD.as_bytes(), &[0]].concat());
        say(&mut socket, 6, OK).await;
    };
    let (entered, ()) = tokio::join!(connect(&person, &database), served);
    entered.unwrap();
}
