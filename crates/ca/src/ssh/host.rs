//! Host certificates: nobody sees a host-key prompt.

use jiff::Timestamp;
use russh::keys::ssh_key::certificate::CertType;

use super::{
    Draft, check,
    keys::{Certificate, PrivateKey, PublicKey},
};
use crate::{Authorities, CertError, DATED_BACK, SignError};

/// The longest name in a host certificate: that of a host (RFC 1035 section 2.3.4).
const MAX_NAME: usize = 253;

impl Authorities {
    /// Signs a host's key for exactly `names` until `until`.
    ///
    /// OpenSSH clients take a principal of a host certificate as a pattern, so a name with `*`,
    /// `?` or `!` is refused: it would be good for other hosts too.
    pub fn sign_host(
        &self,
        names: &[&str],
        key: &PublicKey,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Certificate, SignError> {
        super::accept_user_key(key)?;
        let first = names.first().ok_or(SignError::NoName)?;
        if let Some(bad) = names.iter().find(|name| !is_host_name(name)) {
            return Err(SignError::Name(bad.escape_debug().to_string()));
        }
        Draft {
            kind: CertType::Host,
            key,
            key_id: format!("countersign host={first}"),
            principals: names.iter().map(|&name| name.to_owned()).collect(),
            extensions: Vec::new(),
            back: DATED_BACK,
            until,
        }
        .sign(&self.ring().host.active, now)
    }

    /// Checks that a target's host certificate is ours and for `name`.
    pub fn verify_host(
        &self,
        certificate: &Certificate,
        name: &str,
        now: Timestamp,
    ) -> Result<(), CertError> {
        check(certificate, CertType::Host, &self.ring().host, now)?;
        // Names compare as DNS does, without case (RFC 4343); patterns are never signed by us.
        match certificate.valid_principals().iter().any(|one| one.eq_ignore_ascii_case(name)) {
            true => Ok(()),
            false => Err(CertError::Principal { wanted: name.escape_debug().to_string() }),
        }
    }

    /// The lines of a `known_hosts` file that trust our host authority for hosts matching
    /// `pattern` (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).
    pub fn known_hosts(&self, pattern: &str) -> Result<String, SignError> {
        let ring = self.ring();
        let comment = format!("countersign-host-ca {}", ring.cluster);
        ring.host
            .trusted()
            .map(|authority| {
                Ok(format!("@cert-authority {pattern} {}\n", authority.line(&comment)?))
            })
            .collect()
    }

    /// The public keys of the host authority, the active one first.
    pub fn host_ca_keys(&self) -> Result<Vec<String>, SignError> {
        let ring = self.ring();
        let comment = format!("countersign-host-ca {}", ring.cluster);
        ring.host.trusted().map(|authority| authority.line(&comment)).collect()
    }

    /// The key our own SSH port answers with. It is kept with the authorities, so that it outlives
    /// a restart and every daemon of a cluster shows the same.
    pub fn host_key(&self) -> PrivateKey {
        self.ring().host_key.private().clone()
    }
}

/// Letters, digits, dots, hyphens and underscores, and what addresses and ports need: `:`, `[`, `]`.
fn is_host_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
}
