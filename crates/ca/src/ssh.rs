//! SSH keys and certificates (PROTOCOL.certkeys of OpenSSH).
//!
//! The one place that touches the `ssh-key` crate, which is still a release candidate: what it
//! checks (signature, authority, window) and what is left to its callers (critical options,
//! principals, kind) meets here, so that no one else can forget the second half.

mod host;
mod identity;
#[cfg(test)]
mod tests;
mod upstream;

pub use identity::IDENTITY_PRINCIPAL;
pub use upstream::{Allowed, UPSTREAM_LIFE, UpstreamPlan};

/// The types of SSH keys that other rooms hand in and get back.
pub mod keys {
    pub use russh::keys::ssh_key::{Certificate, PrivateKey, PublicKey};
}

use aws_lc_rs::rand;
use jiff::{SignedDuration, Timestamp};
use keys::{Certificate, PrivateKey, PublicKey};
use russh::keys::ssh_key::{
    Algorithm, HashAlg,
    certificate::{Builder, CertType},
    private::Ed25519Keypair,
};
use zeroize::Zeroizing;

use crate::{CLOCK_SKEW, CertError, SignError, generations::Generations};

/// The shortest RSA modulus of a user's key, in bits (NIST SP 800-131A).
const MIN_RSA_BITS: u32 = 2048;
/// The longest RSA modulus, in bits: beyond it a signature check is a way to burn our CPU.
const MAX_RSA_BITS: u32 = 8192;
/// The longest public key line accepted: an RSA key of 8192 bits is 1.5 KiB.
const MAX_KEY_LINE: usize = 4096;

/// One SSH authority: an ed25519 key.
#[derive(Clone)]
pub(crate) struct SshAuthority {
    key: PrivateKey,
}

impl SshAuthority {
    pub(crate) const SEED_LEN: usize = 32;

    pub(crate) fn generate() -> Result<Self, SignError> {
        let mut seed = Zeroizing::new([0u8; Self::SEED_LEN]);
        rand::fill(seed.as_mut_slice())
            .map_err(|_| SignError::Crypto("the system gave no random bytes".to_owned()))?;
        Ok(Self::from_seed(&seed))
    }

    pub(crate) fn from_seed(seed: &[u8; Self::SEED_LEN]) -> Self {
        Self { key: PrivateKey::from(Ed25519Keypair::from_seed(seed)) }
    }

    pub(crate) fn seed(&self) -> Option<Zeroizing<[u8; Self::SEED_LEN]>> {
        self.key.key_data().ed25519().map(|pair| Zeroizing::new(pair.private.to_bytes()))
    }

    pub(crate) fn private(&self) -> &PrivateKey {
        &self.key
    }

    pub(crate) fn public(&self) -> &PublicKey {
        self.key.public_key()
    }

    /// The public key as one line, with `comment` behind it.
    pub(crate) fn line(&self, comment: &str) -> Result<String, SignError> {
        let public = PublicKey::new(self.public().key_data().clone(), comment);
        public.to_openssh().map_err(crypto)
    }
}

/// What every SSH certificate of ours has.
struct Draft<'a> {
    kind: CertType,
    key: &'a PublicKey,
    key_id: String,
    principals: Vec<String>,
    extensions: Vec<(String, String)>,
    /// How far before now it begins.
    back: SignedDuration,
    until: Timestamp,
}

impl Draft<'_> {
    fn sign(self, authority: &SshAuthority, now: Timestamp) -> Result<Certificate, SignError> {
        if self.until <= now {
            return Err(SignError::AlreadyOver(self.until));
        }
        // An empty list of principals would mean "everyone" (PROTOCOL.certkeys).
        if self.principals.is_empty() {
            return Err(SignError::NoName);
        }
        let mut nonce = [0u8; Builder::RECOMMENDED_NONCE_SIZE];
        let mut serial = [0u8; 8];
        rand::fill(&mut nonce)
            .and_then(|()| rand::fill(&mut serial))
            .map_err(|_| SignError::Crypto("the system gave no random bytes".to_owned()))?;
        let from = now.checked_sub(self.back).unwrap_or(now);
        let seconds = |at: Timestamp| u64::try_from(at.as_second()).unwrap_or(0);
        let mut builder =
            Builder::new(nonce, self.key.key_data().clone(), seconds(from), seconds(self.until))
                .map_err(crypto)?;
        builder
            .serial(u64::from_be_bytes(serial))
            .and_then(|builder| builder.cert_type(self.kind))
            .and_then(|builder| builder.key_id(self.key_id))
            .map_err(crypto)?;
        for principal in self.principals {
            builder.valid_principal(principal).map_err(crypto)?;
        }
        for (name, data) in self.extensions {
            builder.extension(name, data).map_err(crypto)?;
        }
        builder.sign(authority.private()).map_err(crypto)
    }
}

/// Everything about a certificate that does not depend on its use: kind, authority, signature,
/// window, and no critical option (none is known here, and an unknown one must not be ignored).
fn check(
    certificate: &Certificate,
    kind: CertType,
    authorities: &Generations<SshAuthority>,
    now: Timestamp,
) -> Result<(), CertError> {
    if certificate.cert_type() != kind {
        let expected = if kind == CertType::Host { "ssh host" } else { "ssh user" };
        return Err(CertError::Kind { expected });
    }
    let signer = certificate.signature_key();
    if !authorities.trusted().any(|authority| authority.public().key_data() == signer) {
        return Err(CertError::UnknownAuthority);
    }
    let begins = timestamp(certificate.valid_after());
    let ends = timestamp(certificate.valid_before());
    // `validate_at` checks the signature; the window is ours, so it is asked about a moment that
    // lies inside whatever the certificate claims.
    certificate
        .validate_at(certificate.valid_after(), &[signer.fingerprint(HashAlg::Sha256)])
        .map_err(|_| CertError::Signature)?;
    if begins > now.checked_add(CLOCK_SKEW).unwrap_or(Timestamp::MAX) {
        return Err(CertError::NotYetValid(begins));
    }
    if now >= ends {
        return Err(CertError::Expired(ends));
    }
    match certificate.critical_options().keys().next() {
        Some(name) => Err(CertError::CriticalOption(name.escape_debug().to_string())),
        None => Ok(()),
    }
}

/// Seconds since 1970; what no clock can show (`u64::MAX` is "for ever") becomes the end of time.
fn timestamp(seconds: u64) -> Timestamp {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .unwrap_or(Timestamp::MAX)
}

/// Reads a public key of a user, as `ssh-keygen` writes it, and accepts or refuses its kind.
pub fn parse_user_key(line: &str) -> Result<PublicKey, SignError> {
    if line.len() > MAX_KEY_LINE {
        return Err(SignError::Key(format!("longer than {MAX_KEY_LINE} bytes")));
    }
    // A certificate in place of a key would be decoded recursively; refused by its name.
    if line.split_whitespace().next().is_some_and(|kind| kind.contains("-cert-v")) {
        return Err(SignError::Key("it is a certificate; give the plain public key".to_owned()));
    }
    let key = PublicKey::from_openssh(line.trim())
        .map_err(|_| SignError::Key("not an OpenSSH public key line".to_owned()))?;
    accept_user_key(&key)?;
    Ok(key)
}

/// Accepts ed25519, ECDSA, RSA of 2048 bits or more, and security keys; refuses DSA, short RSA,
/// certificates and kinds we do not know.
pub fn accept_user_key(key: &PublicKey) -> Result<(), SignError> {
    let refuse = |why: &str| Err(SignError::Key(why.to_owned()));
    if key.key_data().is_certificate() {
        return refuse("it is a certificate; give the plain public key");
    }
    match key.algorithm() {
        Algorithm::Ed25519
        | Algorithm::Ecdsa { .. }
        | Algorithm::SkEd25519
        | Algorithm::SkEcdsaSha2NistP256 => Ok(()),
        Algorithm::Rsa { .. } => match key.key_data().rsa().map(|rsa| rsa.key_size()) {
            Some(MIN_RSA_BITS..=MAX_RSA_BITS) => Ok(()),
            _ => refuse("an RSA key needs 2048 to 8192 bits; better `ssh-keygen -t ed25519`"),
        },
        Algorithm::Dsa => refuse("DSA is broken; use `ssh-keygen -t ed25519`"),
        Algorithm::Other(_) | _ => {
            refuse("a kind that is not known here; use `ssh-keygen -t ed25519`")
        }
    }
}

/// The fingerprint of a public key, `SHA256:…`, as `ssh-keygen -l` shows it.
pub fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

fn crypto(error: russh::keys::ssh_key::Error) -> SignError {
    SignError::Crypto(error.to_string())
}
