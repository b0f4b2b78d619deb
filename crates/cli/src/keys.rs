//! Private keys: made here, written to the home directory, sent nowhere.

use std::fmt;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use russh::keys::{Algorithm, PrivateKey};
use zeroize::Zeroizing;

use crate::error::Error;

/// The two keys of one login.
pub struct Keys {
    /// The ed25519 key in OpenSSH's own format.
    pub ssh_private: Zeroizing<String>,
    /// Its public half, an `authorized_keys` line.
    pub ssh_public: String,
    /// The P-256 key as PKCS #8 in PEM.
    pub tls_private: Zeroizing<String>,
    /// Its public half, SubjectPublicKeyInfo (RFC 5280 §4.1) in PEM.
    pub tls_public: String,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("ssh_public", &self.ssh_public).finish_non_exhaustive()
    }
}

impl Keys {
    /// Makes both keys; `comment` stands behind the public one.
    ///
    /// # Errors
    /// The machine gives no randomness.
    pub fn generate(comment: &str) -> Result<Self, Error> {
        let failed = |what: String| Error::internal("cannot make a key").because(what);
        let mut ssh = PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519)
            .map_err(|error| failed(error.to_string()))?;
        ssh.set_comment(comment);
        let tls = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
            .map_err(|error| failed(error.to_string()))?;
        let private = tls.to_pkcs8v1().map_err(|error| failed(error.to_string()))?;
        let public = AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(tls.public_key())
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            ssh_private: ssh
                .to_openssh(russh::keys::ssh_key::LineEnding::LF)
                .map_err(|error| failed(error.to_string()))?,
            ssh_public: ssh.public_key().to_openssh().map_err(|error| failed(error.to_string()))?,
            tls_private: Zeroizing::new(pem("PRIVATE KEY", private.as_ref())),
            tls_public: pem("PUBLIC KEY", public.as_ref()),
        })
    }
}

/// PEM (RFC 7468): base64 in lines of 64 between two labels.
#[must_use]
pub fn pem(label: &str, der: &[u8]) -> String {
    let text = Zeroizing::new(STANDARD.encode(der));
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = tail;
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls_pki_types::PrivateKeyDer;
    use rustls_pki_types::pem::PemObject;

    #[test]
    fn others_read_the_keys_made_here() {
        let keys = Keys::generate("alice@example").unwrap();
        let ssh = PrivateKey::from_openssh(keys.ssh_private.as_str()).unwrap();
        assert_eq!(ssh.public_key().to_openssh().unwrap(), keys.ssh_public);
        assert!(keys.ssh_public.ends_with(" alice@example"), "{}", keys.ssh_public);
        let tls = PrivateKeyDer::from_pem_slice(keys.tls_private.as_bytes()).unwrap();
        rustls::crypto::aws_lc_rs::sign::any_ecdsa_type(&tls).unwrap();
        assert!(
            keys.tls_public.starts_with("-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYI"),
            "{}",
            keys.tls_public
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        let keys = Keys::generate("x").unwrap();
        let shown = format!("{keys:?}");
        assert!(!shown.contains("PRIVATE"), "{shown}");
    }
}
