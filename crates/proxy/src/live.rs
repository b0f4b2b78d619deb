//! A session that is going on: what all doors share of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use access::ask::Ask;
use access::name::{SessionId, UserName};
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{Notify, watch};

use crate::House;
use crate::error::Error;
use crate::gate::{Caller, Rights};
use crate::record::Recording;

/// What everyone in a session is told.
#[derive(Clone, Debug, Default)]
pub(crate) enum Notice {
    /// Nothing yet.
    #[default]
    Quiet,
    /// It will end soon.
    Warning(Arc<str>),
    /// It ends now.
    End(Arc<str>),
}

/// A session that is going on.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) caller: Caller,
    pub(crate) house: Arc<House>,
    pub(crate) recording: Recording,
    rights: RwLock<Arc<Rights>>,
    /// What is asked for now, where that is not what the session began with.
    turned: RwLock<Option<Ask>>,
    /// Wakes whoever watches over the session when that has changed.
    pub(crate) turning: Notify,
    notices: watch::Sender<Notice>,
    began: tokio::time::Instant,
    /// Milliseconds after `began` at which the client was last heard of.
    heard: AtomicU64,
}

impl Session {
    pub(crate) fn new(
        id: SessionId,
        caller: Caller,
        rights: Rights,
        house: Arc<House>,
        recording: Recording,
    ) -> Self {
        Self {
            id,
            caller,
            house,
            recording,
            rights: RwLock::new(Arc::new(rights)),
            turned: RwLock::default(),
            turning: Notify::new(),
            notices: watch::Sender::default(),
            began: tokio::time::Instant::now(),
            heard: AtomicU64::new(0),
        }
    }

    /// What the policy allows in this session, as of its last word.
    pub(crate) fn rights(&self) -> Arc<Rights> {
        Arc::clone(&self.rights.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The policy has spoken again.
    pub(crate) fn adopt(&self, rights: Rights) {
        if *self.rights() != rights {
            *self.rights.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rights);
        }
    }

    /// The caller, with what is asked for now.
    pub(crate) fn asking(&self) -> Caller {
        let turned = self.turned.read().unwrap_or_else(PoisonError::into_inner);
        let ask = turned.as_ref().unwrap_or(&self.caller.ask).clone();
        Caller { ask, ..self.caller.clone() }
    }

    /// From now on `ask` is what the session is for: another database on the same server. The policy has been asked,
    /// and is asked about it from now on.
    pub(crate) fn turn_to(&self, ask: Ask) {
        *self.turned.write().unwrap_or_else(PoisonError::into_inner) = Some(ask);
        self.turning.notify_one();
    }

    /// The client did something.
    pub(crate) fn heard(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard.store(now, Ordering::Relaxed);
    }

    /// How long the client has been silent.
    pub(crate) fn silent_for(&self) -> std::time::Duration {
        let heard = std::time::Duration::from_millis(self.heard.load(Ordering::Relaxed));
        self.began.elapsed().saturating_sub(heard)
    }

    /// Tells everyone in the session.
    pub(crate) fn tell(&self, notice: Notice) {
        self.notices.send_replace(notice);
    }

    /// What everyone in the session is told.
    pub(crate) fn notices(&self) -> watch::Receiver<Notice> {
        self.notices.subscribe()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.house.now()
    }

    /// Writes an event of this session and returns when it is durable.
    pub(crate) async fn audit(&self, code: &'static str, body: Value) -> Result<(), Error> {
        self.house.audit(vec![self.event(code, body)]).await
    }

    /// Puts an event of this session into the house's queue; it is written in order, soon. Waits when the queue is full.
    pub(crate) async fn note(&self, code: &'static str, body: Value) -> Result<(), Error> {
        self.house.note(self.event(code, body)).await
    }

    fn event(&self, code: &'static str, body: Value) -> store::recording::NewEvent {
        let mut event = self.caller.event(code, self.now()).session(self.id);
        if let Some(request) = self.rights().requests.first() {
            event = event.request(request);
        }
        if let Value::Object(fields) = body {
            for (field, value) in fields {
                event = event.with(&field, value);
            }
        }
        event
    }
}

/// How many sessions are open in this process, in all and of each user.
#[derive(Clone, Debug)]
pub(crate) struct Counts {
    /// How many may be, in all.
    most: u64,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    total: u64,
    by_user: BTreeMap<UserName, u32>,
}

/// One open session of a user; counted until dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    user: UserName,
    counts: Counts,
}

/// Why one more session is too many.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TooMany {
    /// The house has as many as it may have.
    House,
    /// The user has as many as his roles allow.
    User,
}

impl Counts {
    /// At most `most` in all.
    pub(crate) fn new(most: u64) -> Self {
        Self { most, open: Arc::default() }
    }

    /// Counts one more session, unless `user` has `most` already, or the house is full.
    pub(crate) fn enter(&self, user: &UserName, most: Option<u32>) -> Result<Counted, TooMany> {
        let mut open = self.open();
        let own = open.by_user.get(user).copied().unwrap_or(0);
        if most.is_some_and(|most| own >= most) {
            return Err(TooMany::User);
        }
        if open.total >= self.most {
            return Err(TooMany::House);
        }
        open.total = open.total.saturating_add(1);
        open.by_user.insert(user.clone(), own.saturating_add(1));
        Ok(Counted { user: user.clone(), counts: self.clone() })
    }

    /// How many sessions are open.
    pub(crate) fn total(&self) -> u64 {
        self.open().total
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self.counts.open();
        open.total = open.total.saturating_sub(1);
        match open.by_user.get(&self.user).copied() {
            Some(n) if n > 1 => {
                open.by_user.insert(self.user.clone(), n.saturating_sub(1));
            }
            Some(_) | None => {
                open.by_user.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_house_fills_up_whoever_comes_and_empties_again() {
        let counts = Counts::new(2);
        let (alice, bob) = ("alice".parse().unwrap(), "bob".parse().unwrap());
        let first = counts.enter(&alice, Some(1)).unwrap();
        assert_eq!(counts.enter(&alice, Some(1)).unwrap_err(), TooMany::User);
        let _second = counts.enter(&bob, None).unwrap();
        assert_eq!(counts.enter(&bob, None).unwrap_err(), TooMany::House);
        drop(first);
        assert_eq!(counts.total(), 1);
        assert!(counts.enter(&alice, Some(1)).is_ok());
    }
}
