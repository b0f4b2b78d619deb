//! Who else may see, or ask for, what is shown on a connection.

use super::{Database, Leg, TlsMode};
use crate::listen::Wire;

/// What makes a connection [`Guard::Verified`].
pub(super) const VERIFIED: &str = "TLS with spec.tls.mode `verify-full` or `verify-ca`";
/// What makes it more than [`Guard::Open`], for passwords that are hashed badly.
pub(super) const KNOWN: &str =
    "TLS with spec.tls.mode `verify-full` or `verify-ca`, or spec.auth.allow_weak_methods";

/// What may be shown on a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Guard {
    /// TLS, to a server whose certificate was checked.
    Verified,
    /// Whoever listens, or answers instead of the server, sits on this machine.
    Local,
    /// Anybody may be there instead of the server, and the target's record takes that for passwords that are hashed
    /// badly (`spec.auth.allow_weak_methods`).
    Waived,
    /// Anybody may be there instead of the server.
    Open,
}

impl Guard {
    pub(super) fn of(database: &Database, leg: &Leg) -> Self {
        let verifies = matches!(database.tls.mode, TlsMode::VerifyCa | TlsMode::VerifyFull);
        let is_local = |socket: &Wire| {
            socket.peer_addr().is_ok_and(|peer| peer.ip().to_canonical().is_loopback())
        };
        match leg {
            Leg::Tls(_) if verifies => Self::Verified,
            Leg::Tls(stream) if is_local(stream.get_ref().0) => Self::Local,
            Leg::Plain(socket) if is_local(socket) => Self::Local,
            Leg::Tls(_) | Leg::Plain(_) if database.weak_methods => Self::Waived,
            Leg::Tls(_) | Leg::Plain(_) => Self::Open,
        }
    }
}
