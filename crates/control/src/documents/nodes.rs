//! Nodes: SSH hosts, how we know them and how we log in there.

use super::{Kept, Mode, check_head, fetch, load, page, read, remove, sealed, write};
use crate::{
    Caller, Control, Failure, Routes,
    http::{Answer, Json as Body, List, Text},
};
use access::name::TargetName;
use access::target::Labels;
use api::document::{Kind, Written};
use api::endpoints::documents as table;
use api::node::{HostCertificate, HostKey, NodeAuthMethod, NodeDocument, NodeTrust, secret_name};
use api::page::Page;
use api::problem::{FieldProblem, Problem};
use axum::{
    Json,
    extract::{Path, State},
};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use std::net::Ipv6Addr;
use store::kv::Commit;
use zeroize::Zeroizing;

/// How long a host certificate lasts. Hosts are few and renewed by hand, so long; rotating the host
/// authority ends them all.
pub(crate) const HOST_CERTIFICATE_LIFE: SignedDuration = SignedDuration::from_hours(24 * 365);
/// The longest secret of a node, in bytes: an RSA key of 8192 bits has 6.5 KiB.
const MAX_SECRET: usize = 16 * 1024;
/// The most host keys of one node.
const MAX_HOST_KEYS: usize = 16;
/// The most further names in a host certificate.
const MAX_NAMES: usize = 32;

impl Kept for NodeDocument {
    const KIND: Kind = Kind::Node;

    fn name(&self) -> &str {
        &self.metadata.name
    }

    fn labels(&self) -> &Labels {
        &self.metadata.labels
    }

    fn revision(&mut self) -> &mut Option<u64> {
        &mut self.metadata.revision
    }

    fn check(&self, _: &Control) -> Result<Vec<FieldProblem>, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        check_head((&self.kind, &self.version), Self::KIND, &["v1", "v2"], &mut problems);
        let mut wrong = |path: String, message: String| {
            problems.push(FieldProblem { path, message, ..FieldProblem::default() })
        };
        if let Err(error) = self.metadata.name.parse::<TargetName>() {
            wrong("metadata.name".to_owned(), error.to_string());
        }
        if let Err(message) = check_addr(&self.spec.addr) {
            wrong("spec.addr".to_owned(), message.to_owned());
        }
        if self.spec.host_keys.len() > MAX_HOST_KEYS {
            wrong("spec.host_keys".to_owned(), format!("more than {MAX_HOST_KEYS} keys"));
        }
        for (number, line) in self.spec.host_keys.iter().enumerate() {
            if let Err(message) = host_key(line) {
                wrong(format!("spec.host_keys[{number}]"), message);
            }
        }
        let auth = &self.spec.auth;
        if auth.private_key.is_some() && auth.method != NodeAuthMethod::Key {
            wrong("spec.auth.private_key".to_owned(), "only with `method: key`".to_owned());
        }
        if auth.password.is_some() && auth.method != NodeAuthMethod::Password {
            wrong("spec.auth.password".to_owned(), "only with `method: password`".to_owned());
        }
        if let Some(key) = &auth.private_key
            && let Err(message) = private_key(key)
        {
            wrong("spec.auth.private_key".to_owned(), message.to_owned());
        }
        if auth
            .password
            .as_ref()
            .is_some_and(|password| password.is_empty() || password.len() > MAX_SECRET)
        {
            wrong("spec.auth.password".to_owned(), format!("must have 1 to {MAX_SECRET} bytes"));
        }
        if problems.is_empty() { Ok(Vec::new()) } else { Err(problems) }
    }
}

/// `host:port`, where an IPv6 address stands in brackets (RFC 3986 §3.2.2).
fn check_addr(addr: &str) -> Result<(), &'static str> {
    let (host, port) = addr.rsplit_once(':').ok_or("expected `host:port`")?;
    if port.parse::<u16>().ok().filter(|port| *port > 0).is_none() {
        return Err("the port must be a number from 1 to 65535");
    }
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or("expected `[IPv6 address]:port`")?;
        return inner.parse::<Ipv6Addr>().map(drop).map_err(|_| "this is no IPv6 address");
    }
    let fits = !host.is_empty()
        && host.len() <= 253
        && !host.starts_with('-')
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if fits {
        Ok(())
    } else {
        Err("the host must be a name or an address; IPv6 addresses in brackets")
    }
}

fn host_key(line: &str) -> Result<(), String> {
    line.parse::<ca::keys::PublicKey>()
        .map(drop)
        .map_err(|_| "expected a public key, `ssh-ed25519 AAAA…`".to_owned())
}

fn private_key(text: &str) -> Result<(), &'static str> {
    if text.len() > MAX_SECRET {
        return Err("this is too long for a private key");
    }
    let key = ca::keys::PrivateKey::from_openssh(text).map_err(
        |_| "expected a private key in OpenSSH form, `-----BEGIN OPENSSH PRIVATE KEY-----`",
    )?;
    if key.is_encrypted() {
        Err("the key has a passphrase; remove it with `ssh-keygen -p`")
    } else {
        Ok(())
    }
}

pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .on(&table::NODE_LIST, list)
        .on(&table::NODE_CREATE, create)
        .on(&table::NODE_SHOW, show)
        .on(&table::NODE_PUT, put)
        .on(&table::NODE_DELETE, delete)
        .on(&table::NODE_TRUST, trust)
        .on(&table::NODE_HOST_CERTIFICATE, host_certificate)
}

async fn list(
    State(control): State<Control>,
    caller: Caller,
    query: List,
) -> Answer<Page<NodeDocument>> {
    Ok(Json(page(&control, &caller, &query).await?))
}

async fn show(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<NodeDocument> {
    Ok(Json(super::show(&control, &caller, &name).await?))
}

async fn create(
    State(control): State<Control>,
    caller: Caller,
    Text(text): Text,
) -> Answer<Written> {
    save(&control, &caller, text, None, Mode::Create).await
}

async fn put(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
    Text(text): Text,
) -> Answer<Written> {
    save(&control, &caller, text, Some(&name), Mode::Put).await
}

/// The secret goes into the same commit, sealed, and out of the document: what is stored, audited and
/// read back never held it.
async fn save(
    control: &Control,
    caller: &Caller,
    text: String,
    name: Option<&str>,
    mode: Mode,
) -> Answer<Written> {
    let text = Zeroizing::new(text);
    let (mut document, warnings) = read::<NodeDocument>(control, &text, name)?;
    let context = secret_name(&document.metadata.name);
    let key = store::secrets::key(&context);
    let auth = &mut document.spec.auth;
    let secret = auth.private_key.take().or_else(|| auth.password.take()).map(Zeroizing::new);
    let also = match (auth.method, secret) {
        (NodeAuthMethod::Certificate, _) => Commit::new().delete(key),
        (NodeAuthMethod::Key | NodeAuthMethod::Password, Some(secret)) => {
            Commit::new().put(key, sealed(control, secret.as_bytes(), &context)?)
        }
        (NodeAuthMethod::Key | NodeAuthMethod::Password, None) => {
            let same = match load::<NodeDocument>(control, &document.metadata.name).await {
                Ok(before) => {
                    before.spec.auth.method == auth.method && fetch(control, &key).await?.is_some()
                }
                Err(_) => false,
            };
            let field = if auth.method == NodeAuthMethod::Key {
                "spec.auth.private_key"
            } else {
                "spec.auth.password"
            };
            if !same {
                return Err(Failure::field(
                    field,
                    "missing: this method needs it, and none is sealed yet",
                ));
            }
            Commit::new()
        }
    };
    Ok(Json(write(control, caller, document, warnings, mode, also).await?))
}

async fn delete(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Failure> {
    let also = Commit::new().delete(store::secrets::key(&secret_name(&name)));
    remove::<NodeDocument>(&control, &caller, &name, also).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a host needs to trust us. Also for a node that is still to be written, so that a host can be
/// prepared first.
async fn trust(State(control): State<Control>, Path(name): Path<String>) -> Answer<NodeTrust> {
    name.parse::<TargetName>().map_err(|error| Failure::field("name", error))?;
    let authorities = control.authorities();
    let keys = authorities.trusted_user_ca_keys().map_err(Failure::internal)?;
    let known = authorities.known_hosts("*").map_err(Failure::internal)?;
    Ok(Json(NodeTrust {
        trusted_user_ca_keys: lines(&keys),
        sshd_config: vec![
            "TrustedUserCAKeys /etc/ssh/countersign_user_ca.pub".to_owned(),
            "HostCertificate /etc/ssh/ssh_host_ed25519_key-cert.pub".to_owned(),
        ],
        known_hosts: lines(&known),
    }))
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

async fn host_certificate(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
    Body(asked): Body<HostKey>,
) -> Answer<HostCertificate> {
    let node: NodeDocument = load(&control, &name).await?;
    let key = ca::parse_user_key(&asked.public_key)
        .map_err(|error| Failure::field("public_key", error))?;
    if asked.names.len() > MAX_NAMES {
        return Err(Failure::field("names", format!("more than {MAX_NAMES} names")));
    }
    let mut names = vec![name.clone()];
    let host = node.spec.addr.rsplit_once(':').map_or(node.spec.addr.as_str(), |(host, _)| host);
    names.push(host.trim_matches(['[', ']']).to_owned());
    for (number, extra) in asked.names.iter().enumerate() {
        extra
            .parse::<TargetName>()
            .map_err(|error| Failure::field(&format!("names[{number}]"), error))?;
        // A certificate for another node's name would let this host stand in for it.
        if *extra != name
            && fetch(&control, &store::documents::key(Kind::Node, extra)).await?.is_some()
        {
            return Err(Failure::field(
                &format!("names[{number}]"),
                "this is the name of another node",
            ));
        }
        names.push(extra.clone());
    }
    names.dedup();
    let now = control.now();
    let expires = until(now)?;
    let borrowed: Vec<&str> = names.iter().map(String::as_str).collect();
    let certificate = control
        .authorities()
        .sign_host(&borrowed, &key, expires, now)
        .map_err(Failure::internal)?;
    let certificate = ca::Authorities::certificate_line(&certificate).map_err(Failure::internal)?;
    let event = caller
        .sign(api::audit::NewEvent::new(api::audit::code::CERT_ISSUED, now))
        .target(format!("node/{name}"))
        .with("kind", "host")
        .with("names", names)
        .with("expires", expires.to_string());
    control.commit(Commit::new().event(event)).await?;
    Ok(Json(HostCertificate { certificate, expires }))
}

fn until(now: Timestamp) -> Result<Timestamp, Failure> {
    now.checked_add(HOST_CERTIFICATE_LIFE).map_err(|_| Problem::internal().into())
}

#[cfg(test)]
mod tests {
    use super::check_addr;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for good in ["db-box:22", "10.0.0.1:2222", "[::1]:22", "db.example.com:1"] {
            assert_eq!(check_addr(good), Ok(()), "{good}");
        }
        for bad in [
            "db-box",
            "db-box:",
            ":22",
            "db-box:0",
            "db-box:65536",
            "::1:22",
            "[::1:22",
            "a b:22",
            "-oProxy:22",
            "a/b:22",
            "[x]:22",
        ] {
            assert!(check_addr(bad).is_err(), "{bad}");
        }
    }
}
