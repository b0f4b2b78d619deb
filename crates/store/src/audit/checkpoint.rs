//! Signed statements of how the log stood.

use std::fmt;

use api::note::VerifierKey;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::{AuditError, tree};
use crate::sqlite::micros;

/// Signs checkpoints. The key lives with the certificate authorities; the store never sees it.
pub trait CheckpointSigner: fmt::Debug + Send + Sync {
    /// The name of the log, such as `gw.example.com/audit`: no white space, no `+`.
    fn name(&self) -> &str;

    /// The Ed25519 public key (RFC 8032).
    fn public_key(&self) -> [u8; 32];

    /// The Ed25519 signature over exactly these bytes.
    fn sign(&self, text: &[u8]) -> [u8; 64];
}

/// A signed checkpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedCheckpoint {
    /// How many events the log had.
    pub size: u64,
    /// What they hash to, in base64.
    pub root: String,
    /// The signed note, as C2SP's tlog-checkpoint defines it.
    pub note: String,
}

pub(super) fn key_of(signer: &dyn CheckpointSigner) -> Result<VerifierKey, AuditError> {
    VerifierKey::new(signer.name(), signer.public_key()).map_err(AuditError::Signer)
}

/// Signs how the log stands, and keeps the note. A log that has not grown keeps the note it had.
pub(super) fn sign(
    connection: &mut Connection,
    signer: &dyn CheckpointSigner,
    now: Timestamp,
) -> Result<SignedCheckpoint, AuditError> {
    let key = key_of(signer)?;
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let size = tree::size(&tx)?;
    let root = tree::root(&tx, size)?;
    let kept: Option<String> = tx
        .prepare_cached("SELECT note FROM checkpoint WHERE size = ?1")?
        .query_row([size.cast_signed()], |row| row.get(0))
        .optional()?;
    // A note by an older key says nothing to who knows the new one.
    let valid = kept.filter(|note| key.verify(note) == Ok((size, root)));
    let note = match valid {
        Some(note) => note,
        None => {
            let note = key.checkpoint(size, root, |text| signer.sign(text));
            tx.prepare_cached(
                "INSERT OR IGNORE INTO checkpoint (size, time, note) VALUES (?1, ?2, ?3)",
            )?
            .execute((size.cast_signed(), micros(now), &note))?;
            note
        }
    };
    tx.commit()?;
    Ok(SignedCheckpoint { size, root: root.to_string(), note })
}
