//! Databases: where they are, how we know them, how we log in there.

use crate::{document::Metadata, problem::FieldProblem};
use access::target::{Target, TargetId, TargetKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// `kind: db`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DatabaseDocument {
    /// Always `db`.
    pub kind: String,
    /// Always `v1`.
    pub version: String,
    /// Name and labels.
    pub metadata: Metadata,
    /// The server.
    pub spec: DatabaseSpec,
}

/// What a database is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSpec {
    /// What it speaks.
    pub protocol: DatabaseProtocol,
    /// Where it listens, as `host:port`; IPv6 as `[::1]:5432`.
    pub uri: String,
    /// How the connection to it is encrypted, and how it proves that it is itself.
    #[serde(default)]
    pub tls: DatabaseTls,
    /// How we log in there.
    #[serde(default)]
    pub auth: DatabaseAuth,
    /// The account that makes users, where roles want users made on demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_user: Option<DatabaseAdmin>,
    /// The version MySQL clients are greeted with before the server was reached: `8.0.39`, `10.11.6-MariaDB`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_version: Option<String>,
}

/// What a database speaks.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseProtocol {
    /// MySQL and MariaDB.
    MySql,
    /// PostgreSQL.
    Postgres,
}

impl DatabaseProtocol {
    /// The word of documents and of the law: `postgres`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MySql => "mysql",
            Self::Postgres => "postgres",
        }
    }

    /// The port such servers listen on where nobody says otherwise.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::MySql => 3306,
            Self::Postgres => 5432,
        }
    }
}

/// How the connection to a database is encrypted.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DatabaseTls {
    /// What is checked.
    #[serde(default)]
    pub mode: DatabaseTlsMode,
    /// The name its certificate must have; the host of the address when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// The authorities its certificate may come from, in PEM; those of the system when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_cert: Option<String>,
}

/// What is checked of a database's certificate.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DatabaseTlsMode {
    /// That a trusted authority signed it, and its name.
    #[default]
    VerifyFull,
    /// That a trusted authority signed it.
    VerifyCa,
    /// Nothing.
    Insecure,
    /// There is no TLS at all.
    Off,
}

/// How the proxy logs in to a database. Passwords can be written and are never read back.
#[derive(Clone, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DatabaseAuth {
    /// With what.
    #[serde(default)]
    pub method: DatabaseAuthMethod,
    /// Database users and their passwords. Only in what is written; sealed at once. Those given replace all that were.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(write_only)]
    pub passwords: BTreeMap<String, String>,
    /// Whether `md5` and `mysql_native_password` are answered where nobody knows who listens: on another machine without
    /// TLS, or with `tls.mode: insecure`. Whoever sees the answer guesses the password from it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_weak_methods: bool,
}

impl std::fmt::Debug for DatabaseAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseAuth")
            .field("method", &self.method)
            .field("passwords", &"***")
            .field("allow_weak_methods", &self.allow_weak_methods)
            .finish()
    }
}

/// With what the proxy logs in to a database.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseAuthMethod {
    /// A client certificate of our database authority, made for each connection.
    #[default]
    Certificate,
    /// A password sealed in the store.
    Password,
}

/// The account that makes users on demand.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DatabaseAdmin {
    /// Its name in the database.
    pub name: String,
    /// With what we log in as it.
    #[serde(default)]
    pub method: DatabaseAuthMethod,
    /// Its password. Only in what is written; sealed at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(write_only)]
    pub password: Option<String>,
}

impl std::fmt::Debug for DatabaseAdmin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseAdmin")
            .field("name", &self.name)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

impl TryFrom<&DatabaseDocument> for Target {
    type Error = Vec<FieldProblem>;

    /// The database as the law knows it: name, labels and protocol, nothing of where it is.
    fn try_from(document: &DatabaseDocument) -> Result<Self, Vec<FieldProblem>> {
        let name = document.metadata.name.parse().map_err(|error: access::name::InvalidName| {
            vec![FieldProblem::at("metadata.name", error)]
        })?;
        let id = TargetId { kind: TargetKind::Db, name };
        let mut target = Self::new(id, document.metadata.labels.clone());
        target.protocol = Some(document.spec.protocol.as_str().into());
        Ok(target)
    }
}

/// The name under which a database's passwords are sealed, and the context they are sealed with: a JSON object of
/// user to password, where the account that makes users stands under the empty name.
pub fn secret_name(database: &str) -> String {
    format!("db/{database}")
}

/// Answer of `GET /v1/databases/{name}/trust`: what a server needs to trust us.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct DatabaseTrust {
    /// What it speaks.
    pub protocol: DatabaseProtocol,
    /// The authorities of our client certificates, in PEM: a file on the server.
    pub client_ca: String,
    /// The lines of the server's configuration that make it trust them.
    pub config: Vec<String>,
    /// What makes one database user log in by certificate; `USER` stands for its name.
    pub user: Vec<String>,
}
