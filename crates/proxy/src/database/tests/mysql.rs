//! MySQL 9: what MariaDB does otherwise.

use std::collections::BTreeSet;

use bytes::Bytes;
use wire::mysql::Capabilities;

use super::servers::MySql;
use super::*;
use crate::database::mysql::{MyWanted, Statements, open};
use crate::database::provision::{Work, work};
use crate::database::{DbAdmin, ServerError};

async fn enter(person: &Person, database: &Database, account: &str) -> Result<Statements, Error> {
    let wanted = MyWanted {
        user: account.into(),
        db: None,
        capabilities: Capabilities::NONE,
        charset: 255,
        max_packet: 1 << 24,
        attributes: Bytes::new(),
    };
    open(&person.errand(account), database, &wanted).await.map(Statements::begin)
}

#[tokio::test]
async fn every_way_in_that_mysql_has() {
    let person = Person::new();
    let server = MySql::start(&person.authorities);
    let by_certificate = database(Protocol::MySql, &server.addr(), server.ca_pem());
    let mut app = enter(&person, &by_certificate, "app").await.unwrap();
    assert_eq!(app.run("SELECT CURRENT_USER()").await.unwrap(), ["app@%"]);

    let with = |mode, text: &str| {
        let tls = TargetTls { mode, ..by_certificate.tls.clone() };
        Database { tls, login: password(text), ..by_certificate.clone() }
    };
    // The server has never seen the password: without TLS it goes under the server's key. Then it is remembered.
    for mode in [TlsMode::Off, TlsMode::Off, TlsMode::VerifyFull, TlsMode::Insecure] {
        let mut sha2 = enter(&person, &with(mode, PASSWORD), "sha2").await.unwrap();
        assert_eq!(sha2.run("SELECT CURRENT_USER()").await.unwrap(), ["sha2@%"]);
    }
    // It forgets, and asks for the whole of it inside TLS; who was not checked does not get it.
    server.sql("mysql", "FLUSH PRIVILEGES");
    let refused = fault(enter(&person, &with(TlsMode::Insecure, PASSWORD), "sha2").await);
    assert!(matches!(refused, Fault::Unsafe { .. }), "{refused:?}");
    enter(&person, &with(TlsMode::VerifyFull, PASSWORD), "sha2").await.unwrap();
    for mode in [TlsMode::Off, TlsMode::VerifyFull] {
        let wrong = fault(enter(&person, &with(mode, "wrong"), "sha2").await);
        assert_eq!(wrong.server().unwrap().number, 1045, "{wrong:?}");
    }
    let none = fault(enter(&person, &by_certificate, "sha2").await);
    assert!(none.server().is_some_and(ServerError::is_about_the_login), "{none:?}");
}

#[tokio::test]
async fn a_user_of_mysql_comes_and_goes() {
    let person = Person::new();
    let server = MySql::start(&person.authorities);
    let mut database = database(Protocol::MySql, &server.addr(), server.ca_pem());
    database.admin = Some(DbAdmin { user: "admin".into(), login: DbLogin::Certificate });
    server.sql(
        "orders",
        "CREATE ROLE reader, writer; CREATE TABLE t (n int); GRANT SELECT ON orders.t TO reader; \
         GRANT INSERT ON orders.t TO writer; CREATE USER carol@localhost",
    );
    let errand = person.errand("dave");
    let told = async |what: Work<'_>| work(&errand, &database, what).await.unwrap();
    let both: BTreeSet<_> = ["reader".to_owned(), "writer".to_owned()].into();
    told(Work::Make(&both)).await;
    let mut dave = enter(&person, &database, "dave").await.unwrap();
    dave.run("INSERT INTO orders.t VALUES (7)").await.unwrap();
    assert_eq!(dave.run("SELECT n FROM orders.t").await.unwrap(), ["7"]);
    let held = "SELECT GROUP_CONCAT(FROM_USER ORDER BY FROM_USER) FROM mysql.role_edges WHERE TO_USER = 'cs:dave'";
    assert_eq!(server.sql("mysql", held), "reader,writer");
    told(Work::SetRoles(&["reader".to_owned()].into())).await;
    assert_eq!(server.sql("mysql", held), "reader");
    told(Work::Close).await;
    assert_eq!(server.sql("mysql", held), "NULL");
    let locked = fault(enter(&person, &database, "dave").await);
    assert_eq!(locked.server().unwrap().number, 3118, "{locked:?}");
    told(Work::Make(&both)).await;
    enter(&person, &database, "dave").await.unwrap();
    told(Work::Remove).await;
    let left = "SELECT COUNT(*) FROM mysql.user WHERE User IN ('dave', 'cs:dave')";
    assert_eq!(server.sql("mysql", left), "0");
    let foreign = work(&person.errand("carol"), &database, Work::Make(&both)).await;
    assert!(matches!(fault(foreign), Fault::NotOurs(_)));
}
