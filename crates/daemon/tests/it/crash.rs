//! `kill -9` at any instant loses nothing that was acknowledged.
//!
//! Clients file and review requests; each writes down what it was told. The daemon is killed again and again in the
//! middle of it. At the end state, audit log and checkpoints are compared with what the clients were told.

use crate::house::House;
use api::endpoints::requests::{FILE, REVIEW, SHOW};
use api::request::{Decision, NewRequest, NewReview, RequestState, RequestView};
use cli::client::Api;
use cli::home::Home;
use jiff::Timestamp;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// How often the daemon is killed.
const KILLS: usize = 50;
/// Acknowledged steps between two kills, at least: each life of the daemon does some work.
const STEPS: usize = 20;
const CLIENTS: usize = 4;

#[test]
fn nothing_acknowledged_is_lost_when_the_daemon_is_killed_fifty_times() {
    let mut house = House::open();
    house.people(&[("alice", "engineer"), ("bob", "reviewer")]);
    let homes = [house.home("alice").join(".tsh"), house.home("bob").join(".tsh")];
    let told: Mutex<Vec<(String, bool)>> = Mutex::default();
    let done = AtomicBool::new(false);
    let (progress, steps) = std::sync::mpsc::channel();

    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (progress, told, done, homes) = (progress.clone(), &told, &done, &homes);
            scope.spawn(move || {
                let now = Timestamp::now();
                let alice = Api::as_user(&Home::at(&homes[0]), now).unwrap();
                let bob = Api::as_user(&Home::at(&homes[1]), now).unwrap();
                while !done.load(Ordering::Relaxed) {
                    let draft = NewRequest {
                        roles: vec!["dba".into()],
                        reason: format!("client {client}"),
                        ..NewRequest::default()
                    };
                    // While the daemon is down every call fails; nothing was told, so nothing is owed.
                    let Ok(filed) = alice.tell::<_, RequestView>(&FILE, &[], &draft) else {
                        std::thread::yield_now();
                        continue;
                    };
                    told.lock().unwrap().push((filed.id.clone(), false));
                    let _ = progress.send(());
                    let review = NewReview {
                        decision: Decision::Approve,
                        reason: "yes".into(),
                        duration: None,
                        assume_start: None,
                    };
                    if bob.tell::<_, RequestView>(&REVIEW, &[&filed.id], &review).is_ok() {
                        told.lock().unwrap().push((filed.id, true));
                        let _ = progress.send(());
                    }
                }
            });
        }
        for _ in 0..KILLS {
            for _ in 0..STEPS {
                steps.recv().unwrap();
            }
            house.kill();
            while steps.try_recv().is_ok() {}
            house.start();
        }
        done.store(true, Ordering::Relaxed);
    });

    let told = told.into_inner().unwrap();
    assert!(told.len() >= KILLS * STEPS);
    let api = Api::as_user(&Home::at(&homes[1]), Timestamp::now()).unwrap();
    for (id, approved) in &told {
        let view: RequestView = api
            .read(&SHOW, &[id], &[])
            .unwrap_or_else(|error| panic!("{id} was acknowledged and is gone: {error}"));
        if *approved {
            assert_eq!(view.state, RequestState::Approved, "{id}");
        }
    }
    house.tctl(&["audit", "verify"]).ok();
    // Each acknowledged step is in the audit log exactly once.
    let mut counted = std::collections::BTreeMap::new();
    for code in ["request.created", "request.reviewed"] {
        let text = house
            .tctl(&["audit", "ls", "--code", code, "--limit", "1000000", "--format", "json"])
            .ok()
            .out;
        let events: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        for event in events {
            *counted
                .entry((event["request"].as_str().unwrap().to_owned(), code == "request.reviewed"))
                .or_insert(0) += 1;
        }
    }
    for step in told {
        assert_eq!(counted.get(&step), Some(&1), "{step:?}");
    }
    assert!(counted.values().all(|count| *count == 1));
}
