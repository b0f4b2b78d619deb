//! One commit inside a transaction of many.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction};

use super::lease;
use crate::kv::{
    Change, Commit, CommitError, Expect, Fault, InvalidInput, LeaseId, OUTBOX, Op, Revision, limits,
};
use crate::outbox;

/// Writes inside one transaction, and what watchers will be told when it is through.
pub(super) struct Applying<'a> {
    tx: &'a Transaction<'a>,
    /// The last revision given.
    pub(super) revision: Revision,
    /// What changed, in order.
    pub(super) changes: Vec<Change>,
    now: Timestamp,
}

impl<'a> Applying<'a> {
    pub(super) fn new(tx: &'a Transaction<'a>, revision: Revision, now: Timestamp) -> Self {
        Self { tx, revision, changes: Vec::new(), now }
    }

    /// Checks what the commit expects, then applies it. Nothing is written unless every expectation holds, so a
    /// refusal leaves the transaction as it was. A [`CommitError::Fault`] spoils the transaction.
    pub(super) fn commit(
        &mut self,
        commit: &Commit,
        events: &[String],
    ) -> Result<Revision, CommitError> {
        for (key, expect) in &commit.expects {
            let found = self.revision_of(key)?;
            let holds = match expect {
                Expect::Absent => found.is_none(),
                Expect::Revision(revision) => found == Some(*revision),
            };
            if !holds {
                return Err(CommitError::Conflict(key.clone()));
            }
        }
        if let Some(lease) = commit.lease {
            lease::check_running(self.tx, lease, self.now)?;
        }
        self.check_deletes(commit)?;
        let next = Revision(self.revision.0 + 1);
        let mut changed: BTreeMap<Arc<str>, Option<Bytes>> = BTreeMap::new();
        for op in &commit.ops {
            match op {
                Op::Put { key, value } => {
                    self.put(key, value, commit.lease, next)?;
                    changed.insert(key.as_str().into(), Some(value.clone()));
                }
                Op::Delete { key } => {
                    if self.delete(key)? {
                        changed.insert(key.as_str().into(), None);
                    }
                }
                Op::DeleteRange { from, to } => {
                    for key in self.delete_range(from, to)? {
                        changed.insert(key.into(), None);
                    }
                }
            }
        }
        for (n, event) in events.iter().enumerate() {
            self.put(&outbox::key(next, n), event.as_bytes(), None, next)?;
        }
        if events.is_empty() && changed.is_empty() {
            return Ok(self.revision);
        }
        self.revision = next;
        self.log(changed)?;
        Ok(next)
    }

    /// Removes every key of these leases, and the leases: each lease is a revision of its own, or several when it holds
    /// more keys than one should have.
    pub(super) fn end_leases(&mut self, leases: &[LeaseId]) -> Result<bool, Fault> {
        let mut any = false;
        for lease in leases {
            any |= lease::remove(self.tx, *lease)?;
            for keys in lease::keys(self.tx, *lease)?.chunks(limits::DELETED_KEYS) {
                let mut changed = BTreeMap::new();
                for key in keys {
                    self.delete(key)?;
                    changed.insert(key.as_str().into(), None);
                }
                self.revision = Revision(self.revision.0 + 1);
                self.log(changed)?;
            }
        }
        Ok(any)
    }

    /// Refuses to remove more keys at once than one revision of the log should hold.
    fn check_deletes(&self, commit: &Commit) -> Result<(), CommitError> {
        let mut keys = 0;
        for op in &commit.ops {
            if let Op::DeleteRange { from, to } = op
                && !from.starts_with(OUTBOX)
            {
                let count: i64 = self
                    .tx
                    .prepare_cached("SELECT count(*) FROM entry WHERE key >= ?1 AND key < ?2")
                    .and_then(|mut statement| statement.query_row([from, to], |row| row.get(0)))
                    .map_err(Fault::from)?;
                keys += usize::try_from(count).unwrap_or(usize::MAX);
            }
        }
        if keys > limits::DELETED_KEYS { Err(InvalidInput::Deletes(keys).into()) } else { Ok(()) }
    }

    fn revision_of(&self, key: &str) -> Result<Option<Revision>, Fault> {
        let revision: Option<i64> = self
            .tx
            .prepare_cached("SELECT revision FROM entry WHERE key = ?1")?
            .query_row([key], |row| row.get(0))
            .optional()?;
        Ok(revision.map(|revision| Revision(revision.cast_unsigned())))
    }

    fn put(
        &self,
        key: &str,
        value: &[u8],
        lease: Option<LeaseId>,
        at: Revision,
    ) -> Result<(), Fault> {
        self.tx
            .prepare_cached(
                "INSERT INTO entry (key, value, created, revision, lease) VALUES (?1, ?2, ?3, ?3, ?4)
                 ON CONFLICT (key) DO UPDATE SET value = ?2, revision = ?3, lease = ?4",
            )?
            .execute((key, value, at.0.cast_signed(), lease.map(|lease| lease.0.cast_signed())))?;
        Ok(())
    }

    fn delete(&self, key: &str) -> Result<bool, Fault> {
        Ok(self.tx.prepare_cached("DELETE FROM entry WHERE key = ?1")?.execute([key])? > 0)
    }

    fn delete_range(&self, from: &str, to: &str) -> Result<Vec<String>, Fault> {
        if from.starts_with(OUTBOX) {
            self.tx
                .prepare_cached("DELETE FROM entry WHERE key >= ?1 AND key < ?2")?
                .execute([from, to])?;
            return Ok(Vec::new());
        }
        let mut statement = self
            .tx
            .prepare_cached("DELETE FROM entry WHERE key >= ?1 AND key < ?2 RETURNING key")?;
        let keys = statement.query_map([from, to], |row| row.get(0))?;
        Ok(keys.collect::<Result<_, _>>()?)
    }

    /// Writes the change log of the revision just made. Keys come in their order; a key that was put and deleted by
    /// one commit shows once, as it ended.
    fn log(&mut self, changed: BTreeMap<Arc<str>, Option<Bytes>>) -> Result<(), Fault> {
        let mut statement =
            self.tx.prepare_cached("INSERT INTO change (id, key, value) VALUES (?1, ?2, ?3)")?;
        for (n, (key, value)) in changed.into_iter().enumerate() {
            let id = (self.revision.0 << super::writer::CHANGE_BITS) | n as u64;
            statement.execute((id.cast_signed(), key.as_ref(), value.as_deref()))?;
            self.changes.push(Change { revision: self.revision, key, value });
        }
        Ok(())
    }
}
