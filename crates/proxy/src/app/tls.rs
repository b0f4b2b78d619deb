//! TLS towards an application: what is checked of its certificate.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::stored::AppError;

/// How an application proves that it is itself: its name, and the TLS that checks it, for each version of HTTP.
#[derive(Debug)]
pub(crate) struct Proof {
    pub(crate) name: ServerName<'static>,
    pub(crate) http1: Arc<ClientConfig>,
    pub(crate) http2: Arc<ClientConfig>,
}

/// What is checked: that the certificate is `name`'s, by the authorities `named` or, without them, those of the system;
/// or, when `anyone` may answer, nothing.
pub(super) async fn proof(
    name: String,
    named: Option<Vec<CertificateDer<'static>>>,
    anyone: bool,
) -> Result<Proof, AppError> {
    let wrong = |why: &dyn std::fmt::Display| AppError::Tls(why.to_string().into());
    let server = ServerName::try_from(name).map_err(|error| wrong(&error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let pinned = named.clone().unwrap_or_default();
    let chain = if anyone {
        None
    } else {
        let roots = match named {
            Some(named) => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(named);
                roots
            }
            // Only a runtime that ends does not run it; then nothing is trusted.
            None => {
                tokio::task::spawn_blocking(system).await.unwrap_or_else(|_| RootCertStore::empty())
            }
        };
        let built =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        Some(built.build().map_err(|error| wrong(&error))?)
    };
    let check = Arc::new(Check { chain, pinned, provider: Arc::clone(&provider) });
    let made = |alpn: &[u8]| {
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(&error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&check) as Arc<dyn ServerCertVerifier>)
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.to_vec()];
        Ok::<_, AppError>(Arc::new(config))
    };
    Ok(Proof { name: server, http1: made(b"http/1.1")?, http2: made(b"h2")? })
}

/// The authorities of the system. What is in them as text, and cannot be read, is left out.
fn system() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

#[derive(Debug)]
struct Check {
    /// `None` when nothing is checked.
    chain: Option<Arc<WebPkiServerVerifier>>,
    /// Certificates the application may show itself, authority or not.
    pinned: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Check {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        match chain.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(_)) if self.pinned.contains(certificate) => {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
