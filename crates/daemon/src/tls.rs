//! TLS of the one port: our own certificate, renewed while we run, and whatever client certificate is shown.
//!
//! A client certificate is only proven to belong to its sender here; whom it names, and whether it is ours and
//! still good, the proxy decides with the authorities. So an expired login can still reach the login page.

use crate::house::Clock;
use access::target::{TargetId, TargetKind};
use anyhow::Context as _;
use ca::Authorities;
use jiff::Timestamp;
use proxy::TlsSource;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// The port's certificate of the moment.
#[derive(Debug)]
pub(crate) struct Certificate {
    authorities: Arc<Authorities>,
    names: Vec<String>,
    current: RwLock<Arc<CertifiedKey>>,
    /// When that was made.
    made: RwLock<Timestamp>,
    /// Which host names are applications'; once the policy is there.
    policy: OnceLock<store::PolicyHandle>,
    /// The certificates of applications' host names.
    apps: RwLock<BTreeMap<String, Arc<CertifiedKey>>>,
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
        Ok(Arc::new(Self {
            authorities,
            names,
            current: RwLock::new(first),
            made: RwLock::new(now),
            policy: OnceLock::new(),
            apps: RwLock::default(),
        }))
    }

    /// Makes a new one, for connections from now on.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn renew(&self, now: Timestamp) -> anyhow::Result<()> {
        let next = make(&self.authorities, &self.names, now)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
        *self.made.write().unwrap_or_else(PoisonError::into_inner) = now;
        self.apps.write().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }

    /// From now on, host names of applications in `policy` have certificates of their own.
    pub(crate) fn serve_apps(&self, policy: store::PolicyHandle) {
        // A second policy there is none.
        let _ = self.policy.set(policy);
    }

    /// The certificate of an application's host name: a name of its own need not stand below ours, and not every client
    /// takes one certificate for all names below a short one. Made when it is first asked for, for names that lead to an
    /// application, so there are no more of them than of those.
    fn of_app(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let name = name.to_ascii_lowercase();
        let below = self.names.iter().find_map(|own| name.strip_suffix(own)?.strip_suffix('.'));
        let named = below.filter(|name| !name.contains('.')).and_then(|name| name.parse().ok());
        let is_app = self.policy.get()?.read(|policy| {
            let id = named.map(|name| TargetId { kind: TargetKind::App, name });
            policy.app_at(&name).is_some() || id.is_some_and(|id| policy.target(&id).is_some())
        });
        if !is_app {
            return None;
        }
        let made = |apps: &BTreeMap<String, _>| apps.get(&name).map(Arc::clone);
        if let Some(key) = made(&self.apps.read().unwrap_or_else(PoisonError::into_inner)) {
            return Some(key);
        }
        let now = *self.made.read().unwrap_or_else(PoisonError::into_inner);
        match sign(&self.authorities, &[&name], now) {
            Ok(key) => {
                let mut apps = self.apps.write().unwrap_or_else(PoisonError::into_inner);
                apps.insert(name, Arc::clone(&key));
                Some(key)
            }
            Err(error) => {
                tracing::warn!(error = %format!("{error:#}"), "an application's host name has no certificate");
                None
            }
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let Some(key) = hello.server_name().and_then(|name| self.of_app(name)) {
            return Some(key);
        }
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn make(
    authorities: &Authorities,
    names: &[String],
    now: Timestamp,
) -> anyhow::Result<Arc<CertifiedKey>> {
    // A database may be named by the host name, `orders.gw.example.com`: the port is every name below its own too.
    let named = |name: &&String| name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_err();
    let below: Vec<String> = names.iter().filter(named).map(|name| format!("*.{name}")).collect();
    let names: Vec<&str> = names.iter().chain(&below).map(String::as_str).collect();
    sign(authorities, &names, now)
}

fn sign(
    authorities: &Authorities,
    names: &[&str],
    now: Timestamp,
) -> anyhow::Result<Arc<CertifiedKey>> {
    let made = authorities.server_tls(names, now).context("cannot make the port's certificate")?;
    let key = CertifiedKey::from_der(made.chain, made.key, &aws_lc_rs::default_provider());
    Ok(Arc::new(key.context("cannot use the port's certificate")?))
}

/// The TLS of the one port, which follows every rotation with the next connection: the authorities it hints clients at,
/// and its own certificate.
pub(crate) struct Port {
    authorities: Arc<Authorities>,
    certificate: Arc<Certificate>,
    clock: Clock,
    current: RwLock<(u64, Arc<ServerConfig>)>,
}

impl Port {
    /// For these authorities.
    ///
    /// # Errors
    /// The authorities' certificates cannot be roots.
    pub(crate) fn new(
        authorities: Arc<Authorities>,
        certificate: Arc<Certificate>,
        clock: Clock,
    ) -> anyhow::Result<Arc<Self>> {
        let epoch = authorities.epoch();
        let current = RwLock::new((epoch, server(&authorities, Arc::clone(&certificate))?));
        Ok(Arc::new(Self { authorities, certificate, clock, current }))
    }

    fn follow(&self) -> anyhow::Result<Arc<ServerConfig>> {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let epoch = self.authorities.epoch();
        if current.0 != epoch {
            self.certificate.renew((self.clock)())?;
            *current = (epoch, server(&self.authorities, Arc::clone(&self.certificate))?);
        }
        Ok(Arc::clone(&current.1))
    }
}

impl TlsSource for Port {
    fn current(self: Arc<Self>) -> Arc<ServerConfig> {
        let (epoch, config) = {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            (current.0, Arc::clone(&current.1))
        };
        if epoch == self.authorities.epoch() {
            return config;
        }
        // The former one admits nobody more: who is there is checked with the authorities of the moment.
        self.follow().unwrap_or_else(|error| {
            tracing::error!(error = %format!("{error:#}"), "the port cannot follow a rotation");
            config
        })
    }
}

fn server(
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
    fn the_next_connection_after_a_rotation_is_of_the_new_generation() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let authorities = Arc::new(Authorities::generate("demo", now).unwrap());
        let names = vec!["localhost".to_owned()];
        let certificate = Certificate::new(Arc::clone(&authorities), names, now).unwrap();
        let port =
            Port::new(Arc::clone(&authorities), Arc::clone(&certificate), Arc::new(move || now))
                .unwrap();
        let signer = || certificate.current.read().unwrap().cert.get(1).cloned().unwrap();
        let step = |step| {
            authorities.adopt(authorities.rotated(Authority::Tls, step, now).unwrap());
            Arc::clone(&port).current()
        };
        let (first, old) = (Arc::clone(&port).current(), signer());
        assert!(
            Arc::ptr_eq(&first, &Arc::clone(&port).current()),
            "nothing is made anew for nothing"
        );
        assert!(!Arc::ptr_eq(&first, &step(Step::Begin)), "its hints name two generations");
        assert_eq!(signer(), old);
        step(Step::Switch);
        let new = signer();
        assert_ne!(new, old);
        assert_eq!(authorities.tls_roots().len(), 2);
        step(Step::Finish);
        assert_eq!((signer(), authorities.tls_roots()), (new.clone(), vec![new]));
    }
}
