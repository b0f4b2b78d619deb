//! X.509 certificates (RFC 5280): the port's own, people's TLS identities, clients of databases.
//!
//! ECDSA P-256 throughout: every TLS library and database driver takes it.

mod database;
mod identity;
mod pair;
mod server;
#[cfg(test)]
mod tests;

pub use database::{DatabasePlan, Subject};
pub use identity::TlsIdentity;
pub use pair::is_pair;
pub use server::{Pin, SERVER_TLS_LIFE, ServerTls};

use std::{sync::Arc, time::Duration};

use aws_lc_rs::rand;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, SerialNumber,
};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use crate::{CLOCK_SKEW, SignError};

/// How long the certificate of an X.509 authority lives. Rotation comes first; this is only the
/// end of a key that everybody forgot.
const AUTHORITY_LIFE: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);

/// One X.509 authority: its key and its self-signed certificate.
#[derive(Clone)]
pub(crate) struct X509Authority {
    inner: Arc<Inner>,
}

struct Inner {
    issuer: Issuer<'static, KeyPair>,
    key: Zeroizing<Vec<u8>>,
    certificate: CertificateDer<'static>,
}

impl X509Authority {
    /// Makes a key and a certificate for `purpose` (`tls`, `database`) of `cluster`.
    pub(crate) fn generate(
        purpose: &str,
        cluster: &str,
        now: Timestamp,
    ) -> Result<Self, SignError> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(crypto)?;
        let mut params = params(now, now.checked_add(AUTHORITY_LIFE).unwrap_or(Timestamp::MAX))?;
        // A name of its own for every generation, so that chains are built to the right one.
        let mut tag = [0u8; 4];
        rand::fill(&mut tag).map_err(|_| no_random())?;
        let name = format!("countersign {purpose} authority {}", crate::seal::hex(&tag));
        params.distinguished_name.push(DnType::OrganizationName, cluster);
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&pair).map_err(crypto)?;
        Self::from_parts(pair.serialized_der(), certificate.der().to_vec())
    }

    /// Puts together what was sealed: the PKCS #8 key and the certificate.
    pub(crate) fn from_parts(key: &[u8], certificate: Vec<u8>) -> Result<Self, SignError> {
        let key = Zeroizing::new(key.to_vec());
        let certificate = CertificateDer::from(certificate);
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(
            &PrivatePkcs8KeyDer::from(key.as_slice()),
            &PKCS_ECDSA_P256_SHA256,
        )
        .map_err(crypto)?;
        let issuer = Issuer::from_ca_cert_der(&certificate, pair).map_err(crypto)?;
        Ok(Self { inner: Arc::new(Inner { issuer, key, certificate }) })
    }

    pub(crate) fn key(&self) -> &[u8] {
        &self.inner.key
    }

    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.inner.certificate
    }

    fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.inner.issuer
    }

    pub(crate) fn pem(&self) -> String {
        pem("CERTIFICATE", self.certificate())
    }
}

/// The fields every certificate of ours has: window and a random serial number.
fn params(now: Timestamp, until: Timestamp) -> Result<CertificateParams, SignError> {
    if until <= now {
        return Err(SignError::AlreadyOver(until));
    }
    between(now.checked_sub(CLOCK_SKEW).unwrap_or(now), until)
}

/// The same, from a beginning of its own.
fn between(from: Timestamp, until: Timestamp) -> Result<CertificateParams, SignError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let date = |at: Timestamp| {
        let seconds = u64::try_from(at.as_second()).unwrap_or(0);
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    // GeneralizedTime ends with the year 9999 (RFC 5280 section 4.1.2.5.2), as jiff's time does.
    params.not_before = date(from);
    params.not_after = date(until);
    let mut serial = [0u8; 16];
    rand::fill(&mut serial).map_err(|_| no_random())?;
    // Positive, and never zero (RFC 5280 section 4.1.2.2).
    if let Some(first) = serial.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn crypto(error: rcgen::Error) -> SignError {
    SignError::Crypto(error.to_string())
}

fn no_random() -> SignError {
    SignError::Crypto("the system gave no random bytes".to_owned())
}

/// PEM text (RFC 7468) of one DER value.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let mut text = format!("-----BEGIN {label}-----\n");
    for (index, character) in STANDARD.encode(der).chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text.push_str(&format!("\n-----END {label}-----\n"));
    text
}
