//! Nodes: SSH hosts, how we know them and how we log in there.

mod trust;

use super::{Beside, Desk, Kept, Table, check_head, fetch, mount, sealed};
use crate::{Control, Failure, Routes};
use access::name::TargetName;
use access::target::Labels;
use api::document::Kind;
use api::endpoints::documents as table;
use api::node::{NodeAuthMethod, NodeDocument, secret_name};
use api::problem::FieldProblem;
use std::net::Ipv6Addr;
use store::kv::Commit;
use zeroize::Zeroizing;

/// The longest secret of a node, in bytes: an RSA key of 8192 bits has 6.5 KiB.
const MAX_SECRET: usize = 16 * 1024;
/// The most host keys of one node.
const MAX_HOST_KEYS: usize = 16;

impl Kept for NodeDocument {
    const KIND: Kind = Kind::Node;
    const TABLE: Table = Table {
        list: &table::NODE_LIST,
        show: &table::NODE_SHOW,
        delete: &table::NODE_DELETE,
        write: Some((&table::NODE_CREATE, &table::NODE_PUT)),
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
        check_head((&self.kind, &self.version), Self::KIND, &["v1", "v2"], &mut problems);
        let mut wrong =
            |path: String, message: String| problems.push(FieldProblem::at(path, message));
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

    /// The secret goes into the same commit, sealed, and out of the document: what is stored, audited
    /// and read back never held it.
    async fn settle(
        &mut self,
        control: &Control,
        before: Option<&Self>,
    ) -> Result<Beside, Failure> {
        let context = secret_name(&self.metadata.name);
        let key = store::secrets::key(&context);
        let auth = &mut self.spec.auth;
        let secret = auth.private_key.take().or_else(|| auth.password.take()).map(Zeroizing::new);
        let commit = match (auth.method, secret) {
            (NodeAuthMethod::Certificate, _) => Commit::new().delete(key),
            (NodeAuthMethod::Key | NodeAuthMethod::Password, Some(secret)) => {
                Commit::new().put(key, sealed(control, secret.as_bytes(), &context)?)
            }
            (NodeAuthMethod::Key | NodeAuthMethod::Password, None) => {
                let same = before.is_some_and(|before| before.spec.auth.method == auth.method);
                if !same || fetch(control, &key).await?.is_none() {
                    let field = match auth.method {
                        NodeAuthMethod::Password => "spec.auth.password",
                        NodeAuthMethod::Certificate | NodeAuthMethod::Key => {
                            "spec.auth.private_key"
                        }
                    };
                    let why = "missing: this method needs it, and none is sealed yet";
                    return Err(Failure::field(field, why));
                }
                Commit::new()
            }
        };
        Ok(Beside { commit, ..Beside::default() })
    }

    async fn leave(_: &Control, name: &str) -> Result<Commit, Failure> {
        Ok(Commit::new().delete(store::secrets::key(&secret_name(name))))
    }
}

/// `host:port`, where an IPv6 address stands in brackets (RFC 3986 §3.2.2).
pub(super) fn check_addr(addr: &str) -> Result<(), &'static str> {
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

pub(super) fn routes(routes: Routes) -> Routes {
    trust::routes(mount::<NodeDocument>(routes))
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
