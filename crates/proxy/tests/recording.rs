//! Recordings end to end: a door writes, the disk holds, a reader plays; and what happens when one of them fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "recording/desk.rs"]
mod desk;

use bytes::Bytes;
use desk::{Desk, KEEP, meta};
use expect_test::expect;
use proxy::record::{Ending, Input, Keep, Outcome, Purpose};

fn terminal(command: Option<&str>) -> Purpose {
    Purpose::Terminal {
        term: "xterm".into(),
        cols: 80,
        rows: 24,
        command: command.map(str::to_owned),
    }
}

#[tokio::test]
async fn a_terminal_session_is_kept_whole_and_read_back() {
    let desk = Desk::open().await;
    let recording = desk.archive.open(meta(1), KEEP).await.unwrap();
    let shell = recording.begin(terminal(None)).await.unwrap();
    recording.output(shell, &Bytes::from_static(b"$ \xe2\x82")).await.unwrap();
    recording.output(shell, &Bytes::from_static(b"\xac\r\n")).await.unwrap();
    recording.input(shell, &Bytes::from_static(b"hunter2\r")).await.unwrap();
    recording.resize(shell, 100, 40).await.unwrap();
    recording.note(Some(shell), "access ends in 5 minutes").await.unwrap();
    recording.end(shell, Ending::Status(0)).await.unwrap();
    recording.close(Outcome::Finished, desk.now()).await;

    expect![[r#"
        {"version":3,"term":{"cols":80,"rows":24,"type":"xterm"},"timestamp":1793000000,"title":"root@db-box","countersign":{"session":"00000001-0000-0000","user":"alice","target":"db-box","login":"root","requests":"bc8ca931-fec9-4b15"}}
        ["b","terminal"]
        ["r","80x24"]
        ["o","$ "]
        ["o","€\r\n"]
        ["r","100x40"]
        ["m","access ends in 5 minutes"]
        ["d","o 7 8cb9f63e6b1dbdd40d65718eb928bfa0a816ffc406a2222eddbbf9cfc57bc9e1 0"]
        ["x","0"]
    "#]]
    .assert_eq(&desk.timeless(1).await);
    expect![[r#"
        session.started alice root@db-box
        session.ended alice root@db-box finished
        recording.sealed alice root@db-box 1 part
    "#]]
    .assert_eq(&desk.told());
    assert!(desk.shelf.check(&meta(1).session).await.unwrap().intact);
}

#[tokio::test]
async fn what_is_typed_is_kept_only_if_the_role_says_so() {
    let desk = Desk::open().await;
    for (n, input) in [(1, Input::Counted), (2, Input::Kept)] {
        let recording = desk.archive.open(meta(n), Keep { input, ..KEEP }).await.unwrap();
        let shell = recording.begin(terminal(None)).await.unwrap();
        recording.input(shell, &Bytes::from_static(b"hunter2\r")).await.unwrap();
        recording.close(Outcome::Finished, desk.now()).await;
    }
    assert!(!desk.timeless(1).await.contains("hunter2"));
    assert!(
        !desk.timeless(1).await.contains("\"i "),
        "a digest of a password is as good as the password"
    );
    assert!(desk.timeless(2).await.contains("[\"i\",\"hunter2\\r\"]"));
}
