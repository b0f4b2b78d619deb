//! A plan and a key become a certificate.
//!
//! The only room that holds private keys of authorities. Six authorities, each with a purpose of
//! its own, so that none of their certificates is worth anything where another is expected:
//!
//! | authority | signs                                   | trusted by              |
//! |-----------|-----------------------------------------|-------------------------|
//! | identity  | SSH certificates: who a person is       | this daemon alone       |
//! | user      | SSH certificates made per connection    | the targets' `sshd`     |
//! | host      | SSH host certificates                   | people's `known_hosts`  |
//! | tls       | the port's certificate, TLS identities  | `tsh` (by pin), us      |
//! | database  | client certificates made per connection | the databases           |
//! | app       | assertions: who is asking (JWT)         | the applications        |
//!
//! Identity certificates carry no permission, only a name: what someone may do is asked of the
//! policy at every use. Deliberately absent: a clock (`now` is an argument) and any network.

mod assertion;
mod authorities;
mod checkpoint;
mod error;
mod generations;
mod lapsed;
mod seal;
mod ssh;
mod ticket;
mod x509;

pub use authorities::{
    Authorities, Authority, OpenError, Phase, PublicPart, RotateError, Step, UnknownName,
};
pub use checkpoint::CheckpointKey;
pub use error::{CertError, SignError};
pub use seal::{SealError, SealKey};
pub use ssh::keys;
pub use ssh::{
    Allowed, IDENTITY_PRINCIPAL, UPSTREAM_LIFE, UpstreamPlan, accept_user_key, fingerprint,
    parse_user_key,
};
pub use ticket::MAX_TICKET;
pub use x509::{DatabasePlan, Pin, SERVER_TLS_LIFE, ServerTls, Subject, TlsIdentity, is_pair};

use jiff::SignedDuration;

/// How far a certificate is dated back when signed, and how far in the future its beginning may
/// lie when checked. Clocks of clients, targets and other daemons differ, and a clock set back by
/// this much must not lock everybody out. The end of a certificate is never stretched.
pub const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(60);

/// How far the certificates are dated back by which people know this house: its hosts' and its port's. A
/// client's clock may be wrong by this much, and its user must still hear from us what is wrong; the
/// beginning of such a certificate protects nobody.
pub(crate) const DATED_BACK: SignedDuration = SignedDuration::from_hours(24);
