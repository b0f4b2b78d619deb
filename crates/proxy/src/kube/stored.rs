//! Clusters as the documents in the store say (`kind: kube_cluster`). Documents are checked when they are written.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use access::name::TargetName;
use ca::SealKey;
use futures_util::future::BoxFuture;
use http::Uri;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;
use store::Store;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use super::{Cluster, ClusterAuth, ClusterError, Clusters};
use crate::database::{TargetTls, TlsMode, Trust};

/// Where Kubernetes gives a pod its account (Kubernetes documentation, "Accessing the Kubernetes API from a Pod").
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// The name every API server has inside its cluster.
const INSIDE: &str = "https://kubernetes.default.svc";

/// Clusters as the documents in the store say.
pub struct StoredClusters {
    store: Store,
    seal: Arc<SealKey>,
    /// The authorities of the system, once a cluster needs them.
    system: OnceCell<Arc<Trust>>,
}

impl fmt::Debug for StoredClusters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredClusters").finish_non_exhaustive()
    }
}

impl StoredClusters {
    /// Reads `kind: kube_cluster` documents from `store`, and opens their secrets with `seal`.
    #[must_use]
    pub fn new(store: Store, seal: Arc<SealKey>) -> Self {
        Self { store, seal, system: OnceCell::new() }
    }

    async fn read(&self, name: &TargetName) -> Result<Option<Cluster>, ClusterError> {
        let Some(entry) = self.store.load(format!("/kube_cluster/{name}")).await? else {
            return Ok(None);
        };
        let Record { spec } = serde_json::from_slice(&entry.value)?;
        let (auth, sealed) = self.auth(name, spec.auth).await?;
        let inside = matches!(auth, ClusterAuth::TokenFile(_));
        let server = spec.server.as_deref().unwrap_or(INSIDE);
        let server: Uri = server.parse().map_err(|_| ClusterError::Server)?;
        let mode = match spec.tls.insecure_skip_verify {
            true => TlsMode::Insecure,
            false => TlsMode::VerifyFull,
        };
        let trust = match spec.tls.ca_cert {
            Some(pem) => named(pem.as_bytes())?,
            None if mode == TlsMode::Insecure => Arc::new(Trust::named(Vec::new())),
            None if inside => {
                let file = Path::new(ACCOUNT).join("ca.crt");
                let pem = tokio::fs::read(file).await.map_err(ClusterError::NoPod)?;
                named(&pem)?
            }
            None => self.system().await,
        };
        let tls = TargetTls { mode, server_name: spec.tls.server_name, trust };
        let version = (entry.revision.0, sealed);
        Ok(Some(Cluster { name: name.clone(), server, tls, auth, version }))
    }

    /// How we prove ourselves, and of which revision the secret is.
    async fn auth(
        &self,
        name: &TargetName,
        auth: Auth,
    ) -> Result<(ClusterAuth, u64), ClusterError> {
        if matches!(auth.method, Method::InCluster) {
            return Ok((ClusterAuth::TokenFile(Path::new(ACCOUNT).join("token")), 0));
        }
        let at = format!("kube_cluster/{name}");
        let sealed = self.store.secrets().load(&at).await?;
        let (sealed, revision) = sealed.ok_or(ClusterError::NoSecret)?;
        let secret: Secret = serde_json::from_slice(&self.seal.open(&sealed, &at)?)?;
        let auth = match (auth.method, secret.token, secret.key, auth.certificate) {
            (Method::Token, Some(token), _, _) => {
                ClusterAuth::Token(Arc::new(Zeroizing::new(token)))
            }
            (Method::Certificate, _, Some(key), Some(certificate)) => {
                let key = Zeroizing::new(key);
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
                    .map_err(|_| ClusterError::Pem("the sealed key"))?;
                let chain = certificates(certificate.as_bytes(), "spec.auth.certificate")?;
                ClusterAuth::Certificate { chain, key: Arc::new(key) }
            }
            (Method::Token | Method::Certificate | Method::InCluster, ..) => {
                return Err(ClusterError::NoSecret);
            }
        };
        Ok((auth, revision.0))
    }

    async fn system(&self) -> Arc<Trust> {
        let load = async || {
            let loaded = tokio::task::spawn_blocking(Trust::system).await;
            // Only a runtime that ends does not run it.
            Arc::new(loaded.unwrap_or_else(|_| Trust::named(Vec::new())))
        };
        Arc::clone(self.system.get_or_init(load).await)
    }
}

fn named(pem: &[u8]) -> Result<Arc<Trust>, ClusterError> {
    Ok(Arc::new(Trust::named(certificates(pem, "spec.tls.ca_cert")?)))
}

fn certificates(
    pem: &[u8],
    what: &'static str,
) -> Result<Vec<CertificateDer<'static>>, ClusterError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    found.ok().filter(|found| !found.is_empty()).ok_or(ClusterError::Pem(what))
}

impl Clusters for StoredClusters {
    fn cluster<'a>(
        &'a self,
        name: &'a TargetName,
    ) -> BoxFuture<'a, Result<Option<Cluster>, ClusterError>> {
        Box::pin(self.read(name))
    }
}

/// What we need of a cluster's document.
#[derive(Debug, Deserialize)]
struct Record {
    spec: Spec,
}

#[derive(Debug, Deserialize)]
struct Spec {
    server: Option<Box<str>>,
    #[serde(default)]
    tls: Tls,
    auth: Auth,
}

#[derive(Debug, Default, Deserialize)]
struct Tls {
    server_name: Option<Box<str>>,
    ca_cert: Option<String>,
    #[serde(default)]
    insecure_skip_verify: bool,
}

#[derive(Debug, Deserialize)]
struct Auth {
    method: Method,
    certificate: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Method {
    Certificate,
    InCluster,
    Token,
}

/// What is sealed: never shown.
#[derive(Deserialize)]
struct Secret {
    token: Option<String>,
    key: Option<String>,
}
