//! The authorities at rest: one JSON document, sealed as a whole.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{Authorities, Ring, log_name};
use crate::{
    CheckpointKey, SealError, SealKey, SignError, assertion::AssertionKey,
    generations::Generations, ssh::SshAuthority, ticket::TicketKey, x509::X509Authority,
};

/// What the sealed bytes are; bound into the seal.
const CONTEXT: &str = "authorities";
const FORMAT: u32 = 1;

/// Why sealed authorities cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The seal does not open.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The seal opens, but what lies inside is not understood.
    #[error("the authorities at rest are not readable: {0}")]
    Content(String),
}

impl From<SignError> for OpenError {
    fn from(error: SignError) -> Self {
        Self::Content(error.to_string())
    }
}

#[derive(Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct Content {
    format: u32,
    cluster: String,
    identity: Three<SshKey>,
    user: Three<SshKey>,
    host: Three<SshKey>,
    tls: Three<X509Key>,
    database: Three<X509Key>,
    host_key: SshKey,
    checkpoint: SshKey,
    /// Missing in what was sealed before there were applications.
    #[serde(default)]
    assertion: Option<Three<SecretKey>>,
}

/// A PKCS #8 key, DER in base64.
#[derive(Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
struct SecretKey(String);

#[derive(Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct Three<K: Zeroize> {
    previous: Option<K>,
    active: K,
    next: Option<K>,
}

/// An ed25519 seed in base64.
#[derive(Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
struct SshKey(String);

/// A PKCS #8 key and a certificate, both DER in base64.
#[derive(Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct X509Key {
    key: String,
    certificate: String,
}

impl Authorities {
    /// Seals all keys for the store.
    pub fn to_sealed(&self, key: &SealKey) -> Result<Vec<u8>, OpenError> {
        let ring = self.ring();
        let content = Content {
            format: FORMAT,
            cluster: ring.cluster.to_string(),
            identity: Three::of(&ring.identity, SshKey::of)?,
            user: Three::of(&ring.user, SshKey::of)?,
            host: Three::of(&ring.host, SshKey::of)?,
            tls: Three::of(&ring.tls, X509Key::of)?,
            database: Three::of(&ring.database, X509Key::of)?,
            host_key: SshKey::of(&ring.host_key)?,
            checkpoint: SshKey(STANDARD.encode(ring.checkpoint.seed())),
            assertion: Some(Three::of(&ring.assertion, SecretKey::of)?),
        };
        let json = serde_json::to_vec(&content).map(Zeroizing::new).map_err(unreadable)?;
        Ok(key.seal(&json, CONTEXT)?)
    }

    /// Opens what [`Self::to_sealed`] made.
    pub fn open(sealed: &[u8], key: &SealKey) -> Result<Self, OpenError> {
        let json = key.open(sealed, CONTEXT)?;
        let content: Content = serde_json::from_slice(&json).map_err(unreadable)?;
        if content.format != FORMAT {
            let found = content.format;
            return Err(OpenError::Content(format!(
                "format {found} is newer than this program knows; start the newer one"
            )));
        }
        let seed = content.checkpoint.seed()?;
        let checkpoint = CheckpointKey::from_seed(&log_name(&content.cluster), &seed)?;
        let assertion = match &content.assertion {
            Some(kept) => kept.open(SecretKey::open)?,
            None => Generations::first(Arc::new(AssertionKey::generate()?)),
        };
        let mut opened = Self::from_ring(Ring {
            assertion,
            tickets: Arc::new(TicketKey::from_seed(&seed)?),
            cluster: content.cluster.as_str().into(),
            identity: content.identity.open(SshKey::open)?,
            user: content.user.open(SshKey::open)?,
            host: content.host.open(SshKey::open)?,
            tls: content.tls.open(X509Key::open)?,
            database: content.database.open(X509Key::open)?,
            host_key: content.host_key.open()?,
            checkpoint: Arc::new(checkpoint),
        });
        opened.unsaved = content.assertion.is_none();
        Ok(opened)
    }
}

impl<K: Zeroize> Three<K> {
    fn of<A>(
        generations: &Generations<A>,
        seal: impl Fn(&A) -> Result<K, OpenError>,
    ) -> Result<Self, OpenError> {
        Ok(Self {
            previous: generations.previous.as_ref().map(&seal).transpose()?,
            active: seal(&generations.active)?,
            next: generations.next.as_ref().map(&seal).transpose()?,
        })
    }

    fn open<A>(
        &self,
        open: impl Fn(&K) -> Result<A, OpenError>,
    ) -> Result<Generations<A>, OpenError> {
        Ok(Generations {
            previous: self.previous.as_ref().map(&open).transpose()?,
            active: open(&self.active)?,
            next: self.next.as_ref().map(&open).transpose()?,
        })
    }
}

impl SshKey {
    fn of(authority: &SshAuthority) -> Result<Self, OpenError> {
        let seed = authority
            .seed()
            .ok_or_else(|| OpenError::Content("an SSH authority that is not ed25519".to_owned()))?;
        Ok(Self(STANDARD.encode(seed.as_slice())))
    }

    fn seed(&self) -> Result<Zeroizing<[u8; SshAuthority::SEED_LEN]>, OpenError> {
        let bytes = Zeroizing::new(STANDARD.decode(&self.0).map_err(unreadable)?);
        let seed = bytes
            .as_slice()
            .try_into()
            .map_err(|_| OpenError::Content("a seed that is not 32 bytes".to_owned()))?;
        Ok(Zeroizing::new(seed))
    }

    fn open(&self) -> Result<SshAuthority, OpenError> {
        Ok(SshAuthority::from_seed(&*self.seed()?))
    }
}

impl SecretKey {
    #[expect(clippy::unnecessary_wraps, reason = "as the other keys")]
    fn of(key: &Arc<AssertionKey>) -> Result<Self, OpenError> {
        Ok(Self(STANDARD.encode(key.pkcs8())))
    }

    fn open(&self) -> Result<Arc<AssertionKey>, OpenError> {
        let bytes = Zeroizing::new(STANDARD.decode(&self.0).map_err(unreadable)?);
        Ok(Arc::new(AssertionKey::from_pkcs8(&bytes)?))
    }
}

impl X509Key {
    fn of(authority: &X509Authority) -> Result<Self, OpenError> {
        Ok(Self {
            key: STANDARD.encode(authority.key()),
            certificate: STANDARD.encode(authority.certificate()),
        })
    }

    fn open(&self) -> Result<X509Authority, OpenError> {
        let key = Zeroizing::new(STANDARD.decode(&self.key).map_err(unreadable)?);
        let certificate = STANDARD.decode(&self.certificate).map_err(unreadable)?;
        Ok(X509Authority::from_parts(&key, certificate)?)
    }
}

fn unreadable(error: impl std::error::Error) -> OpenError {
    OpenError::Content(error.to_string())
}
