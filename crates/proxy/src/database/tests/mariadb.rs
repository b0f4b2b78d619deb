//! MariaDB 10.11.

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wire::mysql::{Capabilities, put_packet, take};

use super::servers::MariaDb;
use super::*;
use crate::database::mysql::{MyLeg, MyWanted, open};

fn wanted(account: &str) -> MyWanted {
    MyWanted {
        user: account.into(),
        db: Some("orders".into()),
        capabilities: Capabilities::PASSED
            .without(Capabilities::SESSION_TRACK)
            .without(Capabilities::NO_SCHEMA),
        charset: 45,
        max_packet: 1 << 24,
        attributes: Bytes::from_static(b"\x0cprogram_name\x04test"),
    }
}

async fn connect(person: &Person, database: &Database, account: &str) -> Result<MyLeg, Error> {
    open(&person.errand(account), database, &wanted(account)).await
}

/// Runs a statement with one row; its values, with a byte of length between them.
async fn ask(mut leg: MyLeg, text: &str) -> String {
    let mut out = BytesMut::new();
    put_packet(&mut out, 0, &[&[3], text.as_bytes()].concat());
    leg.leg.write_all(&out).await.unwrap();
    leg.leg.flush().await.unwrap();
    let mut packets = Vec::new();
    loop {
        while let Some(packet) = take(&leg.ahead, 1 << 20).unwrap() {
            let (len, payload) = (packet.len, packet.payload.to_vec());
            assert_ne!(payload[0], 0xff, "{}", String::from_utf8_lossy(&payload));
            packets.push(payload);
            let _ = leg.ahead.split_to(len);
        }
        // The number of columns, the columns, one row, the end: no EOF in between.
        let columns = packets.first().map_or(1, |count| usize::from(count[0]));
        if packets.len() == columns + 3 {
            return String::from_utf8_lossy(&packets[columns + 1][1..]).into();
        }
        assert_ne!(leg.leg.read_buf(&mut leg.ahead).await.unwrap(), 0, "the server closed");
    }
}

#[tokio::test]
async fn every_way_in_that_mariadb_has() {
    let person = Person::new();
    let server = MariaDb::start(&person.authorities);
    let by_certificate = database(Protocol::MySql, &server.addr(), server.ca_pem());
    let leg = connect(&person, &by_certificate, "app").await.unwrap();
    assert!(leg.ahead.is_empty() && leg.greeting.version.contains("MariaDB"), "{:?}", leg.greeting);
    assert!(leg.capabilities.contains(Capabilities::DEPRECATE_EOF));
    let connection = leg.greeting.connection;
    let who = "SELECT CONCAT(CURRENT_USER(), ' ', DATABASE(), ' ', CONNECTION_ID())";
    assert_eq!(ask(leg, who).await, format!("app@% orders {connection}"));
    let leg = connect(&person, &by_certificate, "app").await.unwrap();
    assert_eq!(ask(leg, "SHOW STATUS LIKE 'Ssl_version'").await, "Ssl_version\u{7}TLSv1.3");

    for account in ["native", "ed25519"] {
        for mode in [TlsMode::VerifyFull, TlsMode::Off] {
            let mut by_password = Database { login: password(PASSWORD), ..by_certificate.clone() };
            by_password.tls.mode = mode;
            let leg = connect(&person, &by_password, account).await.unwrap();
            assert_eq!(ask(leg, "SELECT CURRENT_USER()").await, format!("{account}@%"));
        }
        for login in [password("wrong"), DbLogin::Certificate] {
            let wrong = Database { login, ..by_certificate.clone() };
            let fault = fault(connect(&person, &wrong, account).await);
            let said = fault.server().unwrap();
            assert_eq!((&*said.sqlstate, said.number), ("28000", 1045), "{fault:?}");
            assert!(fault.public().contains("did not accept this login"));
        }
    }
    // Nobody gets in by the certificate of another user, or of another authority.
    let other = open(&person.errand("admin"), &by_certificate, &wanted("app")).await;
    assert_eq!(fault(other).server().unwrap().number, 1045);
    let stranger = fault(connect(&Person::new(), &by_certificate, "app").await);
    assert!(matches!(stranger, Fault::TlsClient(_)), "{stranger:?}");
}

#[tokio::test]
async fn what_mariadb_says_no_to_is_passed_on_in_its_words() {
    let person = Person::new();
    let server = MariaDb::start(&person.authorities);
    let good = database(Protocol::MySql, &server.addr(), server.ca_pem());
    let unknown = MyWanted { db: Some("nowhere".into()), ..wanted("app") };
    let fault_of = |result| fault(result).server().cloned().unwrap();
    let said = fault_of(open(&person.errand("app"), &good, &unknown).await);
    assert_eq!((&*said.sqlstate, said.number), ("42000", 1044), "{said:?}");
    let admin = MyWanted { user: "admin".into(), ..unknown };
    let said = fault_of(open(&person.errand("admin"), &good, &admin).await);
    assert_eq!((&*said.sqlstate, said.number), ("42000", 1049), "{said:?}");
    assert_eq!(&*said.message, "Unknown database 'nowhere'");

    let mut named = good.clone();
    named.tls.server_name = Some("db.example".into());
    let wrong = fault(connect(&person, &named, "app").await);
    assert!(matches!(wrong, Fault::TlsName { .. }), "{wrong:?}");
    let other_ca = Authorities::generate("other", now()).unwrap().tls_roots_pem();
    let other_ca = database(Protocol::MySql, &server.addr(), &other_ca);
    let wrong = fault(connect(&person, &other_ca, "app").await);
    assert!(matches!(wrong, Fault::TlsAuthority(_)), "{wrong:?}");
}
