//! What is older than recordings are kept goes: on the record first, once, and only what is what was sealed.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use api::audit::{AuditQuery, code};
use api::bundle::retired_digest;
use api::recording::RecordingState;
use jiff::{SignedDuration, Timestamp};
use store::Store;
use store::recording::{
    Following, Meta, Outcome, RecordingKey, Retired, Shelf, Spool, relist, retire,
};

use crate::house::House;

struct Room {
    house: House,
    store: Store,
    key: RecordingKey,
    shelf: Shelf,
}

impl Room {
    async fn new() -> Self {
        let house = House::new();
        let store = house.open().await;
        let key = RecordingKey::generate();
        let shelf = Shelf::open(&house.data().join("recordings"), key.recipient()).unwrap();
        Self { house, store, key, shelf }
    }

    fn id(n: u64) -> String {
        format!("{n:08x}-0000-0000")
    }

    fn folder(&self, started: Timestamp, n: u64) -> PathBuf {
        let day = started.strftime("%Y-%m-%d").to_string();
        self.house.data().join("recordings").join(day).join(Self::id(n))
    }

    async fn begin(&self, n: u64) -> Spool {
        let meta = Meta {
            session: Self::id(n),
            user: "alice".into(),
            login_id: None,
            target: "db-box".into(),
            login: "root".into(),
            requests: vec!["r-1".into()],
            peer: None,
            client: None,
            started: self.house.hand.now(),
        };
        let mut spool = self.shelf.create(&meta).unwrap();
        spool.put(&mut self.shelf.press().unwrap(), Duration::ZERO, b"header\n").unwrap();
        self.store.record(vec![meta.started_event()]).await.unwrap();
        spool
    }

    /// Seals it, and gives its digest.
    async fn end(&self, spool: Spool) -> String {
        let now = self.house.hand.now();
        let (sealed, written) = spool.seal(Outcome::Finished, now, false);
        written.unwrap();
        self.store.record(vec![sealed.ended_event(), sealed.sealed_event(now)]).await.unwrap();
        self.shelf.settle(&sealed).unwrap();
        sealed.digest
    }

    /// Retires what ended more than a day ago.
    async fn look(&self) -> Retired {
        let now = self.house.hand.now();
        let before = now - SignedDuration::from_hours(24);
        let (done, _) = retire(&self.store, &self.shelf, before, (None, now)).await.unwrap();
        done
    }

    async fn retired(&self) -> Vec<(String, String)> {
        let asked =
            AuditQuery { codes: vec![code::RECORDING_RETIRED.into()], ..AuditQuery::default() };
        let events = self.store.audit().query(asked).await.unwrap().events;
        let owned = |(session, digest): (&str, &str)| (session.to_owned(), digest.to_owned());
        events.iter().filter_map(retired_digest).map(owned).collect()
    }
}

const NONE: Retired = Retired { retired: 0, kept: 0 };
const ONE: Retired = Retired { retired: 1, kept: 0 };

#[tokio::test]
async fn what_is_old_goes_on_the_record_and_what_runs_or_just_ended_stays() {
    let room = Room::new().await;
    let started = room.house.hand.now();
    let [old, long, live] = [room.begin(1).await, room.begin(2).await, room.begin(3).await];
    let digest = room.end(old).await;
    assert_eq!(room.look().await, NONE);
    room.house.hand.forward(SignedDuration::from_hours(25));
    // It began long ago, and ended now.
    room.end(long).await;
    assert_eq!(room.look().await, ONE);
    assert_eq!(room.retired().await, [(Room::id(1), digest.clone())]);
    assert!(!room.folder(started, 1).exists() && room.folder(started, 2).exists());
    assert!(room.shelf.play(&Room::id(1), &room.key, 0, Following::No).await.is_err());
    let view = room.shelf.find(&Room::id(1)).await.unwrap().unwrap();
    assert_eq!(
        (view.state, view.retired, view.digest),
        (RecordingState::Retired, Some(room.house.hand.now()), Some(digest))
    );
    assert_eq!(room.look().await, NONE, "once");
    assert_eq!(room.retired().await.len(), 1);
    let running = room.shelf.find(&Room::id(3)).await.unwrap().unwrap();
    assert_eq!(running.state, RecordingState::Live);
    drop(live);
    room.store.close().await.unwrap();
}

#[tokio::test]
async fn a_crash_between_the_event_and_the_files_ends_as_if_there_were_none() {
    for torn in [false, true] {
        let room = Room::new().await;
        let started = room.house.hand.now();
        let spool = room.begin(1).await;
        room.end(spool).await;
        room.house.hand.forward(SignedDuration::from_hours(25));
        assert_eq!(room.look().await, ONE);
        // Back to the moment after the event: the row as it was sealed, the files there, or on their way out.
        let view = room.shelf.find(&Room::id(1)).await.unwrap().unwrap();
        let folder = room.folder(started, 1);
        let left = if torn { folder.with_extension("gone") } else { folder.clone() };
        fs::create_dir(&left).unwrap();
        fs::write(left.join("meta.json"), "half").unwrap();
        let catalogue = room.house.data().join("recordings").join("catalogue.sqlite");
        let rows = rusqlite::Connection::open(&catalogue).unwrap();
        let mut sealed = view.clone();
        (sealed.state, sealed.retired) = (RecordingState::Sealed, None);
        let json = serde_json::to_string(&sealed).unwrap();
        rows.execute("UPDATE recording SET live = 0, view = ?1", [json]).unwrap();
        room.house.hand.forward(SignedDuration::from_hours(1));
        let shelf =
            Shelf::open(&room.house.data().join("recordings"), room.key.recipient()).unwrap();
        assert!(shelf.sweep().unwrap().is_empty());
        let room = Room { shelf, ..room };
        assert_eq!(room.look().await, ONE);
        assert!(!folder.exists() && !folder.with_extension("gone").exists(), "torn: {torn}");
        assert_eq!(room.retired().await.len(), 1, "no second event");
        assert_eq!(room.shelf.find(&Room::id(1)).await.unwrap().unwrap(), view);
        room.store.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_was_tampered_with_or_lost_is_not_retired() {
    let room = Room::new().await;
    let started = room.house.hand.now();
    for n in 1..3 {
        let spool = room.begin(n).await;
        room.end(spool).await;
    }
    fs::write(room.folder(started, 1).join("meta.json"), "changed").unwrap();
    fs::remove_dir_all(room.folder(started, 2)).unwrap();
    room.house.hand.forward(SignedDuration::from_hours(25));
    assert_eq!(room.look().await, Retired { retired: 0, kept: 2 });
    assert!(room.folder(started, 1).exists());
    assert!(room.retired().await.is_empty());
    room.store.close().await.unwrap();
}

#[tokio::test]
async fn a_lost_catalogue_lists_what_was_retired_again() {
    let room = Room::new().await;
    let spool = room.begin(1).await;
    room.end(spool).await;
    room.house.hand.forward(SignedDuration::from_hours(25));
    room.look().await;
    let before = room.shelf.find(&Room::id(1)).await.unwrap();
    let dir = room.house.data().join("recordings");
    for file in ["catalogue.sqlite", "catalogue.sqlite-wal", "catalogue.sqlite-shm"] {
        let _ = fs::remove_file(dir.join(file));
    }
    let shelf = Shelf::open(&dir, room.key.recipient()).unwrap();
    assert!(shelf.sweep().unwrap().is_empty());
    relist(&room.store, &shelf).await.unwrap();
    assert_eq!(shelf.find(&Room::id(1)).await.unwrap(), before);
    room.store.close().await.unwrap();
}
