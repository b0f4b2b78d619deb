//! Computing the whole log again.

use std::collections::BTreeMap;

use api::audit::AuditEvent;
use api::note::{NoteError, VerifierKey};
use jiff::Timestamp;
use rusqlite::{Connection, Row};
use serde::Serialize;
use tlog_tiles::{EMPTY_HASH, Hash, node_hash, record_hash};

use super::{AuditError, tree};
use crate::sqlite::micros;

/// Problems named in a report; more are only counted.
const PROBLEMS: usize = 100;

/// What was found.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Report {
    /// How many events there are.
    pub events: u64,
    /// What they hash to, computed from the events alone, in base64.
    pub root: String,
    /// When the last of them happened; nothing in an empty log.
    pub until: Option<Timestamp>,
    /// How many checkpoints were checked.
    pub checkpoints: u64,
    /// How many events the largest checkpoint covers that agrees with them; those after it are signed by none.
    pub signed: u64,
    /// How many recordings were compared with the log, by who asked for the report.
    pub recordings: u64,
    /// How many were not there, for they grew older than recordings are kept.
    pub retired: u64,
    /// How many were not there, for the backup that this house was restored from had none.
    pub absent: u64,
    /// The first problems, in order.
    pub problems: Vec<Problem>,
    /// How many problems there are.
    pub found: u64,
}

/// Something that was changed after it was written.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Problem {
    /// The event, or the size of the checkpoint, it was found at.
    pub at: u64,
    /// What is wrong.
    pub what: String,
}

impl Report {
    /// Whether everything agrees.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.found == 0
    }

    /// Adds one.
    pub fn problem(&mut self, at: u64, what: impl Into<String>) {
        self.found += 1;
        if self.problems.len() < PROBLEMS {
            self.problems.push(Problem { at, what: what.into() });
        }
    }
}

/// The right edge of a growing tree: the roots of its complete subtrees, the largest first.
#[derive(Default)]
struct Edge(Vec<(u32, Hash)>);

impl Edge {
    fn push(&mut self, leaf: Hash) {
        let mut node = (0, leaf);
        while let Some((level, left)) = self.0.pop_if(|(level, _)| *level == node.0) {
            node = (level + 1, node_hash(left, node.1));
        }
        self.0.push(node);
    }

    fn root(&self) -> Hash {
        let mut nodes = self.0.iter().rev().map(|(_, hash)| *hash);
        nodes
            .next()
            .map_or(EMPTY_HASH, |last| nodes.fold(last, |right, left| node_hash(left, right)))
    }
}

pub(super) fn verify(
    connection: &Connection,
    keys: &[VerifierKey],
    trusted: &[String],
) -> Result<Report, AuditError> {
    let mut report = Report {
        events: 0,
        root: String::new(),
        until: None,
        checkpoints: 0,
        signed: 0,
        recordings: 0,
        retired: 0,
        absent: 0,
        problems: Vec::new(),
        found: 0,
    };
    let mut expected = checkpoints(connection, keys, trusted, &mut report)?;
    let mut edge = Edge::default();
    check_roots(&mut report, &mut expected, 0, &edge);
    let mut statement = connection
        .prepare("SELECT seq, leaf, time, code, user, login, session, request, target FROM event ORDER BY seq")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let seq = row.get::<_, i64>(0)?.cast_unsigned();
        if seq != report.events {
            report.problem(
                report.events,
                format!("events {} to {} are missing", report.events, seq.wrapping_sub(1)),
            );
            report.events = seq;
        }
        let leaf: String = row.get(1)?;
        if let Err(what) = agrees(seq, &leaf, row) {
            report.problem(seq, what);
        }
        report.until = Timestamp::from_microsecond(row.get(2)?).ok();
        edge.push(record_hash(leaf.as_bytes()));
        report.events += 1;
        let size = report.events;
        check_roots(&mut report, &mut expected, size, &edge);
    }
    for (size, _) in expected {
        report.problem(
            size,
            format!("there is a checkpoint of {size} events, but the log has fewer"),
        );
    }
    let root = edge.root();
    match tree::root(connection, report.events) {
        Ok(stored) if stored == root => {}
        Ok(_) | Err(_) => {
            report.problem(report.events, "the stored hashes do not agree with the events")
        }
    }
    report.root = root.to_string();
    Ok(report)
}

/// Whether the columns say what the hashed bytes say.
fn agrees(seq: u64, leaf: &str, row: &Row<'_>) -> Result<(), String> {
    let event: AuditEvent = serde_json::from_str(leaf).map_err(|_| "the event cannot be read")?;
    let column = |i: usize| row.get::<_, Option<String>>(i).unwrap_or_default();
    let said = &event.event;
    let same = event.seq == seq
        && event.canonical() == leaf
        && row.get::<_, i64>(2).ok() == Some(micros(said.time))
        && column(3).as_deref() == Some(said.code.as_ref())
        && column(4) == said.user
        && column(5) == said.login
        && column(6) == said.session
        && column(7) == said.request
        && column(8) == said.target;
    if same { Ok(()) } else { Err("the columns do not agree with the hashed event".into()) }
}

/// The roots that signed checkpoints promise, by size.
fn checkpoints(
    connection: &Connection,
    keys: &[VerifierKey],
    trusted: &[String],
    report: &mut Report,
) -> Result<BTreeMap<u64, Vec<Hash>>, AuditError> {
    let mut expected: BTreeMap<u64, Vec<Hash>> = BTreeMap::new();
    if keys.is_empty() {
        return Ok(expected);
    }
    let verified = |note: &str| {
        let mut last = Err(NoteError::Malformed);
        for key in keys {
            last = key.verify(note);
            if last.is_ok() {
                break;
            }
        }
        last
    };
    let mut statement = connection.prepare("SELECT size, note FROM checkpoint ORDER BY size")?;
    let rows = statement.query_map([], |row| {
        Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, String>(1)?))
    })?;
    for row in rows {
        let (size, note) = row?;
        report.checkpoints += 1;
        match verified(&note) {
            Ok((signed, root)) if signed == size => expected.entry(size).or_default().push(root),
            Ok((signed, _)) => {
                report.problem(size, format!("the checkpoint is of {signed} events"))
            }
            Err(error) => report.problem(size, format!("the checkpoint does not verify: {error}")),
        }
    }
    for note in trusted {
        report.checkpoints += 1;
        match verified(note) {
            Ok((size, root)) => expected.entry(size).or_default().push(root),
            Err(error) => {
                report.problem(0, format!("the checkpoint given does not verify: {error}"))
            }
        }
    }
    Ok(expected)
}

fn check_roots(
    report: &mut Report,
    expected: &mut BTreeMap<u64, Vec<Hash>>,
    size: u64,
    edge: &Edge,
) {
    let Some(roots) = expected.remove(&size) else { return };
    if roots.iter().any(|root| *root != edge.root()) {
        report.problem(size, "the events do not hash to what the checkpoint says");
    } else {
        report.signed = size;
    }
}
