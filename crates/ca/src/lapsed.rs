//! Certificates of ours that hold no longer, or not yet.
//!
//! Their holders are known people, and are told more than strangers: that it is only the time. Everything else about
//! such a certificate must be as good as of one that holds.

use access::identity::{Identity, Lapse, Lapsed};
use jiff::{SignedDuration, Timestamp};

use crate::{Authorities, CertError, ssh::keys::Certificate};

impl Authorities {
    /// Whom an SSH certificate names that is an identity of ours but for the time; `None` for one that
    /// [`Self::verify_identity_ssh`] takes, and for one with anything else wrong about it.
    pub fn lapsed_identity_ssh(&self, certificate: &Certificate, now: Timestamp) -> Option<Lapsed> {
        lapsed(now, |at| self.verify_identity_ssh(certificate, at))
    }

    /// The same for an X.509 certificate.
    pub fn lapsed_identity_x509(&self, der: &[u8], now: Timestamp) -> Option<Lapsed> {
        lapsed(now, |at| self.verify_identity_x509(der, at))
    }
}

/// Asks about `now`, then, if only the time is wrong, about a moment that lies in the certificate's own.
fn lapsed(
    now: Timestamp,
    verify: impl Fn(Timestamp) -> Result<Identity, CertError>,
) -> Option<Lapsed> {
    let (lapse, inside) = match verify(now).err()? {
        CertError::Expired(end) => {
            (Lapse::Ended(end), end.checked_sub(SignedDuration::from_secs(1)).ok()?)
        }
        CertError::NotYetValid(begin) => (Lapse::Begins(begin), begin),
        CertError::CriticalOption(_)
        | CertError::Kind { .. }
        | CertError::Malformed(_)
        | CertError::Principal { .. }
        | CertError::Signature
        | CertError::UnknownAuthority => return None,
    };
    let Identity { user, login, .. } = verify(inside).ok()?;
    Some(Lapsed { user, login, lapse })
}
