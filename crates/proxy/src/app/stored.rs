//! Applications as the documents in the store say (`kind: app`). Documents are checked when they are written.

use std::fmt;

use access::name::TargetName;
use access::template::Filled;
use futures_util::future::BoxFuture;
use http::HeaderName;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use store::Store;
use store::kv::Revision;

use super::tls::{self, Proof};

/// An application, and how it is spoken to.
#[derive(Debug)]
pub struct App {
    /// Its name.
    pub name: TargetName,
    /// The document's revision.
    pub revision: Revision,
    /// What it speaks.
    pub scheme: Scheme,
    /// `host:port`.
    pub addr: Box<str>,
    /// Its host, in lower case and without brackets: redirects to it lead back to us.
    pub host: Box<str>,
    /// How it proves that it is itself, where it speaks TLS.
    pub(crate) proof: Option<Proof>,
    /// Headers that every request gets.
    pub(crate) headers: Vec<(HeaderName, Filled)>,
    /// Other hosts whose redirects lead back to us, in lower case.
    pub(crate) redirects: Vec<Box<str>>,
    /// What the assertion says beside the name.
    pub claims: Claims,
}

/// What an application speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scheme {
    /// HTTP in the clear.
    Http,
    /// HTTP in TLS.
    Https,
    /// Anything over TCP.
    Tcp,
}

/// What the assertion says of the user beside the name.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Claims {
    /// Roles and traits.
    #[default]
    RolesAndTraits,
    /// Roles.
    Roles,
    /// Traits.
    Traits,
    /// Neither.
    None,
}

/// Why an application's record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The store did not answer.
    #[error("cannot read it from the store")]
    Store(#[from] store::ReadError),
    /// The record is not one.
    #[error("the record is malformed")]
    Malformed(#[from] serde_json::Error),
    /// Its address is not one.
    #[error("spec.uri is no address")]
    Address,
    /// The trusted certificates are not PEM.
    #[error("spec.tls.ca_cert is not one or more certificates in PEM")]
    Authorities,
    /// No TLS can be made of what the record says.
    #[error("spec.tls cannot be used: {0}")]
    Tls(Box<str>),
    /// It was removed after the policy was asked.
    #[error("there is no such target any more")]
    Gone,
}

/// Finds applications by name.
pub trait Apps: fmt::Debug + Send + Sync {
    /// The application of this name; `None` when there is none.
    fn app<'a>(&'a self, name: &'a TargetName) -> BoxFuture<'a, Result<Option<App>, AppError>>;
}

/// Applications as the documents in the store say.
pub struct StoredApps {
    store: Store,
}

impl fmt::Debug for StoredApps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredApps").finish_non_exhaustive()
    }
}

impl StoredApps {
    /// Reads `kind: app` documents from `store`.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    async fn read(&self, name: &TargetName) -> Result<Option<App>, AppError> {
        let Some(entry) = self.store.load(format!("/app/{name}")).await? else { return Ok(None) };
        let Record { spec } = serde_json::from_slice(&entry.value)?;
        let (scheme, addr) = address(&spec.uri).ok_or(AppError::Address)?;
        let host = addr.rsplit_once(':').map_or(&*addr, |(host, _)| host);
        let host: Box<str> = host.trim_matches(['[', ']']).to_lowercase().into();
        let named = match &spec.tls.ca_cert {
            None => None,
            Some(pem) => {
                let all: Result<Vec<_>, _> =
                    CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
                let all = all.ok().filter(|all| !all.is_empty());
                Some(all.ok_or(AppError::Authorities)?)
            }
        };
        let proof = match scheme {
            Scheme::Http | Scheme::Tcp => None,
            Scheme::Https => {
                let name = spec.tls.server_name.as_deref().unwrap_or(&host).to_owned();
                Some(tls::proof(name, named, spec.insecure_skip_verify).await?)
            }
        };
        let rewrite = spec.rewrite.unwrap_or_default();
        // What was warned about when it was written is left out.
        let headers = rewrite.headers.iter().filter_map(|header| {
            Some((header.name.parse().ok()?, Filled::parse(&header.value).ok()?))
        });
        Ok(Some(App {
            name: name.clone(),
            revision: entry.revision,
            scheme,
            host,
            addr,
            proof,
            headers: headers.collect(),
            redirects: rewrite.redirect.iter().map(|host| host.to_lowercase().into()).collect(),
            claims: rewrite.jwt_claims,
        }))
    }
}

impl Apps for StoredApps {
    fn app<'a>(&'a self, name: &'a TargetName) -> BoxFuture<'a, Result<Option<App>, AppError>> {
        Box::pin(self.read(name))
    }
}

/// `http://wiki` is HTTP at `wiki:80`.
fn address(uri: &str) -> Option<(Scheme, Box<str>)> {
    let (scheme, rest) = uri.split_once("://")?;
    let (scheme, port) = match scheme {
        "http" => (Scheme::Http, 80),
        "https" => (Scheme::Https, 443),
        "tcp" => (Scheme::Tcp, 0),
        _ => return None,
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let has_port = authority
        .rsplit_once(':')
        .is_some_and(|(host, _)| !host.starts_with('[') || host.ends_with(']'));
    let addr = if has_port { authority.to_owned() } else { format!("{authority}:{port}") };
    Some((scheme, addr.into()))
}

/// What we need of an application's document.
#[derive(Debug, Deserialize)]
struct Record {
    spec: Spec,
}

#[derive(Debug, Deserialize)]
struct Spec {
    uri: String,
    #[serde(default)]
    insecure_skip_verify: bool,
    #[serde(default)]
    tls: Tls,
    #[serde(default)]
    rewrite: Option<Rewrite>,
}

#[derive(Debug, Default, Deserialize)]
struct Tls {
    server_name: Option<String>,
    ca_cert: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Rewrite {
    #[serde(default)]
    headers: Vec<Header>,
    #[serde(default)]
    redirect: Vec<String>,
    #[serde(default)]
    jwt_claims: Claims,
}

#[derive(Debug, Deserialize)]
struct Header {
    name: String,
    value: String,
}
