//! Logging in: a password and a code, once, become certificates that say who someone is.
//!
//! ```text
//!  throttle ──► one at a time ──► load ──► argon2id ──► code ──► commit ──► certificates
//!  by address,  per user          record   (a dummy     (never    events,
//!  by name                                  for nobody)  twice)    counters
//! ```
//!
//! Whatever is wrong — no such user, password, code, a code used before, locked out, disabled — the
//! answer is the same text after the same work; the audit log has the reason. Deliberately absent:
//! permissions. A certificate says who; the policy is asked at every use.

mod attempt;
pub(crate) mod browser;
mod credential;
mod door;
mod enter;
mod handlers;
pub(crate) mod invite;
mod issue;
mod logins;
mod page;
mod password;
mod throttle;
mod totp;
mod web;

pub(crate) use credential::{credential_key, failures_key};
pub(crate) use door::Doors;
pub(crate) use handlers::{forget, routes};
pub(crate) use issue::{How, Issue, issue};
pub(crate) use logins::{end_all, forget_ended};
pub use web::session_identity;

use access::name::UserName;
use api::problem::Problem;
use sha2::{Digest as _, Sha256};

use crate::Failure;

/// The one answer to every login that is refused.
pub(crate) fn refused() -> Failure {
    Problem::new(401, "login.refused", "the user name, the password or the code is wrong")
        .hint("codes change every 30 seconds and work once; after several failures, wait a minute")
        .into()
}

/// SHA-256 in hexadecimal: how bearer secrets of 128 bits and more are kept.
pub(crate) fn digest(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A bearer secret: 256 random bits in base64 for URLs.
pub(crate) fn bearer() -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// The longest bearer secret looked at, in bytes; ours have 43.
pub(crate) const MAX_BEARER: usize = 128;

/// Whether a text can be a bearer secret of ours, before anything is looked up.
pub(crate) fn is_bearer(text: &str) -> bool {
    (32..=MAX_BEARER).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// A user name as the audit log may show it: what is no name at all could be a password, typed
/// one field too early.
pub(crate) fn shown(name: &str) -> &str {
    if name.parse::<UserName>().is_ok() { name } else { "(not a name)" }
}
