//! Databases: how we know them and how we log in there.

mod declared;
mod trust;

pub use declared::{Declared, Readers};

use super::nodes::check_addr;
use super::{Beside, Desk, Kept, Table, check_head, mount, sealed};
use crate::{Control, Failure, Routes};
use access::name::TargetName;
use access::target::Labels;
use api::database::{
    DatabaseAdmin, DatabaseAuthMethod, DatabaseDocument, DatabaseSpec, DatabaseTlsMode, secret_name,
};
use api::document::Kind;
use api::endpoints::documents as table;
use api::problem::FieldProblem;
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use std::collections::BTreeMap;
use store::kv::Commit;
use zeroize::Zeroizing;

/// The longest name of a database user. MariaDB takes 128 bytes, MySQL 32 characters, PostgreSQL 63 bytes.
const MAX_USER: usize = 128;
/// The longest password of a database user, in bytes.
const MAX_PASSWORD: usize = 1024;
/// The most sealed passwords of one database.
const MAX_PASSWORDS: usize = 256;
/// The longest certificates of authorities, in bytes.
const MAX_AUTHORITIES: usize = 256 * 1024;
/// The longest version text.
const MAX_VERSION: usize = 64;
/// Where the password of the account that makes users is sealed. No database user has an empty name.
const ADMIN: &str = "";

/// What is sealed: user to password.
type Passwords = BTreeMap<String, Zeroizing<String>>;

impl Kept for DatabaseDocument {
    const KIND: Kind = Kind::Db;
    const TABLE: Table = Table {
        list: &table::DATABASE_LIST,
        show: &table::DATABASE_SHOW,
        delete: &table::DATABASE_DELETE,
        write: Some((&table::DATABASE_CREATE, &table::DATABASE_PUT)),
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
        if let Err(message) = check_addr(&self.spec.uri) {
            problems.push(FieldProblem::at("spec.uri", message));
        }
        if self.spec.server_version.as_ref().is_some_and(|text| !is_version(text)) {
            let why = format!("expected up to {MAX_VERSION} printable characters, like `8.0.39`");
            problems.push(FieldProblem::at("spec.server_version", why));
        }
        check_tls(&self.spec, &mut problems);
        check_log_in(&self.spec, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut warnings = Vec::new();
        if self.spec.tls.mode == DatabaseTlsMode::Insecure {
            let why = "whoever answers at this address is taken for the database";
            warnings.push(FieldProblem::at("spec.tls.mode", why));
        }
        if self.spec.auth.allow_weak_methods {
            let why = "whoever sees the log-in can guess its password";
            warnings.push(FieldProblem::at("spec.auth.allow_weak_methods", why));
        }
        Ok(warnings)
    }

    async fn settle(
        &mut self,
        control: &Control,
        _before: Option<&Self>,
    ) -> Result<Beside, Failure> {
        declared::is_dynamic(control, &self.metadata.name).await?;
        let (commit, _) = seal_passwords(self, control).await?;
        Ok(Beside { commit, ..Beside::default() })
    }

    async fn leave(control: &Control, name: &str) -> Result<Commit, Failure> {
        declared::is_dynamic(control, name).await?;
        Ok(Commit::new().delete(store::secrets::key(&secret_name(name))))
    }
}

/// Whether a document as it was written holds passwords.
fn holds_secrets(spec: &DatabaseSpec) -> bool {
    let admin = spec.admin_user.as_ref().is_some_and(|admin| admin.password.is_some());
    admin || !spec.auth.passwords.is_empty()
}

/// Takes the passwords out of a document: what is stored, audited and read back never held one. What writes them
/// sealed, and whether they are others than are sealed now.
async fn seal_passwords(
    document: &mut DatabaseDocument,
    control: &Control,
) -> Result<(Commit, bool), Failure> {
    let context = secret_name(&document.metadata.name);
    let key = store::secrets::key(&context);
    let given: Passwords = std::mem::take(&mut document.spec.auth.passwords)
        .into_iter()
        .map(|(user, password)| (user, Zeroizing::new(password)))
        .collect();
    let admin = document.spec.admin_user.as_mut().and_then(|admin| admin.password.take());
    let admin = admin.map(Zeroizing::new);
    let before = passwords(control, &context).await?;
    let mut kept = Passwords::new();
    if document.spec.auth.method == DatabaseAuthMethod::Password {
        if given.is_empty() {
            kept.extend(before.iter().filter(|(user, _)| *user != ADMIN).map(cloned));
        } else {
            kept.extend(given);
        }
        if kept.is_empty() {
            let why = "missing: this method needs them, and none are sealed yet";
            return Err(Failure::field("spec.auth.passwords", why));
        }
    }
    if document.spec.admin_user.as_ref().is_some_and(by_password) {
        let password = admin.or_else(|| before.get(ADMIN).cloned());
        let Some(password) = password else {
            let why = "missing: this method needs it, and none is sealed yet";
            return Err(Failure::field("spec.admin_user.password", why));
        };
        kept.insert(ADMIN.to_owned(), password);
    }
    let is_new = kept != before;
    let commit = if kept.is_empty() {
        Commit::new().delete(key)
    } else {
        let plain: BTreeMap<&str, &str> =
            kept.iter().map(|(user, text)| (user.as_str(), text.as_str())).collect();
        let json = Zeroizing::new(serde_json::to_vec(&plain).map_err(Failure::internal)?);
        Commit::new().put(key, sealed(control, &json, &context)?)
    };
    Ok((commit, is_new))
}

fn check_tls(spec: &DatabaseSpec, problems: &mut Vec<FieldProblem>) {
    let tls = &spec.tls;
    if tls.server_name.as_ref().is_some_and(|name| ServerName::try_from(name.as_str()).is_err()) {
        problems.push(FieldProblem::at("spec.tls.server_name", "this is no host name"));
    }
    if let Some(pem) = &tls.ca_cert
        && let Err(why) = authorities(pem)
    {
        problems.push(FieldProblem::at("spec.tls.ca_cert", why));
    }
    if tls.mode == DatabaseTlsMode::Off && spec.auth.method == DatabaseAuthMethod::Certificate {
        let why =
            "a certificate is shown inside TLS: take another mode, or `auth.method: password`";
        problems.push(FieldProblem::at("spec.tls.mode", why));
    }
}

fn check_log_in(spec: &DatabaseSpec, problems: &mut Vec<FieldProblem>) {
    let auth = &spec.auth;
    if !auth.passwords.is_empty() && auth.method != DatabaseAuthMethod::Password {
        problems.push(FieldProblem::at("spec.auth.passwords", "only with `method: password`"));
    }
    if auth.passwords.len() > MAX_PASSWORDS {
        let why = format!("more than {MAX_PASSWORDS} users");
        problems.push(FieldProblem::at("spec.auth.passwords", why));
    }
    for (user, password) in &auth.passwords {
        let path = format!("spec.auth.passwords.{}", access::display::shown_short(user, 64));
        check_user(user, &path, problems);
        check_password(password, &path, problems);
    }
    let Some(admin) = &spec.admin_user else { return };
    check_user(&admin.name, "spec.admin_user.name", problems);
    match &admin.password {
        Some(_) if !by_password(admin) => problems
            .push(FieldProblem::at("spec.admin_user.password", "only with `method: password`")),
        Some(password) => check_password(password, "spec.admin_user.password", problems),
        None => {}
    }
}

fn by_password(admin: &DatabaseAdmin) -> bool {
    admin.method == DatabaseAuthMethod::Password
}

fn cloned((user, password): (&String, &Zeroizing<String>)) -> (String, Zeroizing<String>) {
    (user.clone(), password.clone())
}

fn check_user(user: &str, path: &str, problems: &mut Vec<FieldProblem>) {
    if user.is_empty() || user.len() > MAX_USER || user.chars().any(char::is_control) {
        let why = format!("a database user has 1 to {MAX_USER} printable characters");
        problems.push(FieldProblem::at(path, why));
    }
}

fn check_password(password: &str, path: &str, problems: &mut Vec<FieldProblem>) {
    // Both protocols end a password with a zero byte.
    if password.is_empty() || password.len() > MAX_PASSWORD || password.contains('\0') {
        let why = format!("a password has 1 to {MAX_PASSWORD} bytes, none of them zero");
        problems.push(FieldProblem::at(path, why));
    }
}

fn is_version(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_VERSION
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

pub(super) fn authorities(pem: &str) -> Result<(), &'static str> {
    if pem.len() > MAX_AUTHORITIES {
        return Err("these are too many certificates");
    }
    let mut found = 0_usize;
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        if certificate.is_err() {
            return Err("one of these certificates is not PEM");
        }
        found = found.saturating_add(1);
    }
    if found == 0 {
        Err("expected certificates in PEM, `-----BEGIN CERTIFICATE-----`")
    } else {
        Ok(())
    }
}

/// What is sealed for a database now.
async fn passwords(control: &Control, context: &str) -> Result<Passwords, Failure> {
    let Some((sealed, _)) = control.store().secrets().load(context).await? else {
        return Ok(Passwords::new());
    };
    let opened = control.seal().open(&sealed, context).map_err(Failure::internal)?;
    let plain: BTreeMap<String, String> =
        serde_json::from_slice(&opened).map_err(Failure::internal)?;
    Ok(plain.into_iter().map(|(user, password)| (user, Zeroizing::new(password))).collect())
}

pub(super) fn routes(routes: Routes) -> Routes {
    trust::routes(mount::<DatabaseDocument>(routes))
}
