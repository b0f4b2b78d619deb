//! TLS of the one port: our own certificate, renewed while we run, and whatever client certificate is shown.
//!
//! A client certificate is only proven to belong to its sender here; whom it names, and whether it is ours and
//! still good, the proxy decides with the authorities. So an expired login can still reach the login page.

use anyhow::Context as _;
use ca::Authorities;
use jiff::Timestamp;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
};
use std::sync::{Arc, PoisonError, RwLock};

/// The port's certificate of the moment.
#[derive(Debug)]
pub(crate) struct Certificate {
    authorities: Arc<Authorities>,
    names: Vec<String>,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    /// Makes the first one.
    ///
    /// # Errors
    /// A name cannot stand in a certificate.
    pub(crate) fn new(
        authorities: Arc<Authorities>,
        names: Vec<String>,
        now: Timestamp,
    ) -> anyhow::Result<Arc<Self>> {
        let first = make(&authorities, &names, now)?;
        Ok(Arc::new(Self { authorities, names, current: RwLock::new(first) }))
    }

    /// Makes a new one, for connections from now on.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn renew(&self, now: Timestamp) -> anyhow::Result<()> {
        let next = make(&self.authorities, &self.names, now)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }
}

impl Certificate {
    /// Whether another authority signs by now than the one that signed this certificate.
    pub(crate) fn is_by_a_former_authority(&self) -> bool {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.cert.get(1) != self.authorities.tls_roots().first()
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn make(
    authorities: &Authorities,
    names: &[String],
    now: Timestamp,
) -> anyhow::Result<Arc<CertifiedKey>> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let made = authorities.server_tls(&names, now).context("cannot make the port's certificate")?;
    let key = CertifiedKey::from_der(made.chain, made.key, &aws_lc_rs::default_provider());
    Ok(Arc::new(key.context("cannot use the port's certificate")?))
}

/// The TLS configuration of the one port.
///
/// # Errors
/// The authorities' certificates cannot be roots.
pub(crate) fn server(
    authorities: &Authorities,
    certificate: Arc<Certificate>,
) -> anyhow::Result<Arc<ServerConfig>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    for root in authorities.tls_roots() {
        roots.add(root).context("cannot use our own TLS authority")?;
    }
    let inner = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()?;
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder
        .with_client_cert_verifier(Arc::new(Possession(inner)))
        .with_cert_resolver(certificate);
    config.alpn_protocols = proxy::PROTOCOLS.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}

/// Checks that a client has the key of the certificate it shows, and nothing else.
#[derive(Debug)]
struct Possession(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for Possession {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    // INVARIANT: no identity comes of this; the proxy asks the authorities before it believes a name.
    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Makes aws-lc-rs the provider of whoever asks for the default one.
pub(crate) fn install_provider() {
    // A second start in one process finds it installed.
    let _ = CryptoProvider::install_default(aws_lc_rs::default_provider());
}

#[cfg(test)]
mod tests {
    use super::*;
    use ca::{Authority, Step};

    #[test]
    fn a_rotation_is_noticed_and_renewing_follows_it() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let authorities = Arc::new(Authorities::generate("demo", now).unwrap());
        let names = vec!["localhost".to_owned()];
        let certificate = Certificate::new(Arc::clone(&authorities), names, now).unwrap();
        let step =
            |step| authorities.adopt(authorities.rotated(Authority::Tls, step, now).unwrap());
        step(Step::Begin);
        assert!(!certificate.is_by_a_former_authority());
        step(Step::Switch);
        assert!(certificate.is_by_a_former_authority());
        certificate.renew(now).unwrap();
        assert!(!certificate.is_by_a_former_authority());
    }
}
