//! Reading keys and the change log.

use std::path::Path;

use bytes::Bytes;
use rusqlite::{OptionalExtension as _, Row, Transaction};

use super::{Pool, micros};
use crate::kv::{Change, Clock, Entry, Fault, LeaseId, Page, Range, Revision, limits};

/// Connections that read, and the clock that says which leases are over.
#[derive(Clone)]
pub(super) struct Readers {
    pool: Pool,
    clock: Clock,
}

impl std::fmt::Debug for Readers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readers").field("pool", &self.pool).finish_non_exhaustive()
    }
}

/// One snapshot.
pub(super) struct Reader<'a> {
    tx: Transaction<'a>,
    now: i64,
}

impl Readers {
    pub(super) fn open(path: &Path, connections: usize, clock: Clock) -> Result<Self, Fault> {
        Ok(Self { pool: Pool::open(path, connections)?, clock })
    }

    /// Reads on a thread that may block, from one snapshot.
    pub(super) async fn with<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let now = micros((self.clock)());
        self.pool.with(move |connection| read(&Reader { tx: connection.transaction()?, now })).await
    }

    /// Closes what is idle, and refuses whoever comes later.
    pub(super) fn close(&self) {
        self.pool.close();
    }
}

const COLUMNS: &str = "key, value, created, revision, lease";
/// A key whose lease is over is not there, even if the writer has not come to removing it.
const ALIVE: &str = "(lease IS NULL OR lease IN (SELECT id FROM lease WHERE expires > ?1))";

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let key: String = row.get(0)?;
    let value: Vec<u8> = row.get(1)?;
    let (created, revision): (i64, i64) = (row.get(2)?, row.get(3)?);
    let lease: Option<i64> = row.get(4)?;
    Ok(Entry {
        key: key.into(),
        value: Bytes::from(value),
        created: Revision(created.cast_unsigned()),
        revision: Revision(revision.cast_unsigned()),
        lease: lease.map(|lease| LeaseId(lease.cast_unsigned())),
    })
}

/// What a read of the change log found.
pub(super) struct Logged {
    pub(super) changes: Vec<Change>,
    /// Everything up to here is in `changes`.
    pub(super) revision: Revision,
    /// Changes up to here are forgotten.
    pub(super) compacted: Revision,
}

impl Reader<'_> {
    pub(super) fn fetch(&self, keys: &[String]) -> Result<Vec<Option<Entry>>, Fault> {
        let sql = format!("SELECT {COLUMNS} FROM entry WHERE {ALIVE} AND key = ?2");
        let mut statement = self.tx.prepare_cached(&sql)?;
        keys.iter().map(|key| Ok(statement.query_row((self.now, key), entry).optional()?)).collect()
    }

    pub(super) fn range(&self, range: &Range) -> Result<Page, Fault> {
        let order = if range.backwards { "DESC" } else { "ASC" };
        let sql = format!(
            "SELECT {COLUMNS} FROM entry WHERE {ALIVE} AND key >= ?2 AND key < ?3 ORDER BY key {order} LIMIT ?4"
        );
        let mut statement = self.tx.prepare_cached(&sql)?;
        // One more than asked for tells whether there is more.
        let limit = i64::try_from(range.limit + 1).unwrap_or(i64::MAX);
        let mut rows = statement.query((self.now, &range.from, &range.to, limit))?;
        let mut page = Page { entries: Vec::new(), more: false, revision: self.head()? };
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            if page.entries.len() == range.limit
                || (bytes > limits::RANGE_BYTES && !page.entries.is_empty())
            {
                page.more = true;
                break;
            }
            let entry = entry(row)?;
            bytes += entry.value.len();
            page.entries.push(entry);
        }
        Ok(page)
    }

    /// Changes after a revision: all of the log, or as many whole revisions as make a batch.
    pub(super) fn log(&self, after: Revision) -> Result<Logged, Fault> {
        let head = self.head()?;
        let compacted = self.counter("compacted")?;
        let mut logged = Logged { changes: Vec::new(), revision: head, compacted };
        let mut statement = self
            .tx
            .prepare_cached("SELECT id, key, value FROM change WHERE id >= ?1 ORDER BY id")?;
        let first = (after.0 + 1) << super::writer::CHANGE_BITS;
        let mut rows = statement.query([first.cast_signed()])?;
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            let revision = Revision(id.cast_unsigned() >> super::writer::CHANGE_BITS);
            let full =
                logged.changes.len() >= limits::WATCH_CHANGES || bytes >= limits::RECENT_BYTES;
            if let Some(last) = logged.changes.last().map(|change: &Change| change.revision)
                && full
                && last != revision
            {
                logged.revision = last;
                break;
            }
            let key: String = row.get(1)?;
            let value: Option<Vec<u8>> = row.get(2)?;
            bytes += key.len() + value.as_ref().map_or(0, Vec::len);
            logged.changes.push(Change {
                revision,
                key: key.into(),
                value: value.map(Bytes::from),
            });
        }
        Ok(logged)
    }

    fn head(&self) -> Result<Revision, Fault> {
        self.counter("revision")
    }

    fn counter(&self, name: &str) -> Result<Revision, Fault> {
        let value: i64 = self
            .tx
            .prepare_cached("SELECT value FROM counter WHERE name = ?1")?
            .query_row([name], |row| row.get(0))?;
        Ok(Revision(value.cast_unsigned()))
    }
}
