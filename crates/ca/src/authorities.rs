//! All authorities of a cluster: made once, sealed at rest, rotated step by step.

mod public;
mod sealed;

pub use public::PublicPart;
pub use sealed::OpenError;

use std::sync::atomic::{AtomicU64, Ordering};
use std::{
    fmt,
    str::FromStr,
    sync::{Arc, PoisonError, RwLock},
};

use aws_lc_rs::rand;
use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::{
    CheckpointKey, SignError, assertion::AssertionKey, generations::Generations, ssh::SshAuthority,
    ticket::TicketKey, x509::X509Authority,
};

/// One of the six authorities.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Authority {
    /// Assertions towards applications.
    App,
    /// Client certificates towards databases.
    Database,
    /// SSH host certificates.
    Host,
    /// SSH identity certificates.
    Identity,
    /// The port's certificate and TLS identities.
    Tls,
    /// SSH certificates towards targets.
    User,
}

impl Authority {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::App, Self::Database, Self::Host, Self::Identity, Self::Tls, Self::User];

    /// Its name in commands: `app`, `database`, `ssh-host`, `ssh-identity`, `tls`, `ssh-user`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Database => "database",
            Self::Host => "ssh-host",
            Self::Identity => "ssh-identity",
            Self::Tls => "tls",
            Self::User => "ssh-user",
        }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Authority {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|one| one.as_str() == name).ok_or(UnknownName {
            what: "authority",
            known: "app, database, ssh-host, ssh-identity, tls, ssh-user",
        })
    }
}

/// Where an authority is in its rotation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// The next key is trusted, and does not sign yet.
    Prepared,
    /// One key, no rotation under way.
    Steady,
    /// The next key signs; the previous one is still trusted.
    Switched,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prepared => "prepared",
            Self::Steady => "steady",
            Self::Switched => "switched",
        })
    }
}

/// A step of a rotation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// Forget the previous key: what it signed is worth nothing from now on.
    Finish,
    /// Make the next key and trust it.
    Begin,
    /// Let the next key sign.
    Switch,
    /// Take the last step back.
    Undo,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Finish => "finish",
            Self::Begin => "begin",
            Self::Switch => "switch",
            Self::Undo => "undo",
        })
    }
}

impl FromStr for Step {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        [Self::Finish, Self::Begin, Self::Switch, Self::Undo]
            .into_iter()
            .find(|step| step.to_string() == name)
            .ok_or(UnknownName { what: "step", known: "begin, switch, finish, undo" })
    }
}

/// A name that none of ours is.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unknown {what}; known are {known}")]
pub struct UnknownName {
    what: &'static str,
    known: &'static str,
}

/// Why a rotation did not move.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RotateError {
    /// The step does not follow from where the rotation is.
    #[error(
        "the rotation is {phase}, so `{step}` cannot come now; the order is begin, switch, finish"
    )]
    Order {
        /// Where it is.
        phase: Phase,
        /// What was wanted.
        step: Step,
    },
    /// The next key could not be made.
    #[error(transparent)]
    Key(#[from] SignError),
}

/// The authorities, shared by everyone who signs or checks.
///
/// A rotation is made beside it ([`Self::rotated`]), stored, and only then put in its place
/// ([`Self::adopt`]): a key that could be lost by a crash never signs anything.
pub struct Authorities {
    ring: RwLock<Arc<Ring>>,
    adopted: AtomicU64,
    /// Whether a key was made when these were opened: they are of before there was such a key.
    unsaved: bool,
}

/// The keys themselves; never changed, only replaced.
#[derive(Clone)]
pub(crate) struct Ring {
    pub(crate) cluster: Box<str>,
    pub(crate) identity: Generations<SshAuthority>,
    pub(crate) user: Generations<SshAuthority>,
    pub(crate) host: Generations<SshAuthority>,
    pub(crate) tls: Generations<X509Authority>,
    pub(crate) database: Generations<X509Authority>,
    pub(crate) host_key: SshAuthority,
    pub(crate) assertion: Generations<Arc<AssertionKey>>,
    pub(crate) checkpoint: Arc<CheckpointKey>,
    pub(crate) tickets: Arc<TicketKey>,
}

impl Authorities {
    /// Makes the first generation of everything for a new cluster.
    pub fn generate(cluster: &str, now: Timestamp) -> Result<Self, SignError> {
        let mut seed = Zeroizing::new([0u8; 32]);
        rand::fill(seed.as_mut_slice())
            .map_err(|_| SignError::Crypto("the system gave no random bytes".to_owned()))?;
        Ok(Self::from_ring(Ring {
            cluster: cluster.into(),
            identity: Generations::first(SshAuthority::generate()?),
            user: Generations::first(SshAuthority::generate()?),
            host: Generations::first(SshAuthority::generate()?),
            tls: Generations::first(X509Authority::generate("tls", cluster, now)?),
            database: Generations::first(X509Authority::generate("database", cluster, now)?),
            host_key: SshAuthority::generate()?,
            assertion: Generations::first(Arc::new(AssertionKey::generate()?)),
            checkpoint: Arc::new(CheckpointKey::from_seed(&log_name(cluster), &seed)?),
            tickets: Arc::new(TicketKey::from_seed(&seed)?),
        }))
    }

    /// The name of the cluster these authorities speak for.
    pub fn cluster(&self) -> Box<str> {
        self.ring().cluster.clone()
    }

    /// The key that signs the audit log's checkpoints. It does not rotate: the log's origin is its
    /// name.
    pub fn checkpoint(&self) -> Arc<CheckpointKey> {
        Arc::clone(&self.ring().checkpoint)
    }

    /// Where `authority` is in its rotation.
    pub fn phase(&self, authority: Authority) -> Phase {
        let ring = self.ring();
        match authority {
            Authority::App => ring.assertion.phase(),
            Authority::Database => ring.database.phase(),
            Authority::Host => ring.host.phase(),
            Authority::Identity => ring.identity.phase(),
            Authority::Tls => ring.tls.phase(),
            Authority::User => ring.user.phase(),
        }
    }

    /// These authorities with one step of a rotation taken. Store the result, then [`Self::adopt`]
    /// it.
    pub fn rotated(
        &self,
        authority: Authority,
        step: Step,
        now: Timestamp,
    ) -> Result<Self, RotateError> {
        let mut ring = Ring::clone(&self.ring());
        let cluster = ring.cluster.clone();
        match authority {
            Authority::App => {
                ring.assertion.rotate(step, || AssertionKey::generate().map(Arc::new))?;
            }
            Authority::Database => {
                ring.database.rotate(step, || X509Authority::generate("database", &cluster, now))?
            }
            Authority::Host => ring.host.rotate(step, SshAuthority::generate)?,
            Authority::Identity => ring.identity.rotate(step, SshAuthority::generate)?,
            Authority::Tls => {
                ring.tls.rotate(step, || X509Authority::generate("tls", &cluster, now))?;
            }
            Authority::User => ring.user.rotate(step, SshAuthority::generate)?,
        }
        Ok(Self::from_ring(ring))
    }

    /// Uses `other` from now on. What was signed before stays signed.
    pub fn adopt(&self, other: Self) {
        let ring = other.ring();
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = ring;
        self.adopted.fetch_add(1, Ordering::Release);
    }

    /// Whether a key was made when these were opened, which must be stored before it is used: they were sealed before
    /// there was such a key.
    pub fn unsaved(&self) -> bool {
        self.unsaved
    }

    /// How often others were adopted: who keeps something made with these asks whether it is still of them. Ask before
    /// making it.
    pub fn epoch(&self) -> u64 {
        self.adopted.load(Ordering::Acquire)
    }

    pub(crate) fn from_ring(ring: Ring) -> Self {
        Self { ring: RwLock::new(Arc::new(ring)), adopted: AtomicU64::new(0), unsaved: false }
    }

    pub(crate) fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorities({}, ***)", self.cluster())
    }
}

/// The name of the audit log: a URL without scheme, as the signed-note format recommends.
pub(crate) fn log_name(cluster: &str) -> String {
    let plain: String =
        cluster.chars().map(|c| if c.is_whitespace() || c == '+' { '-' } else { c }).collect();
    format!("countersign/{plain}/audit")
}

#[cfg(test)]
mod tests;
