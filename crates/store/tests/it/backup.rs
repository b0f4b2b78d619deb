//! Backups: one moment, whole or refused, and nothing of a refused one stays.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use api::audit::{AuditQuery, NewEvent, code};
use expect_test::expect;
use futures_util::StreamExt as _;
use store::backup::{Backup, BackupError, RestoreError, unpack};
use store::recording::{Meta, Outcome, RecordingKey, Shelf};
use store::{Commit, OpenError, Options, Range, Store};

use crate::house::House;

const ABOUT: (&str, &str) = ("house", "1.0.0");

async fn taken(house: &House, store: &Store, shelf: Option<&Shelf>) -> Vec<u8> {
    let backup = Backup::begin(store, shelf, ABOUT, house.hand.now()).await.unwrap();
    let mut stream = backup.into_stream();
    let mut all = Vec::new();
    while let Some(piece) = stream.next().await {
        all.extend_from_slice(&piece.unwrap());
    }
    all
}

fn put(house: &House, n: u64) -> Commit {
    let event = NewEvent::new(code::SSH_COMMAND, house.hand.now()).with("n", n);
    Commit::new().put(format!("/a/{n}"), "").event(event)
}

async fn opened(house: &House, dir: &Path) -> Store {
    Store::open(dir, Options::new("house".parse().unwrap(), house.hand.clock())).await.unwrap()
}

/// Every change has one event: whatever moment a backup is of, it has as many of the one as of the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_of_one_moment_while_the_house_is_busy() {
    let house = House::new();
    let store = house.open().await;
    store.commit(put(&house, 0)).await.unwrap();
    let busy = tokio::spawn({
        let (store, commits) =
            (store.clone(), (1..2000).map(|n| put(&house, n)).collect::<Vec<_>>());
        async move {
            for commit in commits {
                store.commit(commit).await.unwrap();
            }
        }
    });
    let mut backups = Vec::new();
    while !busy.is_finished() && backups.len() < 6 {
        backups.push(taken(&house, &store, None).await);
    }
    busy.await.unwrap();
    assert!(!backups.is_empty());
    for (n, backup) in backups.iter().enumerate() {
        let dir = house.root.path().join(format!("restored-{n}"));
        let unpacked = unpack(backup.as_slice(), &dir, |_| {}).unwrap();
        assert!(unpacked.verify(&[]).unwrap().holds());
        unpacked.finish().unwrap();
        let restored = opened(&house, &dir).await;
        let mut changes = 0;
        let mut after = "/a/".to_owned();
        loop {
            let page = restored.range(Range::prefix("/a/").after(&after)).await.unwrap();
            changes += page.entries.len() as u64;
            match page.entries.last() {
                Some(last) if page.more => after = last.key.to_string(),
                _ => break,
            }
        }
        let report = restored.audit().verify(vec![]).await.unwrap();
        assert!(report.holds(), "{report:?}");
        assert_eq!(report.events, changes, "backup {n}");
        restored.close().await.unwrap();
    }
    store.close().await.unwrap();
}

#[tokio::test]
async fn one_backup_at_a_time_and_what_a_crash_left_is_cleared() {
    let house = House::new();
    let store = house.open().await;
    let first = Backup::begin(&store, None, ABOUT, house.hand.now()).await.unwrap();
    let second = Backup::begin(&store, None, ABOUT, house.hand.now()).await;
    assert!(matches!(second, Err(BackupError::Running)));
    drop(first);
    taken(&house, &store, None).await;
    store.close().await.unwrap();
    let staging = house.data().join("backup.staging");
    assert!(!staging.exists(), "copies stay behind");
    fs::create_dir(&staging).unwrap();
    fs::set_permissions(&staging, fs::Permissions::from_mode(0o700)).unwrap();
    let store = house.open().await;
    taken(&house, &store, None).await;
    store.close().await.unwrap();
}

fn refused(house: &House, backup: &[u8]) -> String {
    let dir = house.root.path().join("refused");
    let error = unpack(backup, &dir, |_| {}).unwrap_err();
    let left: Vec<_> =
        fs::read_dir(&dir).into_iter().flatten().map(|item| item.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?} stays after: {error}");
    error.to_string()
}

#[tokio::test]
async fn what_is_cut_changed_or_no_backup_is_refused_and_leaves_nothing() {
    let house = House::new();
    let store = house.open().await;
    store.commit(put(&house, 1)).await.unwrap();
    let backup = taken(&house, &store, None).await;
    for cut in [0, 1, 511, 512, 2000, backup.len() / 2, backup.len() - 3000] {
        let told = refused(&house, &backup[..cut]);
        assert!(told.contains("breaks off"), "{cut}: {told}");
    }
    // Without its last file it is not known to be whole.
    let sums = backup.windows(9).rposition(|bytes| bytes == b"sums.json").unwrap();
    let cut = [&backup[..sums], &[0; 1024]].concat();
    assert!(refused(&house, &cut).contains("breaks off"), "a cut with an end of its own");
    let flipped = |at: usize| {
        let mut bytes = backup.clone();
        bytes[at] ^= 1;
        refused(&house, &bytes)
    };
    expect!["the backup was changed after it was taken, or damaged: its files do not hash to what its last file says"]
        .assert_eq(&flipped(backup.len() / 2));
    expect!["this is not a backup: it holds what is no part of a backup"].assert_eq(&flipped(5));
    expect!["this is not a backup: it holds what is no part of a backup"]
        .assert_eq(&refused(&house, &[b'x'; 4096]));
    for name in ["../evil", "/etc/passwd", "lock", "seal.key", "recordings/../state.db/x/meta.json"]
    {
        let entry = [api::recording::tape::header(name, 0).as_slice(), &backup[..]].concat();
        assert!(refused(&house, &entry).contains("its first file is"), "{name}");
        let first = 512 + 512;
        let inside = [&backup[..first], &api::recording::tape::header(name, 0), &backup[first..]];
        assert!(refused(&house, &inside.concat()).contains("is no file of a backup"), "{name}");
    }
    store.close().await.unwrap();
}

#[tokio::test]
async fn only_an_empty_directory_is_restored_into_and_a_marked_one_is_not_opened() {
    let house = House::new();
    let store = house.open().await;
    let backup = taken(&house, &store, None).await;
    store.close().await.unwrap();
    let told = unpack(backup.as_slice(), &house.data(), |_| {}).unwrap_err();
    assert!(matches!(told, RestoreError::NotEmpty { .. }), "{told}");
    let dir = house.root.path().join("new");
    let unpacked = unpack(backup.as_slice(), &dir, |_| {}).unwrap();
    for file in fs::read_dir(&dir).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", file.path());
    }
    // As if the power went now.
    let copy = house.root.path().join("torn");
    fs::create_dir(&copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o700)).unwrap();
    for name in ["state.db", "audit.db", "restoring"] {
        fs::copy(dir.join(name), copy.join(name)).unwrap();
    }
    let torn = Store::open(&copy, Options::new("house".parse().unwrap(), house.hand.clock())).await;
    assert!(matches!(torn, Err(OpenError::HalfRestored(_))), "{torn:?}");
    drop(unpacked);
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 0, "given up, nothing stays");
    let unpacked = unpack(backup.as_slice(), &dir, |_| {}).unwrap();
    unpacked.finish().unwrap();
    opened(&house, &dir).await.close().await.unwrap();
}

fn meta(house: &House, n: u64) -> Meta {
    Meta {
        session: format!("{n:08x}-0000-0000"),
        user: "alice".into(),
        login_id: None,
        target: "db-box".into(),
        login: "root".into(),
        requests: vec![],
        peer: None,
        client: None,
        started: house.hand.now(),
    }
}

#[tokio::test]
async fn recordings_come_sealed_as_the_log_says_and_running_ones_as_they_lie() {
    let house = House::new();
    let store = house.open().await;
    let key = RecordingKey::generate();
    let shelf = Shelf::open(&house.data().join("recordings"), key.recipient()).unwrap();
    let mut press = shelf.press().unwrap();
    let mut begun = |n| {
        let mut spool = shelf.create(&meta(&house, n)).unwrap();
        spool.put(&mut press, Duration::ZERO, b"header\n").unwrap();
        spool
    };
    let [sealed, live, _unknown, late] = [1, 2, 3, 4].map(&mut begun);
    for spool in [&sealed, &live, &late] {
        store.record(vec![spool.meta().started_event()]).await.unwrap();
    }
    let now = house.hand.now();
    let (done, _) = sealed.seal(Outcome::Finished, now, false);
    store.record(vec![done.ended_event(), done.sealed_event(now)]).await.unwrap();
    shelf.settle(&done).unwrap();
    let backup = Backup::begin(&store, Some(&shelf), ABOUT, now).await.unwrap();
    // Sealed after the moment of the backup, before it is read.
    let (after, _) = late.seal(Outcome::Finished, now, false);
    store.record(vec![after.sealed_event(now)]).await.unwrap();
    let mut bytes = Vec::new();
    let mut stream = backup.into_stream();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece.unwrap());
    }
    let dir = house.root.path().join("restored");
    unpack(bytes.as_slice(), &dir, |_| {}).unwrap().finish().unwrap();
    let restored = opened(&house, &dir).await;
    let shelf = Shelf::open(&dir.join("recordings"), key.recipient()).unwrap();
    let swept: Vec<_> = shelf.sweep().unwrap();
    let mut found: Vec<_> =
        swept.iter().map(|one| (one.meta.session.clone(), one.recovered)).collect();
    found.sort();
    assert_eq!(found, [(meta(&house, 2).session, true), (meta(&house, 4).session, true)]);
    let sealed = shelf.sealed_files(&meta(&house, 1).session, done.digest.clone()).await.unwrap();
    assert_eq!((sealed.0.map(|files| files.len()), sealed.1), (Some(2), None));
    assert!(shelf.find(&meta(&house, 3).session).await.unwrap().is_none(), "never on the record");
    let events = restored.audit().query(AuditQuery::default()).await.unwrap().events;
    assert_eq!(events.len(), 5, "started three times, ended and sealed once: {events:?}");
    restored.close().await.unwrap();
    store.close().await.unwrap();
}

#[tokio::test]
async fn stock_tar_lists_a_backup() {
    let house = House::new();
    let store = house.open().await;
    let path = house.root.path().join("backup.tar");
    fs::write(&path, taken(&house, &store, None).await).unwrap();
    let listed = std::process::Command::new("tar").arg("-tf").arg(&path).output().unwrap();
    let names = String::from_utf8(listed.stdout).unwrap();
    assert_eq!(names, "backup.json\nstate.db\naudit.db\nsums.json\n", "{:?}", listed.stderr);
    let mut first = String::new();
    let mut shown = std::process::Command::new("tar")
        .args(["-xOf", path.to_str().unwrap(), "backup.json"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    shown.stdout.take().unwrap().read_to_string(&mut first).unwrap();
    assert!(shown.wait().unwrap().success() && first.contains("countersign-backup/1"), "{first}");
    store.close().await.unwrap();
}
