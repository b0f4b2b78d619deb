//! Every packet cut at every byte, answers in every form, and nothing that passes for a command unseen.

use bytes::BytesMut;

use super::*;

const OLD: Capabilities = Capabilities::PROTOCOL_41;
const NEW: Capabilities =
    Capabilities::PROTOCOL_41.union(Capabilities::DEPRECATE_EOF).union(Capabilities::SESSION_TRACK);

fn packets(payloads: &[&[u8]]) -> BytesMut {
    let mut out = BytesMut::new();
    let mut seq = 1;
    for payload in payloads {
        seq = put_packet(&mut out, seq, payload);
    }
    out
}

fn walk(replies: &mut Replies<u8>, mut bytes: &[u8], events: &mut Vec<Event<u8>>) {
    loop {
        let (n, event) = replies.walk(bytes).unwrap();
        bytes = &bytes[n..];
        match event {
            Some(event) => events.push(event),
            None => return assert!(bytes.is_empty()),
        }
    }
}

#[test]
fn a_statement_is_still_being_answered_when_its_id_comes() {
    for head in [[0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]] {
        let mut replies = Replies::new(NEW);
        replies.expect(Shape::Prepared, 'a');
        let (_, event) = replies.walk(&packets(&[&head])).unwrap();
        assert_eq!(event, Some(Event::Prepared { id: 9, parameters: 0 }));
        assert_eq!(replies.current(), Some(&'a'));
    }
}

/// The events of `bytes`, which must not depend on where they are cut.
fn answered(capabilities: Capabilities, shapes: &[Shape], bytes: &[u8]) -> Vec<Event<u8>> {
    let run = |pieces: &[&[u8]]| {
        let mut replies = Replies::new(capabilities);
        for (shape, tag) in shapes.iter().zip(1..) {
            replies.expect(*shape, tag);
        }
        let mut events = Vec::new();
        for piece in pieces {
            walk(&mut replies, piece, &mut events);
        }
        assert!(replies.between_packets());
        (events, replies.waiting())
    };
    let whole = run(&[bytes]);
    assert_eq!(whole.1, 0, "all is answered: {:?}", whole.0);
    for at in 0..bytes.len() {
        assert_eq!(run(&[&bytes[..at], &bytes[at..]]), whole, "cut at {at}");
    }
    assert_eq!(run(&bytes.chunks(1).collect::<Vec<_>>()), whole, "byte by byte");
    whole.0
}

fn outcome(events: &[Event<u8>]) -> &Outcome {
    let Some(Event::Done(1, outcome)) = events.last() else { panic!("{events:?}") };
    outcome
}

const OK_PACKET: &[u8] = &[0, 3, 0, 2, 0, 0, 0];
const OK_MORE: &[u8] = &[0, 2, 0, 0x0a, 0, 0, 0];
const EOF_PACKET: &[u8] = &[0xfe, 0, 0, 2, 0];
const EOF_MORE: &[u8] = &[0xfe, 0, 0, 0x0a, 0];
const ROWS_END: &[u8] = &[0xfe, 0, 0, 2, 0, 0, 0];
const COLUMN: &[u8] =
    b"\x03def\x00\x01t\x01t\x01a\x01a\x0c\x2d\x00\x01\x00\x00\x00\xfd\x00\x00\x00\x00\x00";
const ERROR: &[u8] = b"\xff\x7a\x04#42S02Table 'a.b' doesn't exist";

#[test]
fn rows_are_counted_in_both_forms() {
    let old = packets(&[&[1], COLUMN, EOF_PACKET, b"\x011", &[0xfb], b"\x0212", EOF_PACKET]);
    let seen = answered(OLD, &[Shape::Results], &old);
    assert_eq!((outcome(&seen).rows, outcome(&seen).results), (3, 1));
    assert_eq!(outcome(&seen).bytes, old.len() as u64);
    let new = packets(&[&[1], COLUMN, b"\x011", &[0xfb], ROWS_END]);
    assert_eq!(outcome(&answered(NEW, &[Shape::Results], &new)).rows, 2);
}

#[test]
fn a_row_that_begins_like_an_end_is_a_row() {
    // A value of 16 MiB and more has a length that begins with 0xfe, and its packet does not end in its frame.
    let mut row = vec![0xfe, 0, 0, 0, 1, 0, 0, 0, 0];
    row.resize(MAX_FRAME + 10, 0xfe);
    for (capabilities, end) in [(OLD, EOF_PACKET), (NEW, ROWS_END)] {
        let mut bytes = packets(&[&[1], COLUMN]);
        if capabilities == OLD {
            bytes.extend_from_slice(&packets(&[EOF_PACKET]));
        }
        bytes.extend_from_slice(&packets(&[&row, end]));
        let mut replies = Replies::new(capabilities);
        replies.expect(Shape::Results, 1);
        let mut events = Vec::new();
        for piece in bytes.chunks(65536) {
            walk(&mut replies, piece, &mut events);
        }
        assert_eq!(outcome(&events).rows, 1);
        assert!(replies.between_packets());
    }
}

#[test]
fn several_results_are_one_answer() {
    // A procedure: two sets of rows, an OK; and two statements before it.
    let bytes = packets(&[OK_MORE, &[1], COLUMN, EOF_PACKET, b"\x011", EOF_MORE, OK_PACKET]);
    let seen = answered(OLD, &[Shape::Results], &bytes);
    let outcome = outcome(&seen);
    assert_eq!((outcome.results, outcome.rows, outcome.affected), (3, 1, 5));
}

#[test]
fn an_error_ends_an_answer_wherever_it_stands() {
    let answer: [&[u8]; 4] = [&[1], COLUMN, EOF_PACKET, b"\x011"];
    for before in [0, 1, 2, 3, 4] {
        let mut all = answer[..before].to_vec();
        all.push(ERROR);
        let seen = answered(OLD, &[Shape::Results], &packets(&all));
        let error = outcome(&seen).error.as_ref().unwrap();
        assert_eq!((error.code, error.sqlstate()), (1146, "42S02"));
        assert_eq!(&*error.message, "Table 'a.b' doesn't exist");
    }
}

#[test]
fn progress_is_no_error() {
    let capabilities = OLD.union(Capabilities::PROGRESS);
    let progress = b"\xff\xff\xff\x01\x01\x02\x00\x00\x00\x05stage";
    let bytes = packets(&[progress, OK_PACKET]);
    assert_eq!(outcome(&answered(capabilities, &[Shape::Results], &bytes)).error, None);
}

#[test]
fn a_prepared_statement_is_known_by_its_id() {
    let head = [0, 7, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0];
    let old = packets(&[&head, COLUMN, COLUMN, EOF_PACKET, COLUMN, EOF_PACKET]);
    let seen = answered(OLD, &[Shape::Prepared], &old);
    assert_eq!(seen[0], Event::Prepared { id: 7, parameters: 2 });
    assert_eq!(seen.len(), 2);
    let new = packets(&[&head, COLUMN, COLUMN, COLUMN]);
    assert_eq!(answered(NEW, &[Shape::Prepared], &new).len(), 2);
    let bare = packets(&[&[0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]);
    let seen = answered(OLD, &[Shape::Prepared], &bare);
    assert_eq!(seen[0], Event::Prepared { id: 9, parameters: 0 });
    assert_eq!(outcome(&seen).error, None);
}

#[test]
fn a_cursor_has_its_rows_fetched() {
    let opened = packets(&[&[1], COLUMN, &[0xfe, 0, 0, 0x42, 0]]);
    assert_eq!(outcome(&answered(OLD, &[Shape::Results], &opened)).rows, 0);
    let opened = packets(&[&[1], COLUMN, &[0xfe, 0, 0, 0x42, 0, 0, 0]]);
    assert_eq!(outcome(&answered(NEW, &[Shape::Results], &opened)).rows, 0);
    let fetched = packets(&[b"\x00\x00\x01a", b"\x00\x00\x01b", &[0xfe, 0, 0, 0x82, 0]]);
    assert_eq!(outcome(&answered(OLD, &[Shape::Rows], &fetched)).rows, 2);
}

#[test]
fn other_answers_are_one_packet_or_columns() {
    answered(OLD, &[Shape::Status], &packets(&[EOF_PACKET]));
    answered(NEW, &[Shape::Status], &packets(&[ROWS_END]));
    answered(OLD, &[Shape::Text], &packets(&[b"Uptime: 12  Threads: 1"]));
    let fields = packets(&[COLUMN, COLUMN, EOF_PACKET]);
    assert_eq!(outcome(&answered(OLD, &[Shape::Fields], &fields)).rows, 0);
}

#[test]
fn a_pipeline_is_answered_in_its_order() {
    let bytes = packets(&[OK_PACKET, &[1], COLUMN, b"\x011", ROWS_END, ERROR]);
    let seen = answered(NEW, &[Shape::Status, Shape::Results, Shape::Results], &bytes);
    let tags = seen.iter().map(|event| {
        let Event::Done(tag, outcome) = event else { panic!("{event:?}") };
        (*tag, outcome.rows, outcome.error.is_some())
    });
    assert_eq!(tags.collect::<Vec<_>>(), [(1, 0, false), (2, 1, false), (3, 0, true)]);
}

#[test]
fn a_change_of_the_database_is_told() {
    // OK, status 0x4002, an empty message, state changes: schema `shop`.
    let ok = b"\x00\x00\x00\x02\x40\x00\x00\x00\x07\x01\x05\x04shop";
    let seen = answered(NEW, &[Shape::Status], &packets(&[ok]));
    assert_eq!(seen[0], Event::Schema("shop".into()));
    assert_eq!(seen.len(), 2);
}

#[test]
fn a_file_is_asked_for_by_name() {
    let bytes = packets(&[b"\xfb/tmp/x.csv", OK_PACKET]);
    let mut replies: Replies<u8> = Replies::new(NEW);
    replies.expect(Shape::Results, 1);
    assert!(replies.walk(&bytes).is_err(), "where no file is sent none is asked for");
    let seen = answered(NEW.union(Capabilities::LOCAL_FILES), &[Shape::Results], &bytes);
    assert_eq!(seen[0], Event::File("/tmp/x.csv".into()));
    assert_eq!(outcome(&seen).affected, 3);
}

#[test]
fn what_nobody_asked_for_is_an_error_or_the_end() {
    let mut replies: Replies<u8> = Replies::new(NEW);
    let killed = packets(&[b"\xff\x87\x07#70100Connection was killed"]);
    let (_, event) = replies.walk(&killed).unwrap();
    assert!(matches!(event, Some(Event::Unasked(error)) if error.code == 1927));
    assert!(replies.walk(&packets(&[OK_PACKET])).is_err());
    let mut replies = Replies::new(OLD);
    replies.expect(Shape::Results, 1);
    let (_, event) = replies.walk(&packets(&[&[1], COLUMN])).unwrap();
    assert_eq!(event, None);
    assert!(replies.walk(&packets(&[b"\x011"])).is_err(), "a row before the end of the columns");
}

#[test]
fn the_packet_that_has_begun_is_known_wherever_the_bytes_end() {
    let mut long = vec![b'a'; MAX_FRAME + 3];
    long[0] = 0xfa;
    let ends: [&[&[u8]]; 2] = [&[b"\x011", b"\x0223"], &[&long]];
    for rows in ends {
        let head = packets(&[&[1], COLUMN, EOF_PACKET]);
        let mut bytes = head.clone();
        let (mut seq, mut starts) = (4, Vec::new());
        for row in rows {
            starts.push((bytes.len(), seq));
            seq = put_packet(&mut bytes, seq, row);
        }
        starts.push((bytes.len(), seq));
        let interesting = |at: &usize| {
            starts.iter().any(|(start, _)| at.abs_diff(*start) < 9)
                || at.abs_diff(head.len() + MAX_FRAME + 4) < 9
        };
        for end in (head.len()..=bytes.len()).filter(interesting) {
            let mut replies: Replies<u8> = Replies::new(OLD);
            replies.expect(Shape::Results, 1);
            for piece in bytes[..end].chunks(1 << 20) {
                walk(&mut replies, piece, &mut Vec::new());
            }
            let (start, seq) = *starts.iter().rev().find(|(start, _)| *start <= end).unwrap();
            assert_eq!(replies.begun(), Begun { len: (end - start) as u64, seq }, "at {end}");
        }
    }
}

/// What a relay makes of a client's bytes: commands as they are judged, and what was passed on.
fn relayed(pieces: &[&[u8]], file_after: Option<usize>) -> (Vec<Vec<u8>>, Vec<u8>) {
    let (mut commands, mut buffer) = (Commands::default(), Vec::new());
    let (mut judged, mut passed) = (Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            let n = match commands.front(&buffer) {
                Front::Wants(n) => {
                    assert!(n > buffer.len());
                    break;
                }
                Front::Command { payload, len, .. } => {
                    judged.push(payload.to_vec());
                    commands.pass(&buffer, len);
                    if file_after == Some(judged.len()) {
                        commands.file();
                    }
                    len
                }
                Front::Rest(n) => {
                    commands.taken(&buffer, n);
                    n
                }
                Front::Skipped(_) => panic!("nothing was skipped"),
            };
            passed.extend(buffer.drain(..n));
        }
    }
    passed.extend(buffer);
    (judged, passed)
}

#[test]
fn every_command_is_seen_wherever_the_bytes_are_cut() {
    let mut bytes = BytesMut::new();
    for payload in [&b"\x03select 1"[..], b"\x0e", b"\x16select ?", b"\x17\x07\0\0\0\0\x01\0\0\0"] {
        put_packet(&mut bytes, 0, payload);
    }
    let whole = relayed(&[&bytes], None);
    assert_eq!(whole.0.len(), 4);
    assert_eq!(whole.1, bytes);
    for at in 0..bytes.len() {
        assert_eq!(relayed(&[&bytes[..at], &bytes[at..]], None), whole, "cut at {at}");
    }
    assert_eq!(relayed(&bytes.chunks(1).collect::<Vec<_>>(), None), whole);
}

#[test]
fn a_long_command_is_judged_by_its_beginning_and_its_rest_is_no_command() {
    // The text holds packets that look like commands, in the rest of the frame and in the one that continues it.
    let mut text = vec![3];
    while text.len() < MAX_FRAME + 100_000 {
        text.extend_from_slice(b"\x05\x00\x00\x00\x03drop");
    }
    let mut bytes = BytesMut::new();
    put_packet(&mut bytes, 0, &text);
    put_packet(&mut bytes, 0, b"\x0e");
    let (judged, passed) = relayed(&bytes.chunks(60_000).collect::<Vec<_>>(), None);
    assert_eq!(judged.iter().map(Vec::len).collect::<Vec<_>>(), [1 + MAX_TEXT, 1]);
    assert!(passed == bytes);
}

#[test]
fn a_file_ends_with_an_empty_packet_and_then_commands_are_seen_again() {
    let mut bytes = BytesMut::new();
    put_packet(&mut bytes, 0, b"\x03load data");
    let mut seq = 2;
    for data in [&b"\x03drop table a"[..], b"1,2\n", b""] {
        seq = put_packet(&mut bytes, seq, data);
    }
    put_packet(&mut bytes, 0, b"\x03select 2");
    let whole = relayed(&[&bytes], Some(1));
    assert_eq!(whole.0, [b"\x03load data".to_vec(), b"\x03select 2".to_vec()]);
    assert_eq!(relayed(&bytes.chunks(1).collect::<Vec<_>>(), Some(1)), whole);
}

#[test]
fn a_skipped_command_is_swallowed_to_its_end() {
    let mut text = vec![3];
    text.resize(2 * MAX_TEXT, b'x');
    let mut bytes = BytesMut::new();
    put_packet(&mut bytes, 0, &text);
    put_packet(&mut bytes, 0, b"\x0e");
    let mut commands = Commands::default();
    let Front::Command { len, length, .. } = commands.front(&bytes) else { panic!() };
    assert_eq!((len, length), (HEADER + 1 + MAX_TEXT, 2 * MAX_TEXT));
    commands.skip(&bytes, len);
    let mut at = len;
    while let Front::Skipped(n) = commands.front(&bytes[at..]) {
        commands.taken(&bytes[at..], n);
        at += n;
    }
    assert!(commands.between());
    assert!(matches!(commands.front(&bytes[at..]), Front::Command { payload: b"\x0e", .. }));
}

#[test]
fn commands_are_told_by_their_first_byte() {
    assert_eq!(Command::read(b"\x03select 1"), Ok(Command::Query(b"select 1")));
    assert_eq!(Command::read(b"\x02shop"), Ok(Command::InitDb(b"shop")));
    assert_eq!(Command::read(b"\x0c\x05\0\0\0"), Ok(Command::ProcessKill(5)));
    assert_eq!(Command::read(b"\x11root\0"), Ok(Command::ChangeUser));
    assert_eq!(Command::read(b"\x1e"), Ok(Command::Replication("COM_BINLOG_DUMP_GTID")));
    assert_eq!(Command::read(b"\xfe"), Ok(Command::Unknown(0xfe)));
    assert!(Command::read(b"").is_err());
    assert!(Command::read(b"\x19\x01").is_err(), "an id that breaks off");
    assert_eq!(Command::read(b"\x19\x01\0\0\0").unwrap().shape(), None);
}

fn greeting() -> Greeting {
    Greeting {
        version: "10.11.6-MariaDB".into(),
        connection: 0xf000_0001,
        scramble: *b"01234567890123456789",
        capabilities: Capabilities::PASSED
            .without(Capabilities::MYSQL)
            .union(Capabilities::PASSED_MARIADB),
        collation: 45,
        status: 2,
        plugin: plugin::NATIVE.into(),
    }
}

#[test]
fn a_greeting_is_read_as_it_was_written_and_never_from_a_part_of_it() {
    let mut out = BytesMut::new();
    greeting().put(&mut out);
    assert_eq!(Greeting::read(&out), Ok(greeting()));
    assert_eq!(greeting().vendor(), Vendor::MariaDb);
    // The zero behind the plugin's name is the one byte that may be missing.
    let name = out.len() - plugin::NATIVE.len() - 1;
    for end in 0..name {
        assert!(Greeting::read(&out[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn a_response_is_read_as_it_was_written_and_its_parts_never_panic() {
    let response = Response {
        capabilities: Capabilities::PASSED,
        max_packet: 1 << 24,
        collation: 45,
        user: "app@orders",
        answer: b"",
        database: Some("shop"),
        plugin: Some(plugin::CACHING_SHA2),
        attributes: Attributes::new(b"\x0cprogram_name\x05mysql"),
    };
    let mut out = BytesMut::new();
    response.put(&mut out);
    let read = Response::read(&out).unwrap();
    assert_eq!(read, response);
    assert_eq!(read.attributes.get("program_name"), Some("mysql"));
    assert_eq!(ssl_request(&out), None);
    for end in 0..out.len() {
        let _ = Response::read(&out[..end]);
    }
    let tls = Response { capabilities: response.capabilities.union(Capabilities::SSL), ..response };
    let mut out = BytesMut::new();
    tls.put_ssl_request(&mut out);
    assert_eq!(ssl_request(&out), Some(tls.capabilities));
}

#[test]
fn an_answer_to_the_authentication_is_told_by_its_first_byte() {
    let mut out = BytesMut::new();
    AuthSwitch { plugin: plugin::NATIVE, data: b"01234567890123456789" }.put(&mut out);
    let Ok(Answer::Switch(switch)) = Answer::read(&out, NEW) else { panic!("{out:?}") };
    assert_eq!(switch.data, b"01234567890123456789");
    let mut out = BytesMut::new();
    put_error(&mut out, 1045, b"28000", "Access denied");
    let Ok(Answer::Error(error)) = Answer::read(&out, NEW) else { panic!("{out:?}") };
    assert_eq!((error.code, &*error.message), (1045, "Access denied"));
    let mut out = BytesMut::new();
    put_more_data(&mut out, &[FAST_AUTH_SUCCESS]);
    assert_eq!(Answer::read(&out, NEW), Ok(Answer::More(&[FAST_AUTH_SUCCESS])));
    let mut out = BytesMut::new();
    put_ok(&mut out, Status::AUTOCOMMIT);
    assert!(
        matches!(Answer::read(&out, NEW), Ok(Answer::Ok(ok)) if ok.status == Status::AUTOCOMMIT)
    );
    assert!(Answer::read(&[0xfe], NEW).is_err(), "the password of 3.23");
}

#[test]
fn values_are_read_by_their_types_and_types_are_remembered() {
    let mut parameters = Parameters::new(5);
    // NULL; -1 as a long; 3 as an unsigned byte; `ab`; a time of day.
    let first = b"\x00\x01\0\0\0\x01\x01\x06\x00\x03\x00\x01\x80\xfd\x00\x0b\x00\
        \xff\xff\xff\xff\x03\x02ab\x08\x01\x01\0\0\0\x02\x03\x04";
    let read = |parameters: &mut Parameters, bytes: &[u8]| {
        let mut values = Vec::new();
        let whole = parameters.read(bytes, |_| false, |value| values.push(value.to_string()));
        (values, whole.is_ok())
    };
    let all = ["NULL", "-1", "3", "ab", "-1 02:03:04"].map(String::from).to_vec();
    assert_eq!(read(&mut parameters, first), (all.clone(), true));
    let again = b"\x00\x01\0\0\0\x01\x00\xff\xff\xff\xff\x03\x02ab\x08\x01\x01\0\0\0\x02\x03\x04";
    assert_eq!(read(&mut parameters, again), (all.clone(), true));
    for end in 0..again.len() {
        let (values, whole) = read(&mut parameters, &again[..end]);
        assert_eq!(whole, end >= 7, "cut at {end}");
        let seen = values.iter().zip(&all).take_while(|(value, all)| value == all).count();
        assert_eq!(values.len(), if whole { all.len() } else { 0 });
        for (value, all) in values.iter().zip(&all).skip(seen) {
            assert!(value == "(not seen)" || all.starts_with(value.as_str()), "{value} at {end}");
        }
    }
}

#[test]
fn values_of_a_bulk_execution_are_read_row_after_row_and_cut_where_they_are_cut() {
    let mut parameters = Parameters::new(2);
    let read = |parameters: &mut Parameters, bytes: &[u8]| {
        let mut values = Vec::new();
        let whole = parameters.read_bulk(bytes, |value| values.push(value.to_string()));
        (values, whole.is_ok())
    };
    // Types: a long, a text. Rows: (-1, `ab`), (NULL, default), (as it is, `c`).
    let rows = b"\0\xff\xff\xff\xff\0\x02ab\x01\x02\x03\0\x01c";
    let all = ["-1", "ab", "NULL", "(default)", "(as it is)", "c"].map(String::from).to_vec();
    let first = [&b"\x80\0\x03\0\xfd\0"[..], rows].concat();
    assert_eq!(read(&mut parameters, &first), (all.clone(), true));
    // Types are remembered; the flags are nearly nothing then.
    let again = [&b"\0\0"[..], rows].concat();
    assert_eq!(read(&mut parameters, &again), (all.clone(), true));
    for end in 2..again.len() {
        let (values, whole) = read(&mut parameters, &again[..end]);
        assert!(whole && values.len() <= all.len(), "cut at {end}: {values:?}");
        let seen = values.iter().zip(&all).take_while(|(value, all)| value == all).count();
        for (value, all) in values.iter().zip(&all).skip(seen) {
            assert!(value == "(not seen)" || all.starts_with(value.as_str()), "{value} at {end}");
        }
    }
    assert!(!read(&mut parameters, b"\0\0\x09").1, "no such indicator");
    assert_eq!(read(&mut Parameters::new(0), b"\x80\0\0\0"), (vec![], true), "no values at all");
}

#[test]
fn a_collation_mariadb_does_not_know_is_exchanged() {
    assert_eq!(collation_for(Vendor::MariaDb, 255), 45);
    assert_eq!(collation_for(Vendor::MySql, 255), 255);
    assert_eq!(collation_for(Vendor::MariaDb, 33), 33);
}
