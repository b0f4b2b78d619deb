//! Any bytes, cut anywhere, are read as a recording, or refused, alike.
#![no_main]

use api::cast::Reader;
use api::cast::escape::Painting;
use api::cast::transcript::Transcript;
use libfuzzer_sys::fuzz_target;

fn read(pieces: &[&[u8]]) -> (Vec<api::cast::Event>, Option<String>) {
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

fuzz_target!(|bytes: &[u8]| {
    let whole = read(&[bytes]);
    let (head, tail) = bytes.split_at(bytes.len() / 2);
    assert_eq!(read(&[head, tail]), whole);
    let mut transcript = Transcript::default();
    let mut painting = Painting::default();
    let mut shown = String::new();
    for event in &whole.0 {
        transcript.push(event, |line| assert!(!line.text.contains('\x1b')));
        if let api::cast::What::Output(text) = &event.what {
            painting.filter(text, &mut shown);
        }
    }
    assert!(!shown.contains("\x1b]"));
});
