//! What happened is in the log, in order, once, and provable.

use api::audit::{AuditOrder, AuditQuery, NewEvent, code};
use api::bundle;
use serde_json::json;
use store::{Absent, Commit};

use crate::house::{House, Signer};

#[tokio::test]
async fn the_event_of_a_commit_is_in_the_log_when_one_asks() {
    let house = House::new();
    let store = house.open().await;
    let event = NewEvent::new(code::REQUEST_CREATED, house.hand.now()).user("alice").request("r-1");
    store
        .commit(
            Commit::new().expecting("/request/r-1", Absent).put("/request/r-1", "{}").event(event),
        )
        .await
        .unwrap();
    let page = store.audit().query(AuditQuery::default()).await.unwrap();
    assert_eq!(page.events.len(), 1);
    assert_eq!(
        (page.events[0].seq, page.events[0].event.code.as_ref()),
        (0, code::REQUEST_CREATED)
    );
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_commit_that_conflicts_leaves_no_event() {
    let house = House::new();
    let store = house.open().await;
    store.commit(Commit::new().put("/role/dba", "1")).await.unwrap();
    let event = NewEvent::new(code::ROLE_CREATED, house.hand.now());
    let refused = store
        .commit(Commit::new().expecting("/role/dba", Absent).put("/role/dba", "2").event(event))
        .await;
    assert!(refused.unwrap_err().is_conflict());
    assert_eq!(store.audit().query(AuditQuery::default()).await.unwrap().events, []);
    store.close().await.unwrap();
}

#[tokio::test]
async fn an_export_of_a_request_holds_its_sessions_and_verifies_offline() {
    let house = House::new();
    let store = house.open().await;
    let now = house.hand.now();
    let event = |code: &'static str| NewEvent::new(code, now).user("alice");
    store
        .record(vec![
            event(code::REQUEST_CREATED).request("r-1"),
            event(code::REQUEST_CREATED).request("r-2"),
            event(code::SESSION_STARTED).session("s-1").body(json!({"requests": ["r-1", "r-3"]})),
            event(code::SSH_COMMAND).session("s-1").with("command", "id"),
            event(code::SSH_COMMAND).session("s-2").with("command", "other"),
            event(code::RECORDING_SEALED).session("s-1").with("digest", "abc"),
        ])
        .await
        .unwrap();
    let exported = store.audit().export("r-1").await.unwrap();
    let key = store.audit().key().unwrap();
    let verified = bundle::verify(&exported, Some(&key)).unwrap();
    assert_eq!(verified.events.iter().map(|event| event.seq).collect::<Vec<_>>(), [0, 2, 3, 5]);
    assert_eq!(exported.recordings[0].digest, "abc");

    let mut changed = exported.clone();
    changed.events[2].leaf = changed.events[2].leaf.replace("\"id\"", "\"ls\"");
    assert!(bundle::verify(&changed, Some(&key)).is_err());
    let mut changed = exported.clone();
    changed.recordings[0].digest = "abd".into();
    assert!(bundle::verify(&changed, Some(&key)).is_err());
    let mut changed = exported.clone();
    changed.events.swap(0, 1);
    assert!(bundle::verify(&changed, Some(&key)).is_err());
    let mut changed = exported.clone();
    changed.request = "r-2".into();
    assert!(bundle::verify(&changed, Some(&key)).is_err());
    store.close().await.unwrap();
}

#[tokio::test]
async fn pages_follow_each_other_in_both_directions() {
    let house = House::new();
    let store = house.open().await;
    let events = (0..25).map(|n| NewEvent::new(code::SSH_COMMAND, house.hand.now()).with("n", n));
    store.record(events.collect()).await.unwrap();
    for order in [AuditOrder::Newest, AuditOrder::Oldest] {
        let mut seen = Vec::new();
        let mut query = AuditQuery { order, limit: Some(10), ..AuditQuery::default() };
        loop {
            let page = store.audit().query(query.clone()).await.unwrap();
            seen.extend(page.events.iter().map(|event| event.seq));
            let Some(next) = page.next else { break };
            query.cursor = Some(next);
        }
        let mut all: Vec<u64> = (0..25).collect();
        if order == AuditOrder::Newest {
            all.reverse();
        }
        assert_eq!(seen, all);
    }
    store.close().await.unwrap();
}

#[tokio::test]
async fn every_field_of_a_question_narrows_the_answer() {
    let house = House::new();
    let store = house.open().await;
    let now = house.hand.now();
    store
        .record(vec![
            NewEvent::new(code::SESSION_STARTED, now)
                .user("alice")
                .login("l-1")
                .session("s-1")
                .target("db-box"),
            NewEvent::new(code::SESSION_ENDED, now)
                .user("bob")
                .session("s-2")
                .with("why", "100% \"done\"_\n"),
            NewEvent::new(code::REQUEST_CREATED, now).user("alice").request("r-1"),
        ])
        .await
        .unwrap();
    let all = AuditQuery::default;
    let text = |text: &str| Some(text.to_owned());
    for (query, expected) in [
        (AuditQuery { user: text("alice"), ..all() }, vec![2, 0]),
        (AuditQuery { login: text("l-1"), ..all() }, vec![0]),
        (AuditQuery { session: text("s-2"), ..all() }, vec![1]),
        (AuditQuery { request: text("r-1"), ..all() }, vec![2]),
        (AuditQuery { target: text("db-box"), ..all() }, vec![0]),
        (AuditQuery { codes: vec!["session.*".into()], ..all() }, vec![1, 0]),
        (
            AuditQuery { codes: vec!["session.ended".into(), "request.created".into()], ..all() },
            vec![2, 1],
        ),
        (AuditQuery { text: text("100% \"DONE\"_\n"), ..all() }, vec![1]),
        (AuditQuery { text: text("1_0"), ..all() }, vec![]),
        (AuditQuery { text: text("' OR 1=1 --"), ..all() }, vec![]),
        (AuditQuery { since: Some(now), ..all() }, vec![2, 1, 0]),
        (AuditQuery { until: Some(now), ..all() }, vec![]),
    ] {
        let page = store.audit().query(query.clone()).await.unwrap();
        assert_eq!(
            page.events.iter().map(|event| event.seq).collect::<Vec<_>>(),
            expected,
            "{query:?}"
        );
    }
    store.close().await.unwrap();
}

#[tokio::test]
async fn every_event_has_a_proof_and_every_checkpoint_is_a_beginning_of_the_next() {
    let house = House::new();
    let store = house.open().await;
    let mut roots = vec![];
    for n in 0..20 {
        store
            .record(vec![NewEvent::new(code::SSH_COMMAND, house.hand.now()).with("n", n)])
            .await
            .unwrap();
        let checkpoint = store.audit().checkpoint().await.unwrap();
        let (size, root) = store.audit().key().unwrap().verify(&checkpoint.note).unwrap();
        assert_eq!(size, n + 1);
        roots.push(root);
        for seq in 0..size {
            let proof = store.audit().prove(seq, None).await.unwrap();
            let leaf = store.audit().event(seq).await.unwrap().unwrap().canonical();
            proof.includes(&leaf).unwrap();
            proof.includes(&leaf.replace('{', "{ ")).unwrap_err();
        }
        for (older, root) in (1..).zip(&roots) {
            let proof = store.audit().consistency(older, None).await.unwrap();
            proof.extends(*root).unwrap();
            if older < size {
                proof.extends(tlog_tiles::Hash([1; 32])).unwrap_err();
            }
        }
    }
    let report = store.audit().verify(vec![]).await.unwrap();
    assert!(report.holds(), "{report:?}");
    assert_eq!((report.events, report.checkpoints >= 20), (20, true));
    assert!(store.audit().prove(20, None).await.is_err());
    assert!(store.audit().consistency(0, None).await.is_err());
    store.close().await.unwrap();
}

#[tokio::test]
async fn whatever_is_changed_behind_our_back_is_found() {
    let tampering = [
        (
            "UPDATE event SET leaf = replace(leaf, 'mallory', 'alice') WHERE seq = 3",
            "event_is_fixed",
        ),
        ("UPDATE event SET user = 'alice' WHERE seq = 3", "event_is_fixed"),
        ("UPDATE event SET time = time + 1 WHERE seq = 5", "event_is_fixed"),
        ("DELETE FROM event WHERE seq = 4", "event_stays"),
        ("DELETE FROM event WHERE seq = 9", "event_stays"),
        (
            "UPDATE node SET hash = zeroblob(32) WHERE id = (SELECT max(id) FROM node)",
            "node_is_fixed",
        ),
        ("UPDATE checkpoint SET note = replace(note, 'gw', 'xx')", "checkpoint_is_fixed"),
    ];
    for (sql, belt) in tampering {
        let house = House::new();
        let store = house.open().await;
        for n in 0..10 {
            let event =
                NewEvent::new(code::SSH_COMMAND, house.hand.now()).user("mallory").with("n", n);
            store.record(vec![event]).await.unwrap();
        }
        store.close().await.unwrap();
        let file = rusqlite::Connection::open(house.data().join("audit.db")).unwrap();
        assert!(file.execute(sql, []).unwrap_err().to_string().contains("append-only"), "{sql}");
        file.execute_batch(&format!("DROP TRIGGER {belt}; {sql};")).unwrap();
        file.close().unwrap();
        let store = house.open().await;
        let report = store.audit().verify(vec![]).await.unwrap();
        assert!(!report.holds(), "{sql}");
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn numbers_with_fractions_hash_as_they_are_read() {
    let house = House::new();
    let store = house.open().await;
    let now = house.hand.now();
    let events = (1..200_i32).map(|n| {
        let odd = f64::from(n).sqrt() * 1e-7;
        NewEvent::new(code::SSH_COMMAND, now)
            .request("r")
            .with("odd", odd)
            .with("third", 1.0 / f64::from(n))
    });
    store.record(events.collect()).await.unwrap();
    assert!(store.audit().verify(vec![]).await.unwrap().holds());
    bundle::verify(&store.audit().export("r").await.unwrap(), None).unwrap();
    store.close().await.unwrap();
}

#[tokio::test]
async fn checkpoints_of_a_former_key_still_verify_and_those_of_a_stranger_do_not() {
    let house = House::new();
    let store = house.open().await;
    let former = store.audit().key().unwrap();
    store.record(vec![NewEvent::new(code::DAEMON_STARTED, house.hand.now())]).await.unwrap();
    store.close().await.unwrap();
    let options = store::Options::new("house".parse().unwrap(), house.hand.clock());
    let store = store::Store::open(&house.data(), options).await.unwrap();
    store.audit().sign_with(Signer::new(8)).unwrap();
    assert!(!store.audit().verify(vec![]).await.unwrap().holds());
    store.audit().signed_before_with(former);
    assert!(store.audit().verify(vec![]).await.unwrap().holds());
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_log_put_back_to_an_older_copy_is_noticed() {
    let house = House::new();
    let event = || vec![NewEvent::new(code::SSH_COMMAND, house.hand.now())];
    let (log, copy) = (house.data().join("audit.db"), house.root.path().join("older"));
    let store = house.open().await;
    store.record(event()).await.unwrap();
    store.close().await.unwrap();
    std::fs::copy(&log, &copy).unwrap();
    let store = house.open().await;
    store.record(event()).await.unwrap();
    store.close().await.unwrap();
    let store = house.open().await;
    assert!(store.audit().verify(vec![]).await.unwrap().holds());
    store.close().await.unwrap();
    std::fs::copy(&copy, &log).unwrap();
    let store = house.open().await;
    let report = store.audit().verify(vec![]).await.unwrap();
    assert_eq!(report.problems[0].what, "there is a checkpoint of 2 events, but the log has fewer");
    store.close().await.unwrap();
}

#[tokio::test]
async fn what_is_verified_just_after_a_start_is_signed_up_to_its_last_event() {
    let house = House::new();
    let store = house.open().await;
    store.record(vec![NewEvent::new(code::SSH_COMMAND, house.hand.now())]).await.unwrap();
    house.hand.forward(jiff::SignedDuration::from_secs(3));
    let last = house.hand.now();
    store.record(vec![NewEvent::new(code::SSH_COMMAND, last)]).await.unwrap();
    let report = store.audit().verify(vec![]).await.unwrap();
    assert!(report.holds(), "{report:?}");
    assert_eq!((report.events, report.signed, report.until), (2, 2, Some(last)));
    // The first event may have been signed alone, as soon as it was there. Nothing new, nothing signed anew.
    assert!((1..=2).contains(&report.checkpoints), "{report:?}");
    assert_eq!(store.audit().verify(vec![]).await.unwrap(), report);
    store.close().await.unwrap();
}
