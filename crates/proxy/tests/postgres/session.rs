//! Sessions: stock clients, and the protocol as a whole.

use wire::postgres::Startup;
use wire::postgres::write::{self, frame};

use crate::raw::{Raw, kinds, shown};
use crate::servers::DATABASE;
use crate::stand::{ACCOUNT, Stand, TARGET, finish, text};

#[tokio::test(flavor = "multi_thread")]
async fn psql_selects_through_the_door() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let out = alice.sql("select 6 * 7; select current_user, current_database();").await;
    assert_eq!(text(&out.stdout), "42\napp|orders\n", "{}", text(&out.stderr));
    assert_eq!(text(&out.stderr), "");
    let ended = stand.events_until("session.ended", |events| events.len() == 1).await;
    assert_eq!((&ended[0]["user"], &ended[0]["target"]), (&"alice".into(), &"orders-db".into()));
    assert_eq!(ended[0]["body"]["outcome"], "finished");
    let started = stand.events("session.started").await;
    assert_eq!(started[0]["body"]["client"], "psql", "{started:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_target_is_named_by_host_name_too() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let info = alice.conninfo("orders").replace("host=localhost", "host=orders-db.localhost");
    let mut psql = alice.command("psql");
    psql.args(["-XqAtc", "select 1", "-d", &info]);
    let out = finish(psql, b"").await;
    assert_eq!(text(&out.stdout), "1\n", "{}", text(&out.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn direct_tls_and_the_tunnel_are_the_same_door() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let mut direct = Raw::direct(&alice, "postgresql").await;
    direct.begin(&Startup::new(ACCOUNT, "orders-db/orders")).await;
    assert_eq!(direct.query("select 1").await, ["1"]);

    // Inside the tunnel a client that is set up for TLS asks for it, and hears no.
    let mut tunnel = Raw::direct(&alice, "x-countersign").await;
    let line = wire::route::postgres_line(TARGET);
    tunnel.send(&[line.as_bytes(), &wire::postgres::startup::GSS_REQUEST].concat()).await;
    let mut answer = [0];
    tokio::io::AsyncReadExt::read_exact(&mut tunnel.stream, &mut answer).await.unwrap();
    assert_eq!(answer, *b"N");
    tunnel.send(&wire::postgres::startup::SSL_REQUEST).await;
    tokio::io::AsyncReadExt::read_exact(&mut tunnel.stream, &mut answer).await.unwrap();
    assert_eq!(answer, *b"N");
    tunnel.begin(&Startup::new(ACCOUNT, DATABASE)).await;
    assert_eq!(tunnel.query("select 2").await, ["2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_goes_both_ways() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let rows: String = (0..20_000).map(|n| format!("{n}\trow {n}\n")).collect();
    let script = format!(
        "create temp table t (n int, s text);\ncopy t from stdin;\n{rows}\\.\nselect count(*), sum(n) from t;\ncopy (select * from t order by n) to stdout;\n"
    );
    let out = alice.sql(&script).await;
    assert_eq!(text(&out.stdout), format!("20000|199990000\n{rows}"), "{}", text(&out.stderr));
    // One that fails in the middle leaves a session that goes on.
    let out = alice
        .sql("create temp table t (n int);\ncopy t from stdin;\n1\nno number\n\\.\nselect 'on';\n")
        .await;
    assert_eq!(text(&out.stdout), "on\n");
    assert!(text(&out.stderr).contains("22P02"), "{}", text(&out.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_hear_and_notices_are_shown() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let (mut listener, _) = Raw::open(&alice).await;
    listener.query("listen news").await;
    let out = alice.sql("notify news, 'hello'; do $$ begin raise notice 'seen'; end $$;").await;
    assert!(text(&out.stderr).contains("NOTICE:  00000: seen"), "{}", text(&out.stderr));
    let (kind, body) = listener.next().await.unwrap();
    assert_eq!((kind, &body[4..]), (b'A', &b"news\0hello\0"[..]));
}

fn bind(out: &mut Vec<u8>, portal: &str, statement: &str, value: &[u8]) {
    frame(out, b'B', |out| {
        out.extend_from_slice(format!("{portal}\0{statement}\0").as_bytes());
        out.extend_from_slice(&[0, 0, 0, 1]);
        out.extend_from_slice(&u32::try_from(value.len()).unwrap().to_be_bytes());
        out.extend_from_slice(value);
        out.extend_from_slice(&[0, 0]);
    });
}

fn execute(out: &mut Vec<u8>, portal: &str, rows: u32) {
    frame(out, b'E', |out| {
        out.extend_from_slice(format!("{portal}\0").as_bytes());
        out.extend_from_slice(&rows.to_be_bytes());
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_is_answered_message_by_message() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let (mut raw, _) = Raw::open(&alice).await;
    let mut out = Vec::new();
    write::parse(&mut out, b"s", "select generate_series(1, $1::int)");
    frame(&mut out, b'D', |out| out.extend_from_slice(b"Ss\0"));
    bind(&mut out, "p", "s", b"5");
    for _ in 0..3 {
        execute(&mut out, "p", 2);
    }
    frame(&mut out, b'C', |out| out.extend_from_slice(b"Pp\0"));
    write::sync(&mut out);
    // t and T: the statement; two portions that are suspended, and one that is complete.
    assert_eq!(raw.kinds(&out).await, "1tT2DDsDDsDC3Z");

    // An error skips to the Sync, and what follows it is answered as ever.
    let mut out = Vec::new();
    bind(&mut out, "", "s", b"no number");
    execute(&mut out, "", 0);
    write::sync(&mut out);
    bind(&mut out, "", "s", b"1");
    execute(&mut out, "", 0);
    write::sync(&mut out);
    assert_eq!(raw.kinds(&out).await, "EZ");
    assert_eq!(kinds(&raw.until(b'Z').await), "2DCZ");

    // int4pl(40, 2), by the old function call.
    let oid = raw.query("select 'int4pl'::regproc::oid").await[0].parse::<u32>().unwrap();
    let mut out = Vec::new();
    frame(&mut out, b'F', |out| {
        out.extend_from_slice(&oid.to_be_bytes());
        out.extend_from_slice(&[0, 0, 0, 2]);
        for value in ["40", "2"] {
            out.extend_from_slice(&u32::try_from(value.len()).unwrap().to_be_bytes());
            out.extend_from_slice(value.as_bytes());
        }
        out.extend_from_slice(&[0, 0]);
    });
    raw.send(&out).await;
    let messages = raw.until(b'Z').await;
    assert_eq!(messages[0], (b'V', b"\0\0\0\x0242".to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_in_the_extended_protocol_swallows_the_first_sync() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let (mut raw, _) = Raw::open(&alice).await;
    raw.query("create temp table t (n int)").await;
    let mut out = Vec::new();
    write::parse(&mut out, b"", "copy t from stdin");
    write::bind(&mut out, "", "");
    execute(&mut out, "", 0);
    write::sync(&mut out);
    frame(&mut out, b'd', |out| out.extend_from_slice(b"1\n2\n"));
    frame(&mut out, b'c', |_| {});
    write::sync(&mut out);
    assert_eq!(raw.kinds(&out).await, "12GCZ");
    assert_eq!(raw.query("select sum(n) from t").await, ["3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_many_megabytes_pass_both_ways() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let (mut raw, _) = Raw::open(&alice).await;
    const SIZE: usize = 32 << 20;
    let mut out = Vec::new();
    write::parse(&mut out, b"", "select $1::text, length($1::text)");
    bind(&mut out, "", "", &vec![b'x'; SIZE]);
    execute(&mut out, "", 0);
    write::sync(&mut out);
    raw.send(&out).await;
    let messages = raw.until(b'Z').await;
    assert_eq!(kinds(&messages), "12DCZ");
    assert!(messages[2].1.len() > SIZE && messages[2].1.ends_with(SIZE.to_string().as_bytes()));

    // A statement longer than is looked at.
    let long = format!("select length('{}')", "y".repeat(3 << 20));
    assert_eq!(raw.query(&long).await, [(3 << 20).to_string()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_says_to_a_login_is_passed_on() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let mut psql = alice.command("psql");
    psql.args(["-Xc", "select 1", "-d", &alice.conninfo("orders-db/nothing")]);
    let out = finish(psql, b"").await;
    assert!(
        text(&out.stderr).contains("FATAL:  database \"nothing\" does not exist"),
        "{}",
        text(&out.stderr)
    );
    let ended = stand.events_until("session.ended", |events| events.len() == 1).await;
    assert_eq!(ended[0]["body"]["outcome"], "target_error", "{ended:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_protocol_is_negotiated_and_gets_a_long_key() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let mut startup = Startup::new(ACCOUNT, "orders-db/orders");
    startup.minor = 2;
    let mut raw = Raw::knock(&alice).await;
    assert_eq!(raw.begin(&startup).await.len(), 4 + 32);

    startup.minor = 7;
    startup.set("_pq_.telepathy", "on");
    let mut raw = Raw::knock(&alice).await;
    raw.send(&startup.packet()).await;
    let messages = raw.until(b'Z').await;
    assert_eq!(messages[0], (b'v', b"\0\x03\0\x02\0\0\0\x01_pq_.telepathy\0".to_vec()));
    assert_eq!(raw.query("select 1").await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_frame_ends_the_session_with_a_word() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    for (frame, word) in [
        (&b"Q\xff\xff\xff\xff"[..], "08P01 message `Q` claims a length of 4294967295 bytes"),
        (b"Q\0\0\0\x03", "08P01 message `Q` claims a length of 3 bytes"),
        (b"Q\0\0\0\x06xx", "08P01 the body of message `Q` is malformed"),
        (b"p\0\0\0\x06x\0", "08P01 there is no message of type `p`"),
    ] {
        let (mut raw, _) = Raw::open(&alice).await;
        raw.send(frame).await;
        let messages = raw.until(b'E').await;
        let said = shown(&messages.last().expect("a word").1);
        assert!(said.starts_with(word), "{said}");
        assert_eq!(raw.next().await, None);
    }
    let ended = stand.events_until("session.ended", |events| events.len() == 4).await;
    assert!(ended.iter().all(|event| event["body"]["outcome"] == "client_protocol"), "{ended:#?}");
}
