//! What strangers send before anybody knows them, and what passes through a session.

use wire::cast::{Encoder, Event, Header, Stream, Utf8};
use wire::postgres::auth::{self, Request};
use wire::postgres::startup::{self, Opening};
use wire::postgres::walk::{Frame, HEADER, Walker};
use wire::postgres::{Malformed, back, front};
use wire::proxy_protocol;
use wire::route::{self, Route};
use wire::sftp::{FileEvent, Follower};
use wire::sniff::{self, First};

/// The first bytes of a connection: known by [`sniff::MAX_PREFIX`] bytes at the latest, and never anything else
/// once they are known.
pub fn first_bytes(bytes: &[u8]) {
    let whole = sniff::sniff(bytes);
    assert!(whole != First::More || bytes.len() < sniff::MAX_PREFIX);
    for end in 0..bytes.len().min(2 * sniff::MAX_PREFIX) {
        let seen = sniff::sniff(&bytes[..end]);
        assert!(
            seen == First::More || seen == whole,
            "{seen:?} became {whole:?} after {end} bytes"
        );
    }
}

/// A routing line: read as it was written, and its end seen at its line feed, neither earlier nor later.
pub fn route(bytes: &[u8]) {
    let read = route::parse(bytes);
    let Ok(Some((route, taken))) = &read else { return };
    assert!(*taken <= route::MAX_LINE && bytes[*taken - 1] == b'\n');
    let line = match route {
        Route::App { target } => route::app_line(target),
        Route::MySql { target } => route::mysql_line(target),
        Route::Postgres { target } => route::postgres_line(target),
        Route::Ssh { target } => route::ssh_line(target),
    };
    assert_eq!(line.as_bytes(), &bytes[..*taken]);
    for end in 0..*taken {
        assert_eq!(route::parse(&bytes[..end]), Ok(None));
    }
}

/// A PROXY protocol header: whole or not yet there, and nothing behind it changes what it says.
pub fn proxy_header(bytes: &[u8]) {
    let Ok(Some(header)) = proxy_protocol::parse(bytes) else { return };
    let (head, _) = bytes.split_at(header.len);
    assert_eq!(proxy_protocol::parse(head), Ok(Some(header)));
    for end in 0..header.len {
        assert_eq!(proxy_protocol::parse(&head[..end]), Ok(None));
    }
}

/// Both sides of an SFTP channel: how the bytes are cut makes no difference, and what is told is not more than what
/// was said. The input is pieces: a byte for the side and the length, then as many bytes.
pub fn sftp(bytes: &[u8]) {
    let mut steps = Vec::new();
    let mut rest = bytes;
    while let Some((head, tail)) = rest.split_first() {
        let (piece, behind) = tail.split_at(tail.len().min(usize::from(head & 0x7f) + 1));
        steps.push((head & 0x80 == 0, piece));
        rest = behind;
    }
    let whole = follow(&steps, usize::MAX);
    assert_eq!(follow(&steps, 1), whole);
    let told: usize = whole.iter().map(|event| format!("{event:?}").len()).sum();
    // A path is told when a file is opened, and again when it is closed; a broken byte is shown as three.
    assert!(told <= 64 * bytes.len() + 256, "{} bytes became {told}", bytes.len());
    let lost = whole.iter().position(|event| matches!(event, FileEvent::Untracked { .. }));
    let after = lost.map(|at| &whole[at + 1..]).unwrap_or_default();
    assert!(after.iter().all(|event| matches!(event, FileEvent::Closed { .. })));
}

fn follow(steps: &[(bool, &[u8])], longest: usize) -> Vec<FileEvent> {
    let mut follower = Follower::new();
    let mut events = Vec::new();
    for (from_client, piece) in steps {
        for part in piece.chunks(longest) {
            match from_client {
                true => follower.client(part, &mut events),
                false => follower.server(part, &mut events),
            }
        }
    }
    follower.finish(&mut events);
    events
}

/// A terminal's bytes as a recording: UTF-8, one line per event, nothing a terminal would act on, not larger than
/// escaping makes it, and the same however the bytes were cut.
pub fn recorded(bytes: &[u8]) {
    let (first, at) = (bytes.len() / 3, 2 * bytes.len() / 3);
    let whole = record(&[bytes]);
    assert_eq!(record(&[&bytes[..first], &bytes[first..at], &bytes[at..]]).1, whole.1);
    let text = String::from_utf8(whole.0).expect("a recording is UTF-8");
    assert!(text.lines().count() <= 5 && text.ends_with('\n'));
    assert!(!text.contains(|c: char| c != '\n' && c.is_control()));
    assert!(text.len() <= 40 * bytes.len() + 512);
}

/// The lines, and the stream's text alone with how much of it was no UTF-8.
fn record(pieces: &[&[u8]]) -> (Vec<u8>, (Vec<u8>, u64)) {
    let at = core::time::Duration::ZERO;
    let whole = pieces.concat();
    let shown = String::from_utf8_lossy(&whole);
    let mut lines = Vec::new();
    let (mut encoder, mut utf8) = (Encoder::default(), Utf8::default());
    let header = Header {
        cols: 80,
        rows: 24,
        term: Some(&shown),
        timestamp: i64::MIN,
        title: Some(&shown),
        command: None,
        about: &[("user", &shown)],
    };
    Encoder::header(&header, &mut lines);
    for piece in pieces {
        encoder.text(at, 0, Stream::Output, &mut utf8, piece, &mut lines);
    }
    encoder.text_end(at, 0, Stream::Output, &mut utf8, &mut lines);
    encoder.event(at, 0, Event::Begin { kind: "command", text: &shown }, &mut lines);
    encoder.event(at, 0, Event::Marker(&shown), &mut lines);
    let (mut alone, mut text) = (Utf8::default(), Vec::new());
    for piece in pieces {
        alone.push(piece, &mut text);
    }
    alone.finish(&mut text);
    let replaced = alone.replaced();
    (lines, (text, replaced))
}

/// PostgreSQL's first packet: whole or not yet there, bounded, and written again as it was read.
pub fn postgres_startup(bytes: &[u8]) {
    let Ok(Some((opening, taken))) = startup::parse(bytes) else { return };
    assert!(taken <= startup::MAX_PACKET);
    let (packet, _) = bytes.split_at(taken);
    for end in 0..taken {
        assert_eq!(startup::parse(&packet[..end]), Ok(None));
    }
    let again = match &opening {
        Opening::Ssl => startup::SSL_REQUEST.to_vec(),
        Opening::Gss => startup::GSS_REQUEST.to_vec(),
        Opening::Cancel(key) => key.request(),
        Opening::Startup(startup) => startup.packet(),
    };
    assert_eq!(again, packet);
}

/// PostgreSQL's frames from clients: the same frames wherever they are cut, and none needs more than is held of it.
pub fn postgres_front(bytes: &[u8]) {
    frames(bytes, front::hold, |frame| {
        if let Ok(front::Front::Bind(bind)) = front::parse(frame) {
            let seen: usize = bind.values().map(|v| v.bytes.map_or(0, <[u8]>::len)).sum();
            assert!(seen <= frame.body.len());
        }
    });
}

/// PostgreSQL's frames from databases.
pub fn postgres_back(bytes: &[u8]) {
    frames(bytes, back::hold, |frame| {
        if let Ok(back::Back::Error(fields)) = back::parse(frame) {
            assert!(fields.sqlstate().len() + fields.message().len() <= frame.body.len());
        }
    });
}

/// What a PostgreSQL server asks for at a log-in: no more is offered than stands there, and an answer that is made of it
/// is one frame.
pub fn postgres_auth(bytes: &[u8]) {
    let Ok(request) = auth::parse(bytes) else { return };
    assert_eq!(auth::parse(bytes), Ok(request));
    let mut out = Vec::new();
    match request {
        Request::Sasl(offered) => {
            let stands = |name: &str| {
                bytes.windows(name.len() + 1).any(|found| {
                    found
                        .split_last()
                        .is_some_and(|(end, text)| *end == 0 && text == name.as_bytes())
                })
            };
            for name in [auth::SCRAM, auth::SCRAM_PLUS] {
                assert!(!offered.contains(name) || stands(name));
            }
            assert!(!offered.contains(""));
            auth::sasl_begin(&mut out, auth::SCRAM, bytes);
        }
        Request::Continue(data) | Request::Final(data) => {
            assert_eq!(data.len() + 4, bytes.len());
            auth::sasl_go_on(&mut out, data);
        }
        Request::Md5(salt) => {
            assert_eq!(salt, bytes[4..]);
            auth::password(&mut out, &salt);
        }
        Request::Done | Request::Cleartext | Request::Other(_) => auth::password(&mut out, bytes),
    }
    let mut left = &out[..];
    let frame = Walker::new().next(&mut left, |_| usize::MAX).unwrap().unwrap();
    assert!(frame.kind == b'p' && frame.rest == 0 && left.is_empty());
}

/// Walks over frames in one piece, and byte by byte as a relay does that keeps what it cannot use yet.
fn frames(bytes: &[u8], hold: fn(u8) -> usize, look: fn(Frame<'_>)) {
    let whole = walk(bytes, bytes.len().max(1), hold, look);
    assert_eq!(walk(bytes, 1, hold, look), whole);
}

/// Each frame's type and length, and how it ended.
type Walked = (Vec<(u8, usize)>, Option<Malformed>);

fn walk(bytes: &[u8], step: usize, hold: fn(u8) -> usize, look: fn(Frame<'_>)) -> Walked {
    let (mut walker, mut kept, mut found) = (Walker::new(), Vec::new(), Vec::new());
    let mut passed = 0;
    for piece in bytes.chunks(step) {
        kept.extend_from_slice(piece);
        let mut left = &kept[..];
        loop {
            match walker.next(&mut left, hold) {
                Ok(None) => break,
                Ok(Some(frame)) => {
                    look(frame);
                    found.push((frame.kind, frame.body.len() + frame.rest));
                }
                Err(error) => return (found, Some(error)),
            }
        }
        let taken = kept.len() - left.len();
        passed += taken;
        kept.drain(..taken);
        if let [kind, ..] = kept[..] {
            assert!(kept.len() < HEADER + hold(kind).max(1));
        }
    }
    assert_eq!(passed + kept.len(), bytes.len());
    (found, None)
}

/// A text of SQL: classified without a panic, in the same way each time, and what stands behind a `;` adds to it.
pub fn sql(bytes: &[u8]) {
    use wire::sql::{Class, Dialect, classify};
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for dialect in [Dialect::MySql, Dialect::Postgres] {
        let found = classify(dialect, text);
        assert_eq!(found, classify(dialect, text));
        assert!(!found.classes.is_empty() || found.statements == 0);
        if found.classes.contains(Class::Unknown) {
            continue;
        }
        // A line feed ends what a comment hides, and the text is understood, so no string is open.
        let more = classify(dialect, &format!("{text}\n;DROP TABLE t"));
        assert!(more.classes.contains(Class::Ddl), "{dialect:?} {text:?}");
    }
}
