//! What arrives as YAML, JSON or a file: documents, stored events, bundles, recordings.

use access::request::{Event as LawEvent, Request};
use access::rule::Rule;
use access::target::Target;
use api::bundle::{self, Bundle};
use api::cast::escape::Painting;
use api::cast::transcript::Transcript;
use api::cast::{Event, Reader, What};
use api::document::{self, Kind};
use api::event::RequestEvent;
use api::note::VerifierKey;
use api::recording::tape::{Piece, Tape, TapeError, header, padding};
use api::span::Span;

/// Any bytes, cut anywhere, are read as a recording, or refused, alike.
pub fn cast(bytes: &[u8]) {
    let whole = read(&[bytes]);
    let (head, tail) = bytes.split_at(bytes.len() / 2);
    assert_eq!(read(&[head, tail]), whole);
    let mut transcript = Transcript::default();
    let mut painting = Painting::default();
    let mut shown = String::new();
    for event in &whole.0 {
        transcript.push(event, |line| assert!(!line.text.contains('\x1b')));
        if let What::Output(text) = &event.what {
            painting.filter(text, &mut shown);
        }
    }
    assert!(!shown.contains("\x1b]") && shown.len() <= 2 * bytes.len());
}

fn read(pieces: &[&[u8]]) -> (Vec<Event>, Option<String>) {
    let mut reader = Reader::new();
    let mut events = Vec::new();
    for piece in pieces {
        reader.push(piece);
        loop {
            match reader.next_event() {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(broken) => return (events, Some(broken.to_string())),
            }
        }
    }
    let end = reader.finish().err().map(|broken| broken.to_string());
    (events, end)
}

/// Documents in YAML or JSON: refused by field and line, or taken; what is taken reads the same from its JSON.
pub fn document(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let documents = match document::parse(&text) {
        Ok(documents) => documents,
        Err(problems) => {
            assert!(!problems.is_empty());
            assert!(problems.iter().all(|problem| problem.message.len() <= text.len() + 4096));
            return;
        }
    };
    for document in documents {
        let json = serde_json::to_string(&document.value).expect("a value is JSON");
        match document.kind {
            Kind::App => law(&json, |own: &api::app::AppDocument| Target::try_from(own).is_ok()),
            Kind::ClusterSettings => {
                law(&json, |own: &api::settings::ClusterSettingsDocument| {
                    access::policy::Settings::try_from(own).is_ok()
                });
            }
            Kind::KubeCluster => {
                law(&json, |own: &api::kube::KubeClusterDocument| Target::try_from(own).is_ok());
            }
            Kind::Db => {
                law(&json, |own: &api::database::DatabaseDocument| Target::try_from(own).is_ok());
            }
            Kind::Lock => law(&json, |own: &api::lock::LockDocument| {
                access::lock::Lock::try_from(own).is_ok()
            }),
            Kind::Node => law(&json, |own: &api::node::NodeDocument| Target::try_from(own).is_ok()),
            Kind::Token => law(&json, |_: &api::token::TokenDocument| true),
            Kind::User => law(&json, |own: &api::user::UserDocument| own.user().is_ok()),
            Kind::Role => law(&json, |own: &api::role::RoleDocument| own.role().is_ok()),
            Kind::AccessMonitoringRule => {
                law(&json, |own: &api::rule::RuleDocument| Rule::try_from(own).is_ok());
            }
        }
    }
}

/// What the law makes of a document, it makes of the document as it is stored.
fn law<T: serde::Serialize + serde::de::DeserializeOwned>(
    json: &str,
    accepts: impl Fn(&T) -> bool,
) {
    // YAML may say what JSON cannot, a number no `u64` holds for one: then it is refused when it is stored.
    let Ok(own) = serde_json::from_str::<T>(json) else { return };
    let stored = serde_json::to_string(&own).expect("a document is JSON");
    let again: T = serde_json::from_str(&stored).expect("what is stored is read");
    assert_eq!(accepts(&own), accepts(&again));
    assert_eq!(serde_json::to_string(&again).expect("a document is JSON"), stored);
}

/// A request as the store keeps it: a list of events, which are the same once written and read again.
pub fn stored_request(bytes: &[u8]) {
    let Some(events) = events(bytes) else { return };
    let shapes: Vec<RequestEvent> = events.iter().map(RequestEvent::from).collect();
    let written = serde_json::to_vec(&shapes).expect("events are JSON");
    assert_eq!(self::events(&written).as_ref(), Some(&events));
    if let Ok(request) = Request::replay(events) {
        for at in [jiff::Timestamp::MIN, jiff::Timestamp::UNIX_EPOCH, jiff::Timestamp::MAX] {
            let open = request.status(at).is_open();
            assert!(open || request.grant(at).is_none(), "a closed request grants");
            let _ = (request.next_change(at), request.session_limit(at, at));
        }
    }
}

fn events(bytes: &[u8]) -> Option<Vec<LawEvent>> {
    let shapes: Vec<RequestEvent> = serde_json::from_slice(bytes).ok()?;
    shapes.into_iter().map(|shape| LawEvent::try_from(shape).ok()).collect()
}

/// An audit bundle, and the parts of one that also come alone: a verifier key, a note.
pub fn bundle(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string().parse::<VerifierKey>().as_ref(), Ok(&key));
    }
    if let Ok(key) = VerifierKey::new("log", [7; 32]) {
        assert!(key.verify(&text).is_err(), "a note nobody signed");
    }
    let Ok(read) = serde_json::from_slice::<Bundle>(bytes) else { return };
    match bundle::verify(&read, None) {
        Ok(verified) => {
            assert_eq!(verified.events.len(), read.events.len());
            let stranger = VerifierKey::new("stranger", [7; 32]).expect("a key");
            assert!(bundle::verify(&read, Some(&stranger)).is_err());
        }
        Err(problems) => assert!(!problems.is_empty()),
    }
}

/// The archive a recording comes in: the same however it is cut, nothing but proper names, never more than was there.
pub fn tape(bytes: &[u8]) {
    let whole = unpack(&[bytes]);
    assert_eq!(unpack(&[&bytes[..bytes.len() / 2], &bytes[bytes.len() / 2..]]), whole);
    let Ok(files) = whole else { return };
    for (name, content) in files {
        assert!(api::recording::files::is_file_name(&name));
        let mut written = header(&name, content.len() as u64).to_vec();
        written.extend_from_slice(&content);
        written.resize(written.len() + padding(content.len() as u64), 0);
        written.extend(api::recording::tape::END);
        assert_eq!(unpack(&[&written]), Ok(vec![(name, content)]));
    }
}

fn unpack(pieces: &[&[u8]]) -> Result<Vec<(String, Vec<u8>)>, TapeError> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let mut tape = Tape::default();
    for piece in pieces {
        tape.push(piece, |piece| {
            match (piece, files.last_mut()) {
                (Piece::Begin(name), _) => files.push((name.to_owned(), Vec::new())),
                (Piece::Bytes(bytes), Some((_, content))) => content.extend_from_slice(bytes),
                (Piece::Bytes(_), None) => return Err(TapeError::Foreign),
            }
            Ok(())
        })?;
    }
    tape.finish()?;
    Ok(files)
}

/// A duration as people write it.
pub fn span(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(read) = text.parse::<Span>() else { return };
    assert!(!read.0.is_negative() && read.0.as_secs() <= api::span::MAX_SECONDS);
    assert_eq!(read.to_string().parse(), Ok(read));
}
