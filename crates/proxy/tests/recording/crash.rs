//! The daemon dies, the disk fills, the disk stalls.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use api::cast::What;
use bytes::Bytes;
use proxy::record::{Archive, Outcome, Purpose};
use store::recording::{Following, RecordingKey, Shelf};

use super::desk::{Book, Desk, KEEP, events, meta, noise, started};

/// Where the child writes; set only for the child.
const CHILD: &str = "RECORDING_CHILD";

/// Not a test of its own: the process that is killed. It says a line for every 256 KiB that it has handed over.
#[tokio::test]
async fn child_that_records_until_it_is_killed() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let folder = PathBuf::from(folder);
    let key: RecordingKey = std::fs::read_to_string(folder.join("key")).unwrap().parse().unwrap();
    let desk = Desk::at(&folder, key).await;
    let recording = desk.archive.open(meta(1), KEEP).await.unwrap();
    let shell = recording.begin(terminal()).await.unwrap();
    let filler = String::from_utf8(noise(1000, 3)).unwrap();
    for number in 0_u32.. {
        let line = format!("{number:08} {filler}\r\n");
        recording.output(shell, &Bytes::from(line)).await.unwrap();
        if number % 256 == 0 {
            println!("written {number}");
        }
    }
}

#[tokio::test]
async fn killed_at_any_moment_a_prefix_is_played_and_proven() {
    // Moments: how many of the child's lines are waited for before it is killed.
    for patience in [1, 6, 11, 14, 23, 40] {
        let folder = tempfile::tempdir().unwrap();
        let key = RecordingKey::generate();
        std::fs::write(folder.path().join("key"), store::recording::expose(&key.to_secret()))
            .unwrap();
        kill_a_child(folder.path(), patience);

        let desk = Desk::at(folder.path(), key).await;
        let told = desk.told();
        assert!(told.contains("session.ended alice root@db-box interrupted"), "{told}");
        assert!(told.contains("recovered"), "{told}");
        let logged = desk.shelf.find(&meta(1).session).await.unwrap().unwrap().digest;
        assert!(desk.shelf.check(&meta(1).session, logged).await.unwrap().intact);

        let mut shown = String::new();
        if !desk.files(1).iter().any(|file| file.to_string_lossy().ends_with(".age")) {
            continue;
        }
        for event in events(&desk.cast(1).await) {
            if let What::Output(text) = event.what {
                shown.push_str(&text);
            }
        }
        let numbers: Vec<u32> = shown.lines().map(|line| line[..8].parse().unwrap()).collect();
        assert!(
            numbers.iter().copied().eq(0..u32::try_from(numbers.len()).unwrap()),
            "nothing is missing before the break"
        );
        // A part holds a mebibyte of lines; what waited for the last one is all that may be lost.
        let handed_over = (patience - 1) * 256;
        assert!(
            numbers.len() + 9 * 1024 + 1100 > handed_over,
            "{} of {handed_over}",
            numbers.len()
        );
    }
}

fn kill_a_child(folder: &Path, patience: usize) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child_that_records_until_it_is_killed", "--nocapture"])
        .env(CHILD, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let written = output
        .lines()
        .map(Result::unwrap)
        .filter(|line| line.contains("written"))
        .take(patience)
        .count();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(written, patience, "the child ended by itself");
}

/// A disk of two mebibytes, where this process may mount one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_ends_strict_sessions_refuses_new_ones_and_keeps_what_is_there() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("not allowed to mount a small disk here; a failing disk is tested without one");
        return;
    };
    let desk = Desk::at(disk.0.path(), RecordingKey::generate()).await;
    let recording = desk.archive.open(meta(1), KEEP).await.unwrap();
    let shell = recording.begin(terminal()).await.unwrap();
    let block: Bytes = noise(256 << 10, 5).into();
    let mut sent = 0;
    // Sixteen times what the disk holds: an error must come before.
    while sent < 128 && recording.output(shell, &block).await.is_ok() {
        sent += 1;
    }
    recording.broken().await;
    recording.close(Outcome::Failed("recording_broken".into()), desk.now()).await;
    assert!(desk.told().contains("broken"), "{}", desk.told());
    let kept = events(&desk.cast(1).await);
    assert!(
        kept.iter().any(|event| matches!(event.what, What::Output(_))),
        "what was on disk is still played"
    );

    let careful =
        Shelf::open_with(&disk.0.path().join("recordings"), desk.key.recipient(), 2 << 20).unwrap();
    let archive =
        Archive::start(careful, Arc::new(Book::default()), Arc::new(started)).await.unwrap();
    let refused = archive.open(meta(2), KEEP).await.unwrap_err();
    assert_eq!(
        refused.public(),
        "This session cannot be recorded now, so it is refused. Try again later, or tell an administrator."
    );
}

#[tokio::test]
async fn when_the_writer_stalls_the_session_stalls_and_memory_stays_bounded() {
    let desk = Desk::open().await;
    let recording = desk.archive.open(meta(1), KEEP).await.unwrap();
    let shell = recording.begin(terminal()).await.unwrap();
    let block = Bytes::from(vec![b'x'; 64 << 10]);
    // Whoever opens a pipe for writing waits until somebody reads from it: a disk that does not answer.
    desk.archive.flush().await;
    let start_ms = events(&desk.part(0)).last().unwrap().at_ms;
    let next = format!("000001-{start_ms:012}.cast.zst.age.writing");
    let pipe = desk.day().join(meta(1).session).join(next);
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut queued = 0_usize;
    let stalled = loop {
        match tokio::time::timeout(Duration::from_millis(500), recording.output(shell, &block))
            .await
        {
            Ok(sent) => {
                sent.unwrap();
                queued += block.len();
                assert!(queued < 64 << 20, "nothing holds the session back");
            }
            Err(_) => break queued,
        }
    };
    // A full queue, and what the writer had dealt with before it stalled: not much more than a part.
    assert!(stalled <= (8 << 20) + (2 << 20), "{stalled} bytes were taken");
    // The disk answers again, with an error: the session is told.
    drop(std::fs::File::open(&pipe).unwrap());
    recording.broken().await;
}

fn terminal() -> Purpose {
    Purpose::Terminal { term: "xterm".into(), cols: 80, rows: 24, command: None }
}

#[tokio::test]
async fn a_follower_of_a_session_that_is_over_gets_all_of_it() {
    let desk = Desk::open().await;
    let recording = desk.archive.open(meta(1), KEEP).await.unwrap();
    recording.close(Outcome::Finished, desk.now()).await;
    let mut playback =
        desk.shelf.play(&meta(1).session, &desk.key, 0, Following::UntilTheEnd).await.unwrap();
    assert!(playback.next().await.unwrap().is_ok());
    assert!(playback.next().await.is_none());
}
