//! What can go wrong between us and a database before a session begins.

use std::io;

use crate::error::Side;

/// An error as the database said it: SQLSTATE and words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServerError {
    /// Five letters or digits: `28P01`, `3D000`.
    pub sqlstate: Box<str>,
    /// MySQL's error number; 0 for PostgreSQL.
    pub number: u16,
    /// What it says.
    pub message: Box<str>,
    /// PostgreSQL's DETAIL.
    pub detail: Option<Box<str>>,
    /// PostgreSQL's HINT.
    pub hint: Option<Box<str>>,
}

impl std::fmt::Display for ServerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.sqlstate, access::display::shown_short(&self.message, 512))
    }
}

impl std::error::Error for ServerError {}

impl ServerError {
    /// Whether it is about who logs in: class 28, invalid authorisation specification.
    #[must_use]
    pub fn is_about_the_login(&self) -> bool {
        self.sqlstate.starts_with("28")
    }
}

/// What went wrong between us and a database, before a session began.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The target speaks another protocol than the door the client came through.
    #[error("the database speaks {0}")]
    Protocol(&'static str),
    /// The server has no TLS, and the target's record demands it.
    #[error("the server offers no TLS; spec.tls.mode would have to be `off`")]
    NoTls,
    /// The TLS handshake failed.
    #[error("the TLS handshake failed")]
    Tls(#[source] io::Error),
    /// The server does not take the certificate that we show.
    #[error(
        "the server does not accept the certificate of this gateway; it must trust the database CA"
    )]
    TlsClient(#[source] io::Error),
    /// The certificate that we would show cannot be made.
    #[error("a certificate for the database cannot be made")]
    Sign(#[source] ca::SignError),
    /// The certificate is for another name.
    #[error(
        "the server's certificate is not for `{wanted}`; spec.tls.server_name is compared with it"
    )]
    TlsName {
        /// The name that was needed.
        wanted: Box<str>,
        /// What TLS said.
        #[source]
        source: io::Error,
    },
    /// The certificate comes from an authority that is not trusted for this target.
    #[error("the server's certificate is not trusted; spec.tls.ca_cert names the authorities")]
    TlsAuthority(#[source] io::Error),
    /// The trusted certificates, or the server's name, cannot be used.
    #[error("TLS cannot be set up: {0}")]
    TlsSetup(Box<str>),
    /// The server refused, or failed, in its own words.
    #[error("the server said no")]
    Server(#[source] Box<ServerError>),
    /// The server asks for a password, and none is sealed for this user.
    #[error("the server asks for a password ({0}), and the log-in is by certificate")]
    NoPassword(&'static str),
    /// The server asks for something that would show the password to others.
    #[error("the server asks for the password by `{method}`, which needs {needs}")]
    Unsafe {
        /// What it asks for.
        method: &'static str,
        /// What would make it safe.
        needs: &'static str,
    },
    /// The server asks for a way to log in that we do not speak.
    #[error("the server asks for a log-in that is not supported: {0}")]
    Method(Box<str>),
    /// The server did not prove that it knows the password.
    #[error("the server did not prove that it knows the password: {0}")]
    Unproven(Box<str>),
    /// The server broke its protocol.
    #[error("the server broke its protocol: {0}")]
    Malformed(Box<str>),
    /// The server closed the connection in the middle of the log-in.
    #[error("the server closed the connection during {0}")]
    Vanished(&'static str),
    /// The connection broke in the middle of the log-in.
    #[error("the connection broke during {step}")]
    Broke {
        /// During what.
        step: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The server did not answer in time.
    #[error("the server did not answer within {seconds} s during {step}")]
    Slow {
        /// During what.
        step: &'static str,
        /// How long we waited.
        seconds: u64,
    },
    /// A user could not be made, or given his roles.
    #[error("the database user `{0}` cannot be made")]
    Provision(Box<str>, #[source] Box<crate::error::Error>),
    /// It could not be written down that a user is made.
    #[error("the store did not take the note of a user that is made")]
    Note(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A name that the database would change, or that cannot be quoted safely.
    #[error(
        "`{0}` cannot be the name of a user or a role there: it is empty, too long, or has a control character or `\\`"
    )]
    Name(Box<str>),
    /// A user of this name stands there, and is not ours to change.
    #[error("database user `{0}` exists, and was not made by this gateway")]
    NotOurs(Box<str>),
    /// The record names no administrator who could make users.
    #[error("users are to be made, and the target has no spec.admin_user")]
    NoAdmin,
}

impl Fault {
    /// What the person at the other end is told: never a rule, an address or a cause.
    #[must_use]
    pub fn public(&self) -> &'static str {
        match self {
            Self::Protocol(_) => {
                "This database speaks another protocol. Use the client that `tsh db ls` shows for it."
            }
            Self::NoTls | Self::TlsSetup(_) => {
                "The database cannot be reached securely. Tell an administrator: it offers no usable TLS."
            }
            Self::TlsClient(_) => {
                "The database did not accept this gateway. Tell an administrator: does it trust the database CA?"
            }
            Self::Sign(_) | Self::Note(_) => "The gateway failed. Tell an administrator.",
            Self::Tls(_) => "The TLS connection to the database failed.",
            Self::TlsName { .. } => {
                "The database did not prove that it is itself. Tell an administrator: its certificate has another name."
            }
            Self::TlsAuthority(_) => {
                "The database did not prove that it is itself. Tell an administrator: its certificate is not trusted."
            }
            Self::Server(error) if error.is_about_the_login() => {
                "The database did not accept this login. Tell an administrator: does it trust the database CA, and does the user exist?"
            }
            Self::Server(_) => "The database refused the connection.",
            Self::NoPassword(_) | Self::Unsafe { .. } | Self::Method(_) => {
                "The database asks for a log-in that the gateway does not give. Tell an administrator."
            }
            Self::Unproven(_) => {
                "The database did not prove that it is itself. Tell an administrator: it does not know the password it asked for."
            }
            Self::Malformed(_) | Self::Vanished(_) | Self::Broke { .. } => {
                "The connection to the database failed."
            }
            Self::Slow { .. } => "The database did not answer in time.",
            Self::Provision(..) | Self::Name(_) => {
                "Your database user could not be made. Tell an administrator."
            }
            Self::NotOurs(_) => {
                "A database user of your name exists already and was not made by this gateway. Tell an administrator."
            }
            Self::NoAdmin => {
                "Database users cannot be made on this target. Tell an administrator: it names no admin user."
            }
        }
    }

    /// Whose side it is on.
    #[must_use]
    pub const fn side(&self) -> Side {
        match self {
            Self::Protocol(_) => Side::Client,
            Self::TlsSetup(_) | Self::NoAdmin | Self::Name(_) | Self::Note(_) | Self::Sign(_) => {
                Side::House
            }
            Self::NoTls
            | Self::TlsClient(_)
            | Self::Tls(_)
            | Self::TlsName { .. }
            | Self::TlsAuthority(_)
            | Self::Server(_)
            | Self::NoPassword(_)
            | Self::Unsafe { .. }
            | Self::Method(_)
            | Self::Unproven(_)
            | Self::Malformed(_)
            | Self::Vanished(_)
            | Self::Broke { .. }
            | Self::Slow { .. }
            | Self::Provision(..)
            | Self::NotOurs(_) => Side::Target,
        }
    }

    /// A stable word for the audit log.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Protocol(_) => "target_other_protocol",
            Self::NoTls => "target_no_tls",
            Self::Tls(_) => "target_tls",
            Self::TlsClient(_) => "target_tls_client",
            Self::Sign(_) => "sign",
            Self::TlsName { .. } => "target_tls_name",
            Self::TlsAuthority(_) => "target_tls_authority",
            Self::TlsSetup(_) => "target_tls_setup",
            Self::Server(_) => "target_error",
            Self::NoPassword(_) => "target_no_password",
            Self::Unsafe { .. } => "target_unsafe_login",
            Self::Method(_) => "target_login_method",
            Self::Unproven(_) => "target_unproven",
            Self::Malformed(_) => "target_protocol",
            Self::Vanished(_) | Self::Broke { .. } => "target_vanished",
            Self::Slow { .. } => "target_slow",
            Self::Provision(..) => "target_provision",
            Self::Note(_) => "store",
            Self::Name(_) => "target_user_name",
            Self::NotOurs(_) => "target_user_not_ours",
            Self::NoAdmin => "target_no_admin",
        }
    }

    /// What the server itself said, for the client: its SQLSTATE and its words.
    #[must_use]
    pub fn server(&self) -> Option<&ServerError> {
        if let Self::Server(error) = self { Some(error) } else { None }
    }
}
