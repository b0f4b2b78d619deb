//! Killed at any instant, the store has everything it acknowledged, once.
//!
//! The test starts itself again as a child that commits and prints each acknowledgement, kills it without warning, and
//! compares what was printed with what is found.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use api::audit::{AuditOrder, AuditQuery, NewEvent};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::{Commit, Options, Range, Store};

use crate::house::{House, Signer};

const DIRECTORY: &str = "STORE_CRASH_DIRECTORY";
const TASKS: u64 = 8;
const KILLS: usize = 30;

/// Does nothing unless it is started by the test below.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let options = Options::new("house".parse().unwrap(), Arc::new(|| Timestamp::UNIX_EPOCH));
    let store = Store::open(&PathBuf::from(directory), options).await.unwrap();
    store.audit().sign_with(Signer::new(7)).unwrap();
    let tasks: Vec<_> =
        (0..TASKS).map(|task| tokio::spawn(commit_for_ever(store.clone(), task))).collect();
    loop {
        let checkpoint = store.audit().checkpoint().await.unwrap();
        say(&format!("checkpoint {}", json!(checkpoint.note)));
        assert!(tasks.iter().all(|task| !task.is_finished()));
    }
}

async fn commit_for_ever(store: Store, task: u64) {
    let count = format!("/count/{task}");
    let mut seen = store.load(&count).await.unwrap();
    let mut n = seen.take().map_or((0, None), |entry| {
        (
            std::str::from_utf8(&entry.value).unwrap().parse::<u64>().unwrap() + 1,
            Some(entry.revision),
        )
    });
    loop {
        let event = |part: &'static str| {
            NewEvent::new("test.event", Timestamp::UNIX_EPOCH)
                .user(task)
                .with("n", n.0)
                .with("part", part)
        };
        let commit = Commit::new()
            .expecting(&count, n.1)
            .put(&count, n.0.to_string())
            .put(format!("/item/{task}/{:08}", n.0), vec![7; 300])
            .event(event("one"))
            .event(event("two"));
        let revision = store.commit(commit).await.unwrap();
        say(&format!("commit {task} {}", n.0));
        n = (n.0 + 1, Some(revision));
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// What the child said before it died.
#[derive(Default)]
struct Said {
    commits: BTreeMap<u64, u64>,
    checkpoints: Vec<String>,
}

impl Said {
    fn take(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("commit ") {
            let (task, n) = rest.split_once(' ').unwrap();
            self.commits.insert(task.parse().unwrap(), n.parse().unwrap());
        } else if let Some(note) = line.strip_prefix("checkpoint ") {
            self.checkpoints.push(serde_json::from_str(note).unwrap());
        }
    }

    /// Listens for so many lines, kills, and takes what was said until then.
    fn listen(&mut self, mut child: Child, lines: usize) {
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let mut heard = 0;
        loop {
            line.clear();
            if out.read_line(&mut line).unwrap() == 0 {
                break;
            }
            if heard == lines {
                child.kill().unwrap();
            }
            heard += 1;
            // The last line may have been cut: then nobody was told.
            if let Some(whole) = line.strip_suffix('\n') {
                self.take(whole);
            }
        }
        assert!(heard > lines, "the child died by itself");
        child.wait().unwrap();
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_and_nothing_comes_twice() {
    let house = House::new();
    let mut said = Said::default();
    for _ in 0..KILLS {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child", "--nocapture"])
            .env(DIRECTORY, house.data())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        said.listen(child, rand::random_range(3..300));
        let store = house.open().await;
        check(&store, &said).await;
        store.close().await.unwrap();
    }
    assert!(said.checkpoints.len() > KILLS);
}

async fn check(store: &Store, said: &Said) {
    let mut kept: BTreeMap<u64, u64> = BTreeMap::new();
    let mut range = Range::prefix("/item/");
    loop {
        let page = store.range(range.clone()).await.unwrap();
        for entry in &page.entries {
            let (task, n) = entry.key.strip_prefix("/item/").unwrap().split_once('/').unwrap();
            let (task, n) = (task.parse().unwrap(), n.parse::<u64>().unwrap());
            let next = kept.insert(task, n).map_or(0, |last| last + 1);
            assert_eq!(n, next, "an item of task {task} is missing");
        }
        let Some(last) = page.entries.last().filter(|_| page.more) else { break };
        range = range.after(&last.key);
    }
    for (task, n) in &said.commits {
        assert!(kept[task] >= *n, "task {task} was told {n}, and only {} is there", kept[task]);
    }

    let mut logged: BTreeMap<String, Vec<(u64, Value)>> = BTreeMap::new();
    let mut query =
        AuditQuery { order: AuditOrder::Oldest, limit: Some(1000), ..AuditQuery::default() };
    loop {
        let page = store.audit().query(query.clone()).await.unwrap();
        for event in page.events {
            let body = event.event.body;
            logged
                .entry(event.event.user.unwrap())
                .or_default()
                .push((body["n"].as_u64().unwrap(), body["part"].clone()));
        }
        let Some(next) = page.next else { break };
        query.cursor = Some(next);
    }
    for (task, last) in &kept {
        let expected: Vec<_> =
            (0..=*last).flat_map(|n| [(n, json!("one")), (n, json!("two"))]).collect();
        assert_eq!(
            logged.remove(&task.to_string()).unwrap_or_default(),
            expected,
            "the log of task {task}"
        );
    }
    assert!(logged.is_empty(), "the log has events of commits that did not happen");

    let report = store.audit().verify(said.checkpoints.clone()).await.unwrap();
    assert!(report.holds(), "{report:?}");
}
