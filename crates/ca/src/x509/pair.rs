//! Whether a certificate and a private key belong together.

use rcgen::{KeyPair, PublicKeyData as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Whether `key` is the private key of the first certificate of `chain`.
#[must_use]
pub fn is_pair(chain: &[CertificateDer<'_>], key: &PrivateKeyDer<'_>) -> bool {
    let Ok(pair) = KeyPair::try_from(key) else { return false };
    let parsed = chain.first().map(|first| X509Certificate::from_der(first));
    matches!(parsed, Some(Ok((_, certificate)))
        if certificate.public_key().raw == pair.subject_public_key_info())
}
