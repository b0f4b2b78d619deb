//! The log-in of both vendors, against real servers and against servers that misbehave.

mod hostile;
mod mariadb;
#[cfg(feature = "peers")]
mod mysql;
mod plugins;
mod postgres;
mod provision;
#[path = "../../tests/databases/servers.rs"]
mod servers;

use std::sync::Arc;

use access::name::{SessionId, TargetName, UserName};
use ca::Authorities;
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

use super::dial::{Errand, LOGIN_WAIT};
use super::{Database, DbLogin, Fault, Protocol, TargetTls, TlsMode, Trust};
use crate::error::Error;
use servers::PASSWORD;

fn now() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "real servers check certificates by the real clock"
    )]
    Timestamp::now()
}

/// Who connects, and everything a log-in needs of him.
pub(super) struct Person {
    target: TargetName,
    user: UserName,
    authorities: Authorities,
}

impl Person {
    pub(super) fn new() -> Self {
        Self {
            target: "orders".parse().unwrap(),
            user: "dave".parse().unwrap(),
            authorities: Authorities::generate("test", now()).unwrap(),
        }
    }

    pub(super) fn errand<'a>(&'a self, account: &'a str) -> Errand<'a> {
        Errand {
            target: &self.target,
            account,
            user: &self.user,
            session: SessionId::from_bits(7),
            until: None,
            authorities: &self.authorities,
            within: LOGIN_WAIT,
            now: now(),
        }
    }
}

/// A target at `addr` that trusts `ca` and is logged in to by certificate.
pub(super) fn database(protocol: Protocol, addr: &str, ca: &str) -> Database {
    let trusted: Vec<_> =
        CertificateDer::pem_slice_iter(ca.as_bytes()).collect::<Result<_, _>>().unwrap();
    Database {
        name: "orders".parse().unwrap(),
        addr: addr.into(),
        protocol,
        tls: TargetTls {
            mode: TlsMode::VerifyFull,
            server_name: None,
            trust: Arc::new(Trust::named(trusted)),
        },
        login: DbLogin::Certificate,
        weak_methods: false,
        admin: None,
        server_version: None,
    }
}

pub(super) fn password(text: &str) -> DbLogin {
    DbLogin::Password(Arc::new(Zeroizing::new(text.to_owned())))
}

/// The fault of a log-in that must fail.
fn fault<T: std::fmt::Debug>(result: Result<T, Error>) -> Fault {
    match result {
        Err(Error::Database { target, fault }) => {
            assert_eq!(&*target, "orders");
            *fault
        }
        other => panic!("it should fail in the database's log-in: {other:?}"),
    }
}
