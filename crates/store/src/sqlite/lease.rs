//! Leases: keys that vanish at a time.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension as _, Transaction};

use crate::kv::{CommitError, Fault, InvalidInput, LeaseId, limits};

/// A lease must last, but not for ever.
pub(super) fn check(ttl: SignedDuration) -> Result<(), InvalidInput> {
    if ttl <= SignedDuration::ZERO || ttl > SignedDuration::from_secs(limits::LEASE_SECONDS) {
        return Err(InvalidInput::Lease);
    }
    Ok(())
}

/// A moment as the database keeps it: microseconds since 1970, which fits an `i64` for every [`Timestamp`].
pub(crate) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

fn end(ttl: SignedDuration, now: Timestamp) -> i64 {
    micros(now.checked_add(ttl).unwrap_or(Timestamp::MAX))
}

pub(super) fn grant(
    tx: &Transaction<'_>,
    ttl: SignedDuration,
    now: Timestamp,
) -> Result<LeaseId, CommitError> {
    let id: i64 = tx
        .prepare_cached("UPDATE counter SET value = value + 1 WHERE name = 'lease' RETURNING value")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(Fault::from)?;
    tx.prepare_cached("INSERT INTO lease (id, expires) VALUES (?1, ?2)")
        .and_then(|mut statement| statement.execute((id, end(ttl, now))))
        .map_err(Fault::from)?;
    Ok(LeaseId(id.cast_unsigned()))
}

pub(super) fn keep(
    tx: &Transaction<'_>,
    lease: LeaseId,
    ttl: SignedDuration,
    now: Timestamp,
) -> Result<(), CommitError> {
    let kept = tx
        .prepare_cached("UPDATE lease SET expires = ?2 WHERE id = ?1")
        .and_then(|mut statement| statement.execute((lease.0.cast_signed(), end(ttl, now))))
        .map_err(Fault::from)?;
    if kept == 0 { Err(CommitError::LeaseEnded(lease)) } else { Ok(()) }
}

/// Leases that are over at `now`.
pub(super) fn due(tx: &Transaction<'_>, now: Timestamp) -> Result<Vec<LeaseId>, Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT id FROM lease WHERE expires <= ?1 ORDER BY expires, id LIMIT 256",
    )?;
    let ids = statement.query_map([micros(now)], |row| row.get::<_, i64>(0))?;
    Ok(ids.map(|id| id.map(|id| LeaseId(id.cast_unsigned()))).collect::<Result<_, _>>()?)
}

pub(super) fn remove(tx: &Transaction<'_>, lease: LeaseId) -> Result<bool, Fault> {
    Ok(tx.prepare_cached("DELETE FROM lease WHERE id = ?1")?.execute([lease.0.cast_signed()])? > 0)
}

pub(super) fn keys(tx: &Transaction<'_>, lease: LeaseId) -> Result<Vec<String>, Fault> {
    let mut statement = tx.prepare_cached("SELECT key FROM entry WHERE lease = ?1 ORDER BY key")?;
    let keys = statement.query_map([lease.0.cast_signed()], |row| row.get(0))?;
    Ok(keys.collect::<Result<_, _>>()?)
}

/// Refuses to attach keys to a lease that is over.
pub(super) fn check_running(
    tx: &Transaction<'_>,
    lease: LeaseId,
    now: Timestamp,
) -> Result<(), CommitError> {
    let expires: Option<i64> = tx
        .prepare_cached("SELECT expires FROM lease WHERE id = ?1")
        .and_then(|mut statement| {
            statement.query_row([lease.0.cast_signed()], |row| row.get(0)).optional()
        })
        .map_err(Fault::from)?;
    if expires.is_none_or(|expires| expires <= micros(now)) {
        return Err(CommitError::LeaseEnded(lease));
    }
    Ok(())
}

/// When the next lease is over, if there is any.
pub(super) fn next_end(tx: &rusqlite::Connection) -> Result<Option<i64>, Fault> {
    Ok(tx.prepare_cached("SELECT min(expires) FROM lease")?.query_row([], |row| row.get(0))?)
}
