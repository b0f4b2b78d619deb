//! TLS towards a database: what is checked of its certificate, and the certificate that is shown to it.

use std::io;
use std::sync::Arc;

use ca::{DatabasePlan, Subject};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme,
};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::dial::Errand;
use super::{Database, DbLogin, Fault, Protocol, TargetTls, TlsMode, Trust};
use crate::listen::Wire;

/// The TLS handshake on a connection that the server is ready to encrypt.
pub(super) async fn handshake(
    errand: &Errand<'_>,
    database: &Database,
    socket: Wire,
    alpn: &[&[u8]],
) -> Result<TlsStream<Wire>, Fault> {
    let name = server_name(database)?;
    let wanted: Box<str> = name.to_str().into();
    let mut config = config(errand, database)?;
    config.alpn_protocols = alpn.iter().map(|word| word.to_vec()).collect();
    let connected = TlsConnector::from(Arc::new(config)).connect(name, socket).await;
    connected.map_err(|error| refused(error, wanted))
}

/// What a failed handshake means.
fn refused(error: io::Error, wanted: Box<str>) -> Fault {
    match cause(&error) {
        Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => Fault::TlsName { wanted, source: error },
        Some(rustls::Error::InvalidCertificate(_)) => Fault::TlsAuthority(error),
        _ => broke("the TLS handshake", error),
    }
}

/// What an error of a connection means. With TLS 1.3 the server's word on our certificate comes after the handshake.
pub(super) fn broke(step: &'static str, error: io::Error) -> Fault {
    use AlertDescription as Alert;
    match cause(&error) {
        Some(rustls::Error::AlertReceived(
            Alert::BadCertificate
            | Alert::CertificateExpired
            | Alert::CertificateRequired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::UnsupportedCertificate,
        )) => Fault::TlsClient(error),
        Some(_) => Fault::Tls(error),
        None if error.kind() == io::ErrorKind::UnexpectedEof => Fault::Vanished(step),
        None => Fault::Broke { step, source: error },
    }
}

fn cause(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// The name the certificate must have: the one of the record, or the address's host.
fn server_name(database: &Database) -> Result<ServerName<'static>, Fault> {
    let host = database.addr.rsplit_once(':').map_or(&*database.addr, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = database.tls.server_name.as_deref().unwrap_or(host);
    ServerName::try_from(name.to_owned())
        .map_err(|_| Fault::TlsSetup(format!("`{name}` is not a host name").into()))
}

fn config(errand: &Errand<'_>, database: &Database) -> Result<ClientConfig, Fault> {
    let setup = |error: &dyn std::fmt::Display| Fault::TlsSetup(error.to_string().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let check = Check::new(&database.tls, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| setup(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(check));
    let mut config = match &database.login {
        DbLogin::Password(_) => builder.with_no_client_auth(),
        DbLogin::Certificate => {
            let plan = DatabasePlan {
                database_user: errand.account.into(),
                subject: match database.protocol {
                    Protocol::Postgres => Subject::Traced,
                    Protocol::MySql => Subject::Name,
                },
                user: errand.user.clone(),
                session: errand.session,
                until: errand.until,
            };
            let shown = errand.authorities.sign_database(&plan, errand.now);
            let shown = shown.map_err(Fault::Sign)?;
            builder.with_client_auth_cert(shown.chain, shown.key).map_err(|error| setup(&error))?
        }
    };
    // A resumed session would carry the certificate of another one.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// What checks a target's certificate as its record says.
///
/// # Errors
/// No authority can be used.
pub(crate) fn verifier(tls: &TargetTls) -> Result<Arc<dyn ServerCertVerifier>, Fault> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(Arc::new(Check::new(tls, &provider)?))
}

/// Checks a database's certificate as the record of the target says.
#[derive(Debug)]
struct Check {
    mode: TlsMode,
    trust: Arc<Trust>,
    /// `None` when nothing is checked.
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl Check {
    fn new(tls: &TargetTls, provider: &Arc<CryptoProvider>) -> Result<Self, Fault> {
        let chain = match tls.mode {
            TlsMode::Insecure | TlsMode::Off => None,
            TlsMode::VerifyCa | TlsMode::VerifyFull => {
                let built = WebPkiServerVerifier::builder_with_provider(
                    Arc::clone(&tls.trust.roots),
                    Arc::clone(provider),
                )
                .build();
                Some(built.map_err(|error| {
                    Fault::TlsSetup(
                        format!(
                            "no authority can be used, of spec.tls.ca_cert or the system: {error}"
                        )
                        .into(),
                    )
                })?)
            }
        };
        Ok(Self {
            mode: tls.mode,
            trust: Arc::clone(&tls.trust),
            chain,
            provider: Arc::clone(provider),
        })
    }
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
        let result = chain.verify_server_cert(certificate, intermediates, name, ocsp, now);
        let is_full = self.mode == TlsMode::VerifyFull;
        match result {
            // The name is compared after the chain was found good.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !is_full => Ok(ServerCertVerified::assertion()),
            Err(rustls::Error::InvalidCertificate(_))
                if self.trust.pinned.contains(certificate) =>
            {
                if is_full {
                    verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                }
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
