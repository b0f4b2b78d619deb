//! TLS identities: who a person is, for HTTPS and the databases' doors.
//!
//! Subject alternative names hold the facts, as URIs: `countersign:user:alice`,
//! `countersign:login:0123abcd-4567-89ab`, `countersign:mfa`, `countersign:device`. URIs rather
//! than extensions of our own, because every tool shows them and no registered number is needed.

use access::{
    identity::Identity,
    name::{LoginId, UserName},
};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use jiff::Timestamp;
use rcgen::{
    DnType, ExtendedKeyUsagePurpose, KeyUsagePurpose, PublicKeyData as _, SanType,
    SubjectPublicKeyInfo,
};
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, GeneralName, ParsedExtension, X509Certificate};

use super::{X509Authority, crypto, params, pem};
use crate::{Authorities, CLOCK_SKEW, CertError, SignError};

const USER: &str = "countersign:user:";
const LOGIN: &str = "countersign:login:";
const MFA: &str = "countersign:mfa";
const DEVICE: &str = "countersign:device";
/// The longest certificate that is looked at; ours have about 700 bytes.
const MAX_DER: usize = 16 * 1024;
/// ecdsa-with-SHA256 (RFC 5758 section 3.2): what our authorities sign with.
const ECDSA_WITH_SHA256: &str = "1.2.840.10045.4.3.2";
const ECDSA_WITH_SHA256_DER: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
/// Tag and length of a certificate of 256 to 65535 bytes, as all of ours are.
const OUTER_HEADER: usize = 4;

/// A TLS identity just signed.
#[derive(Clone, Debug)]
pub struct TlsIdentity {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
}

impl TlsIdentity {
    /// The certificate in PEM.
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }
}

impl Authorities {
    /// Signs who someone is into an X.509 certificate for the public key in `spki_pem` (a PEM
    /// `PUBLIC KEY`, RFC 7468 section 13), valid until the identity's end. The holder of the
    /// private key proves it in the TLS handshake, so no signing request is needed.
    pub fn sign_identity_x509(
        &self,
        identity: &Identity,
        spki_pem: &str,
        now: Timestamp,
    ) -> Result<TlsIdentity, SignError> {
        let key = public_key(spki_pem)?;
        let mut params = params(now, identity.expires)?;
        params.distinguished_name.push(DnType::CommonName, identity.user.as_str());
        let mut facts = vec![
            format!("{USER}{}", escape(identity.user.as_str())),
            format!("{LOGIN}{}", identity.login),
        ];
        facts.extend(identity.mfa.then(|| MFA.to_owned()));
        facts.extend(identity.device.then(|| DEVICE.to_owned()));
        for fact in facts {
            params.subject_alt_names.push(SanType::URI(fact.try_into().map_err(crypto)?));
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let ring = self.ring();
        let certificate = params.signed_by(&key, ring.tls.active.issuer()).map_err(crypto)?;
        Ok(TlsIdentity { certificate: certificate.der().clone() })
    }

    /// Who an X.509 certificate says its holder is. That the holder has the private key is for
    /// the caller to see, in the TLS handshake.
    pub fn verify_identity_x509(&self, der: &[u8], now: Timestamp) -> Result<Identity, CertError> {
        let malformed = |why: &str| CertError::Malformed(why.to_owned());
        if der.len() > MAX_DER {
            return Err(malformed("too long"));
        }
        let (rest, certificate) =
            X509Certificate::from_der(der).map_err(|_| malformed("not an X.509 certificate"))?;
        if !rest.is_empty() {
            return Err(malformed("bytes behind the certificate"));
        }
        let ring = self.ring();
        signed_by_one_of(ring.tls.trusted(), &certificate, der)?;
        let validity = certificate.validity();
        let at = |time: x509_parser::time::ASN1Time| {
            Timestamp::from_second(time.timestamp()).unwrap_or(Timestamp::MAX)
        };
        let (begins, ends) = (at(validity.not_before), at(validity.not_after));
        if begins > now.checked_add(CLOCK_SKEW).unwrap_or(Timestamp::MAX) {
            return Err(CertError::NotYetValid(begins));
        }
        if now >= ends {
            return Err(CertError::Expired(ends));
        }
        let facts = facts(&certificate)?;
        let one = |prefix: &str| {
            let mut found = facts.iter().filter_map(|fact| fact.strip_prefix(prefix));
            found.next().filter(|_| found.next().is_none()).map(str::to_owned)
        };
        let user = one(USER)
            .and_then(|name| unescape(&name))
            .and_then(|name| name.parse::<UserName>().ok())
            .ok_or_else(|| CertError::Principal { wanted: format!("{USER}<name>") })?;
        let login = one(LOGIN)
            .and_then(|login| login.parse::<LoginId>().ok())
            .ok_or_else(|| CertError::Principal { wanted: format!("{LOGIN}<id>") })?;
        let has = |name: &str| facts.iter().any(|fact| fact == name);
        Ok(Identity { user, login, expires: ends, mfa: has(MFA), device: has(DEVICE) })
    }
}

/// Refuses what none of `authorities` signed.
fn signed_by_one_of<'a>(
    mut authorities: impl Iterator<Item = &'a X509Authority>,
    certificate: &X509Certificate<'_>,
    der: &[u8],
) -> Result<(), CertError> {
    let issuer = authorities
        .find(|authority| {
            X509Certificate::from_der(authority.certificate())
                .is_ok_and(|(_, ca)| ca.subject().as_raw() == certificate.issuer().as_raw())
        })
        .ok_or(CertError::UnknownAuthority)?;
    // The algorithm is named inside and outside of what is signed, and both must agree (RFC 5280
    // section 4.1.1.2). The outside one is compared as bytes: a lenient reading would let a
    // certificate be changed without its signature.
    let outside = der.get(OUTER_HEADER + certificate.tbs_certificate.as_ref().len()..);
    let algorithm = &certificate.tbs_certificate.signature;
    if algorithm.algorithm.to_id_string() != ECDSA_WITH_SHA256
        || outside.is_none_or(|outside| !outside.starts_with(ECDSA_WITH_SHA256_DER))
        || certificate.signature_value.unused_bits != 0
    {
        return Err(CertError::Signature);
    }
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, issuer.issuer().key().der_bytes())
        .verify(certificate.tbs_certificate.as_ref(), &certificate.signature_value.data)
        .map_err(|_| CertError::Signature)
}

/// The `countersign:` URIs of a client's certificate. Refuses an authority's certificate, one that
/// is not for a client, and any critical extension that is not understood here.
fn facts(certificate: &X509Certificate<'_>) -> Result<Vec<String>, CertError> {
    let kind = || CertError::Kind { expected: "tls client" };
    let mut facts = Vec::new();
    let mut client = false;
    for extension in certificate.extensions() {
        let parsed = extension.parsed_extension();
        if let ParsedExtension::BasicConstraints(basic) = parsed {
            if basic.ca {
                return Err(kind());
            }
        } else if let ParsedExtension::ExtendedKeyUsage(usage) = parsed {
            client = usage.client_auth;
        } else if let ParsedExtension::SubjectAlternativeName(names) = parsed {
            for name in &names.general_names {
                if let GeneralName::URI(uri) = name {
                    facts.push((*uri).to_owned());
                }
            }
        } else if extension.critical && !matches!(parsed, ParsedExtension::KeyUsage(_)) {
            return Err(CertError::CriticalOption(extension.oid.to_id_string()));
        }
    }
    if client { Ok(facts) } else { Err(kind()) }
}

fn public_key(spki_pem: &str) -> Result<SubjectPublicKeyInfo, SignError> {
    let refuse = |why: &str| SignError::Key(why.to_owned());
    if spki_pem.len() > MAX_DER {
        return Err(refuse("too long"));
    }
    let key = SubjectPublicKeyInfo::from_pem(spki_pem).map_err(|_| {
        refuse("not a PEM `PUBLIC KEY` of a kind known here; make an ECDSA P-256 key")
    })?;
    let good =
        [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519];
    match good.contains(&key.algorithm()) {
        true => Ok(key),
        false => Err(refuse("TLS identities take ECDSA P-256, P-384 or ed25519 keys")),
    }
}

/// Percent-encodes what RFC 3986 section 2.3 does not call unreserved.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}
