//! Who we say we are: one host key of the house, and a host certificate for each name that is asked for.
//!
//! Whoever trusts our host authority (`@cert-authority` in known_hosts) never sees a host-key prompt, whatever
//! target he names. A certificate is made for any well-formed name, so that a name is no oracle.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ca::Authorities;
use jiff::{SignedDuration, Timestamp};
use russh::keys::{Algorithm, PrivateKey};
use russh::server;
use russh::{MethodKind, MethodSet, Preferred, SshId, cipher};

use super::pump::{MAX_PACKET, WINDOW};
use crate::error::Error;

/// How long a host certificate lives. Clients look at it at connect only.
const CERT_LIFE: SignedDuration = SignedDuration::from_hours(12);
/// A cached certificate is renewed when less than this is left of it.
const CERT_RENEW: SignedDuration = SignedDuration::from_hours(1);
/// How many names are kept; names come from strangers, so the cache is emptied rather than grown.
const MAX_CACHED: usize = 4096;
/// The name of a connection that asked for none that can stand in a certificate.
const NO_NAME: &str = "countersign";

/// AES-GCM first: the CPU does it; then what every OpenSSH has.
pub(super) const CIPHERS: &[cipher::Name] =
    &[cipher::AES_128_GCM, cipher::AES_256_GCM, cipher::CHACHA20_POLY1305, cipher::AES_256_CTR];

/// Configurations of the server side, by the name the client asked for.
#[derive(Debug)]
pub(crate) struct Hosts {
    authorities: Arc<Authorities>,
    key: PrivateKey,
    own: Vec<String>,
    cache: Mutex<Cache>,
}

/// What was made by the authorities of an epoch: after a rotation nobody may be shown a certificate of before.
#[derive(Debug, Default)]
struct Cache {
    epoch: u64,
    made: BTreeMap<String, (Timestamp, Arc<server::Config>)>,
}

impl Hosts {
    /// For a house that is itself reached under the names `own`.
    pub(crate) fn new(authorities: Arc<Authorities>, own: Vec<String>) -> Self {
        let key = authorities.host_key();
        Self { authorities, key, own, cache: Mutex::default() }
    }

    /// The server configuration for a client that asked for the target `name`, or for the house itself.
    pub(crate) fn config(
        &self,
        name: Option<&str>,
        now: Timestamp,
    ) -> Result<Arc<server::Config>, Error> {
        let slot = name.unwrap_or_default();
        let renew = now.checked_add(CERT_RENEW).unwrap_or(Timestamp::MAX);
        let until = now.checked_add(CERT_LIFE).unwrap_or(Timestamp::MAX);
        let epoch = self.authorities.epoch();
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.epoch != epoch {
            *cache = Cache { epoch, made: BTreeMap::new() };
        }
        let cache = &mut cache.made;
        // One that lives longer than a new one would was made before the clock was set back: it has not begun.
        if let Some((end, config)) = cache.get(slot)
            && (renew..=until).contains(end)
        {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.make(name, until, now)?);
        if cache.len() >= MAX_CACHED {
            cache.clear();
        }
        cache.insert(slot.to_owned(), (until, Arc::clone(&config)));
        Ok(config)
    }

    fn make(
        &self,
        name: Option<&str>,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<server::Config, Error> {
        let names: Vec<&str> = match name {
            Some(name) => vec![name],
            None if self.own.is_empty() => vec![NO_NAME],
            None => self.own.iter().map(String::as_str).collect(),
        };
        let sign =
            |names: &[&str]| self.authorities.sign_host(names, self.key.public_key(), until, now);
        // A name that can stand in no certificate is no target's either; it is refused like any other unknown name.
        let certificate = sign(&names)
            .or_else(|_| sign(&[NO_NAME]))
            .map_err(|source| Error::Sign { what: "a host certificate", source })?;
        Ok(server::Config {
            server_id: SshId::Standard("SSH-2.0-countersign".into()),
            methods: MethodSet::from(&[MethodKind::PublicKey, MethodKind::KeyboardInteractive][..]),
            auth_rejection_time: Duration::ZERO,
            auth_rejection_time_initial: Some(Duration::ZERO),
            keys: vec![self.key.clone()],
            certificates: vec![certificate],
            window_size: WINDOW,
            maximum_packet_size: MAX_PACKET,
            window_by_consumption: true,
            close_by_application: true,
            channel_buffer_size: 256,
            event_buffer_size: 100,
            preferred: preferred(),
            max_auth_attempts: 20,
            inactivity_timeout: None,
            keepalive_interval: Some(Duration::from_secs(30)),
            keepalive_max: 4,
            nodelay: true,
            ..server::Config::default()
        })
    }
}

/// Our algorithms on both legs: russh's choice, with the ciphers the CPU does itself first.
pub(super) fn preferred() -> Preferred {
    Preferred { cipher: CIPHERS.into(), ..Preferred::default() }
}

/// As [`preferred`], and asks the target for a host certificate first.
pub(super) fn preferred_upstream() -> Preferred {
    Preferred { host_key_certificates: vec![Algorithm::Ed25519].into(), ..preferred() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ca::{Authority, Step};

    #[test]
    fn after_a_rotation_no_certificate_of_before_is_shown() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let authorities = Arc::new(Authorities::generate("demo", now).unwrap());
        let hosts = Hosts::new(Arc::clone(&authorities), vec!["localhost".to_owned()]);
        let signer = || {
            let config = hosts.config(Some("db-box"), now).unwrap();
            config.certificates.first().unwrap().signature_key().clone()
        };
        let first = signer();
        for (step, same) in [(Step::Begin, true), (Step::Switch, false), (Step::Finish, false)] {
            authorities.adopt(authorities.rotated(Authority::Host, step, now).unwrap());
            assert_eq!(signer() == first, same, "{step}");
        }
    }
}
