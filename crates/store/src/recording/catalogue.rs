//! Which recordings there are: an index over the folders, for asking. It can be lost; the files cannot.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use api::page::{DEFAULT_LIMIT, MAX_LIMIT, Page};
use api::recording::{RecordingQuery, RecordingState, RecordingView};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS recording (
        session TEXT PRIMARY KEY,
        started INTEGER NOT NULL,
        user TEXT NOT NULL,
        target TEXT NOT NULL,
        live INTEGER NOT NULL,
        view TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS recording_started ON recording (started, session);
    CREATE INDEX IF NOT EXISTS recording_user ON recording (user, started, session);
    CREATE INDEX IF NOT EXISTS recording_target ON recording (target, started, session);
    CREATE TABLE IF NOT EXISTS recording_request (
        request TEXT NOT NULL,
        session TEXT NOT NULL,
        PRIMARY KEY (request, session)
    ) WITHOUT ROWID;
";

/// The rows. Calls block for about as long as SQLite needs to find a row.
#[derive(Debug)]
pub(super) struct Catalogue(Mutex<Connection>);

impl Catalogue {
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        // Without a sync per row: what a loss of power takes from here, the sweep finds in the folders.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self(Mutex::new(connection)))
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A transaction that panicked was rolled back when it was dropped.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, view: &RecordingView) -> rusqlite::Result<()> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        let json = serde_json::to_string(view)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        transaction
            .prepare_cached("INSERT OR REPLACE INTO recording (session, started, user, target, live, view) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![
                view.session,
                view.started.as_microsecond(),
                view.user,
                view.target,
                stage(view.state),
                json
            ])?;
        for request in &view.requests {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO recording_request (request, session) VALUES (?1, ?2)",
                )?
                .execute(params![request, view.session])?;
        }
        transaction.commit()
    }

    pub(super) fn remove(&self, session: &str) -> rusqlite::Result<()> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        transaction.execute("DELETE FROM recording WHERE session = ?1", [session])?;
        transaction.execute("DELETE FROM recording_request WHERE session = ?1", [session])?;
        transaction.commit()
    }

    pub(super) fn find(&self, session: &str) -> rusqlite::Result<Option<RecordingView>> {
        self.connection()
            .prepare_cached("SELECT view FROM recording WHERE session = ?1")?
            .query_row([session], |row| parsed(&row.get::<_, String>(0)?))
            .optional()
    }

    /// Sessions that were running when this was last written.
    pub(super) fn live(&self) -> rusqlite::Result<Vec<RecordingView>> {
        self.connection()
            .prepare_cached("SELECT view FROM recording WHERE live = 1")?
            .query_map([], |row| parsed(&row.get::<_, String>(0)?))?
            .collect()
    }

    pub(super) fn sessions(&self) -> rusqlite::Result<BTreeSet<String>> {
        self.connection()
            .prepare_cached("SELECT session FROM recording")?
            .query_map([], |row| row.get(0))?
            .collect()
    }

    /// Recordings that ended before `before` and were not retired, oldest first, at most `most`, beyond `after`.
    pub(super) fn older_than(
        &self,
        before: Timestamp,
        after: Option<&RecordingView>,
        most: usize,
    ) -> rusqlite::Result<Vec<RecordingView>> {
        let (started, session) = after
            .map_or((i64::MIN, ""), |one| (one.started.as_microsecond(), one.session.as_str()));
        let connection = self.connection();
        let mut statement = connection.prepare_cached(
            "SELECT view FROM recording
             WHERE started < ?1 AND (started, session) > (?2, ?3) AND live = ?4 ORDER BY started, session",
        )?;
        let mut rows = statement.query(params![before.as_microsecond(), started, session, DONE])?;
        let mut found = Vec::new();
        while found.len() < most
            && let Some(row) = rows.next()?
        {
            let view = parsed(&row.get::<_, String>(0)?)?;
            // A session that ran long began long before it grew old.
            if view.ended.is_none_or(|ended| ended < before) {
                found.push(view);
            }
        }
        Ok(found)
    }

    /// The page that `query` asks for, newest first. A cursor that is none of ours reads from the newest.
    pub(super) fn list(&self, query: &RecordingQuery) -> rusqlite::Result<Page<RecordingView>> {
        let most = query.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
        let cursor =
            query.cursor.as_deref().and_then(read_cursor).unwrap_or((i64::MAX, String::new()));
        let connection = self.connection();
        let mut statement = connection.prepare_cached(
            "SELECT view FROM recording AS r
             WHERE (started, session) < (?1, ?2)
               AND (?3 IS NULL OR user = ?3)
               AND (?4 IS NULL OR target = ?4)
               AND (?5 IS NULL OR EXISTS (SELECT 1 FROM recording_request AS q WHERE q.request = ?5 AND q.session = r.session))
               AND started >= ?6 AND started < ?7
             ORDER BY started DESC, session DESC LIMIT ?8",
        )?;
        let rows = statement.query_map(
            params![
                cursor.0,
                cursor.1,
                query.user,
                query.target,
                query.request,
                query.since.map_or(i64::MIN, Timestamp::as_microsecond),
                query.until.map_or(i64::MAX, Timestamp::as_microsecond),
                limit(most + 1),
            ],
            |row| parsed(&row.get::<_, String>(0)?),
        )?;
        let mut items: Vec<RecordingView> = rows.collect::<rusqlite::Result<_>>()?;
        let more = items.len() > most;
        items.truncate(most);
        let next = items
            .last()
            .filter(|_| more)
            .map(|last| format!("{}.{}", last.started.as_microsecond(), last.session));
        Ok(Page { items, next })
    }
}

/// The column `live`: done and on disk.
const DONE: i64 = 0;

fn stage(state: RecordingState) -> i64 {
    match state {
        RecordingState::Broken | RecordingState::Recovered | RecordingState::Sealed => DONE,
        RecordingState::Live => 1,
        RecordingState::Retired => 2,
    }
}

fn read_cursor(cursor: &str) -> Option<(i64, String)> {
    let (started, session) = cursor.split_once('.')?;
    Some((started.parse().ok()?, session.to_owned()))
}

fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

fn parsed(json: &str) -> rusqlite::Result<RecordingView> {
    serde_json::from_str(json).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(n: i64, user: &str, target: &str, requests: &[&str]) -> RecordingView {
        RecordingView {
            session: format!("{n:08x}-0000-0000"),
            user: user.to_owned(),
            target: target.to_owned(),
            login: "root".to_owned(),
            requests: requests.iter().map(|r| (*r).to_owned()).collect(),
            peer: None,
            started: Timestamp::from_second(n).unwrap(),
            ended: None,
            state: if n % 2 == 0 { RecordingState::Live } else { RecordingState::Sealed },
            retired: None,
            outcome: None,
            bytes: 0,
            parts: 0,
            digest: None,
        }
    }

    #[test]
    fn pages_are_newest_first_and_miss_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::open(&folder.path().join("catalogue.sqlite")).unwrap();
        for n in 0..25 {
            catalogue
                .put(&view(n, if n < 20 { "alice" } else { "bob" }, "db-box", &["r1"]))
                .unwrap();
        }
        catalogue.put(&view(99, "alice", "web", &["r1", "r2"])).unwrap();
        let list = |query: RecordingQuery| {
            let mut seen = Vec::new();
            let mut query = RecordingQuery { limit: Some(7), ..query };
            loop {
                let page = catalogue.list(&query).unwrap();
                seen.extend(page.items.iter().map(|view| view.started.as_second()));
                match page.next {
                    Some(next) => query.cursor = Some(next),
                    None => break seen,
                }
            }
        };
        let all: Vec<i64> = std::iter::once(99).chain((0..25).rev()).collect();
        assert_eq!(list(RecordingQuery::default()), all);
        let of = |user: &str| RecordingQuery {
            user: Some(user.to_owned()),
            ..RecordingQuery::default()
        };
        assert_eq!(list(of("bob")), [24, 23, 22, 21, 20]);
        assert_eq!(list(of("' OR 1=1 --")), [0_i64; 0]);
        assert_eq!(
            list(RecordingQuery { target: Some("web".into()), ..RecordingQuery::default() }),
            [99]
        );
        assert_eq!(
            list(RecordingQuery { request: Some("r2".into()), ..RecordingQuery::default() }),
            [99]
        );
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        assert_eq!(
            list(RecordingQuery { since: at(3), until: at(6), ..RecordingQuery::default() }),
            [5, 4, 3]
        );
        let odd = RecordingQuery {
            cursor: Some("nonsense".into()),
            limit: Some(1),
            ..RecordingQuery::default()
        };
        assert_eq!(catalogue.list(&odd).unwrap().items[0].started.as_second(), 99);
    }

    #[test]
    fn what_runs_is_known_and_what_is_removed_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::open(&folder.path().join("catalogue.sqlite")).unwrap();
        for n in 0..4 {
            catalogue.put(&view(n, "alice", "db-box", &["r1"])).unwrap();
        }
        assert_eq!(catalogue.live().unwrap().len(), 2);
        let before = Timestamp::from_second(3).unwrap();
        let old = catalogue.older_than(before, None, 9).unwrap();
        assert_eq!(old.len(), 1);
        assert!(catalogue.older_than(before, old.first(), 9).unwrap().is_empty());
        let long = RecordingView { ended: Some(before), ..old[0].clone() };
        catalogue.put(&long).unwrap();
        assert!(catalogue.older_than(before, None, 9).unwrap().is_empty(), "it has just ended");
        catalogue.remove("00000001-0000-0000").unwrap();
        assert!(catalogue.find("00000001-0000-0000").unwrap().is_none());
        assert_eq!(catalogue.sessions().unwrap().len(), 3);
    }
}
