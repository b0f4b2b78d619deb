//! Databases: where they are, how they prove themselves, and how we log in to them.
//!
//! ```text
//!   document ──► Database ──► dial ──► TLS (checked) ──► log-in of the vendor ──► Leg for the door's relay
//! ```
//!
//! The doors speak with clients and pass messages on; everything up to the server's word that the log-in is done
//! happens here. No statement is read here, and no byte of a result.

mod dial;
mod fault;
mod guard;
mod leg;
pub(crate) mod mysql;
pub(crate) mod postgres;
pub(crate) mod provision;
pub(crate) mod statements;
mod stored;
#[cfg(test)]
mod tests;
mod tls;

use std::fmt;
use std::sync::Arc;

use access::name::TargetName;
use futures_util::future::BoxFuture;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use zeroize::Zeroizing;

pub use fault::{Fault, ServerError};
pub(crate) use leg::Leg;
pub use stored::StoredDatabases;
pub(crate) use tls::verifier;

use crate::error::Error;
use crate::live::Session;

/// A database server, and the way one of its users is logged in there.
#[derive(Clone, Debug)]
pub struct Database {
    /// The target's name.
    pub name: TargetName,
    /// `host:port`.
    pub addr: Box<str>,
    /// What it speaks.
    pub protocol: Protocol,
    /// How the connection is encrypted, and how the server proves that it is itself.
    pub tls: TargetTls,
    /// How the asked user is logged in.
    pub login: DbLogin,
    /// Whether passwords that are hashed badly may be answered for where nobody knows who listens.
    pub weak_methods: bool,
    /// The account that makes users, where users are made.
    pub admin: Option<DbAdmin>,
    /// The version that MySQL's greeting shows before the server was dialled, as the document says.
    pub server_version: Option<Box<str>>,
}

/// What a database speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protocol {
    /// PostgreSQL, protocol 3.
    Postgres,
    /// MySQL and MariaDB, protocol 10.
    MySql,
}

impl Protocol {
    /// Its word in documents: `postgres`, `mysql`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
        }
    }
}

/// How the connection to a database is encrypted.
#[derive(Clone, Debug)]
pub struct TargetTls {
    /// What is checked.
    pub mode: TlsMode,
    /// The name its certificate must have; the host of the address when there is none.
    pub server_name: Option<Box<str>>,
    /// Whose certificates are believed.
    pub trust: Arc<Trust>,
}

/// Whose certificates are believed.
#[derive(Debug)]
pub struct Trust {
    /// Authorities.
    roots: Arc<RootCertStore>,
    /// Certificates that a server may show itself, authority or not: what `openssl req -x509` makes.
    pinned: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// Trusts what a target's record names.
    #[must_use]
    pub fn named(certificates: Vec<CertificateDer<'static>>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.iter().cloned());
        Self { roots: Arc::new(roots), pinned: certificates }
    }

    /// Trusts the authorities of the system. What is in them as text, and cannot be read, is left out. Reads files.
    #[must_use]
    pub fn system() -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Self { roots: Arc::new(roots), pinned: Vec::new() }
    }
}

/// What is checked of a database's certificate. The words are those of libpq's `sslmode`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TlsMode {
    /// That a trusted authority signed it, and its name.
    #[default]
    VerifyFull,
    /// That a trusted authority signed it.
    VerifyCa,
    /// Nothing: encrypted towards whoever answers.
    Insecure,
    /// No TLS.
    Off,
}

/// How a user is logged in to a database.
#[derive(Clone)]
pub enum DbLogin {
    /// With a certificate of our database authority, made for each connection.
    Certificate,
    /// With a password that was sealed in the store.
    Password(Arc<Zeroizing<String>>),
}

impl fmt::Debug for DbLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "Certificate",
            Self::Password(_) => "Password(***)",
        })
    }
}

/// The account that makes and removes users.
#[derive(Clone, Debug)]
pub struct DbAdmin {
    /// Its name in the database.
    pub user: Box<str>,
    /// How it is logged in.
    pub login: DbLogin,
}

/// Why a database's record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The store did not answer.
    #[error("cannot read it from the store")]
    Store(#[from] store::ReadError),
    /// The record is not one.
    #[error("the record is malformed")]
    Malformed(#[from] serde_json::Error),
    /// The trusted certificates are not PEM.
    #[error("spec.tls.ca_cert is not one or more certificates in PEM")]
    Authorities,
    /// It was removed after the policy was asked.
    #[error("there is no such target any more")]
    Gone,
    /// No password is sealed for the user.
    #[error(
        "no password is sealed for database user `{0}`: add it under spec.auth.passwords, or use the method `certificate`"
    )]
    NoSecret(Box<str>),
    /// The sealed passwords cannot be opened.
    #[error("its sealed passwords cannot be opened")]
    Seal(#[from] ca::SealError),
    /// The sealed passwords are not what they should be.
    #[error("its sealed passwords are not a JSON object of user to password")]
    Secret,
}

/// Who is to be logged in to a database.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DbUser<'a> {
    /// A user that stands there, in the way the record says.
    Standing(&'a str),
    /// A user that we make: always by certificate.
    Made,
}

/// Finds databases by name.
pub trait Databases: fmt::Debug + Send + Sync {
    /// The database of this name, with the way a user is logged in there; `None` when there is no such database.
    fn database<'a>(
        &'a self,
        name: &'a TargetName,
        user: DbUser<'a>,
    ) -> BoxFuture<'a, Result<Option<Database>, DatabaseError>>;
}

/// The database that `session` was admitted to, for the user it was admitted as.
///
/// # Errors
/// [`Error::Record`] when its record cannot be read or used.
pub(crate) async fn of(session: &Session) -> Result<Database, Error> {
    let name = session.caller.target();
    let user = match session.rights().terms.db_provision {
        None => DbUser::Standing(session.caller.account()),
        Some(_) => DbUser::Made,
    };
    let found = session.house.databases.database(name, user).await;
    found
        .and_then(|database| database.ok_or(DatabaseError::Gone))
        .map_err(|e| Error::Record(name.as_str().into(), Box::new(e)))
}
