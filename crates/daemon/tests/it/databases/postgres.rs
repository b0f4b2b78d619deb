//! PostgreSQL: psql, pgbench, asyncpg and psycopg.

use super::servers::Postgres;
use super::{Running, add, assert_recorded, authority, granted, house, python_of, tunnel};
use crate::house::{House, Ran, run};
use std::process::Command;
use std::time::{Duration, Instant};

/// `psql` with the service file that `tsh db login` wrote.
fn psql(house: &House, user: &str) -> Command {
    let mut command = Command::new("psql");
    house.environment(&mut command, user);
    command
        .env("PGSERVICEFILE", house.home(user).join(".tsh/pg_service.conf"))
        .env("PGSERVICE", "orders")
        .args(["-XqAt", "-v", "ON_ERROR_STOP=1"]);
    command
}

fn connect(house: &House, user: &str, words: &[&str]) -> Ran {
    let fixed = ["db", "connect", "orders", "--db-user=app", "--db-name=orders", "--", "-XqAt"];
    house.tsh(user, &[&fixed[..], words].concat())
}

/// From a request to its sessions, from a session to its statements: counted, found, played, exported.
fn the_record_of_a_request(house: &House, request: &str) {
    let statements = [
        "select n as needle from generate_series(1, 7) as n",
        "select 'two rows' union all select 'more'",
        "select no_such_column",
    ];
    let words: Vec<&str> = statements.iter().flat_map(|text| ["-c", text]).collect();
    let ran = connect(house, "alice", &words);
    assert!(ran.err.contains("no_such_column"), "{ran:?}");

    // The sessions under the request, with what was done in each.
    let list = ["audit", "ls", "--request", request];
    let json = house.until("\"statement_errors\": 1", &[&list[..], &["--format=json"]].concat());
    let events: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    let ended = |event: &&serde_json::Value| {
        event["code"] == "session.ended" && event["body"]["statement_errors"] == 1
    };
    let event = events.iter().find(ended).unwrap();
    assert_eq!((&event["body"]["statements"], &event["body"]["rows"]), (&3.into(), &9.into()));
    let session = event["session"].as_str().unwrap();
    let text = house.tctl(&[&list[..], &["--limit=1"]].concat()).ok().out;
    let (_, told) = text.split_once("\n\n").expect("the sessions follow the events");
    let line = told.lines().find(|line| line.starts_with(session)).expect(told);
    let cells: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(&cells[1..3], ["alice", "orders"], "{line}");
    assert_eq!(&cells[cells.len() - 5..], ["finished", "3", "9", "1", "0"], "{line}");

    // A text is found by the request, and where it stands.
    let search = ["recordings", "search", "--request", request, "NEEDLE"];
    let found = house.tsh("alice", &search).ok().out;
    assert!(found.starts_with(session) && found.contains(statements[0]), "{found}");

    // The timeline: each statement with its rows, or its error.
    let played = house.tsh("alice", &["play", session]).ok().out;
    let at = |text: &str| played.find(text).unwrap_or_else(|| panic!("no {text} in {played}"));
    assert!(at(statements[0]) < at("7 rows") && at("7 rows") < at(statements[1]), "{played}");
    assert!(at(statements[2]) < at("42703"), "{played}");

    // For machines: a line an event.
    let export = ["recordings", "export", session, "--as", "jsonl"];
    let lines = house.tsh("alice", &export).ok().out;
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = lines.iter().filter(|line| line["event"] == "statement").collect();
    let texts: Vec<_> = told.iter().filter_map(|line| line["sql"].as_str()).collect();
    assert_eq!(texts, statements);
    let rows: Vec<_> = told.iter().filter_map(|line| line["rows"].as_u64()).collect();
    assert_eq!(rows, [7, 2]);
    assert!(told.iter().any(|line| line["err"][0] == "42703"), "{told:?}");
}

#[test]
fn a_request_opens_a_database_and_its_end_closes_it() {
    let house = house();
    let server = Postgres::trusting(&authority(&house));
    let added = add(&house, "postgres", &server.addr(), server.ca_pem());
    assert!(added.out.contains("hostssl all USER all cert"), "{added:?}");

    // Denied: the exit code of a denial, and the next command.
    let listed = house.tsh("alice", &["db", "ls"]).ok().out;
    assert!(listed.contains("You can reach no database now"), "{listed}");
    assert!(listed.contains("tsh request new --roles=orders-dba"), "{listed}");
    let denied = connect(&house, "alice", &["-c", "select 1"]);
    assert_eq!(denied.status, 3, "{denied:?}");
    assert!(denied.err.contains("hint: tsh request new --roles=orders-dba"), "{denied:?}");
    let refused = house.tctl(&["audit", "ls", "--code=session.refused", "--format=json"]).ok().out;
    let refused: serde_json::Value = serde_json::from_str(&refused).unwrap();
    assert_eq!((&refused[0]["user"], &refused[0]["target"]), (&"alice".into(), &"orders".into()));
    assert_eq!(refused[0]["body"]["account"], "app", "{refused}");
    // Nobody sees more of a database that he cannot ask for than of one that is not there.
    let unseen = |name: &str| {
        let told = house.tsh("bob", &["db", "connect", name]);
        (told.status, told.out, told.err.replace(name, "NAME"))
    };
    assert_eq!(unseen("orders"), unseen("no-such"));
    assert_eq!(unseen("orders").0, 8);

    let request = granted(&house);
    let listed = house.tsh("alice", &["db", "ls"]).ok().out;
    assert!(listed.contains("orders postgres app"), "{listed}");
    let one = connect(&house, "alice", &["-c", "select current_user, 'found-me'"]).ok();
    assert_eq!(one.out, "app|found-me\n");

    // What was done stands on the request.
    let events =
        house.until("session.ended", &["audit", "ls", "--request", &request, "--format", "json"]);
    assert!(events.contains("session.started"), "{events}");
    assert_recorded(&house, &request, "found-me");
    the_record_of_a_request(&house, &request);

    // A live session ends with its grant, within a second, and psql shows why.
    let mut live = psql(&house, "alice");
    house.tsh("alice", &["db", "login", "orders"]).ok();
    let mut live =
        Running::start(live.args(["-c", "select 'working'", "-c", "select pg_sleep(60)"]));
    live.until("working");
    let began = Instant::now();
    house.tctl(&["request", "revoke", &request, "--reason", "enough"]).ok();
    let (status, said) = live.end();
    assert_ne!(status, 0);
    assert!(said.contains("FATAL"), "{said}");
    assert!(said.contains("withdrawn") || said.contains("revoked"), "{said}");
    assert!(began.elapsed() < Duration::from_secs(2), "it took {:?}", began.elapsed());
    assert_eq!(connect(&house, "alice", &["-c", "select 1"]).status, 3);
}

#[test]
fn psql_waits_at_the_door_until_somebody_approves() {
    let house = house();
    let server = Postgres::trusting(&authority(&house));
    add(&house, "postgres", &server.addr(), server.ca_pem());
    let mut waiting = house.program("tsh", "alice");
    waiting.args(["db", "connect", "orders", "--db-user=app", "--db-name=orders"]);
    waiting.args(["--reason", "ticket #1234", "--", "-XqAt", "-c", "select 'in'"]);
    let mut waiting = Running::start(&mut waiting);
    let table = house.until("PENDING", &["request", "ls"]);
    let request = table.lines().nth(2).and_then(|row| row.split_whitespace().next()).unwrap();
    house.tsh("bob", &["request", "review", "--approve", request]).ok();
    waiting.until("in");
    let (status, said) = waiting.end();
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("NOTICE"), "{said}");
}

const ASYNCPG: &str = r"
import asyncio, sys, asyncpg
async def main():
    pool = await asyncpg.create_pool(dsn=sys.argv[1], min_size=2, max_size=4, statement_cache_size=20)
    async def one(n):
        async with pool.acquire() as c:
            async with c.transaction():
                return await c.fetchval('select $1::int + 1', n)
    got = await asyncio.gather(*[one(n) for n in range(50)])
    assert got == list(range(1, 51)), got
    async with pool.acquire() as c:
        rows = await c.fetch('select g from generate_series(1, 1000) g')
        assert len(rows) == 1000
        await c.execute('create temporary table t (a int, b text)')
        await c.copy_records_to_table('t', records=[(n, 'x' * 100) for n in range(5000)])
        assert await c.fetchval('select count(*) from t') == 5000
        try:
            await c.fetch('select pg_sleep(30)', timeout=0.3)
            raise SystemExit('it was not cancelled')
        except asyncio.TimeoutError:
            pass
        assert await c.fetchval('select 1') == 1
    await pool.close()
asyncio.run(main())
print('asyncpg is content')
";

const PSYCOPG: &str = r"
import sys, psycopg
with psycopg.connect(sys.argv[1], autocommit=True, prepare_threshold=1) as c:
    for n in range(20):
        assert c.execute('select %s::int * 2', (n,)).fetchone() == (2 * n,)
    with c.pipeline():
        answers = [c.execute('select %s::int', (n,)) for n in range(100)]
    assert [a.fetchone()[0] for a in answers] == list(range(100))
    c.execute('create temporary table t (a int)')
    with c.cursor().copy('copy t from stdin') as copy:
        for n in range(10000):
            copy.write_row((n,))
    assert c.execute('select sum(a) from t').fetchone() == (49995000,)
    c.execute('listen news')
    with psycopg.connect(sys.argv[1], autocommit=True) as other:
        other.execute('select pg_notify(%s, %s)', ('news', 'hello'))
    assert next(c.notifies(timeout=10)).payload == 'hello'
    try:
        c.execute('select no_such_column')
    except psycopg.errors.UndefinedColumn as e:
        assert e.diag.sqlstate == '42703'
print('psycopg is content')
";

#[test]
fn drivers_and_benches_work_directly_and_through_a_tunnel() {
    let house = house();
    let server = Postgres::trusting(&authority(&house));
    add(&house, "postgres", &server.addr(), server.ca_pem());
    let flags = ["--db-user=app", "--db-name=orders"];
    house.tsh("dave", &[&["db", "login", "orders"][..], &flags].concat()).ok();
    let uri = house.tsh("dave", &["db", "config", "orders", "--format=uri"]).ok().out;
    let (mut local, port) = tunnel(&house, "dave", &flags);
    let near = format!("postgresql://app@127.0.0.1:{port}/orders?sslmode=disable");

    // The environment is enough for whatever is made with libpq.
    let env = house.tsh("dave", &["db", "config", "orders", "--format", "env"]).ok().out;
    let mut shell = Command::new("sh");
    house.environment(&mut shell, "dave");
    let line = format!("{env}\npsql -XqAtc 'select current_user'");
    assert_eq!(run(shell.arg("-c").arg(line), "").ok().out, "app\n");

    let bench = |words: &[&str]| {
        let mut pgbench = Command::new("pgbench");
        house.environment(&mut pgbench, "dave");
        pgbench.env("PGSERVICEFILE", house.home("dave").join(".tsh/pg_service.conf"));
        run(pgbench.args(words).arg("service=orders"), "").ok()
    };
    bench(&["-i", "-q", "-s", "1"]);
    for mode in ["simple", "prepared"] {
        let told = bench(&["-n", "-c", "4", "-t", "50", "-M", mode]);
        assert!(
            told.out.contains("number of transactions actually processed: 200/200"),
            "{told:?}"
        );
        assert!(told.out.contains("number of failed transactions: 0"), "{told:?}");
    }
    for at in [uri.trim(), &near] {
        let said = python_of(&house, "dave", ASYNCPG, &[at]).ok();
        assert_eq!(said.out, "asyncpg is content\n");
        let said = python_of(&house, "dave", PSYCOPG, &[at]).ok();
        assert_eq!(said.out, "psycopg is content\n");
    }

    // Ctrl-C ends the tunnel and nothing else.
    local.signal("-INT");
    assert_eq!(local.end(), (0, String::new()));
    let told = run(psql(&house, "dave").args(["-c", "select 1"]), "").ok();
    assert_eq!(told.out, "1\n");
}
