//! The door: is it them?

use std::hash::{BuildHasher as _, RandomState};

use access::name::UserName;
use api::audit::{NewEvent, code};
use api::problem::Problem;
use api::user::UserDocument;
use jiff::Timestamp;
use store::kv::{Commit, CommitError, Revision};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::{
    attempt::Failures,
    credential::{Credential, credential_key, failures_key},
    password::{MAX_BYTES, Passwords},
    refused, shown,
    throttle::{Rate, Throttle},
    totp::{self, Step},
};
use crate::{Caller, Control, Failure};

/// How often one address may knock: a minute's worth of people behind one gateway at once.
const PER_PEER: Rate = Rate { burst: 60.0, per_second: 1.0 };
/// How often one name may be tried, whoever tries, and whether it exists or not.
const PER_NAME: Rate = Rate { burst: 10.0, per_second: 0.2 };
/// How many logins are looked at side by side; those of one name come one after the other, so that
/// guesses in parallel are counted like guesses in a row.
const STRIPES: usize = 64;

/// What logins share in this process: turns, tries, and the hashing of passwords.
pub(crate) struct Doors {
    pub(super) passwords: Passwords,
    peers: Throttle,
    names: Throttle,
    turns: Vec<Mutex<()>>,
    random: RandomState,
}

impl std::fmt::Debug for Doors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Doors").finish_non_exhaustive()
    }
}

impl Doors {
    pub(crate) fn new() -> Self {
        Self {
            passwords: Passwords::new(),
            peers: Throttle::new(PER_PEER),
            names: Throttle::new(PER_NAME),
            turns: (0..STRIPES).map(|_| Mutex::new(())).collect(),
            random: RandomState::new(),
        }
    }

    /// Whether `caller` may knock once more now.
    pub(crate) fn knock(&self, caller: &Caller, now: Timestamp) -> Result<(), Failure> {
        match self.peers.take(&peer_key(caller), now) {
            true => Ok(()),
            false => Err(Problem::too_many().into()),
        }
    }

    /// What is remembered of a name: strangers choose names, and choose them long.
    fn name_key(&self, name: &str) -> String {
        format!("{:016x}", self.random.hash_one(name))
    }

    fn turn(&self, name: &str) -> Option<&Mutex<()>> {
        // STRIPES is not zero, and the hash modulo it fits.
        let at = self.random.hash_one(name) % u64::try_from(STRIPES).unwrap_or(1);
        self.turns.get(usize::try_from(at).unwrap_or(0))
    }
}

/// What is counted as one caller: an IPv4 address, or the /64 that one IPv6 customer gets.
fn peer_key(caller: &Caller) -> String {
    match caller {
        Caller::Anonymous { peer: Some(std::net::IpAddr::V6(address)), .. } => {
            format!("{:x}", u128::from(*address) >> 64)
        }
        Caller::Anonymous { peer, .. } => format!("{peer:?}"),
        Caller::User(identity) => format!("user {}", identity.user),
        Caller::Admin { uid } => format!("admin {uid}"),
    }
}

/// What someone shows at the door.
pub(crate) struct Shown {
    /// The name they say.
    pub(crate) user: String,
    /// The password.
    pub(crate) password: Zeroizing<String>,
    /// The code.
    pub(crate) totp: Zeroizing<String>,
}

/// Someone who is who they say, and what must be committed with their login: the code's step, so
/// that it never works again, and the end of the count of failures.
pub(crate) struct Known {
    pub(crate) user: UserName,
    pub(crate) commit: Commit,
}

/// Why someone is not let in; for the audit log alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reason {
    CodeUsed,
    Disabled,
    Locked,
    NoCredential,
    NoUser,
    WrongCode,
    WrongPassword,
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Self::CodeUsed => "the code was used before",
            Self::Disabled => "the user is disabled",
            Self::Locked => "locked out after failures",
            Self::NoCredential => "the user has no password yet",
            Self::NoUser => "no such user",
            Self::WrongCode => "wrong code",
            Self::WrongPassword => "wrong password",
        }
    }

    /// Whether it counts towards a lock-out: only what a guess can be.
    fn counts(self) -> bool {
        match self {
            Self::CodeUsed | Self::WrongCode | Self::WrongPassword => true,
            Self::Disabled | Self::Locked | Self::NoCredential | Self::NoUser => false,
        }
    }
}

/// What the store knows of a name.
#[derive(Default)]
struct Record {
    enabled: Option<bool>,
    credential: Option<(Credential, Revision)>,
    failures: Failures,
}

/// Lets someone through who knows password and code, and carries what they came for to its commit.
///
/// # Errors
/// [`refused`], whatever was wrong; 429 for who tries too often; a fault of the store.
pub(crate) async fn enter<T>(
    control: &Control,
    caller: &Caller,
    shown: Shown,
    then: impl AsyncFnOnce(&UserName) -> Result<(T, Commit), Failure>,
) -> Result<T, Failure> {
    let doors = control.doors();
    doors.knock(caller, control.now())?;
    if !doors.names.take(&doors.name_key(&shown.user), control.now()) {
        return Err(Problem::too_many().into());
    }
    let _turn = match doors.turn(&shown.user) {
        Some(turn) => Some(turn.lock().await),
        None => None,
    };
    let known = look(control, caller, shown).await?;
    let (result, commit) = then(&known.user).await?;
    match control.store().commit(known.commit.and(commit)).await {
        Ok(_) => Ok(result),
        // Another daemon took this code, or the user was reset a moment ago.
        Err(CommitError::Conflict(_)) => Err(refused()),
        Err(error) => Err(error.into()),
    }
}

async fn look(control: &Control, caller: &Caller, shown: Shown) -> Result<Known, Failure> {
    let now = control.now();
    let Shown { user: name, password, totp: code } = shown;
    let user = name.parse::<UserName>().ok();
    let record = match &user {
        Some(user) => load(control, user).await?,
        // Work for a name that cannot be: the same read.
        None => {
            control.store().fetch(vec!["/user/".to_owned(); 3]).await?;
            Record::default()
        }
    };
    let open = record.enabled == Some(true) && !record.failures.locked(now);
    let stored = record.credential.as_ref().filter(|_| open).map(|(it, _)| it.hash.clone());
    // A password that cannot be one is cut: its check fails, and costs no more than another.
    let password = match password.len() {
        0..=MAX_BYTES => password,
        _ => Zeroizing::new(String::new()),
    };
    let right = control.doors().passwords.check(password, stored).await?;
    let verdict = judge(&record, right, &code, now);
    let (reason, user) = match (verdict, user) {
        (Ok(step), Some(user)) => return known(control, user, record, step, now),
        (Ok(_), None) => (Reason::NoUser, None),
        (Err(reason), user) => (reason, user),
    };
    let failed = fail(caller, &name, user.as_ref(), record.failures, reason, now)?;
    control.store().commit(failed).await?;
    Err(refused())
}

/// The step of the code, if everything is right.
fn judge(record: &Record, right: bool, code: &str, now: Timestamp) -> Result<u64, Reason> {
    let step = record
        .credential
        .as_ref()
        .map(|(credential, _)| totp::step(&credential.totp, code, Some(credential.last_step), now));
    match (record.enabled, step) {
        (None, _) => Err(Reason::NoUser),
        (Some(false), _) => Err(Reason::Disabled),
        (Some(true), None) => Err(Reason::NoCredential),
        (Some(true), Some(_)) if record.failures.locked(now) => Err(Reason::Locked),
        (Some(true), Some(_)) if !right => Err(Reason::WrongPassword),
        (Some(true), Some(Step::Wrong)) => Err(Reason::WrongCode),
        (Some(true), Some(Step::Used)) => Err(Reason::CodeUsed),
        (Some(true), Some(Step::New(step))) => Ok(step),
    }
}

async fn load(control: &Control, user: &UserName) -> Result<Record, Failure> {
    let keys = vec![format!("/user/{user}"), credential_key(user), failures_key(user)];
    let mut found = control.store().fetch(keys).await?.into_iter();
    let mut next = || found.next().flatten();
    let enabled = match next() {
        Some(entry) => {
            let document: UserDocument =
                serde_json::from_slice(&entry.value).map_err(Failure::internal)?;
            Some(!document.spec.disabled)
        }
        None => None,
    };
    let credential = match next() {
        Some(entry) => Some(Credential::open(control, user, &entry)?),
        None => None,
    };
    let failures = match next() {
        Some(entry) => serde_json::from_slice(&entry.value).map_err(Failure::internal)?,
        None => Failures::default(),
    };
    Ok(Record { enabled, credential, failures })
}

/// The commit that uses the code up and ends the count of failures.
fn known(
    control: &Control,
    user: UserName,
    record: Record,
    step: u64,
    now: Timestamp,
) -> Result<Known, Failure> {
    let key = credential_key(&user);
    let Some((mut credential, revision)) = record.credential else { return Err(refused()) };
    credential.last_step = step;
    credential.used = Some(now);
    let commit = Commit::new()
        .expecting(key.clone(), revision)
        .put(key, credential.seal(control, &user)?)
        .delete(failures_key(&user));
    Ok(Known { user, commit })
}

/// The commit that counts a failure and says so in the audit log.
fn fail(
    caller: &Caller,
    name: &str,
    user: Option<&UserName>,
    failures: Failures,
    reason: Reason,
    now: Timestamp,
) -> Result<Commit, Failure> {
    let event = |kind| NewEvent::new(kind, now).user(shown(name)).with("from", caller.name());
    let commit = Commit::new().event(event(code::LOGIN_FAILED).with("reason", reason.as_str()));
    let Some(user) = user.filter(|_| reason.counts()) else { return Ok(commit) };
    let failures = failures.failed(now);
    let bytes = serde_json::to_vec(&failures).map_err(Failure::internal)?;
    let commit = commit.put(failures_key(user), bytes);
    Ok(match failures.until() {
        Some(until) => commit.event(event(code::LOGIN_LOCKED).with("until", until.to_string())),
        None => commit,
    })
}
