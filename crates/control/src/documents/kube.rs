//! Kubernetes clusters: how we know them and how we prove ourselves there.

use super::{Beside, Desk, Kept, Table, check_head, databases, mount, sealed};
use crate::{Control, Failure, Routes};
use access::name::TargetName;
use access::target::Labels;
use api::document::Kind;
use api::endpoints::documents as table;
use api::kube::{KubeAuth, KubeAuthMethod, KubeClusterDocument, KubeSecret, secret_name};
use api::problem::FieldProblem;
use http::Uri;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};
use store::kv::Commit;
use zeroize::Zeroizing;

/// The longest token, in bytes. Tokens with many claims have some thousands.
const MAX_TOKEN: usize = 16 * 1024;
/// The longest private key, in bytes of PEM: an RSA key of 16384 bits.
const MAX_KEY: usize = 16 * 1024;

impl Kept for KubeClusterDocument {
    const KIND: Kind = Kind::KubeCluster;
    const TABLE: Table = Table {
        list: &table::KUBE_LIST,
        show: &table::KUBE_SHOW,
        delete: &table::KUBE_DELETE,
        write: Some((&table::KUBE_CREATE, &table::KUBE_PUT)),
    };

    fn name(&self) -> &str {
        &self.metadata.name
    }

    fn labels(&self) -> &Labels {
        &self.metadata.labels
    }

    fn revision(&mut self) -> &mut Option<u64> {
        &mut self.metadata.revision
    }

    fn check(&self, _: &Desk<'_>) -> Result<Vec<FieldProblem>, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        check_head((&self.kind, &self.version), Self::KIND, &["v1", "v3"], &mut problems);
        if let Err(error) = self.metadata.name.parse::<TargetName>() {
            problems.push(FieldProblem::at("metadata.name", error));
        }
        let method = self.spec.auth.method;
        match &self.spec.server {
            None if method == KubeAuthMethod::InCluster => {}
            None => {
                let why = "missing: where the API listens, like `https://10.0.0.1:6443`";
                problems.push(FieldProblem::at("spec.server", why));
            }
            Some(server) => {
                if let Err(why) = check_server(server) {
                    problems.push(FieldProblem::at("spec.server", why));
                }
            }
        }
        check_tls(self, &mut problems);
        check_auth(&self.spec.auth, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut warnings = Vec::new();
        if self.spec.tls.insecure_skip_verify {
            let why = "whoever answers at this address is taken for the cluster, and is sent its credentials";
            warnings.push(FieldProblem::at("spec.tls.insecure_skip_verify", why));
        }
        Ok(warnings)
    }

    /// Token and key go into the same commit, sealed, and out of the document: what is stored, audited and read back
    /// never held one.
    async fn settle(
        &mut self,
        control: &Control,
        before: Option<&Self>,
    ) -> Result<Beside, Failure> {
        let context = secret_name(&self.metadata.name);
        let key = store::secrets::key(&context);
        let auth = &mut self.spec.auth;
        let (token, private) = (auth.token.take(), auth.key.take());
        // What is sealed stays with the server it was given for: a new address must not be sent the old secret by
        // someone who never knew it.
        let moved = before.is_some_and(|before| {
            before.spec.server != self.spec.server || before.spec.tls != self.spec.tls
        });
        let kept = if moved { KubeSecret::default() } else { secret(control, &context).await? };
        let missing = |field: &str| {
            let why = if moved {
                "missing: the cluster's address or TLS has changed, so it must be given again"
            } else {
                "missing: this method needs it, and none is sealed yet"
            };
            Failure::field(field, why)
        };
        let secret = match auth.method {
            KubeAuthMethod::InCluster => {
                return Ok(Beside { commit: Commit::new().delete(key), ..Beside::default() });
            }
            KubeAuthMethod::Token => {
                let token = token.or(kept.token).ok_or_else(|| missing("spec.auth.token"))?;
                KubeSecret { token: Some(token), key: None }
            }
            KubeAuthMethod::Certificate => {
                let private = private.or(kept.key).ok_or_else(|| missing("spec.auth.key"))?;
                KubeSecret { token: None, key: Some(private) }
            }
        };
        let json = Zeroizing::new(serde_json::to_vec(&secret).map_err(Failure::internal)?);
        let commit = Commit::new().put(key, sealed(control, &json, &context)?);
        Ok(Beside { commit, ..Beside::default() })
    }

    async fn leave(_: &Control, name: &str) -> Result<Commit, Failure> {
        Ok(Commit::new().delete(store::secrets::key(&secret_name(name))))
    }
}

/// Whether a text is the address of an API server: `https`, a host, perhaps a path, nothing else.
fn check_server(server: &str) -> Result<(), String> {
    let wrong = || {
        let shown = access::display::shown_short(server, 128);
        format!("expected a URL like `https://10.0.0.1:6443`, not `{shown}`")
    };
    let uri: Uri = server.parse().map_err(|_| wrong())?;
    let whole =
        uri.scheme_str() == Some("https") && uri.host().is_some_and(|host| !host.is_empty());
    let plain = uri.query().is_none()
        && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    // A path before `/api` is what some managed clusters have; it is put before each request's own.
    let path =
        !uri.path().contains("//") && !uri.path().contains('%') && !uri.path().contains("..");
    if whole && plain && path { Ok(()) } else { Err(wrong()) }
}

fn check_tls(document: &KubeClusterDocument, problems: &mut Vec<FieldProblem>) {
    let tls = &document.spec.tls;
    if tls.server_name.as_ref().is_some_and(|name| ServerName::try_from(name.as_str()).is_err()) {
        problems.push(FieldProblem::at("spec.tls.server_name", "this is no host name"));
    }
    if let Some(pem) = &tls.ca_cert
        && let Err(why) = databases::authorities(pem)
    {
        problems.push(FieldProblem::at("spec.tls.ca_cert", why));
    }
}

fn check_auth(auth: &KubeAuth, problems: &mut Vec<FieldProblem>) {
    let mut only = |field: &str, given: bool, method: KubeAuthMethod, word: &str| {
        if given && auth.method != method {
            let why = format!("only with `method: {word}`");
            problems.push(FieldProblem::at(format!("spec.auth.{field}"), why));
        }
    };
    only("token", auth.token.is_some(), KubeAuthMethod::Token, "token");
    only("certificate", auth.certificate.is_some(), KubeAuthMethod::Certificate, "certificate");
    only("key", auth.key.is_some(), KubeAuthMethod::Certificate, "certificate");
    if auth.token.as_deref().is_some_and(|token| !is_token(token)) {
        let why = format!("a token has 1 to {MAX_TOKEN} printable characters, without spaces");
        problems.push(FieldProblem::at("spec.auth.token", why));
    }
    if auth.method != KubeAuthMethod::Certificate {
        return;
    }
    match &auth.certificate {
        None => {
            let why = "missing: this method shows it, `-----BEGIN CERTIFICATE-----`";
            problems.push(FieldProblem::at("spec.auth.certificate", why));
        }
        Some(pem) => {
            if let Err(why) = databases::authorities(pem) {
                problems.push(FieldProblem::at("spec.auth.certificate", why));
            }
        }
    }
    if let Some(pem) = &auth.key
        && (pem.len() > MAX_KEY || !is_pair(auth.certificate.as_deref(), pem))
    {
        let why = "this is not the private key of spec.auth.certificate, in PEM";
        problems.push(FieldProblem::at("spec.auth.key", why));
    }
}

/// Whether a token can stand in an `Authorization` header (RFC 6750, section 2.1).
fn is_token(token: &str) -> bool {
    !token.is_empty()
        && token.len() <= MAX_TOKEN
        && token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether `key` is a private key that fits to the first certificate of `chain`.
fn is_pair(chain: Option<&str>, key: &str) -> bool {
    let Ok(key) = PrivateKeyDer::from_pem_slice(key.as_bytes()) else { return false };
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(chain.unwrap_or_default().as_bytes()).collect();
    chain.is_ok_and(|chain| ca::is_pair(&chain, &key))
}

/// What is sealed for a cluster now.
async fn secret(control: &Control, context: &str) -> Result<KubeSecret, Failure> {
    let Some((sealed, _)) = control.store().secrets().load(context).await? else {
        return Ok(KubeSecret::default());
    };
    let opened = control.seal().open(&sealed, context).map_err(Failure::internal)?;
    serde_json::from_slice(&opened).map_err(Failure::internal)
}

pub(super) fn routes(routes: Routes) -> Routes {
    mount::<KubeClusterDocument>(routes)
}
