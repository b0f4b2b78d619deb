//! Everything about one request, for someone who does not trust us.

use api::audit::AuditEvent;
use api::bundle::{self, Bundle, BundleEvent, BundleRecording};
use api::note::VerifierKey;
use rusqlite::Connection;
use tlog_tiles::{Hash, prove_record};

use super::tree::Nodes;
use super::{AuditError, EXPORT_BYTES, EXPORT_EVENTS, SignedCheckpoint};

pub(super) fn bundle(
    connection: &Connection,
    request: &str,
    key: &VerifierKey,
    checkpoint: &SignedCheckpoint,
) -> Result<Bundle, AuditError> {
    let mut exported = Bundle {
        format: bundle::FORMAT.to_owned(),
        request: request.to_owned(),
        key: key.to_string(),
        checkpoint: checkpoint.note.clone(),
        events: Vec::new(),
        recordings: Vec::new(),
    };
    let mut statement = connection.prepare_cached(
        "SELECT seq, leaf FROM event WHERE seq IN (SELECT seq FROM mention WHERE request = ?1) AND seq < ?2 ORDER BY seq",
    )?;
    let mut rows = statement.query((request, checkpoint.size.cast_signed()))?;
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let seq = row.get::<_, i64>(0)?.cast_unsigned();
        let leaf: String = row.get(1)?;
        bytes += leaf.len();
        if exported.events.len() == EXPORT_EVENTS || bytes > EXPORT_BYTES {
            return Err(AuditError::TooMany);
        }
        let event: AuditEvent = serde_json::from_str(&leaf)
            .map_err(|error| AuditError::Damaged(format!("event {seq}: {error}")))?;
        if let Some((session, digest)) = bundle::sealed_digest(&event) {
            exported.recordings.push(BundleRecording {
                session: session.into(),
                seq,
                digest: digest.into(),
                files: None,
            });
        }
        let path = prove_record(checkpoint.size, seq, &Nodes(connection))?;
        exported
            .events
            .push(BundleEvent { leaf, proof: path.iter().map(Hash::to_string).collect() });
    }
    Ok(exported)
}
