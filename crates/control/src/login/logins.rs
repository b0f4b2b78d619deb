//! Logins that have not ended, and ending them.
//!
//! A login is ended by a lock on it: the policy refuses its certificates from then on, and live
//! sessions are cut. The lock holds until the certificates run out, and then vanishes.

use access::name::{LoginId, UserName};
use api::audit::{NewEvent, code};
use api::document::Metadata;
use api::lock::{LockDocument, LockSpec, LockTarget};
use jiff::{SignedDuration, Timestamp};
use store::kv::{Commit, LeaseId, Range};

use super::{
    issue::{Login, logins_prefix},
    web::token_key,
};
use crate::{Caller, Control, Failure};

/// How much longer than its login a lock lives, so that no clock can bring the login back.
const AFTERLIFE: SignedDuration = SignedDuration::from_mins(10);
/// How many logins of a user one commit ends; the rest come in further commits.
const PER_COMMIT: usize = 50;

/// All logins of `user` that have not ended, oldest id first.
pub(crate) async fn list(control: &Control, user: &UserName) -> Result<Vec<Login>, Failure> {
    let now = control.now();
    let mut logins = Vec::new();
    let mut range = Range::prefix(logins_prefix(user));
    loop {
        let page = control.store().range(range).await?;
        for entry in &page.entries {
            let login: Login = serde_json::from_slice(&entry.value).map_err(Failure::internal)?;
            if now < login.expires {
                logins.push(login);
            }
        }
        match page.entries.last().filter(|_| page.more) {
            Some(last) => range = Range::prefix(logins_prefix(user)).after(&last.key),
            None => return Ok(logins),
        }
    }
}

/// Removes the records of logins whose end has come: called where a new one is made, so that they
/// never pile up.
pub(crate) async fn forget_ended(control: &Control, user: &UserName) -> Result<Commit, Failure> {
    let now = control.now();
    let page = control.store().range(Range::prefix(logins_prefix(user)).limit(100)).await?;
    let mut commit = Commit::new();
    for entry in &page.entries {
        let login: Login = serde_json::from_slice(&entry.value).map_err(Failure::internal)?;
        if now >= login.expires {
            commit = remove(commit, &entry.key, &login);
        }
    }
    Ok(commit)
}

fn remove(commit: Commit, key: &str, login: &Login) -> Commit {
    match &login.token {
        Some(token) => commit.delete(key).delete(token_key(token)),
        None => commit.delete(key),
    }
}

/// Ends one login: its certificates and its session token are worth nothing from now on.
pub(crate) async fn end(
    control: &Control,
    caller: &Caller,
    user: &UserName,
    id: LoginId,
    expires: Timestamp,
) -> Result<(), Failure> {
    let key = super::issue::login_key(user, id);
    let login = match control.store().load(key.clone()).await? {
        Some(entry) => serde_json::from_slice(&entry.value).map_err(Failure::internal)?,
        None => None,
    };
    let commit = lock(control, caller, user, id, expires)?;
    let commit = match login {
        Some(login) => remove(commit, &key, &login),
        None => commit,
    };
    let lease = lease(control, expires).await?;
    let revision = control.store().commit(commit.lease(lease)).await?;
    control.store().policy().at_least(revision).await;
    Ok(())
}

/// Ends every login of a user.
pub(crate) async fn end_all(
    control: &Control,
    caller: &Caller,
    user: &UserName,
) -> Result<usize, Failure> {
    let logins = list(control, user).await?;
    for chunk in logins.chunks(PER_COMMIT) {
        let mut commit = Commit::new();
        let mut last = control.now();
        for login in chunk {
            let id: LoginId = login.login.parse().map_err(Failure::internal)?;
            let key = super::issue::login_key(user, id);
            commit =
                remove(commit.and(lock(control, caller, user, id, login.expires)?), &key, login);
            last = last.max(login.expires);
        }
        let lease = lease(control, last).await?;
        let revision = control.store().commit(commit.lease(lease)).await?;
        control.store().policy().at_least(revision).await;
    }
    Ok(logins.len())
}

fn lock(
    control: &Control,
    caller: &Caller,
    user: &UserName,
    id: LoginId,
    expires: Timestamp,
) -> Result<Commit, Failure> {
    let name = format!("login-{id}");
    let document = LockDocument {
        kind: "lock".to_owned(),
        version: "v1".to_owned(),
        metadata: Metadata { name: name.clone(), ..Metadata::default() },
        spec: LockSpec {
            target: LockTarget { login_session: Some(id.to_string()), ..LockTarget::default() },
            message: "this login was ended; log in again".to_owned(),
            expires: Some(expires),
        },
    };
    let value = serde_json::to_value(&document).map_err(Failure::internal)?;
    let event = NewEvent::new(code::LOGIN_ENDED, control.now())
        .user(user)
        .login(id)
        .with("by", caller.name());
    Ok(Commit::new().put(format!("/lock/{name}"), api::audit::canonical_json(&value)).event(event))
}

async fn lease(control: &Control, until: Timestamp) -> Result<LeaseId, Failure> {
    let left = until.duration_since(control.now()).max(SignedDuration::ZERO);
    Ok(control.store().lease(left.checked_add(AFTERLIFE).unwrap_or(AFTERLIFE)).await?)
}
