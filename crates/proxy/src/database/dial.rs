//! The first step to a database: what the connection is for, TCP, and how long each step may take.

use std::time::Duration;

use access::name::{SessionId, TargetName, UserName};
use ca::Authorities;
use jiff::Timestamp;
use tokio::net::TcpStream;

use super::{Database, Fault};
use crate::error::Error;
use crate::listen::{Wire, keep_alive};
use crate::live::Session;

/// How long dialling may take.
pub(super) const DIAL_WAIT: Duration = Duration::from_secs(10);
/// How long everything from the first byte to the end of the log-in may take.
pub(super) const LOGIN_WAIT: Duration = Duration::from_secs(15);

/// Why a connection to a database is made: whose certificate it needs, and until when.
pub(crate) struct Errand<'a> {
    /// The target.
    pub(crate) target: &'a TargetName,
    /// The user in the database.
    pub(crate) account: &'a str,
    /// Who connects.
    pub(crate) user: &'a UserName,
    /// In which session.
    pub(crate) session: SessionId,
    /// When the permit ends.
    pub(crate) until: Option<Timestamp>,
    /// Who signs the certificate.
    pub(crate) authorities: &'a Authorities,
    /// How long everything from the first byte to the end of the log-in may take.
    pub(crate) within: Duration,
    /// The time.
    pub(crate) now: Timestamp,
}

impl<'a> Errand<'a> {
    /// The errand of a session: its own user, logged in as the account it was admitted for.
    pub(crate) fn of(session: &'a Session) -> Self {
        Self {
            target: session.caller.target(),
            account: session.caller.account(),
            user: &session.caller.identity.user,
            session: session.id,
            until: session.rights().until,
            authorities: &session.house.authorities,
            within: LOGIN_WAIT,
            now: session.now(),
        }
    }

    /// An error on this errand.
    pub(super) fn failed(&self, fault: Fault) -> Error {
        Error::Database { target: self.target.as_str().into(), fault: Box::new(fault) }
    }
}

/// A TCP connection to the database.
pub(super) async fn dial(errand: &Errand<'_>, database: &Database) -> Result<Wire, Error> {
    let dialled = tokio::time::timeout(DIAL_WAIT, TcpStream::connect(&*database.addr)).await;
    let socket = dialled
        .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
        .map_err(|source| Error::Unreachable { target: errand.target.as_str().into(), source })?;
    keep_alive(&socket);
    Ok(Wire::plain(socket))
}

/// Runs the log-in with a limit on its time.
pub(super) async fn in_time<T>(
    errand: &Errand<'_>,
    step: &'static str,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Error> {
    let slow = Fault::Slow { step, seconds: errand.within.as_secs() };
    let done = tokio::time::timeout(errand.within, work).await.unwrap_or(Err(slow));
    done.map_err(|fault| errand.failed(fault))
}
