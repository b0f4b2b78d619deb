//! Invites: one link, once, to choose a password and confirm a second factor.
//!
//! ```text
//!  /invite/<digest of the token>   {user, expires} and the sealed secret of the second factor
//!  /invite-of/<user>               the digest, so that a new invite ends the one before
//! ```

use access::name::UserName;
use api::audit::{NewEvent, code};
use api::login::{InviteView, LoginAnswer, LoginKeys};
use api::problem::Problem;
use api::user::Invite;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use qrcode::{Color, EcLevel, QrCode};
use serde::{Deserialize, Serialize};
use store::kv::{Commit, CommitError, Revision};
use zeroize::Zeroizing;

use super::{
    How, Issue, bearer, browser,
    credential::{Credential, credential_key, failures_key},
    digest, is_bearer, issue, password,
    totp::{self, Step},
};
use crate::{Caller, Control, Failure};

/// How long an invite holds when nothing is said.
pub(crate) const DEFAULT_LIFE: SignedDuration = SignedDuration::from_hours(24);
/// How long an invite holds at most.
pub(crate) const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// An invite at rest.
#[derive(Deserialize, Serialize)]
struct Kept {
    user: UserNameText,
    expires: Timestamp,
    /// The second factor's secret, sealed, in base64.
    totp: String,
}

type UserNameText = String;

/// How whoever accepts an invite wants to be logged in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted<'a> {
    /// By certificates for these keys.
    Certificates(&'a LoginKeys),
    /// By a cookie.
    Cookie,
    /// Not now.
    Nothing,
}

/// How whoever accepted an invite is logged in.
pub(crate) enum Accepted {
    /// By these certificates.
    Certificates(Box<LoginAnswer>),
    /// By the cookie of this session.
    Cookie(browser::Begun),
    /// Not at all.
    Nothing,
}

/// A text as the rows of its QR code. Empty when it does not fit, which no secret of ours does.
fn qr(text: &str) -> Vec<String> {
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::M) else { return Vec::new() };
    let dark = |colour: &Color| if *colour == Color::Dark { '1' } else { '0' };
    code.to_colors().chunks(code.width()).map(|row| row.iter().map(dark).collect()).collect()
}

/// An open invite.
pub(crate) struct Open {
    pub(crate) user: UserName,
    expires: Timestamp,
    totp: Zeroizing<Vec<u8>>,
    digest: String,
    revision: Revision,
}

fn key(digest: &str) -> String {
    format!("/invite/{digest}")
}

fn key_of(user: &UserName) -> String {
    format!("/invite-of/{user}")
}

fn context(digest: &str) -> String {
    format!("invite/{digest}")
}

/// The one answer to a link that is unknown, used, replaced, or over.
fn gone() -> Failure {
    Problem::new(404, "invite.gone", "this invite link is not valid, or not any more")
        .hint("ask an administrator for a new one: `tctl users reset NAME` makes it")
        .into()
}

/// A new invite for `user`, and the commit that makes it and ends the one before.
pub(crate) async fn make(
    control: &Control,
    user: &UserName,
    life: SignedDuration,
) -> Result<(Invite, Commit), Failure> {
    let token = bearer();
    let digest = digest(&token);
    let expires = control.now().checked_add(life.min(LONGEST_LIFE)).map_err(Failure::internal)?;
    let secret = Zeroizing::new(totp::new_secret());
    let sealed = control.seal().seal(&secret, &context(&digest)).map_err(Failure::internal)?;
    let kept = Kept { user: user.to_string(), expires, totp: STANDARD.encode(sealed) };
    let bytes = serde_json::to_vec(&kept).map_err(Failure::internal)?;
    let before = control.store().load(key_of(user)).await?;
    let mut commit = Commit::new()
        .expecting(key_of(user), before.as_ref().map(|entry| entry.revision))
        .put(key_of(user), digest.clone())
        .put(key(&digest), bytes);
    if let Some(old) = before.as_ref().and_then(|entry| std::str::from_utf8(&entry.value).ok()) {
        commit = commit.delete(key(old));
    }
    let link = format!("https://{}/invite/{token}", control.public_addr());
    Ok((Invite { user: user.to_string(), link, expires }, commit))
}

/// The commit that ends the open invite of `user`, if there is one.
pub(crate) async fn withdraw(control: &Control, user: &UserName) -> Result<Commit, Failure> {
    let before = control.store().load(key_of(user)).await?;
    let Some(entry) = before else { return Ok(Commit::new()) };
    let commit = Commit::new().expecting(key_of(user), entry.revision).delete(key_of(user));
    Ok(match std::str::from_utf8(&entry.value) {
        Ok(old) => commit.delete(key(old)),
        Err(_) => commit,
    })
}

/// Looks an invite up by its token.
///
/// # Errors
/// [`gone`], whatever is wrong with it; 429 for who tries too often.
pub(crate) async fn open(control: &Control, caller: &Caller, token: &str) -> Result<Open, Failure> {
    control.doors().knock(caller, control.now())?;
    if !is_bearer(token) {
        return Err(gone());
    }
    let digest = digest(token);
    let entry = control.store().load(key(&digest)).await?.ok_or_else(gone)?;
    let kept: Kept = serde_json::from_slice(&entry.value).map_err(Failure::internal)?;
    if control.now() >= kept.expires {
        return Err(gone());
    }
    let sealed = STANDARD.decode(&kept.totp).map_err(Failure::internal)?;
    let totp = control.seal().open(&sealed, &context(&digest)).map_err(Failure::internal)?;
    let user = kept.user.parse().map_err(Failure::internal)?;
    Ok(Open { user, expires: kept.expires, totp, digest, revision: entry.revision })
}

impl Open {
    /// What its holder sees.
    pub(crate) fn view(&self, control: &Control) -> Result<InviteView, Failure> {
        let user = self.user.as_str();
        let (totp_secret, totp_url) = totp::shown(&self.totp, user, control.cluster())?;
        Ok(InviteView {
            user: user.to_owned(),
            cluster: control.cluster().to_owned(),
            totp_secret,
            totp_qr: qr(&totp_url),
            totp_url,
            expires: self.expires,
        })
    }

    /// Uses the invite up: sets password and second factor, and logs in at once as `wanted`.
    ///
    /// # Errors
    /// By field for a password or a code that is not taken; [`gone`] when someone was faster.
    pub(crate) async fn accept(
        self,
        control: &Control,
        caller: &Caller,
        password: Zeroizing<String>,
        code: &str,
        wanted: Wanted<'_>,
    ) -> Result<Accepted, Failure> {
        let user = &self.user;
        if let Some(why) = password::objection(&password, user.as_str()) {
            return Err(Failure::field("password", why));
        }
        let now = control.now();
        let Step::New(step) = totp::step(&self.totp, code, None, now) else {
            return Err(Failure::field(
                "totp",
                "is not a code of this secret now; check the clock of the device",
            ));
        };
        let hash = control.doors().passwords.hash(password).await?;
        // The code that was just shown is the first use of the second factor.
        let credential = Credential {
            hash,
            totp: self.totp.to_vec(),
            last_step: step,
            added: now,
            used: Some(now),
        };
        let enrolled = NewEvent::new(code::USER_ENROLLED, now)
            .user(user)
            .target(format!("user/{user}"))
            .with("from", caller.name());
        // The user must still be there: removed meanwhile, the invite is worth nothing.
        let record = control.store().load(format!("/user/{user}")).await?.ok_or_else(gone)?;
        let commit = Commit::new()
            .expecting(key(&self.digest), self.revision)
            .expecting(format!("/user/{user}"), record.revision)
            .delete(key(&self.digest))
            .delete(key_of(user))
            .put(credential_key(user), credential.seal(control, user)?)
            .delete(failures_key(user))
            .event(enrolled);
        let wish = Issue { user, how: How::Invite, ttl: None, caller };
        let (answer, commit) = match wanted {
            Wanted::Certificates(keys) => {
                let (answer, login) = issue(control, &wish, keys)?;
                (Accepted::Certificates(Box::new(answer)), commit.and(login))
            }
            Wanted::Cookie => {
                let (begun, login) = browser::begin(control, &wish)?;
                (Accepted::Cookie(begun), commit.and(login))
            }
            Wanted::Nothing => (Accepted::Nothing, commit),
        };
        match control.store().commit(commit).await {
            Ok(_) => Ok(answer),
            Err(CommitError::Conflict(_)) => Err(gone()),
            Err(error) => Err(error.into()),
        }
    }
}
