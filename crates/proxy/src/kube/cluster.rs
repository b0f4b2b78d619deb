//! A Kubernetes cluster as its record says: where it is, how it proves itself, how we do.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use access::name::TargetName;
use futures_util::future::BoxFuture;
use http::Uri;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::database::TargetTls;

/// A cluster's API server, and how we prove ourselves there.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The target's name.
    pub name: TargetName,
    /// Where its API listens: scheme, host and port, perhaps a path that is put before each request's.
    pub server: Uri,
    /// How it proves that it is itself.
    pub tls: TargetTls,
    /// How we do.
    pub auth: ClusterAuth,
    /// Changes whenever anything of this does.
    pub version: (u64, u64),
}

/// How we prove ourselves to an API server.
#[derive(Clone)]
pub enum ClusterAuth {
    /// With a client certificate.
    Certificate {
        /// The certificate, then its intermediates.
        chain: Vec<CertificateDer<'static>>,
        /// Its private key.
        key: Arc<PrivateKeyDer<'static>>,
    },
    /// With a bearer token.
    Token(Arc<Zeroizing<String>>),
    /// With the bearer token in this file, read anew as it is renewed there.
    TokenFile(PathBuf),
}

impl fmt::Debug for ClusterAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate { .. } => "Certificate(***)",
            Self::Token(_) => "Token(***)",
            Self::TokenFile(_) => "TokenFile",
        })
    }
}

/// Why a cluster's record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The store did not answer.
    #[error("cannot read it from the store")]
    Store(#[from] store::ReadError),
    /// The record is not one.
    #[error("the record is malformed")]
    Malformed(#[from] serde_json::Error),
    /// The address is none.
    #[error("spec.server is not the URL of an API server")]
    Server,
    /// The trusted certificates, the client certificate or its key are not PEM.
    #[error("{0} is not PEM")]
    Pem(&'static str),
    /// It was removed after the policy was asked.
    #[error("there is no such target any more")]
    Gone,
    /// Nothing is sealed for it.
    #[error("no token or key is sealed for it: write the cluster again, with spec.auth")]
    NoSecret,
    /// What is sealed cannot be opened.
    #[error("its sealed token or key cannot be opened")]
    Seal(#[from] ca::SealError),
    /// The daemon does not run in a pod.
    #[error("the method `in_cluster` needs the service account of a pod, and there is none here")]
    NoPod(#[source] std::io::Error),
    /// TLS towards it cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Finds clusters by name.
pub trait Clusters: fmt::Debug + Send + Sync {
    /// The cluster of this name; `None` when there is none.
    fn cluster<'a>(
        &'a self,
        name: &'a TargetName,
    ) -> BoxFuture<'a, Result<Option<Cluster>, ClusterError>>;
}
