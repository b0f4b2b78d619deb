//! Writing events.

use std::collections::BTreeSet;

use api::audit::{AuditEvent, NewEvent};
use api::bundle::requests_named;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tlog_tiles::{stored_hash_index, stored_hashes};

use super::AuditError;
use super::tree::{self, Nodes};
use crate::kv::{Entry, Fault};
use crate::sqlite::micros;

/// How often an event is read before it is given up.
const READINGS: usize = 8;

/// The last outbox key whose event is in the log; empty before the first.
pub(super) fn drained(connection: &Connection) -> Result<String, Fault> {
    Ok(connection.prepare_cached("SELECT key FROM drained")?.query_row([], |row| row.get(0))?)
}

/// Appends events from the outbox in one transaction with the key of the last, and gives the size of the log then.
pub(super) fn append(connection: &mut Connection, entries: &[Entry]) -> Result<u64, AuditError> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before = drained(&tx)?;
    let mut size = tree::size(&tx)?;
    let mut last = None;
    for entry in entries.iter().filter(|entry| *entry.key > *before) {
        let event: NewEvent = serde_json::from_slice(&entry.value).map_err(|error| {
            AuditError::Damaged(format!("`{}` is not an event: {error}", entry.key))
        })?;
        insert(&tx, AuditEvent { seq: size, event })?;
        size += 1;
        last = Some(&entry.key);
    }
    if let Some(last) = last {
        tx.prepare_cached("UPDATE drained SET key = ?1")?.execute([last.as_ref()])?;
    }
    tx.commit()?;
    Ok(size)
}

/// Reading a number with a fraction can give its neighbour. What is hashed must read as it is written, so it is read
/// until it does.
fn settled(mut event: AuditEvent) -> Result<(AuditEvent, String), AuditError> {
    let mut leaf = event.canonical();
    for _ in 0..READINGS {
        let read: AuditEvent = serde_json::from_str(&leaf).map_err(|error| {
            AuditError::Damaged(format!("event {} cannot be read: {error}", event.seq))
        })?;
        let again = read.canonical();
        if again == leaf {
            return Ok((event, leaf));
        }
        (event, leaf) = (read, again);
    }
    Err(AuditError::Damaged(format!("event {} reads differently each time", event.seq)))
}

fn insert(tx: &Transaction<'_>, numbered: AuditEvent) -> Result<(), AuditError> {
    let (numbered, leaf) = settled(numbered)?;
    let AuditEvent { seq, event } = &numbered;
    tx.prepare_cached(
        "INSERT INTO event (seq, time, code, user, login, session, request, target, leaf)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute((
        seq.cast_signed(),
        micros(event.time),
        event.code.as_ref(),
        &event.user,
        &event.login,
        &event.session,
        &event.request,
        &event.target,
        &leaf,
    ))?;
    let mut statement = tx.prepare_cached("INSERT INTO node (id, hash) VALUES (?1, ?2)")?;
    let first = stored_hash_index(0, *seq);
    for (id, hash) in (first..).zip(stored_hashes(*seq, leaf.as_bytes(), &Nodes(tx))?) {
        statement.execute((id.cast_signed(), hash.0))?;
    }
    mention(tx, &numbered)
}

/// Remembers which requests the event belongs to: those it names, and those its session was opened under.
fn mention(tx: &Transaction<'_>, numbered: &AuditEvent) -> Result<(), AuditError> {
    let mut requests: BTreeSet<String> =
        requests_named(numbered).into_iter().map(str::to_owned).collect();
    if let Some(session) = &numbered.event.session {
        let mut statement = tx.prepare_cached(
            "INSERT OR IGNORE INTO session_request (session, request) VALUES (?1, ?2)",
        )?;
        for request in &requests {
            statement.execute((session, request))?;
        }
        let mut statement =
            tx.prepare_cached("SELECT request FROM session_request WHERE session = ?1")?;
        for request in statement.query_map([session], |row| row.get::<_, String>(0))? {
            requests.insert(request?);
        }
    }
    let mut statement = tx.prepare_cached("INSERT INTO mention (request, seq) VALUES (?1, ?2)")?;
    for request in requests {
        statement.execute((request, numbered.seq.cast_signed()))?;
    }
    Ok(())
}
