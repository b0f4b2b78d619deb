//! SFTP, read in passing: what is understood, and what is let by.

use super::*;
use proptest::prelude::*;

fn packet(kind: u8, id: u32, fields: &[&[u8]]) -> Vec<u8> {
    let body: Vec<u8> = fields.concat();
    let mut out = u32::try_from(body.len() + 5).unwrap().to_be_bytes().to_vec();
    out.push(kind);
    out.extend(id.to_be_bytes());
    out.extend(body);
    out
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn status(id: u32, code: u32) -> Vec<u8> {
    packet(frame::STATUS, id, &[&code.to_be_bytes(), &string(b""), &string(b"")])
}

/// An upload, a refused removal and a rename, as (from client, bytes).
fn story() -> Vec<(bool, Vec<u8>)> {
    let data = vec![7u8; 32768];
    let handle = string(b"h1");
    vec![
        (true, packet(frame::INIT, 3, &[])),
        (false, packet(2, 3, &[&string(b"posix-rename@openssh.com"), &string(b"1")])),
        (true, packet(frame::OPEN, 1, &[&string(b"/srv/a"), &26u32.to_be_bytes(), &[0; 4]])),
        (false, packet(frame::HANDLE, 1, &[&handle])),
        (true, packet(frame::WRITE, 2, &[&handle, &[0; 8], &string(&data)])),
        (false, status(2, 0)),
        (true, packet(frame::READ, 9, &[&handle, &[0; 8], &100u32.to_be_bytes()])),
        (false, packet(frame::DATA, 9, &[&string(&[1; 60])])),
        (true, packet(frame::CLOSE, 3, &[&handle])),
        (false, status(3, 0)),
        (true, packet(frame::REMOVE, 4, &[&string(b"/etc/shadow")])),
        (false, status(4, 3)),
        (
            true,
            packet(
                frame::EXTENDED,
                5,
                &[&string(b"posix-rename@openssh.com"), &string(b"/a"), &string(b"/b")],
            ),
        ),
        (false, status(5, 0)),
    ]
}

fn follow(steps: &[(bool, Vec<u8>)], chunk: usize) -> Vec<FileEvent> {
    let mut follower = Follower::new();
    let mut events = Vec::new();
    for (from_client, bytes) in steps {
        for part in bytes.chunks(chunk) {
            if *from_client {
                follower.client(part, &mut events);
            } else {
                follower.server(part, &mut events);
            }
        }
    }
    follower.finish(&mut events);
    events
}

#[test]
fn what_happened_is_told_once_the_server_has_answered() {
    assert_eq!(
        follow(&story(), usize::MAX),
        [
            FileEvent::Opened { path: "/srv/a".into(), write: true },
            FileEvent::Closed { path: "/srv/a".into(), read: 60, written: 32768 },
            FileEvent::Refused { change: Change::Remove, path: "/etc/shadow".into(), status: 3 },
            FileEvent::Moved { change: Change::Rename, from: "/a".into(), to: "/b".into() },
        ]
    );
}

#[test]
fn how_the_bytes_were_cut_makes_no_difference() {
    let whole = follow(&story(), usize::MAX);
    for chunk in [1, 2, 3, 7, 8, 9, 10, 1000] {
        assert_eq!(follow(&story(), chunk), whole, "cut into {chunk}");
    }
}

#[test]
fn what_is_not_sftp_is_said_once_and_then_left_alone() {
    let events = follow(&[(true, vec![0xff; 64]), (true, vec![0xff; 64])], usize::MAX);
    assert_eq!(events, [FileEvent::Untracked { why: "a packet's length is impossible" }]);
}

#[test]
fn one_request_cannot_pass_for_another_that_has_its_id() {
    let open = |path: &[u8]| packet(frame::OPEN, 1, &[&string(path), &1u32.to_be_bytes(), &[0; 4]]);
    let stat = packet(17, 1, &[&string(b"/none")]);
    for first in [stat, open(b"/tmp/x"), packet(frame::WRITE, 1, &[&string(b"h"), &[0; 12]])] {
        let steps = [
            (true, first),
            (true, open(b"/etc/shadow")),
            (false, status(1, 2)),
            (false, status(1, 2)),
        ];
        assert_eq!(
            follow(&steps, usize::MAX),
            [FileEvent::Untracked { why: "a request has the id of one that is unanswered" }]
        );
    }
    // Once answered, the id is free.
    let steps = [
        (true, packet(17, 1, &[])),
        (false, status(1, 2)),
        (true, open(b"/a")),
        (false, status(1, 3)),
    ];
    let refused = FileEvent::Refused { change: Change::Open, path: "/a".into(), status: 3 };
    assert_eq!(follow(&steps, usize::MAX), [refused]);
}

#[test]
fn a_version_answers_no_request() {
    let steps = [
        (true, packet(frame::REMOVE, 3, &[&string(b"/a")])),
        (false, packet(frame::VERSION, 3, &[])),
        (false, status(3, 0)),
    ];
    assert_eq!(
        follow(&steps, usize::MAX),
        [FileEvent::Changed { change: Change::Remove, path: "/a".into() }]
    );
}

#[test]
fn what_was_not_written_is_not_counted() {
    let handle = string(b"h");
    let write = |id| packet(frame::WRITE, id, &[&handle, &[0; 8], &string(&[0; 100])]);
    let steps = [
        (true, packet(frame::OPEN, 1, &[&string(b"/a"), &2u32.to_be_bytes(), &[0; 4]])),
        (false, packet(frame::HANDLE, 1, &[&handle])),
        (true, write(2)),
        (true, write(3)),
        (false, status(2, 0)),
        (false, status(3, 4)),
    ];
    let closed = FileEvent::Closed { path: "/a".into(), read: 0, written: 100 };
    assert_eq!(follow(&steps, usize::MAX).last(), Some(&closed));
}

#[test]
fn what_is_kept_is_bounded() {
    let mut follower = Follower::new();
    let mut events = Vec::new();
    for id in 0..2000 {
        // Broken bytes are kept as U+FFFD, three bytes each.
        follower.client(&packet(frame::REMOVE, id, &[&string(&[0xff; MAX_PATH])]), &mut events);
        assert!(follower.kept <= MAX_KEPT + 3 * MAX_PATH);
    }
    assert_eq!(events, [FileEvent::Untracked { why: "too much is unanswered or open" }]);
    assert!(follower.pending.is_empty());
}

proptest! {
    #[test]
    fn no_bytes_panic(steps in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..64)), 0..20)) {
        follow(&steps, usize::MAX);
    }

    #[test]
    fn damaged_streams_never_panic(at in 0..400usize, with in any::<u8>()) {
        let mut steps = story();
        let mut seen = 0;
        for (_, bytes) in &mut steps {
            if at >= seen && at < seen + bytes.len() {
                bytes[at - seen] = with;
            }
            seen += bytes.len();
        }
        follow(&steps, 13);
    }
}
