//! Applications: where they are, and under which name people reach them.

use super::databases::authorities;
use super::nodes::check_addr;
use super::{Desk, Kept, Table, check_head, mount};
use crate::Routes;
use access::name::TargetName;
use access::target::Labels;
use api::app::{AppDocument, AppRewrite, AppScheme, AppSpec, AppUri};
use api::document::Kind;
use api::endpoints::documents as table;
use api::problem::FieldProblem;
use http::HeaderName;
use rustls_pki_types::{DnsName, ServerName};

/// The most headers that one application's requests get.
const MAX_HEADERS: usize = 32;
/// The longest value of such a header, in bytes, before templates are filled in.
const MAX_VALUE: usize = 1024;
/// The most hosts whose redirects are rewritten.
const MAX_HOSTS: usize = 32;
/// Headers that say how a message is read or who is asking: nobody's to set.
const RESERVED: [&str; 9] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "countersign-jwt-assertion",
];

impl Kept for AppDocument {
    const KIND: Kind = Kind::App;
    const TABLE: Table = Table {
        list: &table::APP_LIST,
        show: &table::APP_SHOW,
        delete: &table::APP_DELETE,
        write: Some((&table::APP_CREATE, &table::APP_PUT)),
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

    fn check(&self, desk: &Desk<'_>) -> Result<Vec<FieldProblem>, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let mut warnings = Vec::new();
        check_head((&self.kind, &self.version), Self::KIND, &["v1", "v3"], &mut problems);
        if let Err(error) = self.metadata.name.parse::<TargetName>() {
            problems.push(FieldProblem::at("metadata.name", error));
        }
        match self.spec.uri.parse::<AppUri>() {
            Ok(uri) => check_address(&self.spec, &uri, &mut problems, &mut warnings),
            Err(why) => problems.push(FieldProblem::at("spec.uri", why)),
        }
        check_host(self, desk, &mut problems);
        if let Some(rewrite) = &self.spec.rewrite {
            check_rewrite(rewrite, &mut problems, &mut warnings);
        }
        if problems.is_empty() { Ok(warnings) } else { Err(problems) }
    }
}

fn check_address(
    spec: &AppSpec,
    uri: &AppUri,
    problems: &mut Vec<FieldProblem>,
    warnings: &mut Vec<FieldProblem>,
) {
    if let Err(why) = check_addr(&uri.authority) {
        problems.push(FieldProblem::at("spec.uri", why));
    }
    let tls = &spec.tls;
    if tls.server_name.as_ref().is_some_and(|name| ServerName::try_from(name.as_str()).is_err()) {
        problems.push(FieldProblem::at("spec.tls.server_name", "this is no host name"));
    }
    if let Some(pem) = &tls.ca_cert
        && let Err(why) = authorities(pem)
    {
        problems.push(FieldProblem::at("spec.tls.ca_cert", why));
    }
    let checks = spec.insecure_skip_verify || tls.server_name.is_some() || tls.ca_cert.is_some();
    if checks && uri.scheme != AppScheme::Https {
        problems.push(FieldProblem::at("spec.uri", "certificates are checked of `https://` only"));
    }
    if spec.insecure_skip_verify && (tls.ca_cert.is_some() || tls.server_name.is_some()) {
        let why = "either nothing is checked, or `spec.tls` says what: not both";
        problems.push(FieldProblem::at("spec.insecure_skip_verify", why));
    } else if spec.insecure_skip_verify {
        let why = "whoever answers at this address is taken for the application";
        warnings.push(FieldProblem::at("spec.insecure_skip_verify", why));
    }
}

/// A name that leads to this house's own pages, or to another application, would take them over.
fn check_host(document: &AppDocument, desk: &Desk<'_>, problems: &mut Vec<FieldProblem>) {
    let name = &document.metadata.name;
    let own = desk.control.public_addr();
    let own = own.rsplit_once(':').map_or(own, |(host, _)| host);
    let Some(host) = &document.spec.public_addr else {
        if name.contains('.') || DnsName::try_from(format!("{name}.{own}")).is_err() {
            let why = "this name cannot stand in a host name: set `spec.public_addr`";
            problems.push(FieldProblem::at("metadata.name", why));
        }
        return;
    };
    let path = "spec.public_addr";
    if DnsName::try_from(host.as_str()).is_err() || host.starts_with('_') {
        problems.push(FieldProblem::at(path, "expected a host name, without scheme and port"));
        return;
    }
    let host = host.to_lowercase();
    if host == own.to_lowercase() {
        problems.push(FieldProblem::at(path, "this is the name of the house itself"));
    }
    let taken = desk
        .control
        .store()
        .policy()
        .read(|policy| policy.app_at(&host).filter(|other| other.as_str() != name).cloned());
    if let Some(other) = taken {
        let why = format!("application `{other}` is reached by this name already");
        problems.push(FieldProblem::at(path, why));
    }
}

fn check_rewrite(
    rewrite: &AppRewrite,
    problems: &mut Vec<FieldProblem>,
    warnings: &mut Vec<FieldProblem>,
) {
    if rewrite.headers.len() > MAX_HEADERS {
        let why = format!("more than {MAX_HEADERS} headers");
        problems.push(FieldProblem::at("spec.rewrite.headers", why));
    }
    for (i, header) in rewrite.headers.iter().enumerate() {
        let at = |field: &str| format!("spec.rewrite.headers[{i}].{field}");
        match header.name.parse::<HeaderName>() {
            Ok(name) if RESERVED.contains(&name.as_str()) => {
                problems.push(FieldProblem::at(at("name"), "this header is not yours to set"));
            }
            Ok(_) => {}
            Err(_) => problems.push(FieldProblem::at(at("name"), "this is no header name")),
        }
        if header.value.len() > MAX_VALUE || header.value.chars().any(char::is_control) {
            let why = format!("expected at most {MAX_VALUE} printable bytes");
            problems.push(FieldProblem::at(at("value"), why));
        }
        if let Err(why) = access::template::Filled::parse(&header.value) {
            warnings.push(FieldProblem::at(at("value"), format!("{why}; the header is left out")));
        }
    }
    if rewrite.redirect.len() > MAX_HOSTS {
        let why = format!("more than {MAX_HOSTS} hosts");
        problems.push(FieldProblem::at("spec.rewrite.redirect", why));
    }
    for (i, host) in rewrite.redirect.iter().enumerate() {
        if ServerName::try_from(host.as_str()).is_err() {
            let path = format!("spec.rewrite.redirect[{i}]");
            problems.push(FieldProblem::at(path, "this is no host name"));
        }
    }
}

pub(super) fn routes(routes: Routes) -> Routes {
    mount::<AppDocument>(routes)
}
