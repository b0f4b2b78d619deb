//! Both legs of one SSH session, as seen by the channels that run over them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use russh::{client, server};
use tokio::sync::{Notify, watch};

use super::back::Back;
use crate::error::Error;
use crate::live::Session;

/// The way to the target.
#[derive(Clone, Debug)]
pub(super) enum Reach {
    /// Being made.
    Connecting,
    /// There.
    Ready(Target),
    /// It could not be made, or has ended; what the client is told.
    Gone(Arc<str>),
}

/// The open connection to the target.
#[derive(Clone)]
pub(super) struct Target(pub(super) Arc<client::Handle<Back>>);

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").finish_non_exhaustive()
    }
}

/// A remote forward that the client asked for and the policy allowed.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Forward {
    /// A port on the target.
    Port(u32),
    /// A socket on the target.
    Socket(String),
}

/// What a session's channels share.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) session: Arc<Session>,
    front: OnceLock<server::Handle>,
    reach: watch::Sender<Reach>,
    programs: AtomicU32,
    agent: AtomicBool,
    x11: AtomicBool,
    forwards: Mutex<BTreeSet<Forward>>,
    lost: Notify,
}

impl Link {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self {
            session,
            front: OnceLock::new(),
            reach: watch::Sender::new(Reach::Connecting),
            programs: AtomicU32::new(0),
            agent: AtomicBool::new(false),
            x11: AtomicBool::new(false),
            forwards: Mutex::default(),
            lost: Notify::new(),
        }
    }

    /// The connection to the client, once it is authenticated.
    pub(super) fn front(&self) -> Option<&server::Handle> {
        self.front.get()
    }

    pub(super) fn set_front(&self, handle: server::Handle) {
        // Set once: russh tells of a success once.
        let _ = self.front.set(handle);
    }

    pub(super) fn set_reach(&self, reach: Reach) {
        self.reach.send_replace(reach);
    }

    pub(super) fn fail(&self, error: &Error) {
        self.set_reach(Reach::Gone(error.public().into()));
    }

    /// The connection to the target, when it is there; else what the client is told.
    pub(super) async fn target(&self) -> Result<Target, Arc<str>> {
        let mut reach = self.reach.subscribe();
        loop {
            match &*reach.borrow_and_update() {
                Reach::Connecting => {}
                Reach::Ready(target) => return Ok(target.clone()),
                Reach::Gone(why) => return Err(Arc::clone(why)),
            }
            if reach.changed().await.is_err() {
                return Err("The connection to the target was closed.".into());
            }
        }
    }

    /// The connection to the target has ended.
    pub(super) fn set_lost(&self) {
        self.lost.notify_one();
    }

    /// Returns when the connection to the target has ended.
    pub(super) async fn lost(&self) {
        self.lost.notified().await;
    }

    /// One more program, if so many may run at once; counted until the ticket is dropped.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Ticket> {
        let most = self.session.rights().max_sessions.unwrap_or(u32::MAX);
        let before = self.programs.fetch_add(1, Ordering::Relaxed);
        let ticket = Ticket(Arc::clone(self));
        (before < most).then_some(ticket)
    }

    /// The client asked for its agent to be forwarded, and may have that.
    pub(super) fn allow_agent(&self) {
        self.agent.store(true, Ordering::Relaxed);
    }

    pub(super) fn agent_allowed(&self) -> bool {
        self.agent.load(Ordering::Relaxed) && self.session.rights().forward_agent
    }

    pub(super) fn allow_x11(&self) {
        self.x11.store(true, Ordering::Relaxed);
    }

    pub(super) fn x11_allowed(&self) -> bool {
        self.x11.load(Ordering::Relaxed) && self.session.rights().x11_forwarding
    }

    pub(super) fn add_forward(&self, forward: Forward) {
        self.forwards.lock().unwrap_or_else(PoisonError::into_inner).insert(forward);
    }

    pub(super) fn remove_forward(&self, forward: &Forward) {
        self.forwards.lock().unwrap_or_else(PoisonError::into_inner).remove(forward);
    }

    /// Whether the target may open a channel for this forward: only what was asked for, and only while allowed.
    pub(super) fn forward_allowed(&self, forward: &Forward) -> bool {
        self.session.rights().remote_forwarding
            && self.forwards.lock().unwrap_or_else(PoisonError::into_inner).contains(forward)
    }
}

/// A running program on a connection.
#[derive(Debug)]
pub(super) struct Ticket(Arc<Link>);

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.programs.fetch_sub(1, Ordering::Relaxed);
    }
}
