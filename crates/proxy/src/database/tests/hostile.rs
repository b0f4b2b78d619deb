//! Servers that cut off, lie, flood and fall silent. Each gets an error of its own, soon, and nothing of ours.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use wire::mysql::{Capabilities, Greeting, put_packet};
use wire::postgres::{Startup, write};

use super::*;
use crate::database::mysql::MyWanted;

/// How long anything here may take before it counts as hung. The log-in's own limit is shorter.
const PATIENCE: Duration = Duration::from_secs(60);

/// Logs in to a server that is this script, in the clear; what came of it.
async fn log_in<F: Future<Output = ()> + Send + 'static>(
    protocol: Protocol,
    mode: TlsMode,
    within: Duration,
    script: impl FnOnce(TcpStream) -> F,
) -> Result<(), Fault> {
    let person = Person::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut database = database(protocol, &listener.local_addr().unwrap().to_string(), "");
    // Any authority will do: no script gets as far as to show a certificate.
    database.tls.trust = Arc::new(Trust::named(person.authorities.tls_roots()));
    database.tls.mode = mode;
    database.login = password(PASSWORD);
    let errand = Errand { within, ..person.errand("app") };
    let client = async {
        match protocol {
            Protocol::Postgres => {
                let startup = Startup::new("app", "orders");
                crate::database::postgres::open(&errand, &database, &startup).await.map(drop)
            }
            Protocol::MySql => {
                let wanted = MyWanted {
                    user: "app".into(),
                    db: None,
                    capabilities: Capabilities::PASSED,
                    charset: 45,
                    max_packet: 1 << 24,
                    attributes: Bytes::new(),
                };
                crate::database::mysql::open(&errand, &database, &wanted).await.map(drop)
            }
        }
    };
    let served = async { script(listener.accept().await.unwrap().0).await };
    let both = async { tokio::join!(client, served) };
    let (result, ()) = tokio::time::timeout(PATIENCE, both).await.expect("the log-in hangs");
    match result {
        Ok(()) => Ok(()),
        failed => Err(fault(failed)),
    }
}

/// Says these bytes, and reads until the client goes or the script is dropped with it.
async fn says(mut socket: TcpStream, bytes: Vec<u8>) {
    let _ = socket.write_all(&bytes).await;
    let _ = socket.shutdown().await;
    let mut sink = Vec::new();
    let _ = socket.read_to_end(&mut sink).await;
}

async fn plain(protocol: Protocol, bytes: Vec<u8>) -> Result<(), Fault> {
    log_in(protocol, TlsMode::Off, LOGIN_WAIT, |socket| says(socket, bytes)).await
}

/// A log-in that succeeds, as PostgreSQL's side of it.
fn good_postgres() -> Vec<u8> {
    let mut out = Vec::new();
    write::frame(&mut out, b'N', |out| out.extend_from_slice(b"SNOTICE\0Mhello\0\0"));
    write::authentication_ok(&mut out);
    write::parameter_status(&mut out, "server_version", "15.7");
    out
}

/// A log-in that succeeds, as MySQL's side of it.
fn good_mysql() -> Vec<u8> {
    let mut out = greeting(|_| ());
    put(&mut out, 2, &[0, 0, 0, 2, 0, 0, 0]);
    out
}

fn greeting(change: impl FnOnce(&mut Greeting)) -> Vec<u8> {
    let mut greeting = Greeting {
        version: "8.0.39".into(),
        connection: 7,
        scramble: SCRAMBLE,
        capabilities: Capabilities::PASSED,
        collation: 45,
        status: 2,
        plugin: wire::mysql::plugin::CACHING_SHA2.into(),
    };
    change(&mut greeting);
    let mut payload = bytes::BytesMut::new();
    greeting.put(&mut payload);
    let mut out = Vec::new();
    put(&mut out, 0, &payload);
    out
}

const SCRAMBLE: [u8; 20] = *b"0123456789abcdefghij";

fn put(out: &mut Vec<u8>, seq: u8, payload: &[u8]) {
    let mut packet = bytes::BytesMut::new();
    put_packet(&mut packet, seq, payload);
    out.extend_from_slice(&packet);
}

#[tokio::test]
async fn a_server_that_leaves_at_any_byte_has_vanished() {
    // MySQL's greeting must come alone: its OK waits for our answer.
    for (protocol, good) in
        [(Protocol::Postgres, good_postgres()), (Protocol::MySql, greeting(|_| ()))]
    {
        for end in 0..good.len() {
            let cut = good.get(..end).unwrap().to_vec();
            let fault = plain(protocol, cut).await.unwrap_err();
            assert!(matches!(fault, Fault::Vanished(_) | Fault::Broke { .. }), "{end}: {fault:?}");
            assert_eq!(fault.public(), "The connection to the database failed.");
        }
    }
    assert!(plain(Protocol::Postgres, good_postgres()).await.is_ok());
}

#[tokio::test]
async fn a_wrong_byte_anywhere_is_an_answer_or_an_error_and_never_a_hang() {
    for (protocol, good) in [(Protocol::Postgres, good_postgres()), (Protocol::MySql, good_mysql())]
    {
        for at in 0..good.len() {
            for mask in [0xff, 0x80, 0x01] {
                let mut bad = good.clone();
                *bad.get_mut(at).unwrap() ^= mask;
                // What a changed word means is the server's matter: only that it ends.
                let _ = plain(protocol, bad).await;
            }
        }
    }
}

#[tokio::test]
async fn lengths_and_floods_are_refused_before_they_cost_anything() {
    let malformed = |result: Result<(), Fault>| match result {
        Err(Fault::Malformed(what)) => what,
        other => panic!("{other:?}"),
    };
    for length in [u32::MAX, 0x3fff_ffff, 64 * 1024, 3, 0] {
        for kind in *b"RENvK" {
            let bytes = [&[kind][..], &length.to_be_bytes()].concat();
            let what = malformed(plain(Protocol::Postgres, bytes).await);
            assert!(what.contains("claims a length"), "{what}");
        }
    }
    let what = malformed(plain(Protocol::MySql, vec![0xff, 0xff, 0xff, 0]).await);
    assert!(what.contains("16777215"), "{what}");
    let mut notices = Vec::new();
    for _ in 0..100 {
        write::frame(&mut notices, b'N', |out| out.extend_from_slice(b"SNOTICE\0Mhello\0\0"));
    }
    let what = malformed(plain(Protocol::Postgres, notices).await);
    assert_eq!(&*what, "it talks and does not finish the log-in");
    // Rows, before anybody asked for any.
    assert!(
        malformed(plain(Protocol::Postgres, b"D\0\0\0\x06\0\0".to_vec()).await).contains("type")
    );
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    for protocol in [Protocol::Postgres, Protocol::MySql] {
        for mode in [TlsMode::Off, TlsMode::VerifyFull] {
            let silent =
                log_in(protocol, mode, Duration::from_millis(20), |mut socket| async move {
                    let mut sink = Vec::new();
                    let _ = socket.read_to_end(&mut sink).await;
                });
            let fault = silent.await.unwrap_err();
            assert!(matches!(fault, Fault::Slow { step: "the log-in", .. }), "{fault:?}");
            assert_eq!(fault.public(), "The database did not answer in time.");
        }
    }
}

#[tokio::test]
async fn what_comes_before_tls_is_not_believed() {
    let answered = |bytes: &'static [u8]| {
        log_in(Protocol::Postgres, TlsMode::VerifyFull, LOGIN_WAIT, |socket| {
            says(socket, bytes.to_vec())
        })
    };
    assert!(matches!(answered(b"N").await, Err(Fault::NoTls)));
    assert!(matches!(answered(b"ESFATAL\0Mcome here\0\0").await, Err(Fault::Malformed(_))));
    assert!(matches!(answered(b"X").await, Err(Fault::Malformed(_))));
    // Bytes that were slipped in behind the answer are taken for TLS, which they are not.
    let slipped = answered(b"SR\0\0\0\x08\0\0\0\0").await.unwrap_err();
    assert!(matches!(slipped, Fault::Tls(_)), "{slipped:?}");

    let greeted = |bytes| {
        log_in(Protocol::MySql, TlsMode::VerifyFull, LOGIN_WAIT, |socket| says(socket, bytes))
    };
    assert!(matches!(greeted(greeting(|_| ())).await, Err(Fault::NoTls)));
    let tls = |greeting: &mut Greeting| {
        greeting.capabilities = greeting.capabilities.union(Capabilities::SSL);
    };
    let mut slipped = greeting(tls);
    put(&mut slipped, 2, &[0, 0, 0, 2, 0, 0, 0]);
    let slipped = greeted(slipped).await.unwrap_err();
    assert!(matches!(&slipped, Fault::Malformed(what) if what.contains("talks on")), "{slipped:?}");
    // No secret and no proof is in it: that it takes nobody now is passed on.
    let mut full = Vec::new();
    put(&mut full, 0, b"\xff\x10\x04#08004Too many connections");
    let refused = greeted(full).await;
    assert_eq!(refused.unwrap_err().server().unwrap().number, 1040);
}

/// Reads one message of PostgreSQL's client; its body.
async fn message(socket: &mut TcpStream) -> Vec<u8> {
    let _ = socket.read_u8().await.unwrap();
    let length = socket.read_u32().await.unwrap();
    let mut body = vec![0; usize::try_from(length).unwrap() - 4];
    socket.read_exact(&mut body).await.unwrap();
    body
}

/// Begins SCRAM with this iteration count and says `last` after the client's proof.
async fn scram(iterations: &'static str, last: Vec<u8>) -> Fault {
    let logged_in = log_in(Protocol::Postgres, TlsMode::Off, LOGIN_WAIT, |mut socket| async move {
        let length = socket.read_u32().await.unwrap();
        let mut startup = vec![0; usize::try_from(length).unwrap() - 4];
        socket.read_exact(&mut startup).await.unwrap();
        let mut out = Vec::new();
        write::frame(&mut out, b'R', |out| {
            out.extend_from_slice(b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0");
        });
        socket.write_all(&out).await.unwrap();
        let first = message(&mut socket).await;
        // Without TLS there is nothing to bind to, and we say so.
        assert!(first.starts_with(b"SCRAM-SHA-256\0"), "{first:?}");
        let nonce = String::from_utf8(first).unwrap().rsplit_once("r=").unwrap().1.to_owned();
        out.clear();
        write::frame(&mut out, b'R', |out| {
            out.extend_from_slice(&[0, 0, 0, 11]);
            out.extend_from_slice(format!("r={nonce}more,s=c2FsdA==,i={iterations}").as_bytes());
        });
        socket.write_all(&out).await.unwrap();
        if iterations == "4096" {
            message(&mut socket).await;
        }
        says(socket, last).await;
    });
    logged_in.await.unwrap_err()
}

#[tokio::test]
async fn a_server_that_does_not_know_the_password_is_not_the_one_we_know() {
    let wrong = "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let mut last = Vec::new();
    write::frame(&mut last, b'R', |out| {
        out.extend_from_slice(&[0, 0, 0, 12]);
        out.extend_from_slice(wrong.as_bytes());
    });
    write::authentication_ok(&mut last);
    let fault = scram("4096", last).await;
    assert!(matches!(fault, Fault::Unproven(_)), "{fault:?}");
    assert!(fault.public().contains("does not know the password"));
    // It says that all is well instead.
    let mut skipped = Vec::new();
    write::authentication_ok(&mut skipped);
    let fault = scram("4096", skipped).await;
    assert!(matches!(fault, Fault::Unproven(_)), "{fault:?}");
    // Work without end.
    for count in ["4294967295", "100001"] {
        let fault = scram(count, Vec::new()).await;
        let named = matches!(&fault, Fault::Unproven(why) if why.contains("100000 are the most"));
        assert!(named, "{fault:?}");
    }
    // It changes its mind: after SCRAM, the password itself.
    let mut changed = Vec::new();
    write::frame(&mut changed, b'R', |out| out.extend_from_slice(&[0, 0, 0, 3]));
    let fault = scram("4096", changed).await;
    assert!(matches!(fault, Fault::Malformed(_)), "{fault:?}");
}

#[tokio::test]
async fn the_work_that_a_server_asks_for_holds_up_nobody_else() {
    let (send, turns) = tokio::sync::oneshot::channel();
    let logged_in = log_in(Protocol::Postgres, TlsMode::Off, LOGIN_WAIT, |mut socket| async move {
        let length = socket.read_u32().await.unwrap();
        socket.read_exact(&mut vec![0; usize::try_from(length).unwrap() - 4]).await.unwrap();
        let mut out = Vec::new();
        write::frame(&mut out, b'R', |out| out.extend_from_slice(b"\0\0\0\x0aSCRAM-SHA-256\0\0"));
        socket.write_all(&out).await.unwrap();
        let first = String::from_utf8(message(&mut socket).await).unwrap();
        let nonce = first.rsplit_once("r=").unwrap().1;
        out.clear();
        write::frame(&mut out, b'R', |out| {
            out.extend_from_slice(&[0, 0, 0, 11]);
            out.extend_from_slice(format!("r={nonce}more,s=c2FsdA==,i=100000").as_bytes());
        });
        socket.write_all(&out).await.unwrap();
        // One thread for everybody: whoever waits for the proof has turns meanwhile.
        let mut count = 0_u32;
        while socket.try_read(&mut [0]).is_err() {
            tokio::task::yield_now().await;
            count += 1;
        }
        send.send(count).unwrap();
    });
    assert!(matches!(logged_in.await, Err(Fault::Vanished(_) | Fault::Broke { .. })));
    let turns = turns.await.unwrap();
    assert!(turns > 100, "others had {turns} turns");
}

#[tokio::test]
async fn a_log_in_we_do_not_speak_is_named() {
    for (body, name) in [
        (&b"\0\0\0\x07"[..], "GSSAPI"),
        (b"\0\0\0\x09", "SSPI"),
        (b"\0\0\0\x2a", "number 42"),
        (b"\0\0\0\x0aSCRAM-SHA-1\0\0", "SASL without SCRAM-SHA-256"),
    ] {
        let mut out = Vec::new();
        write::frame(&mut out, b'R', |out| out.extend_from_slice(body));
        let fault = plain(Protocol::Postgres, out).await.unwrap_err();
        assert!(matches!(&fault, Fault::Method(method) if &**method == name), "{fault:?}");
    }
    let switched = log_in(Protocol::MySql, TlsMode::Off, LOGIN_WAIT, |mut socket| async move {
        socket.write_all(&greeting(|_| ())).await.unwrap();
        super::plugins::packet(&mut socket).await;
        let mut out = Vec::new();
        put(&mut out, 2, b"\xfeauth_gssapi_client\0data\0");
        says(socket, out).await;
    });
    let fault = switched.await.unwrap_err();
    assert!(matches!(&fault, Fault::Method(name) if &**name == "auth_gssapi_client"), "{fault:?}");
}
