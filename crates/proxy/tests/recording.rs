//! Recordings end to end: a door writes, the disk holds, a reader plays; and what happens when one of them fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "recording/crash.rs"]
mod crash;
#[path = "recording/desk.rs"]
mod desk;

use std::sync::atomic::Ordering;

use bytes::Bytes;
use desk::{Desk, KEEP, blake3_of_x, events, meta, noise};
use expect_test::expect;
use proxy::record::{Broken, Ending, Input, Keep, Mode, OpenError, Outcome, Purpose};
use store::recording::Following;

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
        ["d","o 7 blake3:393a34529347a2a9148c1e96b34303e94d72318546afba85687959ead1bf37bc 0"]
        ["d","i 8 none 0"]
        ["x","0"]
    "#]]
    .assert_eq(&desk.timeless(1).await);
    expect![[r#"
        session.started alice root@db-box
        session.ended alice root@db-box finished
        recording.sealed alice root@db-box 1 part
    "#]]
    .assert_eq(&desk.told());
    let logged = desk.shelf.find(&meta(1).session).await.unwrap().unwrap().digest;
    assert!(desk.shelf.check(&meta(1).session, logged).await.unwrap().intact);
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
        desk.timeless(1).await.contains("[\"d\",\"i 8 none 0\"]"),
        "it is counted; a digest of a password is as good as the password"
    );
    assert!(desk.timeless(2).await.contains("[\"i\",\"hunter2\\r\"]"));
}

#[tokio::test]
async fn channels_of_one_session_are_told_apart_and_bulk_is_proven_without_being_kept() {
    let desk = Desk::open().await;
    let recording = desk.archive.open(meta(1), KEEP).await.unwrap();
    let copy = recording.begin(Purpose::Command("scp -t /tmp".into())).await.unwrap();
    let shell = recording.begin(terminal(None)).await.unwrap();
    let block = Bytes::from(vec![b'x'; 64 << 10]);
    for _ in 0..100 {
        recording.input(copy, &block).await.unwrap();
    }
    recording.output(shell, &Bytes::from_static(b"$ ")).await.unwrap();
    recording.error(copy, &Bytes::from_static(b"denied\n")).await.unwrap();
    recording.end(copy, Ending::Signal("TERM".into())).await.unwrap();
    recording.close(Outcome::Cut("revoked".into()), desk.now()).await;

    let cast = desk.cast(1).await;
    assert_eq!(
        cast.matches(&"x".repeat(1000)).count() / 65,
        16,
        "a mebibyte is kept: sixteen blocks"
    );
    let digest = blake3_of_x(100 * (64 << 10));
    assert!(cast.contains(&format!("\"g\",\"i 5505024 blake3:{digest}\"")));
    assert!(cast.contains(&format!("\"d\",\"i 6553600 blake3:{digest} 0\"")));
    assert!(
        cast.contains("\"m\",\"ended by signal TERM\"")
            && cast.contains("\"m\",\"session ended: revoked\"")
    );
    let found = desk
        .shelf
        .play(&meta(1).session, &desk.key, 0, Following::No)
        .await
        .unwrap()
        .search("DENIED")
        .await
        .unwrap();
    assert_eq!(
        found.iter().map(|one| (one.channel, one.line.as_str())).collect::<Vec<_>>(),
        [(0, "denied")]
    );
}

#[tokio::test]
async fn a_session_can_be_watched_while_it_runs_and_read_from_any_moment() {
    let desk = Desk::open().await;
    let recording = desk.archive.open(meta(1), KEEP).await.unwrap();
    let shell = recording.begin(terminal(None)).await.unwrap();
    let mut watching =
        desk.shelf.play(&meta(1).session, &desk.key, 0, Following::UntilTheEnd).await.unwrap();
    let (told, mut seen) = (Bytes::from_static(b"are you watching?\r\n"), Vec::new());
    recording.output(shell, &told).await.unwrap();
    // Watched, so its lines do not wait for their part to fill.
    seen.extend_from_slice(&watching.next().await.unwrap().unwrap());
    assert!(String::from_utf8_lossy(&seen).contains("are you watching?"));
    let listed = desk.shelf.find(&meta(1).session).await.unwrap().unwrap();
    assert_eq!((listed.state.as_str(), listed.parts), ("live", 1));

    let noise: Bytes = noise(1 << 20, 1).into();
    for _ in 0..3 {
        recording.output(shell, &noise).await.unwrap();
    }
    recording.close(Outcome::Finished, desk.now()).await;
    while let Some(part) = watching.next().await {
        seen.extend_from_slice(&part.unwrap());
    }
    let whole = desk.cast(1).await;
    let differs = seen.iter().zip(whole.as_bytes()).position(|(a, b)| a != b);
    assert_eq!((seen.len(), differs), (whole.len(), None));

    let all = events(&whole);
    let last = all.last().unwrap().at_ms;
    let mut late = desk.shelf.play(&meta(1).session, &desk.key, last, Following::No).await.unwrap();
    let mut tail = String::new();
    while let Some(part) = late.next().await {
        tail.push_str(std::str::from_utf8(&part.unwrap()).unwrap());
    }
    let tail = events(&tail);
    assert!(tail.len() < all.len(), "the first parts are left out");
    assert_eq!(tail, all[all.len() - tail.len()..], "with the same times and channels");
}

#[tokio::test]
async fn one_flipped_bit_is_found() {
    let desk = Desk::open().await;
    let recording = desk.archive.open(meta(1), KEEP).await.unwrap();
    let shell = recording.begin(terminal(None)).await.unwrap();
    recording.output(shell, &noise(3 << 20, 7).into()).await.unwrap();
    recording.close(Outcome::Finished, desk.now()).await;
    let session = meta(1).session;
    let sealed = desk.shelf.find(&session).await.unwrap().unwrap().digest.unwrap();
    let logged = Some(sealed.clone());
    assert_eq!(desk.shelf.check(&session, logged.clone()).await.unwrap().digest, sealed);

    for file in desk.files(1) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if name == "sealed.json" {
            continue;
        }
        let bytes = std::fs::read(&file).unwrap();
        let mut changed = bytes.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 4;
        std::fs::write(&file, &changed).unwrap();
        let check = desk.shelf.check(&session, logged.clone()).await.unwrap();
        assert!(!check.intact && check.problems.len() == 1, "{:?}", check.problems);
        assert!(check.problems[0].starts_with(&format!("`{name}` was changed")), "{name}");
        assert_ne!(check.digest, sealed);
        std::fs::remove_file(&file).unwrap();
        let removed = desk.shelf.check(&session, logged.clone()).await.unwrap();
        assert_eq!(
            (removed.intact, removed.problems),
            (false, vec![format!("`{name}` is missing")])
        );
        std::fs::write(&file, &bytes).unwrap();
        assert!(desk.shelf.check(&session, logged.clone()).await.unwrap().intact);
    }
}

#[tokio::test]
async fn what_cannot_be_told_to_the_audit_log_does_not_begin() {
    let desk = Desk::open().await;
    desk.book.refuses.store(true, Ordering::SeqCst);
    for mode in [Mode::Strict, Mode::BestEffort, Mode::Off] {
        let refused = desk.archive.open(meta(1), Keep { mode, ..KEEP }).await;
        assert!(matches!(refused, Err(OpenError::Audit(_))), "{mode:?}");
    }
    desk.archive.flush().await;
    assert!(desk.files(1).is_empty());
    assert!(desk.shelf.find(&meta(1).session).await.unwrap().is_none());
}

#[tokio::test]
async fn a_door_that_goes_away_without_a_word_leaves_a_sealed_recording() {
    let desk = Desk::open().await;
    let recording = desk.archive.open(meta(1), KEEP).await.unwrap();
    let other = recording.clone();
    drop(recording);
    other.begin(terminal(None)).await.unwrap();
    drop(other);
    desk.until_sealed(1).await;
    expect![[r#"
        session.started alice root@db-box
        session.ended alice root@db-box abandoned
        recording.sealed alice root@db-box 1 part
    "#]]
    .assert_eq(&desk.told());
}

#[tokio::test]
async fn a_session_that_is_not_recorded_is_still_in_the_audit_log() {
    let desk = Desk::open().await;
    let recording = desk.archive.open(meta(1), Keep { mode: Mode::Off, ..KEEP }).await.unwrap();
    let shell = recording.begin(terminal(None)).await.unwrap();
    recording.output(shell, &Bytes::from_static(b"x")).await.unwrap();
    recording.close(Outcome::Finished, desk.now()).await;
    recording.close(Outcome::Finished, desk.now()).await;
    expect![[r#"
        session.started alice root@db-box unrecorded
        session.ended alice root@db-box finished unrecorded
    "#]]
    .assert_eq(&desk.told());
    assert!(desk.files(1).is_empty());
}

#[tokio::test]
async fn when_the_disk_breaks_a_strict_session_ends_and_another_goes_on() {
    let desk = Desk::open().await;
    let strict = desk.archive.open(meta(1), KEEP).await.unwrap();
    let best = desk.archive.open(meta(2), Keep { mode: Mode::BestEffort, ..KEEP }).await.unwrap();
    let shells =
        (strict.begin(terminal(None)).await.unwrap(), best.begin(terminal(None)).await.unwrap());
    desk.archive.flush().await;
    std::fs::remove_dir_all(desk.day()).unwrap();

    strict.output(shells.0, &Bytes::from_static(b"never on disk")).await.unwrap();
    best.output(shells.1, &Bytes::from_static(b"never on disk")).await.unwrap();
    desk.archive.flush().await;
    strict.broken().await;
    assert!(strict.output(shells.0, &Bytes::from_static(b"x")).await.is_err());
    best.output(shells.1, &Bytes::from_static(b"x")).await.unwrap();
    strict.close(Outcome::Failed("recording_broken".into()), desk.now()).await;
    best.close(Outcome::Finished, desk.now()).await;
    expect![[r#"
        session.started alice root@db-box
        session.started alice root@db-box
        session.ended alice root@db-box recording_broken
        recording.sealed alice root@db-box 1 part broken
        session.ended alice root@db-box finished
        recording.sealed alice root@db-box 1 part broken
    "#]]
    .assert_eq(&desk.told());
}

#[tokio::test]
async fn at_the_size_its_role_allows_a_recording_ends_with_a_mark_and_a_strict_session_with_it() {
    let desk = Desk::open().await;
    let keep = Keep { most: Some(1 << 20), ..KEEP };
    let strict = desk.archive.open(meta(1), keep).await.unwrap();
    let keep = Keep { mode: Mode::BestEffort, ..keep };
    let best = desk.archive.open(meta(2), keep).await.unwrap();
    let free = desk.archive.open(meta(3), KEEP).await.unwrap();
    for (recording, number) in [(&strict, 1), (&best, 2), (&free, 3)] {
        let shell = recording.begin(terminal(None)).await.unwrap();
        // Letters that compress badly, three times as many.
        let letters = Bytes::from(noise(3 << 20, number));
        for at in (0..letters.len()).step_by(64 << 10) {
            if recording.output(shell, &letters.slice(at..at + (64 << 10))).await.is_err() {
                break;
            }
        }
    }
    desk.archive.flush().await;
    assert_eq!(strict.broken().await, Broken::Full);
    assert!(Broken::Full.public().contains("the size that your role allows"));
    assert!(strict.begin(terminal(None)).await.is_err());
    assert!(best.begin(terminal(None)).await.is_ok(), "it goes on without");
    assert!(free.begin(terminal(None)).await.is_ok());
    strict.close(Outcome::Cut("recording_full".into()), desk.now()).await;
    best.close(Outcome::Finished, desk.now()).await;
    free.close(Outcome::Finished, desk.now()).await;
    for number in [1, 2] {
        let cast = desk.cast(number).await;
        let told = events(&cast);
        let last = told.last().map(|event| format!("{:?}", event.what)).unwrap();
        assert!(last.contains("the recording ends here: its role allows 1048576 bytes"), "{last}");
        let digest = desk.shelf.find(&meta(number).session).await.unwrap().unwrap().digest;
        assert!(desk.shelf.check(&meta(number).session, digest).await.unwrap().intact);
        let bytes: u64 = desk.files(number).iter().map(|file| file.metadata().unwrap().len()).sum();
        assert!(((1 << 20)..(3 << 20)).contains(&bytes), "{bytes}");
    }
    assert!(!format!("{:?}", events(&desk.cast(3).await)).contains("ends here"));
    assert!(!desk.told().contains("broken"), "{}", desk.told());
}
