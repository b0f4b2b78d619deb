//! Database users on demand: made before a session connects, closed or removed after the last one.
//!
//! ```text
//!   enter: note in the store ──► make, with the roles of all his sessions ──► connect
//!   leave: the roles of those that are left; after the last one, close or remove ──► the note goes
//! ```
//!
//! A user of the same name that we did not make is never touched; how ours are known is the vendors' own matter
//! (`provision/postgres.rs`, `provision/mysql.rs`). The note outlives a crash: what it names is tidied up at the next
//! start, and again every few minutes while a server cannot be reached.

mod mysql;
mod postgres;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use access::name::{SessionId, TargetName, UserName};
use access::policy::extent::DbProvision;
use access::role::options::CreateDbUser;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Commit, Range};
use wire::mysql::Capabilities;

use super::dial::{Errand, LOGIN_WAIT, in_time};
use super::{Database, DatabaseError, DbUser, Fault, Protocol};
use crate::House;
use crate::error::Error;
use crate::live::Session;

/// Where notes stand in the store: `/made/TARGET/USER`.
const NOTES: &str = "/made/";
/// How often notes without a session are looked at.
const TIDY_EVERY: Duration = Duration::from_secs(300);
/// The database that administrators of PostgreSQL connect to: every server has it.
const MAINTENANCE: &str = "postgres";

/// What stands in the database under the name of a user that is to be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Standing {
    /// Nothing.
    Missing,
    /// A user we made.
    Ours,
    /// Somebody else.
    Foreign,
}

/// Checks names before they are quoted.
#[derive(Clone, Copy, Debug)]
struct Names {
    /// Bytes of the longest name that the vendor keeps whole.
    most: usize,
}

impl Names {
    fn check(self, user: &str, roles: &BTreeSet<String>) -> Result<(), Fault> {
        let is_bad = |name: &str| {
            name.is_empty() || name.contains('\\') || name.chars().any(char::is_control)
        };
        let bad = roles.iter().map(String::as_str).chain([user]).find(|name| is_bad(name));
        match bad.or((user.len() > self.most).then_some(user)) {
            Some(name) => Err(Fault::Name(access::display::shown_short(name, 64).into())),
            None => Ok(()),
        }
    }
}

/// One user on one target.
type Key = (TargetName, Box<str>);
/// The sessions of one user, and what each brings. Locked while the database is told.
type Sessions = Arc<tokio::sync::Mutex<BTreeMap<SessionId, DbProvision>>>;

/// The users that were made and have sessions.
#[derive(Debug, Default)]
pub(crate) struct MadeUsers(Mutex<BTreeMap<Key, Sessions>>);

impl MadeUsers {
    fn of(&self, key: &Key) -> Sessions {
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(users.entry(key.clone()).or_default())
    }

    /// Forgets a user nobody uses or waits for. Called without his lock.
    fn forget(&self, key: &Key) {
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_idle = |sessions: &mut Sessions| {
            Arc::get_mut(sessions).is_some_and(|sessions| sessions.get_mut().is_empty())
        };
        if users.get_mut(key).is_some_and(is_idle) {
            users.remove(key);
        }
    }
}

/// The roles that all these sessions bring.
fn roles(sessions: &BTreeMap<SessionId, DbProvision>) -> BTreeSet<String> {
    sessions.values().flat_map(|one| one.roles.iter().cloned()).collect()
}

/// What the store remembers of a user that was made.
#[derive(Debug, Deserialize, Serialize)]
struct Note {
    /// Whether he is removed, or closed and kept.
    remove: bool,
}

fn note_key((target, user): &Key) -> String {
    format!("{NOTES}{target}/{user}")
}

/// Makes the user of `session` if its permit says so, and gives him the roles it brings.
///
/// # Errors
/// [`Error::Database`]: then the session must not connect.
pub(super) async fn enter(session: &Session, database: &Database) -> Result<(), Error> {
    let Some(provision) = session.rights().terms.db_provision.clone() else { return Ok(()) };
    let key: Key = (session.caller.target().clone(), session.caller.account().into());
    let house = &session.house;
    let failed = |fault| Error::Database { target: key.0.as_str().into(), fault: Box::new(fault) };
    let sessions = house.made.of(&key);
    let mut sessions = sessions.lock().await;
    let remove = provision.mode == CreateDbUser::BestEffortDrop;
    // Serialising two words cannot fail.
    let note = serde_json::to_vec(&Note { remove }).unwrap_or_default();
    let written = house.store.commit(Commit::new().put(note_key(&key), note)).await;
    written.map_err(|error| failed(Fault::Note(Box::new(error))))?;
    sessions.insert(session.id, provision);
    let wanted = roles(&sessions);
    let errand = Errand::of(session);
    let made = work(&errand, database, Work::Make(&wanted)).await;
    made.map_err(|error| {
        let says_all = matches!(&error, Error::Database { fault, .. }
            if matches!(**fault, Fault::NotOurs(_) | Fault::NoAdmin | Fault::Name(_)));
        if says_all { error } else { failed(Fault::Provision(key.1.clone(), Box::new(error))) }
    })?;
    session.note("db.user.made", json!({ "account": &*key.1, "roles": wanted })).await
}

/// `session` has ended: takes what it brought from its user, and after his last session closes or removes him.
pub(crate) async fn leave(session: &Session) {
    let key: Key = (session.caller.target().clone(), session.caller.account().into());
    let house = &session.house;
    {
        let users = house.made.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !users.contains_key(&key) {
            return;
        }
    }
    let sessions = house.made.of(&key);
    {
        let mut sessions = sessions.lock().await;
        if let Some(provision) = sessions.remove(&session.id) {
            let remove = provision.mode == CreateDbUser::BestEffortDrop;
            let user = &session.caller.identity.user;
            if let Err(error) = release(house, &key, user, &sessions, remove).await {
                tracing::warn!(target = %key.0, error = &error as &dyn std::error::Error,
                    "a database user that was made is not tidied up yet");
            } else if sessions.is_empty() {
                let body = json!({ "account": &*key.1, "removed": remove });
                // A log that is gone ends all sessions by itself.
                let _ = session.note("db.user.closed", body).await;
            }
        }
    }
    drop(sessions);
    house.made.forget(&key);
}

/// Gives a user the roles of the sessions that are left; closes or removes him when there are none.
async fn release(
    house: &House,
    key: &Key,
    user: &UserName,
    left: &BTreeMap<SessionId, DbProvision>,
    remove: bool,
) -> Result<(), Error> {
    let (target, account) = key;
    let record = |error| Error::Record(target.as_str().into(), Box::new(error));
    let database = house.databases.database(target, DbUser::Made).await.map_err(record)?;
    let errand = Errand {
        target,
        account,
        user,
        session: SessionId::from_bits(0),
        until: None,
        authorities: &house.authorities,
        within: LOGIN_WAIT,
        now: house.now(),
    };
    let wanted = roles(left);
    let what = match (left.is_empty(), remove) {
        (false, _) => Work::SetRoles(&wanted),
        (true, true) => Work::Remove,
        (true, false) => Work::Close,
    };
    match database {
        Some(database) => work(&errand, &database, what).await?,
        // The target is gone from the records, and nobody can reach its server through us any more.
        None if left.is_empty() => {}
        None => return Err(record(DatabaseError::Gone)),
    }
    if left.is_empty() {
        let gone = house.store.commit(Commit::new().delete(note_key(key))).await;
        gone.map_err(|error| errand.failed(Fault::Note(Box::new(error))))?;
    }
    Ok(())
}

/// What is done to a user.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work<'a> {
    Make(&'a BTreeSet<String>),
    SetRoles(&'a BTreeSet<String>),
    Close,
    Remove,
}

/// Logs in as the administrator of `database`, and does it to the account of `errand`.
pub(super) async fn work(
    errand: &Errand<'_>,
    database: &Database,
    what: Work<'_>,
) -> Result<(), Error> {
    let Some(admin) = &database.admin else { return Err(errand.failed(Fault::NoAdmin)) };
    let as_admin = Database { login: admin.login.clone(), ..database.clone() };
    let user = errand.account;
    let errand = Errand { account: &admin.user, until: None, ..*errand };
    match database.protocol {
        Protocol::Postgres => {
            let mut startup = wire::postgres::Startup::new(&admin.user, MAINTENANCE);
            startup.set("standard_conforming_strings", "on");
            startup.set("application_name", "countersign");
            let leg = super::postgres::open(&errand, &as_admin, &startup).await?;
            in_time(&errand, "the making of a user", async {
                let mut server = super::postgres::Statements::begin(leg).await?;
                match what {
                    Work::Make(roles) => postgres::make(&mut server, user, roles).await,
                    Work::SetRoles(roles) => postgres::set_roles(&mut server, user, roles).await,
                    Work::Close => postgres::close(&mut server, user).await,
                    Work::Remove => postgres::remove(&mut server, user).await.map(drop),
                }
            })
            .await
        }
        Protocol::MySql => {
            let wanted = super::mysql::MyWanted {
                user: admin.user.clone(),
                db: None,
                capabilities: Capabilities::NONE,
                charset: 45,
                max_packet: 1 << 20,
                attributes: bytes::Bytes::new(),
            };
            let leg = super::mysql::open(&errand, &as_admin, &wanted).await?;
            let issuer = errand.authorities.database_issuer();
            in_time(&errand, "the making of a user", async {
                let mut server = super::mysql::Statements::begin(leg);
                match what {
                    Work::Make(roles) => mysql::make(&mut server, user, &issuer, roles).await,
                    Work::SetRoles(roles) => mysql::set_roles(&mut server, user, roles).await,
                    Work::Close => mysql::close(&mut server, user).await,
                    Work::Remove => mysql::remove(&mut server, user).await,
                }
            })
            .await
        }
    }
}

/// Tidies up after a crash, and after servers that could not be reached, until the house is gone.
pub(crate) async fn tidy(house: Weak<House>) {
    loop {
        let Some(strong) = house.upgrade() else { return };
        if strong.closing.is_cancelled() {
            return;
        }
        if let Err(error) = tidy_once(&strong).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "notes of made users cannot be read"
            );
        }
        let closing = strong.closing.clone();
        drop(strong);
        tokio::select! {
            () = tokio::time::sleep(TIDY_EVERY) => {}
            () = closing.cancelled() => return,
        }
    }
}

async fn tidy_once(house: &House) -> Result<(), store::ReadError> {
    let page = house.store.range(Range::prefix(NOTES)).await?;
    for entry in page.entries {
        let Some((target, user)) = entry.key.strip_prefix(NOTES).and_then(|at| at.split_once('/'))
        else {
            continue;
        };
        // What we wrote can be read; what we did not write is not ours.
        let (Ok(target), Ok(name), Ok(note)) = (
            target.parse(),
            user.parse::<UserName>(),
            serde_json::from_slice::<Note>(&entry.value),
        ) else {
            continue;
        };
        let key: Key = (target, user.into());
        let sessions = house.made.of(&key);
        {
            let sessions = sessions.lock().await;
            if sessions.is_empty()
                && let Err(error) = release(house, &key, &name, &sessions, note.remove).await
            {
                tracing::warn!(target = %key.0, error = &error as &dyn std::error::Error,
                    "a database user that was made is not tidied up yet");
            }
        }
        drop(sessions);
        house.made.forget(&key);
    }
    Ok(())
}
