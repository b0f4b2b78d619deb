//! The whole of the key-value store as a map and a list, to compare a backend with.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use jiff::SignedDuration;

use super::{Bench, Broken, rules, same};
use crate::kv::{
    Absent, Change, Commit, CommitError, Expect, Kv, LeaseId, Range, Revision, WatchError,
};

/// What a step expects of a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expected {
    /// That it is absent.
    Absent,
    /// That it is as the model knows it.
    Current,
    /// That it is of a revision it is not of.
    Stale,
}

/// One change of a step.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Written {
    /// A key is put.
    Put(u8, Vec<u8>),
    /// A key is removed.
    Delete(u8),
    /// All keys of a group are removed.
    DeleteGroup(u8),
}

/// One thing done to the store. Keys are numbers; `key % 4` is the group it belongs to. Leases are counted as made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// A commit, on a lease or not.
    Commit(Vec<(u8, Expected)>, Vec<Written>, Option<usize>),
    /// A page of a group, after a key, or before it backwards, so many at most.
    Range(u8, u8, bool, usize),
    /// A new lease of so many seconds.
    Lease(i64),
    /// A lease kept for so many seconds.
    Keep(usize, i64),
    /// A lease ended.
    End(usize),
    /// So many seconds pass.
    Forward(i64),
    /// The log forgets all but the last so many revisions.
    Compact(u64),
    /// A watch of a group from so many revisions ago.
    Watch(u8, u64),
    /// Closed and opened again.
    Reopen,
}

#[derive(Clone, Debug)]
struct Kept {
    value: Bytes,
    created: Revision,
    revision: Revision,
    lease: Option<LeaseId>,
}

#[derive(Debug, Default)]
struct Model {
    entries: BTreeMap<String, Kept>,
    revision: Revision,
    log: Vec<Change>,
    compacted: Revision,
    /// In the order made; when each ends, in seconds since the start.
    leases: Vec<(LeaseId, Option<i64>)>,
    now: i64,
}

fn key(number: u8) -> String {
    format!("{}{number:03}", group(number))
}

fn group(number: u8) -> String {
    format!("/group-{}/", number % 4)
}

/// Does the steps to the backend and to the model, and compares all they show.
///
/// # Errors
/// The first difference.
pub async fn replay(bench: &dyn Bench, steps: &[Step]) -> Result<(), Broken> {
    let mut model = Model::default();
    let mut kv = bench.open().await;
    for (at, step) in steps.iter().enumerate() {
        let done = model.step(bench, &mut kv, step).await;
        done.map_err(|broken| {
            Broken::new(broken.rule, format!("step {at}, {step:?}: {}", broken.what))
        })?;
        model.agrees(kv.as_ref()).await?;
    }
    kv.close().await;
    Ok(())
}

impl Model {
    async fn step(
        &mut self,
        bench: &dyn Bench,
        kv: &mut Arc<dyn Kv>,
        step: &Step,
    ) -> Result<(), Broken> {
        let seconds = SignedDuration::from_secs;
        match step {
            Step::Commit(expects, written, lease) => {
                let lease = lease
                    .and_then(|lease| Some(self.leases.get(lease % self.leases.len().max(1))?.0));
                let commit = self.commit_of(expects, written, lease);
                let expected = self.commit(expects, written, lease);
                same("a commit does what it says, or nothing", kv.commit(commit).await, expected)
            }
            Step::Range(number, from, backwards, limit) => {
                self.range(kv.as_ref(), *number, *from, *backwards, *limit).await
            }
            Step::Lease(ttl) => {
                let id = kv
                    .lease(seconds(*ttl))
                    .await
                    .map_err(|error| Broken::new("a lease is granted", error))?;
                self.leases.push((id, Some(self.now + ttl)));
                Ok(())
            }
            Step::Keep(which, ttl) => {
                let now = self.now;
                let count = self.leases.len().max(1);
                let Some((id, end)) = self.leases.get_mut(which % count) else { return Ok(()) };
                let expected =
                    if end.is_some() { Ok(()) } else { Err(CommitError::LeaseEnded(*id)) };
                *end = end.map(|_| now + ttl);
                same("a lease that runs can be kept", kv.keep(*id, seconds(*ttl)).await, expected)
            }
            Step::End(which) => {
                let count = self.leases.len().max(1);
                let Some((id, end)) = self.leases.get_mut(which % count) else { return Ok(()) };
                let (id, running) = (*id, end.take().is_some());
                self.remove_keys_of(id);
                let expected = if running { Ok(()) } else { Err(CommitError::LeaseEnded(id)) };
                same("a lease can be ended", kv.end_lease(id).await, expected)
            }
            Step::Forward(by) => {
                bench.forward(seconds(*by));
                self.forward(*by);
                self.reads_agree(kv.as_ref()).await?;
                // A commit sees no key whose time is over: it waits for the removal.
                same(
                    "a lease that is over is a revision",
                    kv.commit(Commit::new()).await,
                    Ok(self.revision),
                )
            }
            Step::Compact(keep) => {
                let upto = Revision(self.revision.0.saturating_sub(*keep));
                self.compacted = self.compacted.max(upto);
                same("the log can be shortened", kv.compact(upto).await, Ok(()))
            }
            Step::Watch(number, ago) => self.watch(kv.as_ref(), *number, *ago).await,
            Step::Reopen => {
                kv.close().await;
                *kv = bench.open().await;
                Ok(())
            }
        }
    }

    fn expect_of(&self, number: u8, expected: Expected) -> Expect {
        let seen = self.entries.get(&key(number)).map(|kept| kept.revision);
        match expected {
            Expected::Absent => Absent.into(),
            Expected::Current => seen.into(),
            Expected::Stale => Revision(seen.map_or(1, |seen| seen.0 + 1)).into(),
        }
    }

    fn commit_of(
        &self,
        expects: &[(u8, Expected)],
        written: &[Written],
        lease: Option<LeaseId>,
    ) -> Commit {
        let mut commit = Commit::new();
        for (number, expected) in expects {
            commit = commit.expecting(key(*number), self.expect_of(*number, *expected));
        }
        for op in written {
            commit = match op {
                Written::Put(number, value) => commit.put(key(*number), value.clone()),
                Written::Delete(number) => commit.delete(key(*number)),
                Written::DeleteGroup(number) => commit.delete_prefix(group(*number)),
            };
        }
        match lease {
            Some(lease) => commit.lease(lease),
            None => commit,
        }
    }

    fn commit(
        &mut self,
        expects: &[(u8, Expected)],
        written: &[Written],
        lease: Option<LeaseId>,
    ) -> Result<Revision, CommitError> {
        for (number, expected) in expects {
            let present = self.entries.contains_key(&key(*number));
            let holds = match expected {
                Expected::Absent => !present,
                Expected::Current => true,
                Expected::Stale => false,
            };
            if !holds {
                return Err(CommitError::Conflict(key(*number)));
            }
        }
        if let Some(lease) = lease
            && !self.leases.iter().any(|(id, end)| *id == lease && end.is_some())
        {
            return Err(CommitError::LeaseEnded(lease));
        }
        let next = Revision(self.revision.0 + 1);
        let mut changed: BTreeMap<String, Option<Bytes>> = BTreeMap::new();
        for op in written {
            match op {
                Written::Put(number, value) => {
                    let value = Bytes::from(value.clone());
                    let created = self.entries.get(&key(*number)).map_or(next, |kept| kept.created);
                    let kept = Kept { value: value.clone(), created, revision: next, lease };
                    self.entries.insert(key(*number), kept);
                    changed.insert(key(*number), Some(value));
                }
                Written::Delete(number) => {
                    if self.entries.remove(&key(*number)).is_some() {
                        changed.insert(key(*number), None);
                    }
                }
                Written::DeleteGroup(number) => {
                    let gone = self.entries.keys().filter(|key| key.starts_with(&group(*number)));
                    for key in gone.cloned().collect::<Vec<_>>() {
                        self.entries.remove(&key);
                        changed.insert(key, None);
                    }
                }
            }
        }
        self.log(changed);
        Ok(self.revision)
    }

    fn log(&mut self, changed: BTreeMap<String, Option<Bytes>>) {
        if changed.is_empty() {
            return;
        }
        let revision = Revision(self.revision.0 + 1);
        self.revision = revision;
        self.log.extend(changed.into_iter().map(|(key, value)| Change {
            revision,
            key: key.into(),
            value,
        }));
    }

    fn remove_keys_of(&mut self, lease: LeaseId) {
        let of_it = self.entries.iter().filter(|(_, kept)| kept.lease == Some(lease));
        let gone: Vec<String> = of_it.map(|(key, _)| key.clone()).collect();
        self.entries.retain(|_, kept| kept.lease != Some(lease));
        self.log(gone.into_iter().map(|key| (key, None)).collect());
    }

    /// Leases end in the order of their ends, each in a revision of its own.
    fn forward(&mut self, by: i64) {
        self.now += by;
        let mut due: Vec<(i64, LeaseId)> = Vec::new();
        for (id, end) in &mut self.leases {
            if let Some(at) = *end
                && at <= self.now
            {
                due.push((at, *id));
                *end = None;
            }
        }
        due.sort_unstable();
        for (_, lease) in due {
            self.remove_keys_of(lease);
        }
    }

    async fn agrees(&self, kv: &dyn Kv) -> Result<(), Broken> {
        same(
            "the revision counts the commits that changed something",
            kv.revision(),
            self.revision,
        )?;
        self.reads_agree(kv).await
    }

    async fn reads_agree(&self, kv: &dyn Kv) -> Result<(), Broken> {
        let rule = "what was committed is what is read";
        let page = kv.range(Range::prefix("/")).await.map_err(|error| Broken::new(rule, error))?;
        let found: Vec<_> = page
            .entries
            .iter()
            .map(|entry| {
                (
                    entry.key.to_string(),
                    entry.value.clone(),
                    entry.created,
                    entry.revision,
                    entry.lease,
                )
            })
            .collect();
        let expected: Vec<_> = self
            .entries
            .iter()
            .map(|(key, kept)| {
                (key.clone(), kept.value.clone(), kept.created, kept.revision, kept.lease)
            })
            .collect();
        same(rule, found, expected)
    }

    async fn range(
        &self,
        kv: &dyn Kv,
        number: u8,
        from: u8,
        backwards: bool,
        limit: usize,
    ) -> Result<(), Broken> {
        let rule = "a page is the part of the keys it says, in order";
        let (prefix, from) = (group(number), key(from));
        let range = Range::prefix(&prefix).limit(limit);
        let inside = self.entries.keys().filter(|key| key.starts_with(&prefix));
        let (range, mut keys): (_, Vec<&String>) = if backwards {
            (range.before(&from).backwards(), inside.filter(|key| **key < from).rev().collect())
        } else {
            (range.after(&from), inside.filter(|key| **key > from).collect())
        };
        let more = keys.len() > limit;
        keys.truncate(limit);
        let page = kv.range(range).await.map_err(|error| Broken::new(rule, error))?;
        let found: Vec<String> = page.entries.iter().map(|entry| entry.key.to_string()).collect();
        same(rule, (found, page.more), (keys.into_iter().cloned().collect(), more))
    }

    async fn watch(&self, kv: &dyn Kv, number: u8, ago: u64) -> Result<(), Broken> {
        let rule = "a watch shows what the log has, or says that it is forgotten";
        let after = Revision(self.revision.0.saturating_sub(ago));
        let prefix = group(number);
        let mut watch = kv.watch(vec![prefix.clone()], after);
        if after == self.revision {
            return Ok(());
        }
        if after < self.compacted {
            return same(rule, watch.next().await, Err(WatchError::Compacted(self.compacted)));
        }
        let seen = rules::collect(&mut watch, self.revision, rule).await?;
        let of_it = self
            .log
            .iter()
            .filter(|change| change.revision > after && change.key.starts_with(&prefix));
        same(rule, seen, of_it.cloned().collect())
    }
}
