//! Users on demand, in both vendors' servers.

use std::collections::BTreeSet;

use super::servers::{MariaDb, Postgres};
use super::*;
use crate::database::provision::{MadeUsers, Work, work};
use crate::database::{DatabaseError, Databases, DbAdmin, DbUser};

const USER: &str = "dave@example.com";

fn roles(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn with_admin(mut database: Database) -> Database {
    database.admin = Some(DbAdmin { user: "admin".into(), login: DbLogin::Certificate });
    database
}

/// What was wrong when a user could not be made.
async fn wrong(person: &Person, database: &Database, user: &str, names: &[&str]) -> Fault {
    fault(work(&person.errand(user), database, Work::Make(&roles(names))).await)
}

#[tokio::test]
async fn a_user_of_postgresql_comes_and_goes() {
    let person = Person::new();
    users_of_postgresql(&person, &Postgres::start(&person.authorities)).await;
}

#[cfg(feature = "peers")]
#[tokio::test]
async fn a_user_of_the_newest_postgresql_comes_and_goes() {
    let person = Person::new();
    users_of_postgresql(&person, &Postgres::newest(&person.authorities)).await;
}

async fn users_of_postgresql(person: &Person, server: &Postgres) {
    let database = with_admin(database(Protocol::Postgres, &server.addr(), server.ca_pem()));
    server.sql(
        "orders",
        // Since PostgreSQL 16 a role is given by whoever has its ADMIN OPTION.
        "CREATE ROLE reader; CREATE ROLE \"odd \"\" role'\"; CREATE ROLE carol LOGIN SUPERUSER; \
         GRANT reader, \"odd \"\" role'\" TO admin WITH ADMIN OPTION",
    );
    let errand = person.errand(USER);
    let told = async |what: Work<'_>| work(&errand, &database, what).await.unwrap();
    let state = || {
        let text = format!(
            "SELECT u.rolcanlogin, string_agg(g.rolname, ' ' ORDER BY g.rolname) FROM pg_roles u \
             LEFT JOIN pg_auth_members m ON m.member = u.oid LEFT JOIN pg_roles g ON g.oid = m.roleid \
             WHERE u.rolname = '{USER}' GROUP BY 1"
        );
        server.sql("orders", &text)
    };
    let both = roles(&["reader", "odd \" role'"]);
    told(Work::Make(&both)).await;
    assert_eq!(state(), "t|countersign_made odd \" role' reader");
    let startup = wire::postgres::Startup::new(USER, "orders");
    crate::database::postgres::open(&errand, &database, &startup).await.unwrap();
    // Again, with less; then what is left is given again.
    told(Work::Make(&roles(&["reader"]))).await;
    assert_eq!(state(), "t|countersign_made reader");
    told(Work::Close).await;
    assert_eq!(state(), "f|countersign_made");
    told(Work::Make(&both)).await;
    told(Work::Remove).await;
    assert_eq!(state(), "");
    told(Work::Remove).await;

    // Who owns something stays, and has no way in.
    told(Work::Make(&roles(&[]))).await;
    server.sql("orders", &format!("CREATE TABLE t(); ALTER TABLE t OWNER TO \"{USER}\""));
    told(Work::Remove).await;
    assert_eq!(state(), "f|countersign_made");

    // Nobody else's user is touched, whatever is wanted.
    assert!(matches!(wrong(person, &database, "carol", &["reader"]).await, Fault::NotOurs(_)));
    for what in [Work::Close, Work::Remove, Work::SetRoles(&both)] {
        work(&person.errand("carol"), &database, what).await.unwrap();
    }
    let carol = "SELECT rolcanlogin, (SELECT count(*) FROM pg_auth_members m WHERE m.member = r.oid) FROM pg_roles r WHERE rolname = 'carol'";
    assert_eq!(server.sql("orders", carol), "t|0");

    // A role that is not there, a name that would be cut off: nothing is left behind.
    let missing = wrong(person, &database, "erin", &["reader", "nobody"]).await;
    assert_eq!(missing.server().unwrap().sqlstate.as_ref(), "42704", "{missing:?}");
    assert_eq!(server.sql("orders", "SELECT count(*) FROM pg_roles WHERE rolname = 'erin'"), "0");
    let long = "e".repeat(64);
    assert!(matches!(wrong(person, &database, &long, &[]).await, Fault::Name(_)));
    let nobody = Database { admin: None, ..database.clone() };
    assert!(matches!(wrong(person, &nobody, USER, &[]).await, Fault::NoAdmin));
}

#[tokio::test]
async fn a_user_of_mariadb_comes_and_goes() {
    let person = Person::new();
    let server = MariaDb::start(&person.authorities);
    let database = with_admin(database(Protocol::MySql, &server.addr(), server.ca_pem()));
    server.sql(
        "orders",
        "CREATE ROLE reader WITH ADMIN admin@'%'; CREATE ROLE `odd `` role` WITH ADMIN admin@'%'; \
         CREATE TABLE t (n int); GRANT SELECT ON orders.t TO reader; GRANT INSERT ON orders.t TO `odd `` role`; \
         CREATE USER carol@localhost",
    );
    let errand = person.errand(USER);
    let told = async |what: Work<'_>| work(&errand, &database, what).await.unwrap();
    let state = || {
        let held = format!(
            "SELECT GROUP_CONCAT(Role ORDER BY Role) FROM mysql.roles_mapping WHERE User = 'cs:{USER}'"
        );
        let user = format!("SELECT COUNT(*) FROM mysql.user WHERE User = '{USER}' AND Host = '%'");
        format!("{} {}", server.sql("orders", &user), server.sql("orders", &held))
    };
    let enter = async || {
        let wanted = crate::database::mysql::MyWanted {
            user: USER.into(),
            db: None,
            capabilities: wire::mysql::Capabilities::NONE,
            charset: 45,
            max_packet: 1 << 20,
            attributes: bytes::Bytes::new(),
        };
        let leg = crate::database::mysql::open(&errand, &database, &wanted).await?;
        Ok(crate::database::mysql::Statements::begin(leg))
    };
    let both = roles(&["reader", "odd ` role"]);
    told(Work::Make(&both)).await;
    assert_eq!(state(), "1 odd ` role,reader");
    // Both roles are in force from the first statement.
    let mut server_of_dave = enter().await.unwrap();
    server_of_dave.run("INSERT INTO orders.t VALUES (7), (8)").await.unwrap();
    assert_eq!(server_of_dave.run("SELECT n FROM orders.t ORDER BY n").await.unwrap(), ["7", "8"]);
    told(Work::Make(&roles(&["reader"]))).await;
    assert_eq!(state(), "1 reader");
    told(Work::Close).await;
    assert_eq!(state(), "1 NULL");
    let locked = fault::<crate::database::mysql::Statements>(enter().await);
    assert_eq!(locked.server().unwrap().number, 4151, "{locked:?}");
    told(Work::Make(&both)).await;
    enter().await.unwrap();
    told(Work::Remove).await;
    assert_eq!(state(), "0 NULL");
    told(Work::Remove).await;

    // Nobody else's user is touched, wherever he comes from.
    assert!(matches!(wrong(&person, &database, "carol", &["reader"]).await, Fault::NotOurs(_)));
    for what in [Work::Close, Work::Remove, Work::SetRoles(&both)] {
        work(&person.errand("carol"), &database, what).await.unwrap();
    }
    let carol = "SELECT Host FROM mysql.user WHERE User = 'carol'";
    assert_eq!(server.sql("orders", carol), "localhost");
    let missing = wrong(&person, &database, "erin", &["nobody"]).await;
    assert_eq!(missing.server().unwrap().number, 1959, "{missing:?}");
    for name in ["e".repeat(30).as_str(), "e\\"] {
        assert!(matches!(wrong(&person, &database, name, &[]).await, Fault::Name(_)));
    }
}

/// One database, or none.
#[derive(Debug)]
struct Records(std::sync::Mutex<Option<Database>>);

impl Databases for Records {
    fn database<'a>(
        &'a self,
        _: &'a TargetName,
        user: DbUser<'a>,
    ) -> futures_util::future::BoxFuture<'a, Result<Option<Database>, DatabaseError>> {
        assert_eq!(user, DbUser::Made);
        let found = self.0.lock().unwrap().clone();
        Box::pin(async move { Ok(found) })
    }
}

#[tokio::test]
async fn what_a_crash_left_behind_is_tidied_up_once_the_server_can_be_reached() {
    let person = Person::new();
    let server = Postgres::start(&person.authorities);
    let database = with_admin(database(Protocol::Postgres, &server.addr(), server.ca_pem()));
    let dir = tempfile::tempdir().unwrap();
    let options = store::Options::new("demo".parse().unwrap(), Arc::new(now));
    let store = store::Store::open(&dir.path().join("data"), options).await.unwrap();
    let note = async |user: &str, note: &str| {
        let key = format!("/made/orders/{user}");
        store.commit(store::Commit::new().put(key, note.to_owned())).await.unwrap();
    };
    let noted = async || {
        let page = store.range(store::Range::prefix("/made/")).await.unwrap();
        page.entries.iter().map(|entry| entry.key.to_string()).collect::<Vec<_>>()
    };
    let users = || {
        let text = "SELECT string_agg(rolname || ' ' || rolcanlogin, ', ' ORDER BY rolname) FROM pg_roles WHERE rolname IN ('dave', 'erin')";
        server.sql("orders", text)
    };
    for (user, how) in [("dave", r#"{"remove":true}"#), ("erin", r#"{"remove":false}"#)] {
        work(&person.errand(user), &database, Work::Make(&roles(&[]))).await.unwrap();
        note(user, how).await;
    }
    let unreachable = Database { addr: "127.0.0.1:1".into(), ..database.clone() };
    let records = Arc::new(Records(std::sync::Mutex::new(Some(unreachable))));
    let made = MadeUsers::new(
        store.clone(),
        Arc::clone(&records) as Arc<dyn Databases>,
        Arc::new(person.authorities),
    );
    made.tidy_once(now()).await.unwrap();
    assert_eq!(noted().await, ["/made/orders/dave", "/made/orders/erin"]);
    assert_eq!(users(), "dave true, erin true");

    *records.0.lock().unwrap() = Some(database);
    made.tidy_once(now()).await.unwrap();
    assert_eq!(noted().await, Vec::<String>::new());
    assert_eq!(users(), "erin false");

    // A target that was removed from the records takes its notes along.
    note("dave", r#"{"remove":true}"#).await;
    *records.0.lock().unwrap() = None;
    made.tidy_once(now()).await.unwrap();
    assert_eq!(noted().await, Vec::<String>::new());
}
