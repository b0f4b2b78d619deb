//! The policy, asked for one caller.

use std::sync::Arc;

use access::ask::Ask;
use access::denial::{Denial, DenialCode, NextStep};
use access::identity::{Identity, Lapsed, Traits};
use access::name::{RoleName, SessionId, TargetName, UserName};
use access::permit::Permit;
use access::target::{Target, TargetId, TargetKind};
use jiff::Timestamp;
use store::Revision;
use tokio::sync::watch;

use super::{Caller, Refused, Rights, Wish};
use crate::error::Error;
use crate::live::TooMany;
use crate::record::Keep;

/// Where the policy is read: the store's snapshot.
pub trait Law: std::fmt::Debug + Send + Sync {
    /// [`access::policy::Policy::decide`] on the policy of this moment.
    ///
    /// # Errors
    /// The denial.
    fn decide(&self, identity: &Identity, ask: &Ask, now: Timestamp) -> Result<Permit, Denial>;

    /// [`access::policy::Policy::renew`]: the same about a session that is running. Its certificate may have
    /// run out since; it may have been locked itself.
    ///
    /// # Errors
    /// The denial.
    fn renew(
        &self,
        identity: &Identity,
        ask: &Ask,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Permit, Denial>;

    /// [`access::policy::Policy::shows`]: which items of the collection of `ask` may be seen.
    fn shows(
        &self,
        identity: &Identity,
        ask: &Ask,
        items: &[(Option<&str>, &str)],
        now: Timestamp,
    ) -> Vec<bool>;

    /// Whether he may be here at all: his account is open, and no lock is on it, on a role he holds or on his login.
    fn welcomes(&self, identity: &Identity, now: Timestamp) -> bool;

    /// The application that is reached by a host name of its own.
    fn app_at(&self, host: &str) -> Option<TargetName>;

    /// What a target speaks; `None` where nothing is said, or there is no such target.
    fn target(&self, id: &TargetId) -> Option<Arc<Target>>;

    /// The roles and traits of a user, as his record and the grants in force say at `now`.
    fn holdings(&self, user: &UserName, now: Timestamp) -> Holdings;

    /// Says when the policy has changed.
    fn changed(&self) -> watch::Receiver<Revision>;
}

/// What a user holds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Holdings {
    /// Roles, by his record and by grants, sorted.
    pub roles: Vec<RoleName>,
    /// Traits.
    pub traits: Traits,
}

impl Law for store::PolicyHandle {
    fn decide(&self, identity: &Identity, ask: &Ask, now: Timestamp) -> Result<Permit, Denial> {
        self.read(|policy| policy.decide(identity, ask, now))
    }

    fn renew(
        &self,
        identity: &Identity,
        ask: &Ask,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Permit, Denial> {
        self.read(|policy| policy.renew(identity, ask, Some(session), now))
    }

    fn shows(
        &self,
        identity: &Identity,
        ask: &Ask,
        items: &[(Option<&str>, &str)],
        now: Timestamp,
    ) -> Vec<bool> {
        self.read(|policy| policy.shows(identity, ask, items.iter().copied(), now))
    }

    fn welcomes(&self, identity: &Identity, now: Timestamp) -> bool {
        self.read(|policy| policy.welcome(identity, now).is_ok())
    }

    fn app_at(&self, host: &str) -> Option<TargetName> {
        self.read(|policy| policy.app_at(host).cloned())
    }

    fn target(&self, id: &TargetId) -> Option<Arc<Target>> {
        self.read(|policy| policy.target(id).cloned())
    }

    fn holdings(&self, user: &UserName, now: Timestamp) -> Holdings {
        self.read(|policy| match policy.user(user) {
            None => Holdings::default(),
            Some(record) => Holdings {
                roles: policy.held(record, now).names().into_iter().cloned().collect(),
                traits: record.traits.clone(),
            },
        })
    }

    fn changed(&self) -> watch::Receiver<Revision> {
        Self::changed(self)
    }
}

/// The gate. See the module above.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<dyn Law>);

impl Gate {
    pub(crate) fn new(law: Arc<dyn Law>) -> Self {
        Self(law)
    }

    /// Says when the policy has changed.
    pub(crate) fn changed(&self) -> watch::Receiver<Revision> {
        self.0.changed()
    }

    /// The application that is reached by a host name of its own.
    pub(crate) fn app_at(&self, host: &str) -> Option<TargetName> {
        self.0.app_at(host)
    }

    /// Whether there is such a target.
    pub(crate) fn knows(&self, id: &TargetId) -> bool {
        self.0.target(id).is_some()
    }

    /// What an application speaks.
    pub(crate) fn speaks(&self, app: &TargetName) -> Option<Box<str>> {
        let id = TargetId { kind: TargetKind::App, name: app.clone() };
        self.0.target(&id)?.protocol.clone()
    }

    /// What a user holds.
    pub(crate) fn holdings(&self, user: &UserName, now: Timestamp) -> Holdings {
        self.0.holdings(user, now)
    }

    /// Whether `identity` may be here at all at `now`.
    pub(crate) fn welcomes(&self, identity: &Identity, now: Timestamp) -> bool {
        self.0.welcomes(identity, now)
    }

    /// Which of these items, namespace and name, `caller` may see of the collection he asked for.
    pub(crate) fn shows(
        &self,
        caller: &Caller,
        items: &[(Option<&str>, &str)],
        now: Timestamp,
    ) -> Vec<bool> {
        self.0.shows(&caller.identity, &caller.ask, items, now)
    }

    /// Whether `caller` may pass at `now`, and on what terms.
    pub(crate) fn admit(&self, caller: &Caller, now: Timestamp) -> Result<Rights, Refused> {
        match self.0.decide(&caller.identity, &caller.ask, now) {
            Ok(permit) => Ok(rights(&permit)),
            Err(denial) => Err(Refused::denied(&denial)),
        }
    }

    /// Whether the running session `session` of `caller` may go on at `now`, and on what terms.
    pub(crate) fn still(
        &self,
        caller: &Caller,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Rights, Refused> {
        match self.0.renew(&caller.identity, &caller.ask, session, now) {
            Ok(permit) => Ok(rights(&permit)),
            Err(denial) => Err(Refused::denied(&denial)),
        }
    }
}

fn rights(permit: &Permit) -> Rights {
    let options = permit.options();
    Rights {
        until: permit.until(),
        requests: permit.requests().to_vec(),
        idle: options.client_idle_timeout,
        forward_agent: options.forward_agent,
        local_forwarding: options.local_forwarding,
        remote_forwarding: options.remote_forwarding,
        x11_forwarding: options.x11_forwarding,
        file_copy: options.file_copy,
        max_connections: options.max_connections,
        max_sessions: options.max_sessions,
        keep: Keep::of(permit),
        values: options.record_db_values,
        terms: permit.terms().clone(),
    }
}

impl Refused {
    fn denied(denial: &Denial) -> Self {
        let mut lines = vec![sentence(denial.sentence())];
        let mut wish = None;
        if let Some(next) = denial.next() {
            lines.push(format!("hint: {}", next.command()));
            if !next.approvers().is_empty() {
                let who: Vec<_> = next.approvers().iter().map(ToString::to_string).collect();
                lines.push(format!("hint: approved by any of: {}", who.join(", ")));
            }
            wish = wished(next);
        }
        Self { code: denial.code().as_str().into(), lines, wish, detail: denial.detail().into() }
    }

    /// His certificate does not hold at this moment.
    pub(crate) fn lapsed(lapsed: &Lapsed, now: Timestamp) -> Self {
        Self::denied(&lapsed.denial(now))
    }

    /// What an unknown or forbidden target reads like.
    pub(crate) fn no_access(what: &str) -> Self {
        let what = access::display::shown_short(what, 128);
        Self::answered(
            DenialCode::NoAccess.as_str(),
            vec![sentence(&format!("no access to `{what}`, or it does not exist"))],
        )
    }

    /// Whether nothing permits it, or it does not exist.
    pub(crate) fn is_no_access(&self) -> bool {
        *self.code == *DenialCode::NoAccess.as_str()
    }

    /// One session more than the user, or the house, may have.
    pub(crate) fn too_many(whose: TooMany) -> Self {
        let (code, line) = match whose {
            TooMany::House => (
                "house_full",
                "This gateway has as many sessions open as it may have. Try again later.",
            ),
            TooMany::User => {
                ("too_many_sessions", "You have too many sessions open. Close one first.")
            }
        };
        Self::answered(code, vec![line.into()])
    }

    /// The house cannot let anyone in now.
    pub(crate) fn failed(error: &Error) -> Self {
        Self::answered(error.code(), vec![error.public().into()])
    }

    /// A no that came from people, or from us.
    pub(crate) fn answered(code: &str, lines: Vec<String>) -> Self {
        Self { code: code.into(), lines, wish: None, detail: "".into() }
    }
}

fn wished(next: &NextStep) -> Option<Box<Wish>> {
    let approvers = next.approvers().iter().map(ToString::to_string).collect();
    match next {
        NextStep::Device | NextStep::Login | NextStep::Mfa => None,
        NextStep::RequestResource { resource, login, .. } => Some(Box::new(Wish {
            roles: Vec::new(),
            resources: vec![resource.clone()],
            login: login.clone(),
            approvers,
        })),
        NextStep::RequestRoles { roles, .. } => Some(Box::new(Wish {
            roles: roles.clone(),
            resources: Vec::new(),
            login: None,
            approvers,
        })),
    }
}

/// The law writes sentences to stand after others; alone on a line they begin with a capital and end with a stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
