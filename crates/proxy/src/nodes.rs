//! Where a target is, how it proves itself, and how we log in to it.

use std::fmt;
use std::sync::Arc;

use access::name::TargetName;
use ca::SealKey;
use futures_util::future::BoxFuture;
use russh::keys::{PrivateKey, PublicKey};
use serde::Deserialize;
use store::Store;
use zeroize::Zeroizing;

/// An SSH target.
#[derive(Clone, Debug)]
pub struct Node {
    /// `host:port`.
    pub addr: Box<str>,
    /// How it proves that it is itself.
    pub trust: HostTrust,
    /// How we log in.
    pub login: NodeLogin,
}

/// How a target proves that it is itself.
#[derive(Clone, Debug)]
pub enum HostTrust {
    /// By a host certificate of our host authority, for the target's name.
    Authority,
    /// By one of these keys.
    Keys(Vec<PublicKey>),
}

/// How we log in to a target.
#[derive(Clone)]
pub enum NodeLogin {
    /// With a certificate of our user authority, made for each connection.
    Certificate,
    /// With a key that was sealed in the store.
    Key(Arc<PrivateKey>),
    /// With a password that was sealed in the store.
    Password(Arc<Zeroizing<String>>),
}

impl fmt::Debug for NodeLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "Certificate",
            Self::Key(_) => "Key(***)",
            Self::Password(_) => "Password(***)",
        })
    }
}

/// Why a target's record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The store did not answer.
    #[error("cannot read it from the store")]
    Store(#[from] store::ReadError),
    /// The record is not one.
    #[error("the record is malformed")]
    Malformed(#[from] serde_json::Error),
    /// A host key in it is not one.
    #[error("host key {0} is malformed")]
    HostKey(usize, #[source] russh::keys::ssh_key::Error),
    /// It was removed after the policy was asked.
    #[error("there is no such target any more")]
    Gone,
    /// The sealed key or password is not there.
    #[error("its sealed secret is missing")]
    NoSecret,
    /// The sealed secret cannot be opened.
    #[error("its sealed secret cannot be opened")]
    Seal(#[from] ca::SealError),
    /// The sealed secret is not what it should be.
    #[error("its sealed secret is not a {0}")]
    Secret(&'static str),
}

/// Finds targets by name.
pub trait Nodes: fmt::Debug + Send + Sync {
    /// The target of this name; `None` when there is none.
    fn node<'a>(&'a self, name: &'a TargetName) -> BoxFuture<'a, Result<Option<Node>, NodeError>>;
}

/// Targets as the node documents in the store say.
pub struct StoredNodes {
    store: Store,
    seal: Arc<SealKey>,
}

impl fmt::Debug for StoredNodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredNodes").finish_non_exhaustive()
    }
}

impl StoredNodes {
    /// Reads node documents from `store`, and opens their secrets with `seal`.
    #[must_use]
    pub fn new(store: Store, seal: Arc<SealKey>) -> Self {
        Self { store, seal }
    }

    async fn secret(&self, name: &TargetName) -> Result<Zeroizing<Vec<u8>>, NodeError> {
        let at = format!("node/{name}");
        let (sealed, _) = self.store.secrets().load(&at).await?.ok_or(NodeError::NoSecret)?;
        Ok(self.seal.open(&sealed, &at)?)
    }

    async fn read(&self, name: &TargetName) -> Result<Option<Node>, NodeError> {
        let Some(entry) = self.store.load(format!("/node/{name}")).await? else { return Ok(None) };
        let Record { spec } = serde_json::from_slice(&entry.value)?;
        let keys =
            spec.host_keys.iter().enumerate().map(|(i, line)| {
                PublicKey::from_openssh(line).map_err(|e| NodeError::HostKey(i, e))
            });
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        let trust = if keys.is_empty() { HostTrust::Authority } else { HostTrust::Keys(keys) };
        let login = match spec.auth.method {
            Method::Certificate => NodeLogin::Certificate,
            Method::Key => {
                let pem = self.secret(name).await?;
                let key = PrivateKey::from_openssh(&*pem)
                    .map_err(|_| NodeError::Secret("private key"))?;
                NodeLogin::Key(Arc::new(key))
            }
            Method::Password => {
                let bytes = self.secret(name).await?;
                let text =
                    std::str::from_utf8(&bytes).map_err(|_| NodeError::Secret("password"))?;
                NodeLogin::Password(Arc::new(Zeroizing::new(text.to_owned())))
            }
        };
        Ok(Some(Node { addr: spec.addr.into(), trust, login }))
    }
}

impl Nodes for StoredNodes {
    fn node<'a>(&'a self, name: &'a TargetName) -> BoxFuture<'a, Result<Option<Node>, NodeError>> {
        Box::pin(self.read(name))
    }
}

/// What we need of a node document (`kind: node`). Documents are checked when they are written.
#[derive(Debug, Deserialize)]
struct Record {
    spec: Spec,
}

#[derive(Debug, Deserialize)]
struct Spec {
    addr: String,
    #[serde(default)]
    host_keys: Vec<String>,
    #[serde(default)]
    auth: Auth,
}

#[derive(Debug, Default, Deserialize)]
struct Auth {
    #[serde(default)]
    method: Method,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Method {
    #[default]
    Certificate,
    Key,
    Password,
}
