//! Identity certificates: who a person is, and nothing else.
//!
//! ```text
//! key id      alice@0123abcd-4567-89ab
//! principal   countersign-identity:alice      (no account can have this name)
//! extensions  countersign-login@countersign   0123abcd-4567-89ab
//!             countersign-mfa@countersign     (flag, only when a second factor was given)
//!             countersign-device@countersign  (flag, only from a trusted device)
//! ```
//!
//! No `permit-*` extension, and an authority no target trusts: stolen, it opens nothing but the
//! door here, and only with its private key, until its end.

use access::{
    identity::Identity,
    name::{LoginId, UserName},
};
use jiff::Timestamp;
use russh::keys::ssh_key::certificate::CertType;

use super::{
    Draft, check, crypto,
    keys::{Certificate, PublicKey},
};
use crate::{Authorities, CLOCK_SKEW, CertError, SignError};

/// What stands before the user's name in the principal of an identity certificate. Account names
/// have no colon (it separates the fields of passwd(5)), so no `sshd` can match it.
pub const IDENTITY_PRINCIPAL: &str = "countersign-identity:";

const LOGIN: &str = "countersign-login@countersign";
const MFA: &str = "countersign-mfa@countersign";
const DEVICE: &str = "countersign-device@countersign";

impl Authorities {
    /// Signs who someone is into an SSH certificate for `key`, valid until the identity's end.
    pub fn sign_identity_ssh(
        &self,
        identity: &Identity,
        key: &PublicKey,
        now: Timestamp,
    ) -> Result<Certificate, SignError> {
        super::accept_user_key(key)?;
        let flag = |set: bool, name: &str| set.then(|| (name.to_owned(), String::new()));
        let mut extensions = vec![(LOGIN.to_owned(), identity.login.to_string())];
        extensions.extend(flag(identity.mfa, MFA));
        extensions.extend(flag(identity.device, DEVICE));
        Draft {
            kind: CertType::User,
            key,
            key_id: format!("{}@{}", identity.user, identity.login),
            principals: vec![format!("{IDENTITY_PRINCIPAL}{}", identity.user)],
            extensions,
            back: CLOCK_SKEW,
            until: identity.expires,
        }
        .sign(&self.ring().identity.active, now)
    }

    /// Who an SSH certificate says its holder is. That the holder has the private key is for the
    /// caller to see, in the signature of the SSH authentication (RFC 4252 section 7).
    pub fn verify_identity_ssh(
        &self,
        certificate: &Certificate,
        now: Timestamp,
    ) -> Result<Identity, CertError> {
        check(certificate, CertType::User, &self.ring().identity, now)?;
        let wrong = || CertError::Principal { wanted: format!("{IDENTITY_PRINCIPAL}<user>") };
        let [principal] = certificate.valid_principals() else { return Err(wrong()) };
        let user = principal.strip_prefix(IDENTITY_PRINCIPAL).ok_or_else(wrong)?;
        let user: UserName = user.parse().map_err(|_| wrong())?;
        let extensions = certificate.extensions();
        let login = extensions
            .get(LOGIN)
            .and_then(|login| login.parse::<LoginId>().ok())
            .ok_or_else(|| CertError::Malformed(format!("no login in `{LOGIN}`")))?;
        Ok(Identity {
            user,
            login,
            expires: super::timestamp(certificate.valid_before()),
            mfa: extensions.contains_key(MFA),
            device: extensions.contains_key(DEVICE),
        })
    }

    /// The SSH certificate as the line of a `…-cert.pub` file.
    pub fn certificate_line(certificate: &Certificate) -> Result<String, SignError> {
        certificate.to_openssh().map_err(crypto)
    }
}
