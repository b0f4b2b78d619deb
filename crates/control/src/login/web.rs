//! Logins of browsers: a session token instead of certificates. Only its hash is kept.

use access::{identity::Identity, name::UserName};
use serde::{Deserialize, Serialize};

use super::{digest, is_bearer, issue::Login};
use crate::{Control, Failure};

/// Where a token's digest points to.
#[derive(Deserialize, Serialize)]
pub(super) struct Session {
    pub(super) user: String,
    pub(super) login: String,
}

/// Where the digest of a session token lies.
pub(super) fn token_key(digest: &str) -> String {
    format!("/session-token/{digest}")
}

/// Who a session token speaks for; `None` for a token that is unknown, has ended, or whose login
/// was ended. What they may do is for the policy to say, as always.
///
/// # Errors
/// A fault of the store.
pub async fn session_identity(control: &Control, token: &str) -> Result<Option<Identity>, Failure> {
    if !is_bearer(token) {
        return Ok(None);
    }
    let Some(entry) = control.store().load(token_key(&digest(token))).await? else {
        return Ok(None);
    };
    let session: Session = serde_json::from_slice(&entry.value).map_err(Failure::internal)?;
    let (Ok(user), Ok(login)) = (session.user.parse::<UserName>(), session.login.parse()) else {
        return Ok(None);
    };
    let Some(record) = control.store().load(super::issue::login_key(&user, login)).await? else {
        return Ok(None);
    };
    let record: Login = serde_json::from_slice(&record.value).map_err(Failure::internal)?;
    if control.now() >= record.expires {
        return Ok(None);
    }
    Ok(Some(Identity {
        user,
        login,
        expires: record.expires,
        mfa: record.how.mfa(),
        device: false,
    }))
}
