//! Which server is the right one: the authority agreed to once, by its pin, and nobody else.

use std::fmt;
use std::net::TcpStream;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use sha2::{Digest, Sha256};
use x509_parser::prelude::FromDer;

use crate::error::Error;

/// SHA-256 of an authority's SubjectPublicKeyInfo, written `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pin([u8; 32]);

impl Pin {
    /// The pin of a certificate; `None` if it cannot be read.
    #[must_use]
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(certificate).ok()?;
        Some(Self(Sha256::digest(parsed.public_key().raw).into()))
    }

    /// A pin that no key has, for a client which must not believe in any server.
    #[must_use]
    pub fn nothing() -> Self {
        Self([0; 32])
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Why a text is not a pin.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a pin is `sha256:` and 64 hexadecimal digits, as `countersign start` prints it")]
pub struct InvalidPin;

impl FromStr for Pin {
    type Err = InvalidPin;

    fn from_str(text: &str) -> Result<Self, InvalidPin> {
        let digits = text.strip_prefix("sha256:").ok_or(InvalidPin)?;
        if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(InvalidPin);
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            let pair = digits.get(at..at + 2).ok_or(InvalidPin)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| InvalidPin)?;
        }
        Ok(Self(bytes))
    }
}

/// What makes a server the right one.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Its certificate comes from an authority with this pin, which it sends along.
    Pin(Pin),
    /// Its certificate comes from one of these authorities.
    Authorities(Vec<CertificateDer<'static>>),
}

/// A certificate and its key, for TLS.
pub type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The settings of a TLS client which believes in `trust` and shows `identity`.
///
/// # Errors
/// The key does not fit the certificate, or there is no authority to trust.
pub fn client_config(
    trust: Trust,
    identity: Option<Identity>,
) -> Result<rustls::ClientConfig, Error> {
    let provider = provider();
    let algorithms = provider.signature_verification_algorithms;
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::Pin(pin) => Arc::new(Pinned { pin, algorithms, provider: provider.clone() }),
        Trust::Authorities(known) => webpki(known, provider.clone()).map_err(|error| {
            Error::internal("cannot use the authorities of the profile").because(error)
        })?,
    };
    build(provider, verifier, identity)
}

/// The same for a connection that begins with a routing line inside TLS.
///
/// # Errors
/// As [`client_config`].
pub fn tunnel_config(trust: Trust, identity: Identity) -> Result<rustls::ClientConfig, Error> {
    let mut config = client_config(trust, Some(identity))?;
    config.alpn_protocols = vec![ROUTED.to_vec()];
    Ok(config)
}

/// ALPN of a connection that begins with a routing line.
const ROUTED: &[u8] = b"x-countersign";

fn build(
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
    identity: Option<Identity>,
) -> Result<rustls::ClientConfig, Error> {
    let failed = |error| Error::internal("cannot set up TLS").because(error);
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(failed)?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn webpki(
    authorities: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority)?;
    }
    WebPkiServerVerifier::builder_with_provider(roots.into(), provider)
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))
}

/// Believes in the one authority which has the pin: it must be in the chain and have signed the certificate.
#[derive(Debug)]
struct Pinned {
    pin: Pin,
    algorithms: WebPkiSupportedAlgorithms,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let authority = intermediates
            .iter()
            .find(|certificate| Pin::of(certificate).as_ref() == Some(&self.pin))
            .ok_or(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
        webpki(vec![authority.clone().into_owned()], self.provider.clone())?.verify_server_cert(
            end_entity,
            intermediates,
            name,
            ocsp,
            now,
        )
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Looks at the chain and then always gives up: nothing is ever said to a server met this way.
#[derive(Debug)]
struct Look {
    chain: Mutex<Vec<CertificateDer<'static>>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Look {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Ok(mut chain) = self.chain.lock() {
            *chain =
                intermediates.iter().map(|certificate| certificate.clone().into_owned()).collect();
        }
        Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The pin of the authority a server at `address` presents, before anything is said to it.
///
/// # Errors
/// The server cannot be reached, speaks no TLS, or sends no authority.
pub fn look(address: &str) -> Result<Pin, Error> {
    let unreachable = |error: std::io::Error| {
        Error::network(format!("cannot reach the server `{address}`")).because(error)
    };
    let provider = provider();
    let algorithms = provider.signature_verification_algorithms;
    let look = Arc::new(Look { chain: Mutex::new(Vec::new()), algorithms });
    let config = build(provider, look.clone(), None)?;
    let name = server_name(address)?;
    let mut connection = rustls::ClientConnection::new(Arc::new(config), name)
        .map_err(|error| Error::internal("cannot set up TLS").because(error))?;
    let mut stream = TcpStream::connect(address).map_err(unreachable)?;
    let timeout = Some(crate::route::CONNECT_TIMEOUT);
    stream.set_read_timeout(timeout).map_err(unreachable)?;
    stream.set_write_timeout(timeout).map_err(unreachable)?;
    // It always ends in an error: the verifier believes in nobody.
    let ended = connection.complete_io(&mut stream);
    let chain = look.chain.lock().map(|chain| chain.clone()).unwrap_or_default();
    match (chain.last().and_then(Pin::of), ended) {
        (Some(pin), _) => Ok(pin),
        (None, Err(error)) if error.get_ref().is_none_or(|inner| !inner.is::<rustls::Error>()) => {
            Err(unreachable(error))
        }
        (None, _) => Err(Error::network(format!(
            "`{address}` is not a Countersign server: it shows no authority"
        ))
        .hint("check the address; `countersign start` prints it")),
    }
}

/// The host of `host:port` as TLS asks for it.
///
/// # Errors
/// It is no such address.
pub fn server_name(address: &str) -> Result<ServerName<'static>, Error> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(host.to_owned())
        .map_err(|_| Error::usage(format!("`{address}` is not an address: expected HOST:PORT")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_read_as_it_is_written() {
        let text = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(text.parse::<Pin>().unwrap().to_string(), text);
    }

    #[test]
    fn what_is_no_pin_is_refused() {
        for bad in
            ["", "sha256:", "sha1:00", &format!("sha256:{}", "+f".repeat(32)), &"00".repeat(32)]
        {
            assert!(bad.parse::<Pin>().is_err(), "{bad}");
        }
    }
}
