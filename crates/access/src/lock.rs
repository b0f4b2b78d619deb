//! Locks: a stop that needs no edit of roles, at once and for everyone it names.

use crate::{
    name::{LockName, Login, LoginId, RequestId, RoleName, SessionId, TargetName, UserName},
    target::TargetId,
};
use core::fmt;
use jiff::Timestamp;

/// A lock.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lock {
    /// Its name.
    pub name: LockName,
    /// What it stops. All that is named must apply.
    pub target: LockTarget,
    /// Why, for whoever runs into it.
    pub message: Box<str>,
    /// When it ends by itself, exclusively.
    pub expires: Option<Timestamp>,
}

/// What a lock stops. What is `None` is not looked at; a lock that names nothing stops nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LockTarget {
    /// A user.
    pub user: Option<UserName>,
    /// Everyone holding a role, also by a grant.
    pub role: Option<RoleName>,
    /// An account on targets.
    pub login: Option<Login>,
    /// A host (by name), whatever reaches it.
    pub node: Option<TargetName>,
    /// Any target.
    pub resource: Option<TargetId>,
    /// What a request grants.
    pub request: Option<RequestId>,
    /// A live session.
    pub session: Option<SessionId>,
    /// A login of a user: all certificates it won.
    pub login_session: Option<LoginId>,
}

/// What stands before a lock: who would do what. What is not known is `None` and matches no lock on it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    /// Who.
    pub user: Option<&'a UserName>,
    /// Holding what.
    pub roles: &'a [&'a RoleName],
    /// As which account.
    pub login: Option<&'a str>,
    /// On what.
    pub target: Option<&'a TargetId>,
    /// By which request.
    pub request: Option<RequestId>,
    /// In which session.
    pub session: Option<SessionId>,
    /// Since which login.
    pub login_session: Option<LoginId>,
}

impl LockTarget {
    /// Whether nothing is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether all that is named applies to `subject`.
    #[must_use]
    pub fn stops(&self, subject: &Subject<'_>) -> bool {
        use crate::target::TargetKind::Node;
        let node = |name: &TargetName| {
            subject.target.is_some_and(|at| at.kind == Node && at.name == *name)
        };
        !self.is_empty()
            && self.user.as_ref().is_none_or(|user| subject.user == Some(user))
            && self.role.as_ref().is_none_or(|role| subject.roles.contains(&role))
            && self.login.as_ref().is_none_or(|login| subject.login == Some(login.as_str()))
            && self.node.as_ref().is_none_or(node)
            && self.resource.as_ref().is_none_or(|target| subject.target == Some(target))
            && self.request.is_none_or(|request| subject.request == Some(request))
            && self.session.is_none_or(|session| subject.session == Some(session))
            && self.login_session.is_none_or(|login| subject.login_session == Some(login))
    }
}

impl Lock {
    /// Whether the lock holds at `now`.
    #[must_use]
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

impl fmt::Display for LockTarget {
    /// `AccessRequest:"bc8ca931-fec9-4b15"`, in the words operators know.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [
            ("User", self.user.as_ref().map(ToString::to_string)),
            ("Role", self.role.as_ref().map(ToString::to_string)),
            ("Login", self.login.as_ref().map(ToString::to_string)),
            ("Node", self.node.as_ref().map(ToString::to_string)),
            ("Resource", self.resource.as_ref().map(ToString::to_string)),
            ("AccessRequest", self.request.as_ref().map(ToString::to_string)),
            ("Session", self.session.as_ref().map(ToString::to_string)),
            ("LoginSession", self.login_session.as_ref().map(ToString::to_string)),
        ];
        let mut first = true;
        for (what, name) in named.into_iter().filter_map(|(what, name)| Some((what, name?))) {
            write!(f, "{}{what}:{name:?}", if first { "" } else { ", " })?;
            first = false;
        }
        Ok(())
    }
}
