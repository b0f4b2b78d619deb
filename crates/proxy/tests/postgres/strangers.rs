//! Who is not let in, and what he is told.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wire::postgres::startup::{GSS_REQUEST, SSL_REQUEST};
use wire::postgres::{CancelKey, Startup};

use crate::raw::{Raw, clear, shown};
use crate::stand::{ACCOUNT, Client, Stand, finish, text};

/// What `psql` says when it is told to connect like this.
async fn psql(client: &Client, conninfo: &str) -> String {
    let mut psql = client.command("psql");
    psql.args(["-Xc", "select 1", "-d", conninfo]);
    let out = finish(psql, b"").await;
    assert_eq!(out.status.code(), Some(2), "{}", text(&out.stdout));
    text(&out.stderr)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_in_the_clear_is_told_to_use_tls() {
    let stand = Stand::open().await;
    let packet = Startup::new(ACCOUNT, "orders-db/orders").packet();
    let back = clear(stand.addr, &packet).await;
    assert!(shown(&back[5..]).starts_with("28000 TLS is required"), "{}", shown(&back[5..]));
    let back = clear(stand.addr, b"\0\0\0\x08\0\x02\0\0").await;
    assert!(shown(&back[5..]).starts_with("0A000 unsupported frontend protocol 2.0"));
    // A key of nobody's is not answered.
    let key = CancelKey { process: 7, secret: [1; 4].into() };
    assert_eq!(clear(stand.addr, &key.request()).await, b"");
}

#[tokio::test(flavor = "multi_thread")]
async fn gss_encryption_is_declined_and_tls_is_asked_for_next() {
    let stand = Stand::open().await;
    let mut socket = TcpStream::connect(stand.addr).await.unwrap();
    socket.write_all(&GSS_REQUEST).await.unwrap();
    assert_eq!(socket.read_u8().await.unwrap(), b'N');
    socket.write_all(&SSL_REQUEST).await.unwrap();
    assert_eq!(socket.read_u8().await.unwrap(), b'S');
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_certificate_there_is_a_hint_and_no_session() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let info = alice.here();
    let bare = info.split(' ').filter(|w| !w.starts_with("sslcert") && !w.starts_with("sslkey"));
    let said = psql(&alice, &bare.collect::<Vec<_>>().join(" ")).await;
    assert!(said.contains("FATAL:  Access denied"), "{said}");
    assert!(said.contains("tsh db connect NAME"), "{said}");
    assert_eq!(stand.events("session.started").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_has_run_out_is_told_so() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    stand.advance(jiff::SignedDuration::from_hours(2));
    let said = psql(&alice, &alice.here()).await;
    assert!(said.contains("FATAL:  Access denied") && said.contains("tsh login"), "{said}");
    let refused = stand.events("session.refused").await;
    assert_eq!((refused.len(), &refused[0]["user"]), (1, &"alice".into()), "{refused:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forbidden_and_what_does_not_exist_read_the_same() {
    let stand = Stand::open().await;
    let mallory = stand.client("mallory", &[]).await;
    let told = |said: String, name: &str| {
        let at = said.find("FATAL:").expect("it is fatal");
        said[at..].replace(name, "X")
    };
    let forbidden = told(psql(&mallory, &mallory.here()).await, "orders-db");
    let unknown = told(psql(&mallory, &mallory.conninfo("no-such-db/orders")).await, "no-such-db");
    assert_eq!(forbidden, unknown);
    let nameless = psql(&mallory, &mallory.conninfo("..!/orders")).await;
    assert!(nameless.contains("FATAL:  Access denied"), "{nameless}");
    let refused = stand.events("session.refused").await;
    assert_eq!(refused.len(), 3, "{refused:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_and_the_database_are_asked_about() {
    let stand = Stand::open().await;
    let allow =
        serde_json::json!({"db_labels": {"*": "*"}, "db_users": ["app"], "db_names": ["orders"]});
    stand.put("role", "narrow", serde_json::json!({"allow": allow})).await;
    let bob = stand.client("bob", &["narrow"]).await;
    assert_eq!(text(&bob.sql("select 1").await.stdout), "1\n");
    for info in [
        bob.conninfo("orders-db/postgres"),
        bob.conninfo("orders-db"),
        bob.here().replace("user=app", "user=postgres"),
    ] {
        let said = psql(&bob, &info).await;
        assert!(said.contains("FATAL:  Access denied") || said.contains("No target"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replication_is_refused_clearly() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let said = psql(&alice, &format!("{} replication=database", alice.here())).await;
    assert!(said.contains("FATAL:  Replication connections are not supported"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_before_the_session_are_not_served() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let mut raw = Raw::knock(&alice).await;
    raw.send(b"Q\0\0\0\x0dselect 1\0").await;
    let (kind, body) = raw.next().await.expect("a word");
    assert_eq!(kind, b'E');
    assert!(shown(&body).starts_with("08P01"), "{}", shown(&body));
    assert_eq!(raw.next().await, None);
}
