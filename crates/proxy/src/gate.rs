//! The gate: who stands before it, whether he may pass, and whether he still may.
//!
//! Every answer is [`Policy::decide`](access::policy::Policy::decide), asked again whenever the policy changes.
//! There is no second rule book here.

mod guard;
mod law;

use std::net::SocketAddr;

use access::ask::Ask;
use access::identity::Identity;
use access::name::{RequestId, SessionId, TargetName};
use access::permit::Terms;
use access::role::options::RecordValues;
use jiff::{SignedDuration, Timestamp};
use store::recording::NewEvent;

pub(crate) use guard::{Cut, guard, watch_over};
pub(crate) use law::Gate;
pub use law::{Holdings, Law};

/// Someone who has proven who he is, and what he wants.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub identity: Identity,
    /// What for: which target, and in what way.
    pub ask: Ask,
    /// Where the connection came from.
    pub peer: SocketAddr,
    /// The client's software, as it says.
    pub client: Box<str>,
}

impl Caller {
    /// The target's name.
    #[must_use]
    pub const fn target(&self) -> &TargetName {
        &self.ask.target.name
    }

    /// The account on the target; empty where the way there names none.
    #[must_use]
    pub fn account(&self) -> &str {
        self.ask.action.login().unwrap_or_default()
    }

    /// An event about this caller at `now`.
    pub(crate) fn event(&self, code: &'static str, now: Timestamp) -> NewEvent {
        NewEvent::new(code, now)
            .user(&self.identity.user)
            .login(self.identity.login)
            .target(self.target())
            .with("account", self.account())
            .with("peer", self.peer.to_string())
    }
}

/// What a permit allows inside a session, as the doors need it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Rights {
    /// When the permit ends by itself.
    pub(crate) until: Option<Timestamp>,
    /// The requests whose grants opened the door.
    pub(crate) requests: Vec<RequestId>,
    /// How long the client may be silent.
    pub(crate) idle: Option<SignedDuration>,
    pub(crate) forward_agent: bool,
    pub(crate) local_forwarding: bool,
    pub(crate) remote_forwarding: bool,
    pub(crate) x11_forwarding: bool,
    pub(crate) file_copy: bool,
    /// Connections of this user at once.
    pub(crate) max_connections: Option<u32>,
    /// Programs on one connection at once.
    pub(crate) max_sessions: Option<u32>,
    /// How the session is recorded.
    pub(crate) keep: crate::record::Keep,
    /// What is kept of the values bound to SQL statements.
    pub(crate) values: RecordValues,
    /// What goes with the permit on the target's side.
    pub(crate) terms: Terms,
}

/// No, and what to do about it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused {
    /// A stable code.
    pub code: Box<str>,
    /// What is told after `Access denied`: sentences and hints, a line each.
    pub lines: Vec<String>,
    /// What would open the door, if there is something that can be asked for.
    pub wish: Option<Box<Wish>>,
    /// For the log only.
    pub detail: Box<str>,
}

impl Refused {
    /// The whole text, beginning with the line that never changes.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::from("Access denied\n");
        for line in &self.lines {
            // Names and reasons are other people's words.
            text.push_str(&access::display::shown(line));
            text.push('\n');
        }
        text
    }
}

/// What can be asked for to get through.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wish {
    /// Roles to request; empty when resources are requested.
    pub roles: Vec<access::name::RoleName>,
    /// Resources to request; empty when roles are requested.
    pub resources: Vec<access::resource::ResourceId>,
    /// The account to name with the resource, so that the least powerful role is chosen.
    pub login: Option<Box<str>>,
    /// Who could approve.
    pub approvers: Vec<String>,
}

/// An id for a new session.
pub(crate) fn new_session_id() -> SessionId {
    SessionId::from_bits(rand::random())
}
