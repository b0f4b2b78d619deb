//! What is said packet by packet: what is refused, in which order, and what goes through unharmed.

use std::fmt::Write as _;

use serde_json::json;
use wire::mysql::Capabilities;

use crate::raw::{ABLE, Raw, error, is_ok};
use crate::servers::DATABASE;
use crate::stand::{Client, Stand, printed, text};

async fn inside() -> (Stand, Client, Raw) {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let raw = Raw::enter(&alice).await;
    (stand, alice, raw)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_passed_on_is_refused_in_words_and_the_connection_stays() {
    let (_stand, _alice, mut raw) = inside().await;
    for (command, words) in [
        (&b"\x11root\0"[..], "1235 The database user of a connection cannot be changed here"),
        (b"\x12\x04\0\0\0", "1227 Replication is not passed on (COM_BINLOG_DUMP)"),
        (b"\x15", "1227 Replication is not passed on (COM_REGISTER_SLAVE)"),
        (b"\x1e", "1227 Replication is not passed on (COM_BINLOG_DUMP_GTID)"),
        (b"\xfe", "1047 Unknown command 0xfe"),
        (b"\x05shop", "1047 Unknown command 0x05"),
        (b"\x19\x01", "1835 Malformed"),
        (b"", "1835 Malformed"),
    ] {
        let (seq, answer) = raw.command(command).await;
        assert!(error(&answer).starts_with(words), "{command:?}: {}", error(&answer));
        assert_eq!(seq, 1);
        assert_eq!(raw.ask("select 7").await.unwrap(), "7");
    }
    assert!(is_ok(&raw.command(b"\x0e").await.1), "ping");
    assert!(is_ok(&raw.command(b"\x1f").await.1), "reset connection");
    assert!(raw.command(b"\x09").await.1.starts_with(b"Uptime"), "statistics");
    assert_eq!(raw.command(b"\x1b\x01\0").await.1[0], 0xfe, "multi-statements off");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_is_answered_in_order_with_refusals_in_their_place() {
    let (_stand, _alice, mut raw) = inside().await;
    for command in
        [&b"\x03select 1"[..], b"\x11root\0", b"\x03select 2", b"\x1e", b"\x12", b"\x03select 3"]
    {
        raw.send(0, command).await;
    }
    assert_eq!(raw.answer().await.unwrap(), "1");
    assert!(raw.answer().await.unwrap_err().starts_with("1235"));
    assert_eq!(raw.answer().await.unwrap(), "2");
    assert!(raw.answer().await.unwrap_err().starts_with("1227"));
    assert!(raw.answer().await.unwrap_err().starts_with("1227"));
    assert_eq!(raw.answer().await.unwrap(), "3");
    // Far more than may be on their way at once.
    for n in 0..3000 {
        raw.send(0, format!("\x03select {n}").as_bytes()).await;
    }
    for n in 0..3000 {
        assert_eq!(raw.answer().await.unwrap(), n.to_string());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_number_of_the_greeting_ends_the_connection_it_was_given_to() {
    let (stand, alice, mut raw) = inside().await;
    let shown = raw.greeting.connection;
    let real: u32 = raw.ask("select connection_id()").await.unwrap().parse().unwrap();
    assert_ne!(shown, real);
    let known = format!("select count(*) from information_schema.processlist where id = {real}");
    assert_eq!(stand.server.sql("mysql", &known), "1", "the server's own number");
    let mut second = Raw::enter(&alice).await;
    raw.send(0, b"\x03select sleep(50)").await;
    let asleep = format!(
        "select count(*) from information_schema.processlist where id = {real} and state = 'User sleep'"
    );
    while stand.server.sql("mysql", &asleep) != "1" {}
    assert_eq!(second.ask(&format!("KILL QUERY {shown}")).await.unwrap(), "");
    // Interrupted sleep says 1, or that it was interrupted.
    let interrupted = raw.answer().await;
    assert!(interrupted.as_ref().is_ok_and(|one| one == "1") || interrupted.is_err());
    assert_eq!(raw.ask("select 5").await.unwrap(), "5");
    let (_, answer) = second.command(&[&b"\x0c"[..], &shown.to_le_bytes()].concat()).await;
    assert!(is_ok(&answer), "{answer:?}");
    let rest = raw.rest().await;
    assert!(rest.iter().all(|(_, packet)| packet[0] == 0xff), "{rest:?}");
    // Another user's number means nothing.
    let third = Raw::enter(&alice).await;
    let mut bobs = Raw::enter(&stand.client("bob", &["dba"]).await).await;
    let kill = format!("kill {}", third.greeting.connection);
    assert!(bobs.ask(&kill).await.unwrap_err().starts_with("1094"), "unknown thread");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prepared_statements_work_in_full() {
    let (_stand, _alice, mut raw) = inside().await;
    raw.send(0, b"\x16select ? + 1, ?").await;
    let (_, head) = raw.packet().await;
    assert_eq!((head[0], &head[5..9]), (0, &[2, 0, 2, 0][..]));
    let id = &head[1..5];
    for _ in 0..4 {
        raw.packet().await;
    }
    // Long data for the second value, in two parts; not answered.
    for part in [&b"hel"[..], b"lo"] {
        raw.send(0, &[b"\x18", id, &[1, 0], part].concat()).await;
    }
    let values = [&[0, 1, 0, 0, 0, 0, 1, 8, 0, 0xfc, 0][..], &41i64.to_le_bytes()].concat();
    raw.send(0, &[&b"\x17"[..], id, &values].concat()).await;
    assert_eq!(raw.packet().await.1, [2]);
    raw.packet().await;
    raw.packet().await;
    let (_, row) = raw.packet().await;
    assert!(row.ends_with(b"\x05hello"), "{row:?}");
    assert_eq!(raw.packet().await.1[0], 0xfe);
    assert!(is_ok(&raw.command(&[b"\x1a", id].concat()).await.1), "reset");
    raw.send(0, &[b"\x19", id].concat()).await;
    let (_, gone) = raw.command(&[b"\x17", id, &values[..]].concat()).await;
    assert!(error(&gone).starts_with("1243"), "closed: {}", error(&gone));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_is_fetched_from() {
    let (stand, _alice, mut raw) = inside().await;
    raw.send(0, b"\x16select seq from seq_1_to_10").await;
    let (_, head) = raw.packet().await;
    let id = head[1..5].to_vec();
    raw.packet().await;
    // Read-only cursor.
    raw.send(0, &[&b"\x17"[..], &id, &[1, 1, 0, 0, 0]].concat()).await;
    let opened = [raw.packet().await.1, raw.packet().await.1, raw.packet().await.1];
    assert_eq!((opened[0][0], opened[2][0]), (1, 0xfe));
    for expected in [4, 4, 2] {
        raw.send(0, &[&b"\x1c"[..], &id, &4u32.to_le_bytes()].concat()).await;
        let mut rows = 0;
        while raw.packet().await.1[0] == 0 {
            rows += 1;
        }
        assert_eq!(rows, expected);
    }
    // What was not prepared is not fetched from either.
    let (_, unknown) =
        raw.command(&[&b"\x1c"[..], &[9, 9, 0, 0], &4u32.to_le_bytes()].concat()).await;
    assert!(error(&unknown).starts_with("1243"), "{}", error(&unknown));
    assert_eq!(raw.ask("select 1").await.unwrap(), "1");
    // Fetched rows are rows of the session; each fetch is a statement that ran, as each execution is.
    raw.send(0, b"\x01").await;
    assert!(raw.rest().await.is_empty());
    let ended = stand.events_until("session.ended", |ended| !ended.is_empty()).await;
    let body = &ended[0]["body"];
    assert_eq!((&body["rows"], &body["statements"]), (&json!(11), &json!(5)), "{body}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bulk_execution_of_mariadb_goes_through_and_is_judged() {
    let (stand, alice, mut first) = inside().await;
    stand.server.sql(DATABASE, "create table bulk (n int default 7, t text)");
    assert_eq!(first.ask("select 1").await.unwrap(), "1");
    // In the tunnel the target is known, and after one dial that it is a MariaDB.
    let able = ABLE.without(Capabilities::MYSQL).union(Capabilities::PASSED_MARIADB);
    let (mut raw, ok) = Raw::tunnel(&alice, stand.main, "orders", "app", able).await;
    assert_eq!(ok.1[0], 0, "{ok:?}");
    raw.send(0, b"\x16insert into bulk (n, t) values (?, ?)").await;
    let (_, head) = raw.packet().await;
    assert_eq!(head[0], 0, "{}", text(&head));
    let id = head[1..5].to_vec();
    for _ in 0..u16::from_le_bytes([head[7], head[8]]) {
        raw.packet().await;
    }
    // Types: a LONG, a VAR_STRING; the rows (1, 'one'), (NULL, 'two'), (default, NULL).
    let rows = [&b"\0\x01\0\0\0\0\x03one"[..], b"\x01\0\x03two", b"\x02\x01"].concat();
    let bulk = [&b"\xfa"[..], &id, &[128, 0, 3, 0, 0xfd, 0], &rows].concat();
    let (_, done) = raw.command(&bulk).await;
    assert_eq!(done[0], 0, "{}", text(&done));
    let kept = stand.server.sql(DATABASE, "select ifnull(n, 'none'), ifnull(t, 'none') from bulk");
    assert_eq!(kept, "1\tone\nnone\ttwo\n7\tnone");
    stand.put_role("dba", json!({"db_read_only": true}), json!(["*"])).await;
    let mut answer = raw.command(&bulk).await.1;
    while answer[0] == 0 {
        answer = raw.command(&bulk).await.1;
    }
    assert!(error(&answer).starts_with("1142 Access denied"), "{}", error(&answer));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_over_sixteen_mebibytes_go_through_both_ways() {
    let (stand, _alice, mut raw) = inside().await;
    stand.server.sql("mysql", "set global max_allowed_packet = 67108864");
    // The limit is taken when a connection begins.
    let mut fresh = Raw::enter(&stand.client("carol", &["dba"]).await).await;
    let long = "x".repeat(0xff_ffff + 100_000);
    let text = format!("\x03select length('{long}')");
    fresh.send(0, text.as_bytes()).await;
    assert_eq!(fresh.answer().await.unwrap(), long.len().to_string());
    fresh.send(0, format!("\x03select repeat('y', {})", long.len()).as_bytes()).await;
    assert_eq!(fresh.packet().await.1, [1]);
    fresh.packet().await;
    // The row and the packet that ends it, in frames: one full, one not, one short.
    let whole = 4 + 0xff_ffff + 4 + (long.len() + 9 - 0xff_ffff) + 4 + 7;
    while fresh.ahead.len() < whole {
        let read = tokio::io::AsyncReadExt::read_buf(&mut fresh.stream, &mut fresh.ahead);
        assert_ne!(read.await.unwrap(), 0);
    }
    assert_eq!(fresh.ahead.len(), whole);
    assert_eq!(fresh.ahead[..4], [0xff, 0xff, 0xff, 3]);
    assert_eq!(fresh.ahead[4 + 0xff_ffff + 3], 4, "numbered in sequence");
    fresh.ahead.clear();
    assert_eq!(fresh.ask("select 2").await.unwrap(), "2");
    drop(fresh);
    assert_eq!(raw.ask("select 1").await.unwrap(), "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_database_is_another_question() {
    let stand = Stand::open().await;
    stand.server.sql("mysql", "create database shop; grant all on shop.* to app@'%'");
    stand.server.sql("mysql", "create database vault; grant all on vault.* to app@'%'");
    stand.put_role("dba", json!({}), json!(["orders", "shop"])).await;
    let alice = stand.client("alice", &["dba"]).await;
    let mut raw = Raw::enter(&alice).await;
    for forbidden in ["use vault", "select 1; use vault", "/*! use vault */", "USE `vault`"] {
        let said = raw.ask(forbidden).await.unwrap_err();
        assert!(said.starts_with("1044 Access denied\n"), "{forbidden}: {said}");
        assert_eq!(raw.ask("select database()").await.unwrap(), "orders");
    }
    assert!(error(&raw.command(b"\x02vault").await.1).starts_with("1044"));
    assert!(raw.command(b"\x16use vault").await.1[0] == 0xff);
    assert_eq!(raw.ask("use shop").await.unwrap(), "");
    assert_eq!(raw.ask("select database()").await.unwrap(), "shop");
    assert!(is_ok(&raw.command(b"\x02orders").await.1));
    assert!(is_ok(&raw.command(b"\x02shop").await.1));
    // What is asked about from now on is the database that is in use.
    stand.put_role("dba", json!({}), json!(["orders"])).await;
    let rest = raw.rest().await;
    assert!(error(&rest[0].1).starts_with("1053 Your access was withdrawn."));
    // And what no reader of words sees, the server tells.
    let mut raw = Raw::enter(&alice).await;
    raw.send(0, b"\x03execute immediate concat('us', 'e vault')").await;
    let rest = raw.rest().await;
    assert!(error(&rest.last().unwrap().1).starts_with("1053 Access denied"), "{rest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_are_counted_and_what_no_role_allows_is_refused_and_audited() {
    let (stand, _alice, mut raw) = inside().await;
    assert_eq!(raw.ask("select 1 union select 2").await.unwrap(), "1");
    assert!(raw.ask("select nothing").await.is_err());
    raw.send(0, b"\x16create table if not exists made (a int)").await;
    let (_, head) = raw.packet().await;
    let id = head[1..5].to_vec();
    let execute = [&b"\x17"[..], &id, &[0, 1, 0, 0, 0]].concat();
    // From now on nobody may change tables, or stop the server: neither in a text nor by what was prepared before.
    stand.put_role("dba", json!({"db_deny_statements": ["ddl", "admin"]}), json!(["*"])).await;
    let mut refused = Vec::new();
    while refused.is_empty() {
        let (_, answer) = raw.command(&execute).await;
        if answer[0] == 0xff {
            refused.push(error(&answer));
        }
    }
    for command in [&b"\x03drop table made"[..], b"\x16drop table made", &execute, b"\x08"] {
        let (_, answer) = raw.command(command).await;
        assert_eq!(answer[0], 0xff, "{command:?}: {answer:?}");
        refused.push(error(&answer));
    }
    for said in &refused {
        assert!(said.starts_with("1142 Access denied: "), "{said}");
        assert!(said.contains("\nhint: "), "{said}");
    }
    let audited = stand.events_until("db.statement.refused", |all| all.len() >= 5).await;
    assert_eq!(audited[1]["body"]["statement"], "drop table made");
    assert!(is_ok(&raw.command(b"\x0e").await.1), "the connection stays");
    raw.send(0, b"\x01").await;
    assert!(raw.rest().await.is_empty());
    let ended = stand.events_until("session.ended", |ended| !ended.is_empty()).await;
    let body = &ended[0]["body"];
    assert_eq!((&body["statement_errors"], &body["statements_refused"]), (&json!(1), &json!(5)));
    assert!(body["statements"].as_u64().unwrap() >= 2 && body["rows"] == 2, "{body}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_only_reads_is_kept_to_it_by_the_server_also_after_a_reset() {
    let stand = Stand::open().await;
    // What it does only the server knows.
    stand.server.sql(
        DATABASE,
        "create table kept (n int);\ndelimiter //\ncreate function writes() returns int modifies sql data \
         begin insert into kept values (1); return 1; end//\ndelimiter ;\n",
    );
    stand.put_role("dba", json!({"db_read_only": true}), json!(["*"])).await;
    let alice = stand.client("alice", &["dba"]).await;
    let mut raw = Raw::enter(&alice).await;
    let writes = raw.ask("select writes()").await.unwrap_err();
    assert!(
        writes.starts_with("1792 Cannot execute statement in a READ ONLY transaction"),
        "{writes}"
    );
    for undoing in [
        "set session transaction read write",
        "set transaction read write",
        "start transaction read write",
        "set @@session.tx_read_only = 0",
        "set tx_read_only = default",
        "set statement tx_read_only = 0 for select writes()",
    ] {
        let refused = raw.ask(undoing).await.unwrap_err();
        assert!(refused.starts_with("1142 Access denied"), "{undoing}: {refused}");
    }
    // A reset gives back what the server began with; nothing is let through before it was told again.
    raw.send(0, b"\x1f").await;
    raw.send(0, b"\x03select @@tx_read_only").await;
    let (seq, ok) = raw.packet().await;
    assert!(seq == 1 && is_ok(&ok), "{ok:?}");
    assert_eq!(raw.answer().await.unwrap(), "1");
    assert!(is_ok(&raw.command(b"\x1f").await.1));
    assert!(raw.ask("select writes()").await.unwrap_err().starts_with("1792 "));
    assert!(is_ok(&raw.command(b"\x0e").await.1), "the connection stays");
    // Whoever may write is not hindered.
    stand.put_role("writer", json!({}), json!(["*"])).await;
    let mut bob = Raw::enter(&stand.client("bob", &["writer"]).await).await;
    assert_eq!(bob.ask("select writes()").await.unwrap(), "1");
    assert!(is_ok(&bob.command(b"\x1f").await.1));
    assert_eq!(bob.ask("select @@tx_read_only").await.unwrap(), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_results_and_procedures_go_through() {
    let (stand, alice, _raw) = inside().await;
    stand
        .server
        .sql("orders", "delimiter //\ncreate procedure two() begin select 1; select 2; end//");
    let out = alice.sql("call two(); select 3;\ndelimiter //\nselect 4; select 5//\n").await;
    assert_eq!(printed(&out), "1\n2\n3\n4\n5");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_local_file_is_loaded_and_commands_are_seen_again_behind_it() {
    let (stand, alice, mut raw) = inside().await;
    stand.server.sql("orders", "create table t (a int, b text)");
    let mut file = String::new();
    for n in 0..100_000 {
        writeln!(file, "{n}\thello").unwrap();
    }
    let path = alice.home.join("rows");
    std::fs::write(&path, file).unwrap();
    let load =
        format!("load data local infile '{}' into table t; select count(*) from t", path.display());
    let out = alice
        .run(&["-u", "app@orders", "-D", "orders", "--local-infile=1", "-N", "-e", &load])
        .await;
    assert_eq!(printed(&out), "100000");
    // By hand: what looks like a command is the file's, until the empty packet.
    raw.send(0, b"\x03load data local infile 'x' into table t").await;
    assert_eq!(raw.packet().await.1, b"\xfbx");
    raw.send(2, b"7\t\x11root\n").await;
    raw.send(3, b"").await;
    let (seq, answer) = raw.packet().await;
    assert_eq!((seq, answer[..2].to_vec()), (4, vec![0, 1]));
    assert!(raw.command(b"\x11root\0").await.1[0] == 0xff, "seen again");
    // A file that cannot be read is an empty one.
    let out = alice
        .run(&[
            "-u",
            "app@orders",
            "-D",
            "orders",
            "--local-infile=1",
            "-e",
            "load data local infile '/no/such' into table t",
        ])
        .await;
    assert!(text(&out.stderr).contains("'/no/such' not found"), "{out:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tunnel_and_the_name_in_tls_name_the_target() {
    let (stand, alice, raw) = inside().await;
    // Not dialled yet when the first greeting was written, and known since.
    assert!(!raw.greeting.version.contains("MariaDB"));
    let (mut tunnel, answer) = Raw::tunnel(&alice, stand.main, "orders", "app", ABLE).await;
    assert!(is_ok(&answer.1));
    assert!(tunnel.greeting.version.contains("MariaDB"), "{:?}", tunnel.greeting);
    assert_eq!(tunnel.ask("select current_user()").await.unwrap(), "app@%");
    let named = Raw::come(&alice, "orders.gw.example.com", "app", ABLE).await;
    assert!(is_ok(&named.1.1));
    let none = Raw::come(&alice, "gw.example.com", "app", ABLE).await;
    assert!(error(&none.1.1).contains("DBUSER@TARGET"));
    for user in ["app@nowhere", "root@orders", "app@no such name!"] {
        let (mut refused, answer) = Raw::come(&alice, "gw.example.com", user, ABLE).await;
        assert!(
            error(&answer.1).starts_with("1045 Access denied\nNo access to "),
            "{}",
            error(&answer.1)
        );
        assert!(refused.rest().await.is_empty());
    }
    let refused = stand.events_until("session.refused", |events| events.len() == 3).await;
    assert_eq!(refused[2]["body"]["code"], "invalid_name");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_forms_of_the_protocol_are_agreed_on() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    for without in [
        Capabilities::DEPRECATE_EOF,
        Capabilities::SESSION_TRACK,
        Capabilities::PLUGIN_AUTH_LENENC,
        Capabilities::CONNECT_ATTRS,
        Capabilities::MULTI_STATEMENTS,
    ] {
        let able = ABLE.without(without);
        let (mut raw, answer) = Raw::come(&alice, "gw.example.com", "app@orders", able).await;
        assert!(is_ok(&answer.1), "{without:?}: {answer:?}");
        raw.send(0, b"\x03select 'a' union select 'b'").await;
        let mut packets = Vec::new();
        let length = if without == Capabilities::DEPRECATE_EOF { 6 } else { 5 };
        while packets.len() < length {
            packets.push(raw.packet().await);
        }
        assert_eq!(packets.last().unwrap().1[0], 0xfe);
        assert!(is_ok(&raw.command(b"\x0e").await.1));
    }
}
