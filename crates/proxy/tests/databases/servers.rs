//! Real database servers on loopback with throw-away data: started, waited for, and stopped with the test.
//!
//! Each trusts the database authority it is given, and shows a certificate of an authority of its own
//! ([`Postgres::ca_pem`], [`MariaDb::ca_pem`]) for `127.0.0.1` and `localhost`. Their accounts:
//!
//! | account  | logs in with                                                    |
//! |----------|-----------------------------------------------------------------|
//! | `app`    | a certificate of ours                                           |
//! | `admin`  | a certificate of ours; may make users                           |
//! | `scram`, `md5`, `clear` | PostgreSQL: the password [`PASSWORD`], each in its way |
//! | `native`, `ed25519`     | MariaDB: the password [`PASSWORD`], each in its way    |
//!
//! The database is `orders` for both. Who includes this has `ports/reserved.rs` as `crate::reserved`. Needs Debian's `postgresql` and `mariadb-server`.

#![allow(
    dead_code,
    unused_imports,
    reason = "several test programs include this, and each uses some of it"
)]

#[path = "servers/certificate.rs"]
mod certificate;
#[path = "servers/mariadb.rs"]
mod mariadb;
#[cfg(feature = "peers")]
#[path = "servers/mysql.rs"]
mod mysql;
#[path = "servers/postgres.rs"]
mod postgres;
#[path = "servers/process.rs"]
mod process;

pub(crate) use mariadb::MariaDb;
#[cfg(feature = "peers")]
pub(crate) use mysql::MySql;
pub(crate) use postgres::Postgres;

/// The password of the accounts that have one. It has a letter that SASLprep leaves alone and one that quoting does not.
pub(crate) const PASSWORD: &str = "s3cret'ü";

/// The database that is there.
pub(crate) const DATABASE: &str = "orders";
