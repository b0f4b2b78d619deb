//! Recordings at rest: what is put is played, what a stopped daemon left is swept, what is old is retired.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use store::recording::{
    CreateError, Following, Meta, Outcome, RecordingKey, Shelf, ShelfError, Spool,
};

fn meta(n: u32) -> Meta {
    Meta {
        session: format!("{n:08x}-0000-0000"),
        user: "alice".to_owned(),
        login_id: None,
        target: "db-box".to_owned(),
        login: "root".to_owned(),
        requests: Vec::new(),
        peer: None,
        client: None,
        started: started() + SignedDuration::from_hours(i64::from(n)),
    }
}

fn started() -> Timestamp {
    Timestamp::from_second(1_793_000_000).unwrap()
}

struct Room {
    folder: tempfile::TempDir,
    key: RecordingKey,
}

impl Room {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), key: RecordingKey::generate() }
    }

    fn shelf(&self) -> Shelf {
        Shelf::open_with(&self.folder.path().join("recordings"), self.key.recipient(), 0).unwrap()
    }

    async fn played(&self, shelf: &Shelf, n: u32, from_ms: u64) -> String {
        let mut playback =
            shelf.play(&meta(n).session, &self.key, from_ms, Following::No).await.unwrap();
        let mut text = String::new();
        while let Some(part) = playback.next().await {
            text.push_str(std::str::from_utf8(&part.unwrap()).unwrap());
        }
        text
    }
}

fn put(spool: &mut Spool, shelf: &Shelf, start_ms: u64, text: &str) {
    spool
        .put(&mut shelf.press().unwrap(), Duration::from_millis(start_ms), text.as_bytes())
        .unwrap();
}

#[tokio::test]
async fn parts_that_begin_together_are_all_played_and_seeking_keeps_the_header() {
    let room = Room::new();
    let shelf = room.shelf();
    let mut spool = shelf.create(&meta(1)).unwrap();
    for (start, text) in [(0, "header\none\n"), (0, "two\n"), (0, "three\n"), (1500, "four\n")] {
        put(&mut spool, &shelf, start, text);
    }
    let (sealed, written) = spool.seal(Outcome::Finished, meta(1).started, false);
    written.unwrap();
    shelf.settle(&sealed).unwrap();
    assert_eq!(room.played(&shelf, 1, 0).await, "header\none\ntwo\nthree\nfour\n");
    assert_eq!(room.played(&shelf, 1, 1500).await, "header\n[0.000,\"c\",\"0\"]\nthree\nfour\n");
    assert_eq!(room.played(&shelf, 1, 9999).await, "header\n[1.500,\"c\",\"0\"]\nfour\n");
}

#[tokio::test]
async fn what_a_stopped_daemon_left_is_sealed_once() {
    let room = Room::new();
    {
        let shelf = room.shelf();
        put(&mut shelf.create(&meta(1)).unwrap(), &shelf, 0, "header\none\n");
        let (sealed, _) =
            shelf.create(&meta(2)).unwrap().seal(Outcome::Finished, meta(2).started, false);
        assert_eq!(sealed.parts, 0, "sealed, but the audit log was not told");
        let day = meta(1).started.strftime("%Y-%m-%d").to_string();
        fs::write(
            room.folder
                .path()
                .join("recordings")
                .join(day)
                .join(meta(1).session)
                .join("000001-000000000000.cast.zst.age.writing"),
            "half",
        )
        .unwrap();
    }
    let shelf = room.shelf();
    let mut swept: Vec<_> = shelf
        .sweep()
        .unwrap()
        .iter()
        .map(|one| (one.meta.session.clone(), one.recovered, one.parts))
        .collect();
    swept.sort();
    assert_eq!(swept, [(meta(1).session, true, 1), (meta(2).session, false, 0)]);
    for sealed in shelf.sweep().unwrap() {
        shelf.settle(&sealed).unwrap();
    }
    assert!(shelf.sweep().unwrap().is_empty());
    let logged = shelf.find(&meta(1).session).await.unwrap().unwrap().digest;
    assert!(shelf.check(&meta(1).session, logged).await.unwrap().intact);
    assert_eq!(room.played(&shelf, 1, 0).await, "header\none\n");
}

#[tokio::test]
async fn a_lost_catalogue_is_made_anew_from_the_folders() {
    let room = Room::new();
    let shelf = room.shelf();
    for n in 1..4 {
        let mut spool = shelf.create(&meta(n)).unwrap();
        put(&mut spool, &shelf, 0, "header\n");
        if n < 3 {
            let (sealed, _) = spool.seal(Outcome::Finished, meta(n).started, false);
            shelf.settle(&sealed).unwrap();
        }
    }
    drop(shelf);
    for file in ["catalogue.sqlite", "catalogue.sqlite-wal", "catalogue.sqlite-shm"] {
        let _ = fs::remove_file(room.folder.path().join("recordings").join(file));
    }
    let shelf = room.shelf();
    let swept = shelf.sweep().unwrap();
    assert_eq!(
        swept.iter().map(|one| one.meta.session.clone()).collect::<Vec<_>>(),
        [meta(3).session]
    );
    shelf.settle(swept.first().unwrap()).unwrap();
    assert_eq!(shelf.list(Default::default()).await.unwrap().items.len(), 3);
}

#[test]
fn a_nearly_full_disk_takes_no_new_recording() {
    let room = Room::new();
    let shelf =
        Shelf::open_with(&room.folder.path().join("r"), room.key.recipient(), u64::MAX).unwrap();
    assert!(matches!(shelf.create(&meta(1)), Err(CreateError::Full { reserve: u64::MAX, .. })));
}

#[test]
fn a_session_id_is_one_folder_name_or_nothing() {
    let room = Room::new();
    let shelf = room.shelf();
    for evil in ["", "..", "../../etc", "a/b", "A", "a.b", &"a".repeat(65)] {
        let created = shelf.create(&Meta { session: evil.to_owned(), ..meta(1) });
        assert!(matches!(created, Err(CreateError::Id)), "{evil:?}");
    }
}

#[test]
fn nobody_else_can_read_what_is_kept() {
    let room = Room::new();
    let shelf = room.shelf();
    put(&mut shelf.create(&meta(1)).unwrap(), &shelf, 0, "header\n");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let dir = room.folder.path().join("recordings");
    let recording =
        dir.join(meta(1).started.strftime("%Y-%m-%d").to_string()).join(meta(1).session);
    assert_eq!(
        (mode(&dir), mode(recording.parent().unwrap()), mode(&recording)),
        (0o700, 0o700, 0o700)
    );
    for file in fs::read_dir(&recording).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(
        Shelf::open(&dir, room.key.recipient()),
        Err(ShelfError::Readable { mode: 0o755, .. })
    ));
}

#[test]
fn an_operator_with_the_key_needs_only_age_and_zstd() {
    let room = Room::new();
    let shelf = room.shelf();
    let mut spool = shelf.create(&meta(1)).unwrap();
    put(&mut spool, &shelf, 0, "header\none\n");
    put(&mut spool, &shelf, 10, "two\n");
    let key = room.folder.path().join("key");
    fs::write(&key, store::recording::expose(&room.key.to_secret())).unwrap();
    let script = "command -v age zstd >/dev/null || exit 42; for p in \"$1\"/*/*/*.age; do age -d -i \"$2\" \"$p\"; done | zstd -dq";
    let opened = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(room.folder.path().join("recordings"))
        .arg(&key)
        .output()
        .unwrap();
    if opened.status.code() == Some(42) {
        eprintln!("age or zstd is not installed: not tried");
        return;
    }
    assert_eq!(
        String::from_utf8_lossy(&opened.stdout),
        "header\none\ntwo\n",
        "{}",
        String::from_utf8_lossy(&opened.stderr)
    );
}
