//! What MySQL's clients and servers say: before anybody knows them, and in a session.

use bytes::BytesMut;
use wire::mysql::{
    Answer, Capabilities, Command, Commands, Event, Front, Greeting, MAX_HANDSHAKE, Parameters,
    Replies, Response, Shape, put_packet, script, ssl_request, take,
};

/// Packets of a handshake, from either side: what is read is read again as it was written, and a packet is whole at
/// its last byte and not before.
pub fn mysql_handshake(bytes: &[u8]) {
    let Ok(Some(packet)) = take(bytes, MAX_HANDSHAKE) else { return };
    assert_eq!(take(&bytes[..packet.len - 1], MAX_HANDSHAKE), Ok(None));
    let mut again = BytesMut::new();
    put_packet(&mut again, packet.seq, packet.payload);
    assert_eq!(again, bytes[..packet.len]);
    if let Ok(greeting) = Greeting::read(packet.payload) {
        let mut written = BytesMut::new();
        greeting.put(&mut written);
        let read = Greeting::read(&written).unwrap();
        assert_eq!((read.connection, &read.version), (greeting.connection, &greeting.version));
        assert_eq!(read.scramble, greeting.scramble);
    }
    if let Ok(response) = Response::read(packet.payload) {
        let mut written = BytesMut::new();
        response.put(&mut written);
        let read = Response::read(&written).unwrap();
        assert_eq!((read.user, read.answer), (response.user, response.answer));
        assert_eq!((read.database, read.attributes), (response.database, response.attributes));
        assert!(response.attributes.iter().count() <= packet.payload.len());
    }
    let tls = ssl_request(packet.payload);
    assert!(tls.is_none_or(|flags| flags.contains(Capabilities::SSL)));
    for capabilities in [Capabilities::PROTOCOL_41, Capabilities::PASSED] {
        let _ = Answer::read(packet.payload, capabilities);
    }
}

/// A client's bytes: how they are cut makes no difference, and all of them go on or are skipped. The first byte says
/// which commands are skipped, the second which of them is answered with a wish for a file.
pub fn mysql_commands(bytes: &[u8]) {
    let [skipped, file, rest @ ..] = bytes else { return };
    let relay = |size: usize| relay(rest.chunks(size.max(1)), *skipped, *file);
    let whole = relay(rest.len());
    assert_eq!(relay(1), whole);
    assert_eq!(relay(rest.len() / 2), whole);
    assert_eq!(relay(7), whole);
}

/// The commands that were seen, and the bytes that went on.
fn relay<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
    skipped: u8,
    file: u8,
) -> (Vec<Vec<u8>>, Vec<u8>) {
    let (mut commands, mut buffer) = (Commands::default(), Vec::new());
    let (mut seen, mut passed) = (Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            let (n, goes_on) = match commands.front(&buffer) {
                Front::Wants(n) => {
                    assert!(n > buffer.len());
                    break;
                }
                Front::Command { payload, len, length, .. } => {
                    assert!(payload.len() <= length && len == payload.len() + 4);
                    if let Ok(Command::Execute(_, rest)) = Command::read(payload) {
                        let values = &mut 0;
                        let _ = Parameters::new(3).read(rest, |_| false, |_| *values += 1);
                        assert!(*values <= 3);
                    }
                    if let Ok(Command::BulkExecute(_, rest)) = Command::read(payload) {
                        let values = &mut 0;
                        let _ = Parameters::new(3).read_bulk(rest, |_| *values += 1);
                        assert!(*values <= rest.len());
                    }
                    seen.push(payload.to_vec());
                    let goes_on = skipped >> (seen.len() % 8) & 1 == 0;
                    if goes_on {
                        commands.pass(&buffer, len);
                    } else {
                        commands.skip(&buffer, len);
                    }
                    if usize::from(file) == seen.len() && goes_on && commands.between() {
                        commands.file();
                    }
                    (len, goes_on)
                }
                Front::Rest(n) => {
                    commands.taken(&buffer, n);
                    (n, true)
                }
                Front::Skipped(n) => {
                    commands.taken(&buffer, n);
                    (n, false)
                }
            };
            assert!(n > 0);
            let front = buffer.drain(..n);
            if goes_on {
                passed.extend(front);
            }
        }
    }
    (seen, passed)
}

/// A server's bytes: how they are cut makes no difference, to what is told or to where it breaks. The first byte says
/// what was agreed on, the second and third what was asked.
pub fn mysql_replies(bytes: &[u8]) {
    let [agreed, first, second, rest @ ..] = bytes else { return };
    let walk = |size: usize| walk(rest.chunks(size.max(1)), *agreed, [*first, *second]);
    let whole = walk(rest.len());
    assert_eq!(walk(1), whole);
    assert_eq!(walk(rest.len() / 2), whole);
    assert_eq!(walk(5), whole);
    assert!(whole.0.len() <= 2 + rest.len());
}

type Told = (Vec<Event<u8>>, Option<String>);

fn walk<'a>(pieces: impl Iterator<Item = &'a [u8]>, agreed: u8, asked: [u8; 2]) -> Told {
    let flags = [
        Capabilities::DEPRECATE_EOF,
        Capabilities::SESSION_TRACK,
        Capabilities::LOCAL_FILES,
        Capabilities::PROGRESS,
    ];
    let chosen = flags.iter().enumerate().filter(|(bit, _)| agreed >> bit & 1 == 1);
    let agreed = chosen.fold(Capabilities::PROTOCOL_41, |all, (_, flag)| all.union(*flag));
    let mut replies = Replies::new(agreed);
    for (tag, shape) in (0..).zip(asked) {
        let shapes = [
            Shape::Results,
            Shape::Prepared,
            Shape::Status,
            Shape::Rows,
            Shape::Fields,
            Shape::Text,
        ];
        replies.expect(shapes[usize::from(shape) % shapes.len()], tag);
    }
    let (mut events, mut walked) = (Vec::new(), 0);
    for mut piece in pieces {
        loop {
            let (n, event) = match replies.walk(piece) {
                Ok(step) => step,
                Err(error) => return (events, Some(error.to_string())),
            };
            walked += n as u64;
            assert!(replies.begun().len <= walked);
            piece = &piece[n..];
            match event {
                Some(event) => events.push(event),
                None => break,
            }
        }
        assert!(piece.is_empty());
    }
    (events, None)
}

/// A statement's text: what is found in it stands in it.
pub fn mysql_script(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for name in script::uses(&text) {
        assert!(text.contains(name));
        assert!(script::may_use(text.as_bytes()));
    }
    if let Some((number, place)) = script::killed(&text) {
        assert_eq!(text[place].parse(), Ok(number));
    }
}
