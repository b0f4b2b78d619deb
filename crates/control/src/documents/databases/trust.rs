//! What a database server needs to trust us: the authority of our client certificates, and who may log in by one.

use crate::documents::{allowed, load};
use crate::{Caller, Control, Routes, http::Answer};
use api::database::{DatabaseDocument, DatabaseProtocol, DatabaseTrust};
use api::endpoints::{Verb, documents as table};
use axum::{
    Json,
    extract::{Path, State},
};

pub(super) fn routes(routes: Routes) -> Routes {
    routes.on(&table::DATABASE_TRUST, trust)
}

async fn trust(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<DatabaseTrust> {
    let database: DatabaseDocument = load(&control, &name).await?;
    // A rule with a condition reaches only the databases it holds for.
    allowed(&control, &caller, &database, Verb::Read)?;
    let protocol = database.spec.protocol;
    let (config, user) = match protocol {
        DatabaseProtocol::Postgres => postgres(),
        DatabaseProtocol::MySql => mysql(),
    };
    let client_ca = control.authorities().database_roots_pem();
    Ok(Json(DatabaseTrust { protocol, client_ca, config, user }))
}

/// PostgreSQL documentation, "Secure TCP/IP Connections with SSL" and "Certificate Authentication": the common name of
/// the certificate must be the database user.
fn postgres() -> (Vec<String>, Vec<String>) {
    let config = [
        "# postgresql.conf",
        "ssl = on",
        "ssl_ca_file = 'countersign_db_ca.pem'",
        "# pg_hba.conf, before other lines for these users",
        "hostssl all USER all cert",
    ];
    (lines(&config), lines(&["CREATE ROLE \"USER\" LOGIN;"]))
}

/// MySQL Reference Manual, "CREATE USER", and MariaDB's page of the same name: `REQUIRE SUBJECT` compares the subject of
/// the certificate, which holds the database user alone.
fn mysql() -> (Vec<String>, Vec<String>) {
    let config = ["# my.cnf", "[mysqld]", "ssl-ca = /etc/mysql/countersign_db_ca.pem"];
    (lines(&config), lines(&["CREATE USER 'USER'@'%' REQUIRE SUBJECT '/CN=USER';"]))
}

fn lines(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
