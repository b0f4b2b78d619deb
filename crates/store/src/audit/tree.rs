//! The Merkle tree of the log, in the table `node`.

use api::bundle::Proof;
use rusqlite::{Connection, OptionalExtension as _};
use tlog_tiles::{Hash, HashReader, prove_record, prove_tree, tree_hash};

use super::AuditError;
use crate::kv::Fault;

/// Reads stored hashes by their index.
pub(super) struct Nodes<'a>(pub(super) &'a Connection);

impl Nodes<'_> {
    fn read(&self, indexes: &[u64]) -> Result<Vec<Hash>, Fault> {
        let mut statement = self.0.prepare_cached("SELECT hash FROM node WHERE id = ?1")?;
        let mut hashes = Vec::with_capacity(indexes.len());
        for index in indexes {
            let hash: Option<[u8; 32]> =
                statement.query_row([index.cast_signed()], |row| row.get(0)).optional()?;
            hashes.push(Hash(hash.ok_or_else(|| {
                Fault::Corrupt(format!("hash {index} of the audit log is missing"))
            })?));
        }
        Ok(hashes)
    }
}

impl HashReader for Nodes<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        self.read(indexes).map_err(|fault| tlog_tiles::Error::InvalidInput(fault.to_string()))
    }
}

/// How many events there are: numbers begin at 0 and have no gaps.
pub(super) fn size(connection: &Connection) -> Result<u64, Fault> {
    let last: Option<i64> =
        connection.prepare_cached("SELECT max(seq) FROM event")?.query_row([], |row| row.get(0))?;
    Ok(last.map_or(0, |last| last.cast_unsigned() + 1))
}

/// The root of the tree of the first `size` events.
pub(super) fn root(connection: &Connection, size: u64) -> Result<Hash, AuditError> {
    Ok(tree_hash(size, &Nodes(connection))?)
}

fn bounded(connection: &Connection, asked: Option<u64>) -> Result<u64, AuditError> {
    let size = size(connection)?;
    match asked {
        Some(asked) if asked > size => Err(AuditError::Beyond { asked, size }),
        Some(asked) => Ok(asked),
        None => Ok(size),
    }
}

pub(super) fn prove(
    connection: &Connection,
    seq: u64,
    size: Option<u64>,
) -> Result<Proof, AuditError> {
    let size = bounded(connection, size)?;
    if seq >= size {
        return Err(AuditError::Beyond { asked: seq, size });
    }
    let path = prove_record(size, seq, &Nodes(connection))?;
    let root = root(connection, size)?.to_string();
    Ok(Proof { of: seq, size, root, path: path.iter().map(Hash::to_string).collect() })
}

pub(super) fn consistency(
    connection: &Connection,
    older: u64,
    size: Option<u64>,
) -> Result<Proof, AuditError> {
    let size = bounded(connection, size)?;
    if older == 0 || older > size {
        return Err(AuditError::Beyond { asked: older, size });
    }
    let path = prove_tree(size, older, &Nodes(connection))?;
    let root = root(connection, size)?.to_string();
    Ok(Proof { of: older, size, root, path: path.iter().map(Hash::to_string).collect() })
}
