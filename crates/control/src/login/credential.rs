//! What a user logs in with, at rest: sealed, one key per user.

use access::name::UserName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::kv::{Entry, Revision};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{Control, Failure};

/// A password's hash and the second factor of one user.
#[derive(Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Credential {
    /// The password's hash, in PHC form.
    pub(crate) hash: String,
    /// The second factor's secret.
    pub(crate) totp: Vec<u8>,
    /// The last step whose code was used.
    pub(crate) last_step: u64,
    /// When both were set.
    #[zeroize(skip)]
    pub(crate) added: Timestamp,
    /// When they last worked.
    #[zeroize(skip)]
    pub(crate) used: Option<Timestamp>,
}

/// Where a user's credential lies.
pub(crate) fn credential_key(user: &UserName) -> String {
    format!("/secret/{}", context(user))
}

/// Where a user's failed logins are counted.
pub(crate) fn failures_key(user: &UserName) -> String {
    format!("/login-failures/{user}")
}

fn context(user: &UserName) -> String {
    format!("credential/{user}")
}

impl Credential {
    pub(crate) fn seal(&self, control: &Control, user: &UserName) -> Result<Vec<u8>, Failure> {
        let json = Zeroizing::new(serde_json::to_vec(self).map_err(Failure::internal)?);
        control.seal().seal(&json, &context(user)).map_err(Failure::internal)
    }

    pub(crate) fn open(
        control: &Control,
        user: &UserName,
        entry: &Entry,
    ) -> Result<(Self, Revision), Failure> {
        let json = control.seal().open(&entry.value, &context(user)).map_err(Failure::internal)?;
        let credential = serde_json::from_slice(&json).map_err(Failure::internal)?;
        Ok((credential, entry.revision))
    }
}
