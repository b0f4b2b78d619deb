//! A shelf in a temporary folder, an archive over it, and an audit log that remembers what it was told.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use api::cast::{Event, Reader};
use api::recording::RecordingState;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use proxy::record::{Archive, Input, Keep, Ledger, Meta, Mode};
use store::recording::{Following, NewEvent, RecordingKey, Shelf, unpack};

/// What roles say unless they say otherwise.
pub(crate) const KEEP: Keep = Keep { mode: Mode::Strict, input: Input::Counted, most: None };

pub(crate) struct Desk {
    pub(crate) archive: Archive,
    pub(crate) shelf: Shelf,
    pub(crate) key: RecordingKey,
    pub(crate) book: Arc<Book>,
    pub(crate) folder: PathBuf,
    /// Removed when the desk is.
    _temporary: Option<tempfile::TempDir>,
}

#[derive(Default)]
pub(crate) struct Book {
    pub(crate) events: Mutex<Vec<NewEvent>>,
    pub(crate) refuses: AtomicBool,
}

impl Ledger for Book {
    fn record(
        &self,
        events: Vec<NewEvent>,
    ) -> BoxFuture<'_, Result<(), Box<dyn Error + Send + Sync>>> {
        if self.refuses.load(Ordering::SeqCst) {
            return async { Err("the audit log is read-only".into()) }.boxed();
        }
        self.events.lock().unwrap().extend(events);
        async { Ok(()) }.boxed()
    }
}

pub(crate) fn meta(n: u32) -> Meta {
    Meta {
        session: format!("{n:08x}-0000-0000"),
        user: "alice".to_owned(),
        login_id: None,
        target: "db-box".to_owned(),
        login: "root".to_owned(),
        requests: vec!["bc8ca931-fec9-4b15".to_owned()],
        peer: None,
        client: None,
        started: started(),
    }
}

pub(crate) fn started() -> Timestamp {
    Timestamp::from_second(1_793_000_000).unwrap()
}

impl Desk {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let desk = Self::at(folder.path(), RecordingKey::generate()).await;
        Self { _temporary: Some(folder), ..desk }
    }

    pub(crate) async fn at(folder: &Path, key: RecordingKey) -> Self {
        let shelf = Shelf::open_with(&folder.join("recordings"), key.recipient(), 0).unwrap();
        let book = Arc::new(Book::default());
        let archive = Archive::start(shelf.clone(), book.clone(), Arc::new(started)).await.unwrap();
        Self { archive, shelf, key, book, folder: folder.to_owned(), _temporary: None }
    }

    pub(crate) fn now(&self) -> Timestamp {
        started() + jiff::SignedDuration::from_secs(60)
    }

    /// The recording as asciicast.
    pub(crate) async fn cast(&self, n: u32) -> String {
        let mut playback =
            self.shelf.play(&meta(n).session, &self.key, 0, Following::No).await.unwrap();
        let mut file = Vec::new();
        while let Some(part) = playback.next().await {
            file.extend_from_slice(&part.unwrap());
        }
        String::from_utf8(file).unwrap()
    }

    /// The recording without the intervals, which no two runs share.
    pub(crate) async fn timeless(&self, n: u32) -> String {
        let mut text = String::new();
        for line in self.cast(n).await.lines() {
            match line.strip_prefix('[').and_then(|line| line.split_once(',')) {
                Some((_, rest)) => writeln!(text, "[{rest}").unwrap(),
                None => writeln!(text, "{line}").unwrap(),
            }
        }
        text
    }

    /// Where the recordings of the day stand.
    pub(crate) fn day(&self) -> PathBuf {
        self.folder.join("recordings").join(started().strftime("%Y-%m-%d").to_string())
    }

    /// The files of a recording, in order.
    pub(crate) fn files(&self, n: u32) -> Vec<PathBuf> {
        let Ok(folder) = std::fs::read_dir(self.day().join(meta(n).session)) else {
            return Vec::new();
        };
        let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    /// The lines of one part.
    pub(crate) fn part(&self, number: usize) -> String {
        let parts: Vec<PathBuf> = self
            .files(1)
            .into_iter()
            .filter(|file| file.extension().is_some_and(|e| e == "age"))
            .collect();
        String::from_utf8(
            unpack(&std::fs::read(parts.get(number).unwrap()).unwrap(), &self.key).unwrap(),
        )
        .unwrap()
    }

    /// Waits for a recording that nobody closes by hand.
    pub(crate) async fn until_sealed(&self, n: u32) {
        while self.shelf.find(&meta(n).session).await.unwrap().unwrap().state
            != RecordingState::Sealed
        {
            tokio::task::yield_now().await;
        }
    }

    /// What the audit log was told, in short.
    pub(crate) fn told(&self) -> String {
        let mut text = String::new();
        for event in self.book.events.lock().unwrap().iter() {
            let field = |name: &str| {
                event.body.get(name).map(ToString::to_string).unwrap_or_default().replace('"', "")
            };
            let (user, target) = (event.user.as_deref().unwrap(), event.target.as_deref().unwrap());
            write!(text, "{} {user} {}@{target}", event.code, field("login")).unwrap();
            if !field("outcome").is_empty() {
                write!(text, " {}", field("outcome")).unwrap();
            }
            if !field("parts").is_empty() {
                write!(text, " {} part", field("parts")).unwrap();
            }
            for flag in ["recovered", "broken"] {
                if field(flag) == "true" {
                    write!(text, " {flag}").unwrap();
                }
            }
            if field("recorded") == "false" {
                text.push_str(" unrecorded");
            }
            text.push('\n');
        }
        text
    }
}

/// The events of a file.
pub(crate) fn events(cast: &str) -> Vec<Event> {
    let mut reader = Reader::new();
    reader.push(cast.as_bytes());
    let mut events = Vec::new();
    while let Some(event) = reader.next_event().unwrap() {
        events.push(event);
    }
    reader.finish().unwrap();
    events
}

/// Letters that do not compress well, and are the same for the same seed.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut letters = Vec::with_capacity(length);
    while letters.len() < length {
        // xorshift64.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        letters.extend(state.to_le_bytes().map(|byte| b' ' + byte % 95));
    }
    letters.truncate(length);
    letters
}

/// The digest everybody would compute.
pub(crate) fn blake3_of_x(length: usize) -> blake3::Hash {
    blake3::hash(&vec![b'x'; length])
}
