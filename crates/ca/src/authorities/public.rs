//! What others may know of the authorities: everything but the keys.

use super::{Authorities, Authority};
use crate::{Pin, SignError, generations::Generations, ssh::SshAuthority, x509::X509Authority};

/// The public part of one generation of one authority.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublicPart {
    /// Which authority.
    pub authority: Authority,
    /// `active`, `next` or `previous`.
    pub generation: &'static str,
    /// An `authorized_keys` line, a certificate in PEM, or a JWK.
    pub text: String,
    /// The pin of an X.509 authority's key.
    pub pin: Option<Pin>,
}

impl Authorities {
    /// The public parts of every generation of `authority`, the active one first.
    pub fn public_parts(&self, authority: Authority) -> Result<Vec<PublicPart>, SignError> {
        let ring = self.ring();
        let comment = format!("countersign-{authority}-ca {}", ring.cluster);
        let ssh = |generations: &Generations<SshAuthority>| {
            named(generations)
                .map(|(generation, one)| {
                    Ok(PublicPart { authority, generation, text: one.line(&comment)?, pin: None })
                })
                .collect()
        };
        let x509 = |generations: &Generations<X509Authority>| {
            named(generations)
                .map(|(generation, one)| {
                    let pin = Pin::of_certificate(one.certificate());
                    Ok(PublicPart { authority, generation, text: one.pem(), pin })
                })
                .collect()
        };
        match authority {
            Authority::App => Ok(named(&ring.assertion)
                .map(|(generation, key)| PublicPart {
                    authority,
                    generation,
                    text: format!("{}\n", key.jwk()),
                    pin: None,
                })
                .collect()),
            Authority::Database => x509(&ring.database),
            Authority::Host => ssh(&ring.host),
            Authority::Identity => ssh(&ring.identity),
            Authority::Tls => x509(&ring.tls),
            Authority::User => ssh(&ring.user),
        }
    }
}

fn named<K>(generations: &Generations<K>) -> impl Iterator<Item = (&'static str, &K)> {
    [
        Some(("active", &generations.active)),
        generations.next.as_ref().map(|next| ("next", next)),
        generations.previous.as_ref().map(|previous| ("previous", previous)),
    ]
    .into_iter()
    .flatten()
}
