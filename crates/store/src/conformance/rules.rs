//! The rules that a list of steps cannot show.

use std::sync::Arc;

use api::audit::NewEvent;
use bytes::Bytes;
use futures_util::future::{join_all, try_join_all};
use jiff::{SignedDuration, Timestamp};

use super::{Bench, Broken, same};
use crate::kv::{
    Absent, Change, Commit, CommitError, Fault, InvalidInput, Kv, OUTBOX, Range, ReadError,
    Revision, Watch, WatchError, limits,
};

type Held = Result<(), Broken>;

fn broken<E: std::fmt::Display>(rule: &'static str) -> impl Fn(E) -> Broken {
    move |error| Broken::new(rule, error)
}

async fn revision_of(kv: &dyn Kv, key: &str) -> Result<Option<Revision>, ReadError> {
    Ok(kv.fetch(vec![key.into()]).await?.pop().flatten().map(|entry| entry.revision))
}

/// Everything a watch shows up to a revision.
pub(super) async fn collect(
    watch: &mut Watch,
    upto: Revision,
    rule: &'static str,
) -> Result<Vec<Change>, Broken> {
    let mut changes = Vec::new();
    let mut at = Revision::ZERO;
    while at < upto {
        let batch = watch.next().await.map_err(broken(rule))?;
        if batch.revision <= at {
            return Err(Broken::new(rule, format!("revision {} after {at}", batch.revision)));
        }
        at = batch.revision;
        changes.extend(batch.changes);
    }
    Ok(changes)
}

fn nested(depth: usize) -> serde_json::Value {
    (0..depth).fold(serde_json::Value::Null, |inner, _| serde_json::Value::Array(vec![inner]))
}

pub(super) async fn limits(bench: &dyn Bench) -> Held {
    let rule = "what is beyond a limit is refused and changes nothing";
    let kv = bench.open().await;
    let long = format!("/{}", "k".repeat(limits::KEY_BYTES));
    let event =
        NewEvent::new("x", Timestamp::UNIX_EPOCH).with("text", "y".repeat(limits::EVENT_BYTES));
    let many = (0..=limits::COMMIT_OPERATIONS)
        .fold(Commit::new(), |commit, n| commit.put(format!("/{n}"), ""));
    let heavy = (0..9)
        .fold(Commit::new(), |commit, n| commit.put(format!("/{n}"), vec![0; limits::VALUE_BYTES]));
    for commit in [
        Commit::new().put(long.clone(), ""),
        Commit::new().expecting(long, Absent),
        Commit::new().put("no-slash", ""),
        Commit::new().put("", ""),
        Commit::new().put("/white space", ""),
        Commit::new().put("/new\nline", ""),
        Commit::new().put("/ü", ""),
        Commit::new().put("/v", vec![0; limits::VALUE_BYTES + 1]),
        Commit::new().put(format!("{OUTBOX}mine"), "{}"),
        Commit::new().put("/a", "").event(event),
        Commit::new()
            .put("/a", "")
            .event(NewEvent::new("x", Timestamp::UNIX_EPOCH).body(nested(1000))),
        many,
        heavy,
    ] {
        match kv.commit(commit.clone()).await {
            Err(CommitError::Invalid(_)) => {}
            other => return Err(Broken::new(rule, format!("{other:?}"))),
        }
    }
    let key = format!("/{}", "k".repeat(limits::KEY_BYTES - 1));
    let most = Commit::new().put(key, vec![0; limits::VALUE_BYTES]);
    same(rule, kv.commit(most).await, Ok(Revision(1)))?;
    let keys = vec!["/a".to_owned(); limits::RANGE_ENTRIES + 1];
    let refused = Err(ReadError::Invalid(InvalidInput::Keys(keys.len())));
    same(rule, kv.fetch(keys).await, refused)?;
    for ttl in [SignedDuration::ZERO, SignedDuration::from_secs(-1), SignedDuration::MAX] {
        same(rule, kv.lease(ttl).await, Err(InvalidInput::Lease.into()))?;
    }
    kv.close().await;
    Ok(())
}

pub(super) async fn one_of_many_conflicts(bench: &dyn Bench) -> Held {
    let rule = "of many commits that expect a key to be absent, one happens, and the others tell which key";
    let kv = bench.open().await;
    for round in 0..20 {
        let key = format!("/round/{round}");
        let racing = (0..16).map(|n| {
            kv.commit(
                Commit::new()
                    .expecting(&key, Absent)
                    .put(&key, format!("{n}"))
                    .put(format!("/of/{n}"), ""),
            )
        });
        let results = join_all(racing).await;
        same(rule, results.iter().filter(|result| result.is_ok()).count(), 1)?;
        for error in results.into_iter().filter_map(Result::err) {
            same(rule, error, CommitError::Conflict(key.clone()))?;
        }
    }
    let page = kv.range(Range::prefix("/round/")).await.map_err(broken(rule))?;
    same(rule, (page.entries.len(), page.revision), (20, Revision(20)))?;
    kv.close().await;
    Ok(())
}

pub(super) async fn counting_together(bench: &dyn Bench) -> Held {
    let rule = "no update is lost when many read, add one, and commit expecting what they read";
    let kv = bench.open().await;
    let count = |kv: Arc<dyn Kv>| async move {
        for _ in 0..25 {
            loop {
                let entry =
                    kv.fetch(vec!["/count".into()]).await.map_err(broken(rule))?.pop().flatten();
                let seen = entry.as_ref().map(|entry| entry.revision);
                let text = entry
                    .map(|entry| String::from_utf8_lossy(&entry.value).into_owned())
                    .unwrap_or_default();
                let next = text.parse::<u64>().unwrap_or(0) + 1;
                match kv
                    .commit(Commit::new().expecting("/count", seen).put("/count", next.to_string()))
                    .await
                {
                    Ok(_) => break,
                    Err(CommitError::Conflict(_)) => {}
                    Err(error) => return Err(Broken::new(rule, error)),
                }
            }
        }
        Ok(())
    };
    try_join_all((0..8).map(|_| count(Arc::clone(&kv)))).await?;
    let value = kv
        .fetch(vec!["/count".into()])
        .await
        .map_err(broken(rule))?
        .pop()
        .flatten()
        .map(|entry| entry.value);
    same(rule, value, Some(Bytes::from_static(b"200")))?;
    kv.close().await;
    Ok(())
}

pub(super) async fn watch_misses_nothing(bench: &dyn Bench) -> Held {
    let rule = "a watch from any revision shows every change after it, in order, once, while others commit";
    let kv = bench.open().await;
    let mut early = kv.watch(vec!["/a/".into(), "/b/".into()], Revision::ZERO);
    let write = |n: u64| {
        kv.commit(Commit::new().put(format!("/a/{n:04}"), "").put(format!("/c/{n:04}"), ""))
    };
    let (seen, written) =
        tokio::join!(collect(&mut early, Revision(300), rule), try_join_all((0..300).map(write)),);
    let (seen, mut written) = (seen?, written.map_err(broken(rule))?);
    written.sort_unstable();
    same(rule, seen.iter().map(|change| change.revision).collect::<Vec<_>>(), written)?;
    same(rule, seen.iter().all(|change| change.key.starts_with("/a/")), true)?;
    for from in [0, 1, 150, 299] {
        let mut late = kv.watch(vec!["/a/".into()], Revision(from));
        let again = collect(&mut late, Revision(300), rule).await?;
        let expected: Vec<_> =
            seen.iter().filter(|change| change.revision.0 > from).cloned().collect();
        same(rule, again, expected)?;
    }
    kv.close().await;
    let kv = bench.open().await;
    same(rule, kv.revision(), Revision(300))?;
    let mut resumed = kv.watch(vec!["/a/".into()], Revision(0));
    same(rule, collect(&mut resumed, Revision(300), rule).await?, seen.clone())?;
    kv.compact(Revision(150)).await.map_err(broken(rule))?;
    kv.close().await;
    let kv = bench.open().await;
    let mut forgotten = kv.watch(vec!["/a/".into()], Revision(149));
    same(rule, forgotten.next().await, Err(WatchError::Compacted(Revision(150))))?;
    let mut kept = kv.watch(vec!["/a/".into()], Revision(150));
    let expected: Vec<_> = seen.into_iter().filter(|change| change.revision.0 > 150).collect();
    same(rule, collect(&mut kept, Revision(300), rule).await?, expected)?;
    kv.close().await;
    Ok(())
}

pub(super) async fn slow_watcher(bench: &dyn Bench) -> Held {
    let rule =
        "a watcher that was asleep for longer than anything is kept in memory misses nothing";
    let kv = bench.open().await;
    let mut watch = kv.watch(vec!["/".into()], Revision::ZERO);
    let per_commit = 200;
    let commits = limits::RECENT_CHANGES / per_commit * 3;
    for n in 0..commits {
        let commit = (0..per_commit)
            .fold(Commit::new(), |commit, k| commit.put(format!("/{k}"), n.to_string()));
        kv.commit(commit).await.map_err(broken(rule))?;
    }
    let changes = collect(&mut watch, Revision(commits as u64), rule).await?;
    same(rule, changes.len(), commits * per_commit)?;
    same(rule, changes.is_sorted_by_key(|change| change.revision), true)?;
    kv.close().await;
    Ok(())
}

pub(super) async fn leases_end_without_a_write(bench: &dyn Bench) -> Held {
    let rule = "keys of a lease vanish when its time is over, and the watch tells";
    let kv = bench.open().await;
    let lease = kv.lease(SignedDuration::from_secs(10)).await.map_err(broken(rule))?;
    let commit = Commit::new().put("/session/1", "x").put("/session/2", "x").lease(lease);
    let at = kv.commit(commit).await.map_err(broken(rule))?;
    let mut watch = kv.watch(vec!["/session/".into()], at);
    bench.forward(SignedDuration::from_secs(9));
    same(rule, revision_of(kv.as_ref(), "/session/1").await.map_err(broken(rule))?, Some(at))?;
    bench.forward(SignedDuration::from_secs(1));
    // Not there for readers from that moment, whenever it is removed.
    same(rule, revision_of(kv.as_ref(), "/session/1").await.map_err(broken(rule))?, None)?;
    let changes = collect(&mut watch, Revision(at.0 + 1), rule).await?;
    let gone: Vec<_> =
        changes.iter().map(|change| (change.key.as_ref(), change.value.is_none())).collect();
    same(rule, gone, vec![("/session/1", true), ("/session/2", true)])?;
    same(
        rule,
        kv.keep(lease, SignedDuration::from_secs(1)).await,
        Err(CommitError::LeaseEnded(lease)),
    )?;
    let late = kv.commit(Commit::new().put("/session/3", "x").lease(lease)).await;
    same(rule, late, Err(CommitError::LeaseEnded(lease)))?;
    let many = limits::DELETED_KEYS / 200 + 1;
    let lease = kv.lease(SignedDuration::from_secs(10)).await.map_err(broken(rule))?;
    for n in 0..many {
        let commit = (0..200).fold(Commit::new().lease(lease), |commit, k| {
            commit.put(format!("/session/{n}/{k}"), "")
        });
        kv.commit(commit).await.map_err(broken(rule))?;
    }
    let mut watch = kv.watch(vec!["/session/".into()], kv.revision());
    kv.end_lease(lease).await.map_err(broken(rule))?;
    let gone = collect(&mut watch, kv.revision(), rule).await?;
    same(rule, gone.iter().filter(|change| change.value.is_none()).count(), many * 200)?;
    same(rule, kv.range(Range::prefix("/session/")).await.map(|page| page.entries), Ok(vec![]))?;
    kv.close().await;
    Ok(())
}

pub(super) async fn outbox(bench: &dyn Bench) -> Held {
    let rule = "the events of a commit stand in the outbox, in order, if and only if it happened";
    let kv = bench.open().await;
    let event = |code: &'static str| NewEvent::new(code, Timestamp::UNIX_EPOCH);
    let mut watch = kv.watch(vec!["/".into()], Revision::ZERO);
    kv.commit(Commit::new().put("/a", "").event(event("one")).event(event("two")))
        .await
        .map_err(broken(rule))?;
    let refused =
        kv.commit(Commit::new().expecting("/a", Absent).put("/b", "").event(event("never"))).await;
    same(rule, refused, Err(CommitError::Conflict("/a".into())))?;
    kv.commit(Commit::new().event(event("three"))).await.map_err(broken(rule))?;
    let page = kv.range(Range::prefix(OUTBOX)).await.map_err(broken(rule))?;
    let codes: Vec<_> = page
        .entries
        .iter()
        .filter_map(|entry| serde_json::from_slice::<NewEvent>(&entry.value).ok())
        .map(|event| event.code.into_owned())
        .collect();
    same(rule, codes, vec!["one".to_owned(), "two".into(), "three".into()])?;
    same(rule, page.entries.is_sorted_by_key(|entry| Arc::clone(&entry.key)), true)?;
    let seen = collect(&mut watch, Revision(2), rule).await?;
    same(rule, seen.iter().map(|change| change.key.as_ref()).collect::<Vec<_>>(), vec!["/a"])?;
    kv.close().await;
    Ok(())
}

pub(super) async fn closing(bench: &dyn Bench) -> Held {
    let rule = "what was answered before closing is there after opening, and nothing is answered in between";
    let kv = bench.open().await;
    let answers =
        join_all((0..200).map(|n| kv.commit(Commit::new().put(format!("/{n:03}"), "")))).await;
    kv.close().await;
    same(rule, kv.commit(Commit::new().put("/late", "")).await, Err(Fault::Closed.into()))?;
    same(rule, kv.range(Range::prefix("/")).await, Err(ReadError::Fault(Fault::Closed)))?;
    let kv = bench.open().await;
    let page = kv.range(Range::prefix("/")).await.map_err(broken(rule))?;
    same(rule, page.entries.len(), answers.iter().filter(|answer| answer.is_ok()).count())?;
    kv.close().await;
    Ok(())
}
