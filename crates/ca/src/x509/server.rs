//! The certificate of the one port, and the pin by which `tsh` knows it.

use std::{fmt, net::IpAddr, str::FromStr};

use aws_lc_rs::digest;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{between, crypto};
use crate::{Authorities, DATED_BACK, SignError};

/// How long the port's certificate lives. The daemon makes a new one at every start and every day.
pub const SERVER_TLS_LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A chain and its key, as `rustls::ServerConfig::with_single_cert` takes them.
pub struct ServerTls {
    /// The port's certificate, then its authority's: the second is what a pin is compared with.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key, made for this certificate.
    pub key: PrivateKeyDer<'static>,
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").field("chain", &self.chain.len()).field("key", &"***").finish()
    }
}

/// SHA-256 of an authority's SubjectPublicKeyInfo (as in RFC 7469 section 2.4), shown as
/// `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Pin([u8; 32]);

impl Pin {
    /// The pin of a certificate's key; `None` when it is not a certificate.
    pub fn of_certificate(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let hash = digest::digest(&digest::SHA256, certificate.public_key().raw);
        hash.as_ref().try_into().ok().map(Self)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", crate::seal::hex(&self.0))
    }
}

impl FromStr for Pin {
    type Err = SignError;

    fn from_str(text: &str) -> Result<Self, SignError> {
        let bad = || SignError::Key("a pin is `sha256:` and 64 hexadecimal digits".to_owned());
        let digits = text.strip_prefix("sha256:").ok_or_else(bad)?;
        if digits.len() != 64 || !digits.is_ascii() {
            return Err(bad());
        }
        let mut pin = [0u8; 32];
        for (byte, at) in pin.iter_mut().zip((0..64).step_by(2)) {
            let pair = digits.get(at..at + 2).ok_or_else(bad)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| bad())?;
        }
        Ok(Self(pin))
    }
}

impl Authorities {
    /// Makes the port's key and certificate for `names`: DNS names, with `*.` in front or not,
    /// and IP addresses.
    pub fn server_tls(&self, names: &[&str], now: Timestamp) -> Result<ServerTls, SignError> {
        let first = names.first().ok_or(SignError::NoName)?;
        let from = now.checked_sub(DATED_BACK).unwrap_or(now);
        let mut params = between(from, now.checked_add(SERVER_TLS_LIFE).unwrap_or(Timestamp::MAX))?;
        params.distinguished_name.push(DnType::CommonName, *first);
        for name in names {
            let bare = name.trim_start_matches('[').trim_end_matches(']');
            params.subject_alt_names.push(match bare.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(
                    dns_name(name)
                        .ok_or_else(|| SignError::Name(name.escape_debug().to_string()))?,
                ),
            });
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(crypto)?;
        let ring = self.ring();
        let authority = &ring.tls.active;
        let leaf = params.signed_by(&pair, authority.issuer()).map_err(crypto)?;
        Ok(ServerTls {
            chain: vec![leaf.der().clone(), authority.certificate().clone()],
            key: PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pair.serialize_der())),
        })
    }

    /// The authorities of the port and of TLS identities, the active one first: the roots of a
    /// client verifier.
    pub fn tls_roots(&self) -> Vec<CertificateDer<'static>> {
        self.ring().tls.trusted().map(|authority| authority.certificate().clone()).collect()
    }

    /// The same in PEM.
    pub fn tls_roots_pem(&self) -> String {
        self.ring().tls.trusted().map(super::X509Authority::pem).collect()
    }

    /// The pins of the port, the active one first. The daemon prints the first at start; while a
    /// rotation is prepared the next one is there too.
    pub fn pins(&self) -> Vec<Pin> {
        let ring = self.ring();
        ring.tls.trusted().filter_map(|one| Pin::of_certificate(one.certificate())).collect()
    }
}

fn dns_name(name: &str) -> Option<rcgen::string::Ia5String> {
    let host = name.strip_prefix("*.").unwrap_or(name);
    let good = (1..=253).contains(&host.len())
        && host.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        });
    if good { name.try_into().ok() } else { None }
}
