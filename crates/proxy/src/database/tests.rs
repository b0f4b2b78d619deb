//! The log-in of both vendors, against real servers and against servers that misbehave.

#[path = "../../tests/databases/servers.rs"]
mod servers;

use ca::Authorities;
use jiff::Timestamp;

fn now() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "real servers check certificates by the real clock"
    )]
    Timestamp::now()
}

#[test]
fn servers_start() {
    let authorities = Authorities::generate("test", now()).unwrap();
    let postgres = servers::Postgres::start(&authorities);
    assert_eq!(postgres.sql("orders", "SELECT 1"), "1");
    let mariadb = servers::MariaDb::start(&authorities);
    assert_eq!(mariadb.sql("orders", "SELECT 1"), "1");
}
