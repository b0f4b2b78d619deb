//! Database users on demand: made before a session connects, closed or removed after the last one.
//!
//! ```text
//!   enter: note in the store ──► make, with the roles of all his sessions ──► connect
//!   leave: the roles of those that are left; after the last one, close or remove ──► the note goes
//! ```
//!
//! A user of the same name that we did not make is never touched; how ours are known is the vendors' own matter
//! (`provision/work/`). The note outlives a crash: what it names is tidied up at the next
//! start, and again every few minutes while a server cannot be reached.

mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use access::name::{SessionId, TargetName, UserName};
use access::policy::extent::DbProvision;
use access::role::options::CreateDbUser;
use ca::Authorities;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Commit, Range, Store};

pub(in crate::database) use work::{Work, work};

use super::dial::{Errand, LOGIN_WAIT};
use super::{Database, DatabaseError, Databases, DbUser, Fault};
use crate::House;
use crate::error::Error;
use crate::live::Session;

/// Where notes stand in the store: `/made/TARGET/USER`.
const NOTES: &str = "/made/";
/// How often notes without a session are looked at.
const TIDY_EVERY: Duration = Duration::from_secs(300);
/// One user on one target.
type Key = (TargetName, Box<str>);
/// The sessions of one user, and what each brings. Locked while the database is told.
type Sessions = Arc<tokio::sync::Mutex<BTreeMap<SessionId, DbProvision>>>;

/// The users that were made and have sessions, and what it takes to make and unmake them.
#[derive(Debug)]
pub(crate) struct MadeUsers {
    store: Store,
    databases: Arc<dyn Databases>,
    authorities: Arc<Authorities>,
    users: Mutex<BTreeMap<Key, Sessions>>,
}

impl MadeUsers {
    /// Keeps notes in `store`.
    pub(crate) fn new(
        store: Store,
        databases: Arc<dyn Databases>,
        authorities: Arc<Authorities>,
    ) -> Self {
        Self { store, databases, authorities, users: Mutex::default() }
    }

    fn of(&self, key: &Key) -> Sessions {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(users.entry(key.clone()).or_default())
    }

    /// Forgets a user nobody uses or waits for. Called without his lock.
    fn forget(&self, key: &Key) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let is_idle = |sessions: &mut Sessions| {
            Arc::get_mut(sessions).is_some_and(|sessions| sessions.get_mut().is_empty())
        };
        if users.get_mut(key).is_some_and(is_idle) {
            users.remove(key);
        }
    }

    /// Gives a user the roles of the sessions that are left; closes or removes him when there are none.
    async fn release(
        &self,
        key: &Key,
        user: &UserName,
        left: &BTreeMap<SessionId, DbProvision>,
        remove: bool,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (target, account) = key;
        let record = |error| Error::Record(target.as_str().into(), Box::new(error));
        let database = self.databases.database(target, DbUser::Made).await.map_err(record)?;
        let errand = Errand {
            target,
            account,
            user,
            session: SessionId::from_bits(0),
            until: None,
            authorities: &self.authorities,
            within: LOGIN_WAIT,
            now,
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
            let gone = self.store.commit(Commit::new().delete(note_key(key))).await;
            gone.map_err(|error| errand.failed(Fault::Note(Box::new(error))))?;
        }
        Ok(())
    }

    /// Tidies up whoever has a note and no session.
    pub(in crate::database) async fn tidy_once(
        &self,
        now: Timestamp,
    ) -> Result<(), store::ReadError> {
        let page = self.store.range(Range::prefix(NOTES)).await?;
        for entry in page.entries {
            let Some((target, user)) =
                entry.key.strip_prefix(NOTES).and_then(|at| at.split_once('/'))
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
            let sessions = self.of(&key);
            {
                let sessions = sessions.lock().await;
                if sessions.is_empty()
                    && let Err(error) = self.release(&key, &name, &sessions, note.remove, now).await
                {
                    tracing::warn!(target = %key.0, error = &error as &dyn std::error::Error,
                    "a database user that was made is not tidied up yet");
                }
            }
            drop(sessions);
            self.forget(&key);
        }
        Ok(())
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
    let written = house.made.store.commit(Commit::new().put(note_key(&key), note)).await;
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

/// Sees that the user who was made for a session is let go when it ends, also when its task does not come to its end.
pub(crate) struct Stay(Option<Arc<Session>>);

impl Stay {
    /// Of a session that may make a user.
    pub(crate) fn of(session: &Arc<Session>) -> Self {
        Self(Some(Arc::clone(session)))
    }

    /// The session has ended.
    pub(crate) async fn end(mut self) {
        if let Some(session) = self.0.take() {
            leave(&session).await;
        }
    }
}

impl Drop for Stay {
    /// A door that panicked is no reason for its user to stay. Without a runtime the note does it, at the next start.
    fn drop(&mut self) {
        if let Some(session) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            tracing::error!(session = %session.id, "a session broke off; if a database user was made for it, he is let go");
            runtime.spawn(async move { leave(&session).await });
        }
    }
}

/// `session` has ended: takes what it brought from its user, and after his last session closes or removes him.
async fn leave(session: &Session) {
    let key: Key = (session.caller.target().clone(), session.caller.account().into());
    let house = &session.house;
    {
        let users = house.made.users.lock().unwrap_or_else(PoisonError::into_inner);
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
            if let Err(error) =
                house.made.release(&key, user, &sessions, remove, session.now()).await
            {
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

/// Tidies up after a crash, and after servers that could not be reached, until the house is gone.
pub(crate) async fn tidy(house: Weak<House>) {
    loop {
        let Some(strong) = house.upgrade() else { return };
        if strong.closing.is_cancelled() {
            return;
        }
        if let Err(error) = strong.made.tidy_once(strong.now()).await {
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
