//! PostgreSQL 15, and the newest one where it is there.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wire::postgres::back::{self, Back};
use wire::postgres::walk::Walker;
use wire::postgres::{Startup, write};

use super::servers::Postgres;
use super::*;
use crate::database::postgres::{PgLeg, Statements, open, stop};

async fn connect(person: &Person, database: &Database, account: &str) -> Result<PgLeg, Error> {
    open(&person.errand(account), database, &Startup::new(account, "orders")).await
}

/// Runs a statement with one column and one row on a fresh connection.
async fn ask(mut leg: PgLeg, text: &str) -> String {
    let mut out = Vec::new();
    write::query(&mut out, text);
    leg.leg.write_all(&out).await.unwrap();
    leg.leg.flush().await.unwrap();
    let (mut row, mut ready) = (String::new(), 0);
    loop {
        let mut rest = &*leg.ahead;
        let frame = Walker::new().next(&mut rest, |_| usize::MAX).unwrap();
        if let Some(frame) = frame {
            let back = back::parse(frame).unwrap();
            if let Back::Error(fields) = &back {
                panic!("{}", String::from_utf8_lossy(fields.message()));
            }
            if back == Back::Data {
                row = String::from_utf8_lossy(frame.body.get(6..).unwrap()).into();
            }
            ready += usize::from(matches!(back, Back::Ready(_)));
            let taken = frame.taken();
            let _ = leg.ahead.split_to(taken);
            if ready == 2 {
                return row;
            }
            continue;
        }
        assert_ne!(leg.leg.read_buf(&mut leg.ahead).await.unwrap(), 0, "the server closed");
    }
}

#[tokio::test]
async fn every_way_in_that_postgresql_has() {
    let person = Person::new();
    every_way_in(&person, &Postgres::start(&person.authorities)).await;
}

#[cfg(feature = "peers")]
#[tokio::test]
async fn every_way_in_that_the_newest_postgresql_has() {
    let person = Person::new();
    every_way_in(&person, &Postgres::newest(&person.authorities)).await;
}

async fn every_way_in(person: &Person, server: &Postgres) {
    let by_certificate = database(Protocol::Postgres, &server.addr(), server.ca_pem());
    let leg = connect(person, &by_certificate, "app").await.unwrap();
    let who = "SELECT current_user || ' ' || version || ' ' || client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(ask(leg, who).await, "app TLSv1.3 /CN=app/OU=dave 00000000-0000-0007");

    // Passwords, each in its way; SCRAM is bound to the TLS connection.
    for account in ["scram", "md5", "clear"] {
        let by_password = Database { login: password(PASSWORD), ..by_certificate.clone() };
        let leg = connect(person, &by_password, account).await.unwrap();
        assert_eq!(ask(leg, "SELECT current_user").await, account);

        let wrong = Database { login: password("wrong"), ..by_certificate.clone() };
        let fault = fault(connect(person, &wrong, account).await);
        assert_eq!(fault.server().unwrap().sqlstate.as_ref(), "28P01", "{fault:?}");
        assert!(fault.public().contains("did not accept this login"));

        let none = super::fault(connect(person, &by_certificate, account).await);
        assert!(matches!(none, Fault::NoPassword(_)), "{none:?}");
    }

    // A certificate for a user that is not there, and of an authority that is not trusted.
    let unknown = fault(connect(person, &by_certificate, "nobody").await);
    assert_eq!(unknown.server().unwrap().sqlstate.as_ref(), "28000", "{unknown:?}");
    let stranger = fault(connect(&Person::new(), &by_certificate, "app").await);
    assert!(matches!(stranger, Fault::TlsClient(_)), "{stranger:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_request_stops_the_statement_of_its_key_and_no_other() {
    let person = Person::new();
    let server = Postgres::start(&person.authorities);
    let database = database(Protocol::Postgres, &server.addr(), server.ca_pem());
    let mut statements = Vec::new();
    let mut keys = Vec::new();
    for _ in 0..2 {
        let mut leg = connect(&person, &database, "app").await.unwrap();
        keys.push(loop {
            let (mut rest, mut walker, mut key) = (&*leg.ahead, Walker::new(), None);
            while let Some(frame) = walker.next(&mut rest, |_| usize::MAX).unwrap() {
                if let Back::Key(found) = back::parse(frame).unwrap() {
                    key = Some(found);
                }
            }
            if let Some(key) = key {
                break key;
            }
            assert_ne!(leg.leg.read_buf(&mut leg.ahead).await.unwrap(), 0);
        });
        statements.push(Statements::begin(leg).await.unwrap());
    }
    let (mut other, mut mine) = (statements.pop().unwrap(), statements.pop().unwrap());
    let sleeping = tokio::spawn(async move { mine.run("SELECT pg_sleep(1000)").await });
    let running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'";
    while server.sql("orders", running) != "1" {}
    // A wrong secret does nothing, and nobody is told so.
    let mut wrong = keys[0].clone();
    *wrong.secret.last_mut().unwrap() ^= 1;
    stop(&person.errand("app"), &database, &wrong).await.unwrap();
    stop(&person.errand("app"), &database, &keys[1]).await.unwrap();
    assert_eq!(server.sql("orders", running), "1");
    stop(&person.errand("app"), &database, &keys[0]).await.unwrap();
    let stopped = sleeping.await.unwrap().unwrap_err();
    assert_eq!(stopped.server().unwrap().sqlstate.as_ref(), "57014", "{stopped:?}");
    assert_eq!(other.run("SELECT 7").await.unwrap(), ["7"]);
}

#[tokio::test]
async fn a_server_that_is_not_the_one_we_know_gets_nothing() {
    let person = Person::new();
    let server = Postgres::start(&person.authorities);
    let good = database(Protocol::Postgres, &server.addr(), server.ca_pem());
    let with = |change: &dyn Fn(&mut Database)| {
        let mut database = good.clone();
        change(&mut database);
        database
    };
    let named = with(&|d| d.tls.server_name = Some("db.example".into()));
    let wrong = fault(connect(&person, &named, "app").await);
    assert!(
        matches!(&wrong, Fault::TlsName { wanted, .. } if &**wanted == "db.example"),
        "{wrong:?}"
    );

    // Without the name, the chain is enough.
    let chain_only = with(&|d| {
        d.tls.server_name = Some("db.example".into());
        d.tls.mode = TlsMode::VerifyCa;
    });
    connect(&person, &chain_only, "app").await.unwrap();

    let other_ca = Authorities::generate("other", now()).unwrap().tls_roots_pem();
    let other_ca = database(Protocol::Postgres, &server.addr(), &other_ca);
    for mode in [TlsMode::VerifyFull, TlsMode::VerifyCa] {
        let tls = TargetTls { mode, ..other_ca.tls.clone() };
        let other_ca = Database { tls, ..other_ca.clone() };
        let wrong = fault(connect(&person, &other_ca, "app").await);
        assert!(matches!(wrong, Fault::TlsAuthority(_)), "{wrong:?}");
    }
    let insecure = TargetTls { mode: TlsMode::Insecure, ..other_ca.tls.clone() };
    connect(&person, &Database { tls: insecure, ..other_ca.clone() }, "app").await.unwrap();

    let nothing = with(&|d| d.tls.trust = Arc::new(Trust::named(Vec::new())));
    let wrong = fault(connect(&person, &nothing, "app").await);
    assert!(matches!(wrong, Fault::TlsSetup(_)), "{wrong:?}");

    let mysql = with(&|d| d.protocol = Protocol::MySql);
    let wrong = fault(connect(&person, &mysql, "app").await);
    assert!(matches!(wrong, Fault::Protocol("mysql")), "{wrong:?}");
}

#[tokio::test]
async fn without_tls_a_password_is_proven_and_never_said() {
    let person = Person::new();
    let server = Postgres::start(&person.authorities);
    let mut clear = database(Protocol::Postgres, &server.addr(), server.ca_pem());
    clear.tls.mode = TlsMode::Off;
    clear.login = password(PASSWORD);
    for account in ["plain_scram", "md5"] {
        let leg = connect(&person, &clear, account).await.unwrap();
        assert_eq!(ask(leg, "SELECT current_user").await, account);
    }
    let asked = fault(connect(&person, &clear, "clear").await);
    assert!(matches!(asked, Fault::Unsafe { method: "password", .. }), "{asked:?}");
    clear.tls.mode = TlsMode::Insecure;
    let asked = fault(connect(&person, &clear, "clear").await);
    assert!(matches!(asked, Fault::Unsafe { method: "password", .. }), "{asked:?}");
}
