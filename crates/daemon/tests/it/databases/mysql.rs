//! MariaDB: its own client, PyMySQL and sysbench.

use super::servers::MariaDb;
use super::{Running, add, assert_recorded, authority, granted, house, python_of, tunnel};
use crate::house::{House, Ran, run};
use std::process::Command;
use std::time::{Duration, Instant};

fn connect(house: &House, user: &str, words: &[&str]) -> Ran {
    let fixed = ["db", "connect", "orders", "--db-user=app", "--db-name=orders", "--", "-sN"];
    house.tsh(user, &[&fixed[..], words].concat())
}

/// MariaDB's client with the option file that `tsh db login` wrote, straight to the port of plain clients.
fn mariadb(house: &House, user: &str) -> Command {
    let mut command = Command::new("mariadb");
    house.environment(&mut command, user);
    let options = house.home(user).join(".tsh/my.cnf");
    command.arg(format!("--defaults-file={}", options.display()));
    command.args(["--defaults-group-suffix=_orders", "-sN"]);
    command
}

#[test]
fn a_request_opens_a_database_and_its_end_closes_it() {
    let house = house();
    let server = MariaDb::trusting(&authority(&house));
    add(&house, "mysql", &server.addr(), server.ca_pem());
    let denied = connect(&house, "alice", &["-e", "select 1"]);
    assert_eq!(denied.status, 3, "{denied:?}");
    assert!(denied.err.contains("hint: tsh request new --roles=orders-dba"), "{denied:?}");

    let request = granted(&house);
    let one = connect(
        &house,
        "alice",
        &["-e", "select substring_index(current_user(), '@', 1), 'found-me'"],
    );
    assert_eq!(one.ok().out, "app\tfound-me\n");
    house.until("session.ended", &["audit", "ls", "--request", &request, "--format", "json"]);
    assert_recorded(&house, &request, "found-me");

    house.tsh("alice", &["db", "login", "orders"]).ok();
    let mut live = mariadb(&house, "alice");
    let mut live =
        Running::start(live.args(["--unbuffered", "-e", "select 'working'; select sleep(60)"]));
    live.until("working");
    let began = Instant::now();
    house.tctl(&["request", "revoke", &request, "--reason", "enough"]).ok();
    let (status, said) = live.end();
    assert_ne!(status, 0);
    assert!(said.contains("withdrawn") || said.contains("revoked"), "{said}");
    assert!(began.elapsed() < Duration::from_secs(2), "it took {:?}", began.elapsed());
    assert_eq!(connect(&house, "alice", &["-e", "select 1"]).status, 3);
}

const PYMYSQL: &str = r"
import sys, pymysql
def check(**where):
    with pymysql.connect(database='orders', autocommit=True, **where) as c, c.cursor() as q:
        q.execute('select %s + 1', (41,))
        assert q.fetchone() == (42,)
        q.execute('create temporary table t (a int, b varchar(200))')
        q.executemany('insert into t values (%s, %s)', [(n, 'x' * 100) for n in range(5000)])
        q.execute('select count(*), sum(a) from t')
        assert q.fetchone() == (5000, 12497500)
        try:
            q.execute('select no_such_column')
            raise SystemExit('no error came')
        except pymysql.err.OperationalError as e:
            assert e.args[0] == 1054, e
        q.execute('select b from t')
        assert sum(len(b) for (b,) in q.fetchall()) == 500000
port, direct, ca, cert, key = sys.argv[1:]
check(host='127.0.0.1', port=int(port), user='app', ssl_disabled=True)
check(host='127.0.0.1', port=int(direct), user='app@orders', ssl_ca=ca, ssl_cert=cert, ssl_key=key, ssl_verify_cert=True)
print('PyMySQL is content')
";

#[test]
fn drivers_and_benches_work_directly_and_through_a_tunnel() {
    let house = house();
    let server = MariaDb::trusting(&authority(&house));
    add(&house, "mysql", &server.addr(), server.ca_pem());
    let flags = ["--db-user=app", "--db-name=orders"];
    house.tsh("dave", &[&["db", "login", "orders"][..], &flags].concat()).ok();
    assert_eq!(
        run(mariadb(&house, "dave").args(["-e", "select database()"]), "").ok().out,
        "orders\n"
    );
    let (mut local, port) = tunnel(&house, "dave", &flags);

    let file = |name: &str| house.home("dave").join(".tsh").join(name).display().to_string();
    let direct = house.mysql.port().to_string();
    let words = [&port, &direct, &file("ca.pem"), &file("identity.crt"), &file("identity.key")];
    let said = python_of(&house, "dave", PYMYSQL, &words.map(String::as_str)).ok();
    assert_eq!(said.out, "PyMySQL is content\n");

    let sysbench = |word: &str, more: &[&str]| {
        let mut command = Command::new("sysbench");
        house.environment(&mut command, "dave");
        let port = format!("--mysql-port={port}");
        command.args(["oltp_point_select", "--mysql-host=127.0.0.1", &port, "--mysql-user=app"]);
        command.args(["--mysql-db=orders", "--tables=1", "--table-size=1000", "--threads=4"]);
        run(command.args(more).arg(word), "").ok()
    };
    sysbench("prepare", &[]);
    for mode in ["auto", "disable"] {
        let told = sysbench("run", &["--events=2000", "--time=0", &format!("--db-ps-mode={mode}")]);
        assert!(told.out.contains("total number of events:              2000"), "{told:?}");
        assert!(told.out.contains("ignored errors:                      0 "), "{told:?}");
    }

    local.signal("-INT");
    assert_eq!(local.end(), (0, String::new()));
}
