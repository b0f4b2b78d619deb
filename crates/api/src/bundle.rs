//! What happened under one request, with its proof: a file that is checked without the daemon.
//!
//! A bundle holds the events as they were hashed, for each the path from its leaf to the root of the log's Merkle tree
//! (RFC 6962, section 2.1.1), and a checkpoint of that root signed by the daemon. So nobody can change an event, or
//! make one up, without the daemon's key. Of each recording it holds the list of files that hashes to the digest in the
//! event that sealed it, so the files themselves can be checked too. What no bundle can prove is that nothing was left out: for that the whole
//! log is verified where it is kept.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tlog_tiles::{Hash, check_record, check_tree, record_hash};
use utoipa::ToSchema;

use crate::audit::{AuditEvent, code};
use crate::note::{NoteError, VerifierKey};
use crate::recording::files::{self, FileDigest};

/// The format we write and read.
pub const FORMAT: &str = "countersign-audit-bundle/1";
/// A path in a tree of 2^64 leaves has no more hashes.
const PATH_HASHES: usize = 64;

/// The events of one request, provable offline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// [`FORMAT`].
    pub format: String,
    /// The request it is about.
    pub request: String,
    /// The key the checkpoint is signed with, as a C2SP verifier key. Compare it with one you know.
    pub key: String,
    /// The signed checkpoint the proofs lead to.
    pub checkpoint: String,
    /// The events, oldest first.
    pub events: Vec<BundleEvent>,
    /// The recordings sealed under the request.
    #[serde(default)]
    pub recordings: Vec<BundleRecording>,
}

/// One event and its way to the root.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BundleEvent {
    /// The bytes that were hashed: [`AuditEvent::canonical`].
    pub leaf: String,
    /// The hashes from the leaf to the root, in base64.
    pub proof: Vec<String>,
}

/// A recording, by digest.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BundleRecording {
    /// The session that was recorded.
    pub session: String,
    /// The event that sealed it.
    pub seq: u64,
    /// The digest in that event's body.
    pub digest: String,
    /// The files it is over ([`files::digest_over`]); absent where the seal is lost or was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<FileDigest>>,
}

/// That an event is in the log, or that one state of the log is a beginning of another. Hashes are in base64.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Proof {
    /// Inclusion: the event's number. Consistency: the size of the older log.
    pub of: u64,
    /// The size of the log it is proven for.
    pub size: u64,
    /// The root of that log.
    pub root: String,
    /// The hashes, in the order of RFC 6962.
    pub path: Vec<String>,
}

/// What is wrong with a bundle or a proof.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BundleProblem {
    /// Another format.
    #[error("`format` is `{0}`, this program reads `{FORMAT}`")]
    Format(String),
    /// The key cannot be read.
    #[error("`key`: {0}")]
    Key(NoteError),
    /// The key is not the one that is trusted.
    #[error("the bundle is signed with another key than the one given")]
    OtherKey,
    /// The checkpoint is not right.
    #[error("`checkpoint`: {0}")]
    Checkpoint(NoteError),
    /// The event cannot be read.
    #[error("`events[{0}].leaf` is not an event in its canonical writing")]
    Leaf(usize),
    /// The hashes do not lead to the root.
    #[error("`events[{0}]` (number {1}) is not in the log the checkpoint was signed for")]
    NotIncluded(usize, u64),
    /// The events are not in order, or one comes twice.
    #[error("`events[{0}]` is not later than the one before")]
    Order(usize),
    /// The event has nothing to do with the request.
    #[error("`events[{0}]` does not belong to request `{1}`")]
    Foreign(usize, String),
    /// The recording is not what was sealed.
    #[error("`recordings[{0}]`: no `{code}` event of session `{1}` has this digest", code = code::RECORDING_SEALED)]
    Recording(usize, String),
    /// The list of files is not the one that was sealed.
    #[error(
        "`recordings[{0}]`: the files of session `{1}` do not hash to the digest that was sealed"
    )]
    Seal(usize, String),
    /// What was retired is not what was sealed.
    #[error(
        "the recording of session `{0}` was retired with another digest than it was sealed with"
    )]
    Retired(String),
    /// A sealed recording is missing in the list.
    #[error("the recording of session `{0}` was sealed but is not listed")]
    RecordingMissing(String),
    /// The proof does not hold.
    #[error("the proof does not hold")]
    Proof,
}

/// What a bundle that holds proves.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// The key it is signed with.
    pub key: VerifierKey,
    /// How many events the log had.
    pub size: u64,
    /// The events, oldest first.
    pub events: Vec<AuditEvent>,
}

/// Checks all of a bundle and gives what it proves, or every problem at once.
///
/// Without `trusted`, only that the bundle agrees with itself and with the key it names.
///
/// # Errors
/// Every problem found, in the order of the bundle.
pub fn verify(
    bundle: &Bundle,
    trusted: Option<&VerifierKey>,
) -> Result<Verified, Vec<BundleProblem>> {
    if bundle.format != FORMAT {
        return Err(vec![BundleProblem::Format(bundle.format.clone())]);
    }
    let key: VerifierKey = bundle.key.parse().map_err(|error| vec![BundleProblem::Key(error)])?;
    if trusted.is_some_and(|trusted| *trusted != key) {
        return Err(vec![BundleProblem::OtherKey]);
    }
    let (size, root) =
        key.verify(&bundle.checkpoint).map_err(|error| vec![BundleProblem::Checkpoint(error)])?;
    let mut problems = Vec::new();
    let mut events: Vec<AuditEvent> = Vec::new();
    for (i, event) in bundle.events.iter().enumerate() {
        let read = serde_json::from_str::<AuditEvent>(&event.leaf).ok();
        let Some(read) = read.filter(|read| read.canonical() == event.leaf) else {
            problems.push(BundleProblem::Leaf(i));
            continue;
        };
        let path = hashes(&event.proof);
        let leaf = record_hash(event.leaf.as_bytes());
        if path.is_none_or(|path| check_record(&path, size, root, read.seq, leaf).is_err()) {
            problems.push(BundleProblem::NotIncluded(i, read.seq));
        }
        if events.last().is_some_and(|last| last.seq >= read.seq) {
            problems.push(BundleProblem::Order(i));
        }
        events.push(read);
    }
    problems.extend(foreign(bundle, &events));
    problems.extend(recordings(bundle, &events));
    if problems.is_empty() { Ok(Verified { key, size, events }) } else { Err(problems) }
}

/// The requests an event names: its own, and those in its body's `requests`.
pub fn requests_named(event: &AuditEvent) -> BTreeSet<&str> {
    let listed = event.event.body.get("requests").and_then(Value::as_array);
    let listed = listed.into_iter().flatten().filter_map(Value::as_str);
    event.event.request.as_deref().into_iter().chain(listed).collect()
}

/// The session and the digest of a `recording.sealed` event.
pub fn sealed_digest(event: &AuditEvent) -> Option<(&str, &str)> {
    digest_of(event, code::RECORDING_SEALED)
}

/// The session and the digest of a `recording.retired` event.
pub fn retired_digest(event: &AuditEvent) -> Option<(&str, &str)> {
    digest_of(event, code::RECORDING_RETIRED)
}

fn digest_of<'a>(event: &'a AuditEvent, code: &str) -> Option<(&'a str, &'a str)> {
    if event.event.code != code {
        return None;
    }
    Some((event.event.session.as_deref()?, event.event.body.get("digest").and_then(Value::as_str)?))
}

/// Events that name the request open the sessions whose other events belong to it too.
fn foreign(bundle: &Bundle, events: &[AuditEvent]) -> Vec<BundleProblem> {
    let request = bundle.request.as_str();
    let mut sessions = BTreeSet::new();
    for event in events.iter().filter(|event| requests_named(event).contains(request)) {
        sessions.extend(event.event.session.as_deref());
    }
    let belongs = |event: &AuditEvent| {
        requests_named(event).contains(request)
            || event.event.session.as_deref().is_some_and(|s| sessions.contains(s))
    };
    let strangers = events.iter().enumerate().filter(|(_, event)| !belongs(event));
    strangers.map(|(i, _)| BundleProblem::Foreign(i, bundle.request.clone())).collect()
}

fn recordings(bundle: &Bundle, events: &[AuditEvent]) -> Vec<BundleProblem> {
    let mut problems = Vec::new();
    let sealed: BTreeMap<u64, (&str, &str)> =
        events.iter().filter_map(|event| Some((event.seq, sealed_digest(event)?))).collect();
    for (i, recording) in bundle.recordings.iter().enumerate() {
        if sealed.get(&recording.seq)
            != Some(&(recording.session.as_str(), recording.digest.as_str()))
        {
            problems.push(BundleProblem::Recording(i, recording.session.clone()));
        }
        if recording.files.as_ref().is_some_and(|list| !files::proven(list, &recording.digest)) {
            problems.push(BundleProblem::Seal(i, recording.session.clone()));
        }
    }
    for (seq, (session, _)) in &sealed {
        if !bundle.recordings.iter().any(|recording| recording.seq == *seq) {
            problems.push(BundleProblem::RecordingMissing((*session).to_owned()));
        }
    }
    for (session, digest) in events.iter().filter_map(retired_digest) {
        let mut seals = sealed.values().filter(|(of, _)| *of == session).peekable();
        if seals.peek().is_some() && !seals.any(|(_, sealed)| *sealed == digest) {
            problems.push(BundleProblem::Retired(session.to_owned()));
        }
    }
    problems
}

impl Verified {
    /// Whether the recording of `session` with this digest was retired: its files are rightly gone.
    #[must_use]
    pub fn is_retired(&self, session: &str, digest: &str) -> bool {
        self.events.iter().any(|event| retired_digest(event) == Some((session, digest)))
    }
}

fn hashes(path: &[String]) -> Option<Vec<Hash>> {
    if path.len() > PATH_HASHES {
        return None;
    }
    path.iter().map(|hash| Hash::parse_hash(hash).ok()).collect()
}

impl Proof {
    /// Checks that the event with these hashed bytes is number `of` of the log with this root.
    ///
    /// # Errors
    /// [`BundleProblem::Proof`].
    pub fn includes(&self, leaf: &str) -> Result<(), BundleProblem> {
        let root = Hash::parse_hash(&self.root).map_err(|_| BundleProblem::Proof)?;
        let path = hashes(&self.path).ok_or(BundleProblem::Proof)?;
        check_record(&path, self.size, root, self.of, record_hash(leaf.as_bytes()))
            .map_err(|_| BundleProblem::Proof)
    }

    /// Checks that a log of `of` events with the root `older` is a beginning of the log with this root.
    ///
    /// # Errors
    /// [`BundleProblem::Proof`].
    pub fn extends(&self, older: Hash) -> Result<(), BundleProblem> {
        let root = Hash::parse_hash(&self.root).map_err(|_| BundleProblem::Proof)?;
        let path = hashes(&self.path).ok_or(BundleProblem::Proof)?;
        check_tree(&path, self.size, root, self.of, older).map_err(|_| BundleProblem::Proof)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::NewEvent;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    use jiff::Timestamp;
    use tlog_tiles::node_hash;

    fn leaf(seq: u64, request: &str) -> String {
        let event = NewEvent::new(code::REQUEST_CREATED, Timestamp::UNIX_EPOCH).request(request);
        AuditEvent { seq, event }.canonical()
    }

    /// A bundle of the first of two events, signed for a log of `size` events.
    fn bundle(size: u64, change: impl FnOnce(&mut Bundle)) -> Bundle {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let key = VerifierKey::new("log", pair.public_key().as_ref().try_into().unwrap()).unwrap();
        let [first, second] = [leaf(0, "r"), leaf(1, "r")];
        let [left, right] = [record_hash(first.as_bytes()), record_hash(second.as_bytes())];
        let sign = |text: &[u8]| pair.sign(text).as_ref().try_into().unwrap();
        let mut made = Bundle {
            format: FORMAT.into(),
            request: "r".into(),
            key: key.to_string(),
            checkpoint: key.checkpoint(size, node_hash(left, right), sign),
            events: vec![BundleEvent { leaf: first, proof: vec![right.to_string()] }],
            recordings: vec![],
        };
        change(&mut made);
        made
    }

    #[test]
    fn a_bundle_with_its_proof_holds() {
        let verified = verify(&bundle(2, |_| {}), None).unwrap();
        assert_eq!((verified.size, verified.events.len()), (2, 1));
    }

    #[test]
    fn whatever_is_changed_is_named() {
        let problem = |size: u64, change: &dyn Fn(&mut Bundle)| {
            verify(&bundle(size, change), None).unwrap_err()[0].clone()
        };
        let not_included = BundleProblem::NotIncluded(0, 0);
        assert_eq!(problem(2, &|b| b.events[0].proof.clear()), not_included);
        assert_eq!(problem(2, &|b| b.events[0].proof[0] = "AAAA".into()), not_included);
        assert_eq!(
            problem(2, &|b| b.events[0].proof = vec![b.events[0].proof[0].clone(); 100_000]),
            not_included
        );
        assert_eq!(problem(0, &|_| {}), not_included);
        assert_eq!(problem(u64::MAX, &|_| {}), not_included);
        assert_eq!(
            problem(2, &|b| b.events[0].leaf = leaf(u64::MAX, "r")),
            BundleProblem::NotIncluded(0, u64::MAX)
        );
        assert_eq!(problem(2, &|b| b.events[0].leaf = "{}".into()), BundleProblem::Leaf(0));
        assert_eq!(problem(2, &|b| b.events[0].leaf.push(' ')), BundleProblem::Leaf(0));
        assert_eq!(problem(2, &|b| b.events.push(b.events[0].clone())), BundleProblem::Order(1));
        assert_eq!(
            problem(2, &|b| b.request = "other".into()),
            BundleProblem::Foreign(0, "other".into())
        );
        assert_eq!(problem(2, &|b| b.format = "2".into()), BundleProblem::Format("2".into()));
        assert!(matches!(problem(2, &|b| b.key.push('x')), BundleProblem::Key(_)));
        assert!(matches!(problem(2, &|b| b.checkpoint.push('x')), BundleProblem::Checkpoint(_)));
        let recording =
            BundleRecording { session: "s".into(), seq: 0, digest: "d".into(), files: None };
        assert_eq!(
            problem(2, &|b| b.recordings.push(recording.clone())),
            BundleProblem::Recording(0, "s".into())
        );
    }

    /// A bundle of one event that sealed the recording of session `s`, and the recording.
    fn sealed(digest: &str, list: Vec<FileDigest>) -> Bundle {
        let event = NewEvent::new(code::RECORDING_SEALED, Timestamp::UNIX_EPOCH)
            .request("r")
            .session("s")
            .body(serde_json::json!({ "digest": digest }));
        let leaf = AuditEvent { seq: 0, event }.canonical();
        let other = record_hash(b"other");
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let key = VerifierKey::new("log", pair.public_key().as_ref().try_into().unwrap()).unwrap();
        let root = node_hash(record_hash(leaf.as_bytes()), other);
        let sign = |text: &[u8]| pair.sign(text).as_ref().try_into().unwrap();
        bundle(2, |made| {
            made.checkpoint = key.checkpoint(2, root, sign);
            made.events = vec![BundleEvent { leaf, proof: vec![other.to_string()] }];
            made.recordings = vec![BundleRecording {
                session: "s".into(),
                seq: 0,
                digest: digest.into(),
                files: Some(list),
            }];
        })
    }

    #[test]
    fn a_list_of_files_that_was_not_sealed_is_named() {
        let list = |bytes| vec![FileDigest::of("meta.json", bytes)];
        let digest = files::digest_over(&list(b"{}"));
        verify(&sealed(&digest, list(b"{}")), None).unwrap();
        let changed = verify(&sealed(&digest, list(b"[]")), None).unwrap_err();
        assert_eq!(changed, [BundleProblem::Seal(0, "s".into())]);
        let mut swapped = sealed(&digest, list(b"[]"));
        swapped.recordings[0].digest = files::digest_over(&list(b"[]"));
        let swapped = verify(&swapped, None).unwrap_err();
        assert_eq!(swapped, [BundleProblem::Recording(0, "s".into())]);
        let mut removed = sealed(&digest, list(b"{}"));
        removed.recordings.clear();
        let removed = verify(&removed, None).unwrap_err();
        assert_eq!(removed, [BundleProblem::RecordingMissing("s".into())]);
    }

    #[test]
    fn a_bundle_by_a_stranger_is_refused_where_a_key_is_trusted() {
        let trusted = VerifierKey::new("log", [1; 32]).unwrap();
        assert_eq!(verify(&bundle(2, |_| {}), Some(&trusted)), Err(vec![BundleProblem::OtherKey]));
    }
}
