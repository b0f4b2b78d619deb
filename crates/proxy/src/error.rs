//! What can go wrong on the way through the house, and whose side it is on.

use std::io;

use crate::database::Fault;
use crate::gate::Refused;
use crate::record;

/// Whose side an error is on: metrics and alerts count by it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Side {
    /// Whoever connected.
    Client,
    /// Us.
    House,
    /// The target, or the way to it.
    Target,
}

/// Why a connection was not served to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client left, or broke the protocol, before it said what it wants.
    #[error("the client left before a session began")]
    Left,
    /// The client was too slow.
    #[error("the client did not finish its handshake in time")]
    Slow,
    /// The client's SSH.
    #[error("the client's SSH connection failed")]
    Guest(#[source] russh::Error),
    /// The client broke PostgreSQL's protocol.
    #[error("the client broke PostgreSQL's protocol")]
    Malformed(#[source] wire::postgres::Malformed),
    /// Access was denied; the answer was given and is in the audit log.
    #[error("access was denied")]
    Refused(Box<Refused>),
    /// The start, or the refusal, could not be written down.
    #[error("the audit log did not take an event")]
    Audit(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The recording could not be opened.
    #[error("the session could not be recorded")]
    Recording(#[from] record::OpenError),
    /// A certificate or a key could not be made.
    #[error("cannot sign {what}")]
    Sign {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        source: ca::SignError,
    },
    /// The target's record could not be read.
    #[error("cannot read the record of target `{0}`")]
    Record(Box<str>, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// No TCP connection.
    #[error("cannot reach target `{target}`")]
    Unreachable {
        /// Which.
        target: Box<str>,
        /// Why.
        source: io::Error,
    },
    /// The target's host key is not what it should be.
    #[error("target `{0}` did not prove that it is itself")]
    Imposter(Box<str>),
    /// The target does not take our certificate, key or password for this login.
    #[error("target `{target}` refused login `{login}`")]
    LoginRefused {
        /// Which.
        target: Box<str>,
        /// Which account.
        login: Box<str>,
    },
    /// The way into a database failed, or the database said no.
    #[error("no connection to database `{target}`")]
    Database {
        /// Which.
        target: Box<str>,
        /// Why.
        #[source]
        fault: Box<Fault>,
    },
    /// The target's SSH failed.
    #[error("the SSH connection to target `{target}` failed")]
    Target {
        /// Which.
        target: Box<str>,
        /// Why.
        source: russh::Error,
    },
}

impl Error {
    /// What the person at the other end is told: never a rule, an address or a cause.
    #[must_use]
    pub fn public(&self) -> &'static str {
        match self {
            Self::Left | Self::Slow | Self::Guest(_) | Self::Malformed(_) => {
                "The connection failed."
            }
            Self::Refused(_) => "Access denied",
            Self::Audit(_) => {
                "This session cannot be written down now, so it is refused. Try again later."
            }
            Self::Recording(e) => e.public(),
            Self::Sign { .. } | Self::Record(..) => "The gateway failed. Tell an administrator.",
            Self::Unreachable { .. } => "The target cannot be reached.",
            Self::Imposter(_) => {
                "The target did not prove that it is itself. Tell an administrator: its host key is not the expected one."
            }
            Self::LoginRefused { .. } => {
                "The target did not accept this login. Tell an administrator: does it trust the user CA, and does the account exist?"
            }
            Self::Database { fault, .. } => fault.public(),
            Self::Target { .. } => "The connection to the target failed.",
        }
    }

    /// Whose side it is on.
    #[must_use]
    pub fn side(&self) -> Side {
        match self {
            Self::Left | Self::Slow | Self::Guest(_) | Self::Malformed(_) | Self::Refused(_) => {
                Side::Client
            }
            Self::Audit(_) | Self::Recording(_) | Self::Sign { .. } | Self::Record(..) => {
                Side::House
            }
            Self::Database { fault, .. } => fault.side(),
            Self::Unreachable { .. }
            | Self::Imposter(_)
            | Self::LoginRefused { .. }
            | Self::Target { .. } => Side::Target,
        }
    }

    /// A stable word for the audit log.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Left => "client_left",
            Self::Slow => "client_slow",
            Self::Guest(_) | Self::Malformed(_) => "client_protocol",
            Self::Refused(_) => "refused",
            Self::Audit(_) => "audit_unavailable",
            Self::Recording(_) => "recording_unavailable",
            Self::Sign { .. } => "sign",
            Self::Record(..) => "store",
            Self::Unreachable { .. } => "target_unreachable",
            Self::Imposter(_) => "target_host_key",
            Self::LoginRefused { .. } => "target_login_refused",
            Self::Database { fault, .. } => fault.code(),
            Self::Target { .. } => "target_protocol",
        }
    }
}
