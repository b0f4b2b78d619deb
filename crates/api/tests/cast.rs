//! What `wire::cast` writes, `api::cast` reads, however both are cut; and what is no recording is refused by line.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::time::Duration;

use api::cast::escape::Painting;
use api::cast::{Event, Reader, What};
use expect_test::{Expect, expect};
use proptest::prelude::*;
use wire::cast::{self, Encoder, Stream, Utf8};

fn read(pieces: &[&[u8]]) -> Result<Vec<Event>, String> {
    let mut reader = Reader::new();
    let mut events = Vec::new();
    for piece in pieces {
        reader.push(piece);
        while let Some(event) = reader.next_event().map_err(|e| e.to_string())? {
            events.push(event);
        }
    }
    reader.finish().map_err(|e| e.to_string())?;
    Ok(events)
}

fn refused(file: &str, why: Expect) {
    why.assert_eq(&read(&[file.as_bytes()]).unwrap_err());
}

const HEADER: &str = "{\"version\":3,\"term\":{\"cols\":80,\"rows\":24}}\n";

#[test]
fn a_file_cut_at_any_byte_gives_a_prefix_and_says_where_it_breaks() {
    let file = format!(
        "{HEADER}[0.5,\"o\",\"h\u{e9}\\u001b[0m\"]\n# note\n[1,\"r\",\"90x30\"]\n[0.001,\"x\",\"0\"]\n"
    );
    let whole = read(&[file.as_bytes()]).unwrap();
    assert_eq!(whole.len(), 3);
    for cut in 0..=file.len() {
        let (head, tail) = file.as_bytes().split_at(cut);
        assert_eq!(read(&[head, tail]).unwrap(), whole, "fed in two, cut at {cut}");
        let mut reader = Reader::new();
        reader.push(head);
        let mut events = Vec::new();
        while let Some(event) = reader.next_event().unwrap() {
            events.push(event);
        }
        assert!(whole.starts_with(&events), "ended at {cut}");
        assert_eq!(reader.finish().is_ok(), head.ends_with(b"\n"), "ended at {cut}");
    }
}

#[test]
fn version_2_counts_from_the_start() {
    let file = "{\"version\": 2, \"width\": 100, \"height\": 50}\n[0.25, \"o\", \"a\"]\n[1.5, \"o\", \"b\"]\n";
    let times: Vec<u64> = read(&[file.as_bytes()]).unwrap().iter().map(|e| e.at_ms).collect();
    assert_eq!(times, [250, 1500]);
}

#[test]
fn small_intervals_add_up() {
    let file = format!("{HEADER}{}", "[0.0004,\"o\",\"x\"]\n".repeat(1000));
    assert_eq!(read(&[file.as_bytes()]).unwrap().last().unwrap().at_ms, 400);
}

#[test]
fn what_is_no_recording_is_refused_by_line() {
    let line = |line: &str| format!("{HEADER}{line}\n");
    refused("", expect!["line 1: empty: expected an asciicast header"]);
    refused(
        "hello\n",
        expect!["line 1: not an asciicast header: expected value at line 1 column 1"],
    );
    refused(
        "{\"version\":1,\"width\":1,\"height\":1}\n",
        expect!["line 1: asciicast version 1 is not supported: 2 and 3 are"],
    );
    refused("{\"version\":3}\n", expect!["line 1: the header says no terminal size"]);
    refused(
        &line("[0,\"o\"]"),
        expect![
            "line 2: not an event: invalid length 2, expected a tuple of size 3 at line 1 column 7"
        ],
    );
    refused(
        &line("[-1,\"o\",\"\"]"),
        expect!["line 2: a time is a number of seconds from 0 to 8640000, not -1"],
    );
    refused(
        &line("[1e300,\"o\",\"\"]"),
        expect!["line 2: a time is a number of seconds from 0 to 8640000, not 1e+300"],
    );
    refused(&line("[0,\"r\",\"80\"]"), expect!["line 2: a size looks like 80x24"]);
    refused(&line("[0,\"x\",\"?\"]"), expect!["line 2: an exit status is a number"]);
    refused(&line("[0,\"c\",\"?\"]"), expect!["line 2: a channel is a number"]);
    refused(&line("[0,\"g\",\"o\"]"), expect!["line 2: a digest looks like `o 42 blake3:<hex>`"]);
    refused(
        &line(&"[".repeat(100_000)),
        expect![
            "line 2: not an event: invalid type: sequence, expected a JSON number at line 1 column 2"
        ],
    );
    refused(&format!("{HEADER}[0,\"o\",\"x"), expect!["line 2: cut short after 9 bytes"]);
}

#[test]
fn a_digest_of_an_unknown_name_is_passed_over() {
    let file = format!(
        "{HEADER}[0,\"d\",\"o 3 blake3:ab 0\"]\n[0,\"d\",\"o 3 tomorrow:cd 0\"]\n[0,\"g\",\"e 4 ef\"]\n"
    );
    let read: Vec<What> =
        read(&[file.as_bytes()]).unwrap().into_iter().map(|event| event.what).collect();
    assert_eq!(
        read,
        [
            What::Digest { stream: 'o', bytes: 3, blake3: Some("ab".to_owned()) },
            What::Digest { stream: 'o', bytes: 3, blake3: None },
            What::Omitted { stream: 'e', bytes: 4, blake3: None },
        ]
    );
}

#[test]
fn an_endless_line_is_not_kept() {
    let mut reader = Reader::new();
    reader.push(HEADER.as_bytes());
    let chunk = vec![b'a'; 1 << 20];
    let broken = (0..20).find_map(|_| {
        reader.push(&chunk);
        reader.next_event().err()
    });
    assert_eq!(broken.unwrap().line, 2);
}

#[derive(Clone, Debug)]
enum Written {
    Exit(u32),
    Marker(String),
    Resize(u16, u16),
    Restart,
    Text(Stream, String),
}

fn written() -> impl Strategy<Value = Written> {
    let stream = prop_oneof![Just(Stream::Output), Just(Stream::Error), Just(Stream::Input)];
    let text = prop::collection::vec(any::<char>(), 0..30).prop_map(|c| c.into_iter().collect());
    prop_oneof![
        (stream, text).prop_map(|(stream, text)| Written::Text(stream, text)),
        ".{0,20}".prop_map(Written::Marker),
        (1..5000_u16, 1..5000_u16).prop_map(|(cols, rows)| Written::Resize(cols, rows)),
        any::<u32>().prop_map(Written::Exit),
        Just(Written::Restart),
    ]
}

/// Writes `event` and says what should be read.
fn write(
    event: Written,
    at: Duration,
    channel: u32,
    encoder: &mut Encoder,
    utf8: &mut Utf8,
    file: &mut Vec<u8>,
) -> Option<What> {
    match event {
        Written::Text(stream, text) => {
            encoder.text(at, channel, stream, utf8, text.as_bytes(), file);
            (!text.is_empty()).then_some(match stream {
                Stream::Output => What::Output(text),
                Stream::Error => What::Error(text),
                Stream::Input => What::Input(text),
            })
        }
        Written::Marker(label) => {
            encoder.event(at, channel, cast::Event::Marker(&label), file);
            Some(What::Marker(label))
        }
        Written::Resize(cols, rows) => {
            encoder.event(at, channel, cast::Event::Resize { cols, rows }, file);
            Some(What::Resize(cols, rows))
        }
        Written::Exit(status) => {
            encoder.event(at, channel, cast::Event::Exit(status), file);
            Some(What::Exit(i64::from(status)))
        }
        Written::Restart => {
            encoder.restart();
            None
        }
    }
}

proptest! {
    /// What is left out must not bring its neighbours together into something new.
    #[test]
    fn what_may_be_painted_is_the_same_when_it_is_filtered_again(
        text in "[\x1b\x07\x18\u{9b}\u{9c}\u{9d}\\[\\]()\\\\;?>P_0-9a-z]{0,40}",
        cut in 0..40_usize,
    ) {
        let painted = |text: &[&str]| {
            let (mut painting, mut shown) = (Painting::default(), String::new());
            text.iter().for_each(|text| painting.filter(text, &mut shown));
            shown
        };
        let once = painted(&[&text]);
        prop_assert_eq!(&painted(&[&once]), &once);
        let cut = (cut.min(text.len())..=text.len()).find(|cut| text.is_char_boundary(*cut)).unwrap();
        prop_assert_eq!(&painted(&[&text[..cut], &text[cut..]]), &once);
        for forbidden in ["\x1b]", "\x1bP", "\x1b_", "\u{9d}", "\x07"] {
            prop_assert!(!once.contains(forbidden), "{:?}", once);
        }
    }

    #[test]
    fn what_is_written_is_read(events in prop::collection::vec((0..100_000_u64, 0..4_u32, written()), 0..30)) {
        let mut file = HEADER.as_bytes().to_vec();
        let mut encoder = Encoder::default();
        let mut states: BTreeMap<u32, Utf8> = BTreeMap::new();
        let mut expected: Vec<Event> = Vec::new();
        let mut clock = 0;
        for (step, channel, event) in events {
            clock += step;
            let utf8 = states.entry(channel).or_default();
            if let Some(what) = write(event, Duration::from_millis(clock), channel, &mut encoder, utf8, &mut file) {
                expected.push(Event { at_ms: clock, channel, what });
            }
        }
        prop_assert_eq!(read(&[&file]).unwrap(), expected);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), line in "[\\[\\]0-9.,\"a-z{}:\\\\ -]{0,60}") {
        let _ = read(&[&bytes]);
        let _ = read(&[HEADER.as_bytes(), line.as_bytes(), b"\n"]);
    }
}
