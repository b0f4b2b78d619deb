//! Databases as the documents in the store say (`kind: db`). Documents are checked when they are written.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use access::name::TargetName;
use ca::SealKey;
use futures_util::future::BoxFuture;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use store::Store;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use super::{
    Database, DatabaseError, Databases, DbAdmin, DbLogin, DbUser, Protocol, TargetTls, TlsMode,
    Trust,
};

/// The key of the administrator's password among the sealed ones. No database user has an empty name.
const ADMIN: &str = "";

/// Databases as the documents in the store say.
pub struct StoredDatabases {
    store: Store,
    seal: Arc<SealKey>,
    /// The authorities of the system, once a target needs them.
    system: OnceCell<Arc<Trust>>,
}

impl fmt::Debug for StoredDatabases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredDatabases").finish_non_exhaustive()
    }
}

/// The sealed passwords of one database, by user.
type Passwords = BTreeMap<Box<str>, Zeroizing<String>>;

impl StoredDatabases {
    /// Reads `kind: db` documents from `store`, and opens their secrets with `seal`.
    #[must_use]
    pub fn new(store: Store, seal: Arc<SealKey>) -> Self {
        Self { store, seal, system: OnceCell::new() }
    }

    /// The passwords sealed under `db/<name>`: a JSON object of user to password, the administrator's under `""`.
    async fn passwords(&self, name: &TargetName) -> Result<Passwords, DatabaseError> {
        let at = format!("db/{name}");
        let Some((sealed, _)) = self.store.secrets().load(&at).await? else {
            return Ok(Passwords::new());
        };
        let clear = self.seal.open(&sealed, &at)?;
        let open: BTreeMap<Box<str>, String> =
            serde_json::from_slice(&clear).map_err(|_| DatabaseError::Secret)?;
        Ok(open.into_iter().map(|(user, password)| (user, Zeroizing::new(password))).collect())
    }

    async fn read(
        &self,
        name: &TargetName,
        user: DbUser<'_>,
    ) -> Result<Option<Database>, DatabaseError> {
        let Some(entry) = self.store.load(format!("/db/{name}")).await? else { return Ok(None) };
        let Record { spec } = serde_json::from_slice(&entry.value)?;
        let by_password = spec.auth.method == Method::Password;
        let mut passwords =
            if by_password || spec.admin_user.as_ref().is_some_and(|admin| admin.by_password()) {
                self.passwords(name).await?
            } else {
                Passwords::new()
            };
        let mut password = |user: &str| {
            let found = passwords.remove(user).map(|text| DbLogin::Password(Arc::new(text)));
            found.ok_or_else(|| DatabaseError::NoSecret(user.into()))
        };
        let admin = match spec.admin_user {
            None => None,
            Some(admin) => {
                let login =
                    if admin.by_password() { password(ADMIN)? } else { DbLogin::Certificate };
                Some(DbAdmin { user: admin.name, login })
            }
        };
        let login = match user {
            DbUser::Standing(ADMIN) if by_password => {
                return Err(DatabaseError::NoSecret(ADMIN.into()));
            }
            DbUser::Standing(user) if by_password => password(user)?,
            DbUser::Standing(_) | DbUser::Made => DbLogin::Certificate,
        };
        Ok(Some(Database {
            name: name.clone(),
            addr: spec.uri,
            protocol: match spec.protocol {
                Words::Postgres => Protocol::Postgres,
                Words::MySql => Protocol::MySql,
            },
            tls: self.tls(spec.tls).await?,
            login,
            weak_methods: spec.auth.allow_weak_methods,
            admin,
            server_version: spec.server_version,
        }))
    }
}

impl StoredDatabases {
    async fn tls(&self, tls: Tls) -> Result<TargetTls, DatabaseError> {
        let mode = match tls.mode {
            Mode::VerifyFull => TlsMode::VerifyFull,
            Mode::VerifyCa => TlsMode::VerifyCa,
            Mode::Insecure => TlsMode::Insecure,
            Mode::Off => TlsMode::Off,
        };
        let trust = match (tls.ca_cert, mode) {
            (Some(pem), _) => {
                let named: Result<Vec<_>, _> =
                    CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
                let named = named.ok().filter(|named| !named.is_empty());
                Arc::new(Trust::named(named.ok_or(DatabaseError::Authorities)?))
            }
            (None, TlsMode::Insecure | TlsMode::Off) => Arc::new(Trust::named(Vec::new())),
            (None, TlsMode::VerifyCa | TlsMode::VerifyFull) => {
                let load = async || {
                    let loaded = tokio::task::spawn_blocking(Trust::system).await;
                    // Only a runtime that ends does not run it.
                    Arc::new(loaded.unwrap_or_else(|_| Trust::named(Vec::new())))
                };
                Arc::clone(self.system.get_or_init(load).await)
            }
        };
        Ok(TargetTls { mode, server_name: tls.server_name, trust })
    }
}

impl Databases for StoredDatabases {
    fn database<'a>(
        &'a self,
        name: &'a TargetName,
        user: DbUser<'a>,
    ) -> BoxFuture<'a, Result<Option<Database>, DatabaseError>> {
        Box::pin(self.read(name, user))
    }
}

/// What we need of a database document.
#[derive(Debug, Deserialize)]
struct Record {
    spec: Spec,
}

#[derive(Debug, Deserialize)]
struct Spec {
    protocol: Words,
    uri: Box<str>,
    #[serde(default)]
    tls: Tls,
    #[serde(default)]
    auth: Auth,
    admin_user: Option<Admin>,
    server_version: Option<Box<str>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum Words {
    #[serde(rename = "postgres")]
    Postgres,
    #[serde(rename = "mysql")]
    MySql,
}

#[derive(Debug, Default, Deserialize)]
struct Tls {
    #[serde(default)]
    mode: Mode,
    server_name: Option<Box<str>>,
    ca_cert: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    #[default]
    VerifyFull,
    VerifyCa,
    Insecure,
    Off,
}

#[derive(Debug, Default, Deserialize)]
struct Auth {
    #[serde(default)]
    method: Method,
    #[serde(default)]
    allow_weak_methods: bool,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Method {
    #[default]
    Certificate,
    Password,
}

#[derive(Debug, Deserialize)]
struct Admin {
    name: Box<str>,
    #[serde(default)]
    method: Method,
}

impl Admin {
    fn by_password(&self) -> bool {
        self.method == Method::Password
    }
}

#[cfg(test)]
mod tests;
