//! Moderated sessions: who must be present, and who may join (`require_session_join`, `join_sessions`).
//!
//! Several policies of one role are alternatives; several roles must all be satisfied.

use crate::{
    denial::{Denial, DenialCode},
    expr::{Expr, Field, Values},
    identity::User,
    name::RoleName,
    role::Role,
    template::Patterns,
};
use core::{fmt, str::FromStr};

/// What sort of session it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum SessionKind {
    /// A database session.
    Db,
    /// A desktop session.
    Desktop,
    /// `kubectl exec`.
    Kube,
    /// A terminal on a host.
    Ssh,
}

/// How someone takes part.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Mode {
    /// May watch and end the session.
    Moderator,
    /// May watch.
    Observer,
    /// May watch and type.
    Peer,
}

/// What happens when someone who was needed leaves.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OnLeave {
    /// Input stops until someone comes back.
    Pause,
    /// The session ends.
    #[default]
    Terminate,
}

/// A word of a join policy that is none.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnknownJoinWord {
    /// A session kind.
    #[error("invalid session kind {0:?}; there are ssh, k8s, db, windows_desktop, *")]
    Kind(String),
    /// A participant mode.
    #[error("invalid participant mode {0:?}; there are observer, moderator, peer, *")]
    Mode(String),
    /// What to do when someone leaves.
    #[error("invalid on_leave {0:?}; there are terminate, pause")]
    OnLeave(String),
}

fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

impl FromStr for SessionKind {
    type Err = UnknownJoinWord;

    fn from_str(text: &str) -> Result<Self, UnknownJoinWord> {
        match text {
            "db" => Ok(Self::Db),
            "windows_desktop" | "desktop" => Ok(Self::Desktop),
            "k8s" | "kube" => Ok(Self::Kube),
            "ssh" => Ok(Self::Ssh),
            other => Err(UnknownJoinWord::Kind(shown(other))),
        }
    }
}

impl FromStr for Mode {
    type Err = UnknownJoinWord;

    fn from_str(text: &str) -> Result<Self, UnknownJoinWord> {
        match text {
            "moderator" => Ok(Self::Moderator),
            "observer" => Ok(Self::Observer),
            "peer" => Ok(Self::Peer),
            other => Err(UnknownJoinWord::Mode(shown(other))),
        }
    }
}

impl FromStr for OnLeave {
    type Err = UnknownJoinWord;

    fn from_str(text: &str) -> Result<Self, UnknownJoinWord> {
        match text {
            "pause" => Ok(Self::Pause),
            "" | "terminate" => Ok(Self::Terminate),
            other => Err(UnknownJoinWord::OnLeave(shown(other))),
        }
    }
}

/// A list of kinds or modes, or `*`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AnyOf<T> {
    pub(crate) any: bool,
    pub(crate) listed: Vec<T>,
}

impl<T: PartialEq> AnyOf<T> {
    /// Whether `item` is meant.
    pub fn has(&self, item: &T) -> bool {
        self.any || self.listed.contains(item)
    }
}

/// One checked `require_session_join` policy.
#[derive(Clone, Debug)]
pub struct RequireJoin {
    /// Its name.
    pub name: Box<str>,
    /// Who counts.
    pub filter: Expr,
    /// For which sessions.
    pub kinds: AnyOf<SessionKind>,
    /// How many are needed.
    pub count: u32,
    /// In which modes they count.
    pub modes: AnyOf<Mode>,
    /// What happens when they leave.
    pub on_leave: OnLeave,
}

/// One checked `join_sessions` policy.
#[derive(Clone, Debug)]
pub struct JoinPolicy {
    /// Its name.
    pub name: Box<str>,
    /// Sessions of holders of these roles.
    pub roles: Patterns,
    /// Which sessions.
    pub kinds: AnyOf<SessionKind>,
    /// In which modes.
    pub modes: AnyOf<Mode>,
}

/// Someone who takes part in a session beside its owner.
#[derive(Clone, Copy, Debug)]
pub struct Participant<'a> {
    /// Who.
    pub user: &'a User,
    /// How.
    pub mode: Mode,
}

/// What a session needs beside its owner.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Presence {
    /// Enough people are there, or none are needed.
    Enough,
    /// More are needed. The list says for each role that is not satisfied what would satisfy it.
    Needed(Vec<Needed>),
}

/// What one role still wants.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Needed {
    /// The role.
    pub role: RoleName,
    /// The name of the policy nearest to being satisfied.
    pub policy: Box<str>,
    /// How many are missing.
    pub missing: u32,
}

impl RequireJoin {
    fn missing(&self, participants: &[Participant<'_>]) -> u32 {
        let counts = |who: &&Participant<'_>| {
            self.modes.has(&who.mode) && self.filter.holds(&person(who.user))
        };
        let present = participants.iter().filter(counts).count();
        self.count.saturating_sub(u32::try_from(present).unwrap_or(u32::MAX))
    }
}

fn person(user: &User) -> Values<'_> {
    Values::new()
        .text(Field::UserName, user.name.as_str())
        .list(Field::UserRoles, user.roles.iter().map(RoleName::as_str))
        .lists(Field::UserTraits, &user.traits)
}

/// Whether a session of someone holding `owner_roles` may go on with these participants.
#[must_use]
pub fn presence<'r>(
    owner_roles: impl IntoIterator<Item = &'r Role>,
    kind: SessionKind,
    participants: &[Participant<'_>],
) -> Presence {
    let mut needed = Vec::new();
    for role in owner_roles {
        let policies =
            role.allow.require_session_join.iter().filter(|policy| policy.kinds.has(&kind));
        let nearest = policies
            .map(|policy| (policy.missing(participants), policy))
            .min_by_key(|(missing, _)| *missing);
        if let Some((missing @ 1.., policy)) = nearest {
            needed.push(Needed { role: role.name.clone(), policy: policy.name.clone(), missing });
        }
    }
    if needed.is_empty() { Presence::Enough } else { Presence::Needed(needed) }
}

/// Whether a session of someone holding `owner_roles` may begin with nobody else present.
///
/// # Errors
/// The [`Denial`] that says what is missing.
pub fn unattended<'r>(
    owner_roles: impl IntoIterator<Item = &'r Role>,
    kind: SessionKind,
) -> Result<(), Denial> {
    match presence(owner_roles, kind, &[]) {
        Presence::Enough => Ok(()),
        Presence::Needed(needed) => {
            let missing = needed.iter().map(|needed| needed.missing).max().unwrap_or(1);
            let people = if missing == 1 { "1 more person" } else { "more people" };
            let sentence =
                format!("lacking privileges to start unattended session: {people} must be present");
            let roles: Vec<_> = needed.iter().map(|needed| needed.role.as_str()).collect();
            let detail = format!("require_session_join of {}", roles.join(", "));
            Err(Denial::new(DenialCode::PresenceRequired, sentence, detail))
        }
    }
}

/// What happens to a session that was moderated and no longer is: the strictest of all unsatisfied roles.
#[must_use]
pub fn on_leave<'r>(owner_roles: impl IntoIterator<Item = &'r Role>, kind: SessionKind) -> OnLeave {
    let policies = owner_roles.into_iter().flat_map(|role| &role.allow.require_session_join);
    let mut modes =
        policies.filter(|policy| policy.kinds.has(&kind)).map(|policy| policy.on_leave).peekable();
    let some = modes.peek().is_some();
    if some && modes.all(|mode| mode == OnLeave::Pause) {
        OnLeave::Pause
    } else {
        OnLeave::Terminate
    }
}

/// Whether someone holding `joiner_roles` may join, in `mode`, a session of someone holding
/// `owner_roles`. `deny.join_sessions` wins.
#[must_use]
pub fn may_join(
    joiner: &User,
    joiner_roles: &[&Role],
    owner_roles: &[RoleName],
    kind: SessionKind,
    mode: Mode,
) -> bool {
    let covers = |policy: &JoinPolicy| {
        policy.kinds.has(&kind)
            && policy.modes.has(&mode)
            && owner_roles.iter().any(|role| policy.roles.matches(role.as_str(), &joiner.traits))
    };
    !joiner_roles.iter().any(|role| role.deny.join_sessions.iter().any(covers))
        && joiner_roles.iter().any(|role| role.allow.join_sessions.iter().any(covers))
}

impl fmt::Display for OnLeave {
    /// What it means for the people in the session.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pause => "session input stops until someone rejoins",
            Self::Terminate => "session ends",
        })
    }
}
