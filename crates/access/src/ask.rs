//! What someone wants to do: the question that [`Policy::decide`](crate::policy::Policy::decide) answers.

use crate::{
    app::AppCall,
    name::{Login, TargetName},
    target::{TargetId, TargetKind},
};
use core::fmt;

/// One wish: this target, in this way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ask {
    /// What is to be reached.
    pub target: TargetId,
    /// How.
    pub action: Action,
}

/// The way a target is used. What is `None` was not said, and is not asked about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// Opening an application.
    App {
        /// The cloud role to take, for cloud consoles.
        aws_role_arn: Option<Box<str>>,
        /// What is asked of it; `None` where it is opened at all.
        call: Option<AppCall>,
    },
    /// Connecting to a database.
    Db {
        /// The database user.
        user: Option<Box<str>>,
        /// The database within the server.
        name: Option<Box<str>>,
    },
    /// Opening a desktop.
    Desktop {
        /// The Windows account.
        login: Login,
    },
    /// One call to a Kubernetes API.
    Kube {
        /// The user to act as, when the client chose one.
        user: Option<Box<str>>,
        /// The groups to act as; empty takes all that are allowed.
        groups: Vec<Box<str>>,
        /// What is touched; `None` for calls that name no resource, such as discovery.
        resource: Option<KubeCall>,
    },
    /// Logging in to a host.
    Ssh {
        /// The account on the host.
        login: Login,
    },
}

/// What a Kubernetes call touches.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KubeCall {
    /// The kind, as the API's paths (`pods`) or older role documents (`pod`) write it.
    pub kind: Box<str>,
    /// The API group, empty for the core group.
    pub api_group: Box<str>,
    /// The namespace, `None` for what stands outside any.
    pub namespace: Option<Box<str>>,
    /// The object's name, empty for a whole collection.
    pub name: Box<str>,
    /// The verb: `get`, `list`, `delete`. Empty is a mistake of the caller and matches nothing.
    pub verb: Box<str>,
    /// Whether a part of the collection is enough: what may not be seen is taken out of the answer, item by item
    /// ([`Policy::shows`](crate::policy::Policy::shows)).
    pub part: bool,
}

/// A call that cannot be judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a Kubernetes call names its kind and its verb")]
pub struct InvalidCall;

impl KubeCall {
    /// Whether the call is about all objects of a collection at once.
    pub(crate) fn is_collective(&self) -> bool {
        self.name.is_empty() && matches!(&*self.verb, "deletecollection" | "list" | "watch")
    }

    /// Checks that the call says what it does. A call without a verb is never covered by a role.
    ///
    /// # Errors
    /// Where kind or verb are missing.
    pub const fn check(&self) -> Result<(), InvalidCall> {
        if self.kind.is_empty() || self.verb.is_empty() { Err(InvalidCall) } else { Ok(()) }
    }
}

impl Ask {
    /// Logging in to the host `target` as `login`.
    #[must_use]
    pub const fn ssh(target: TargetName, login: Login) -> Self {
        Self {
            target: TargetId { kind: TargetKind::Node, name: target },
            action: Action::Ssh { login },
        }
    }
}

impl Ask {
    /// Connecting to the database server `target` as its user `user`, to its database `name`.
    #[must_use]
    pub fn db(target: TargetName, user: &str, name: Option<&str>) -> Self {
        Self {
            target: TargetId { kind: TargetKind::Db, name: target },
            action: Action::Db { user: Some(user.into()), name: name.map(Into::into) },
        }
    }
}

impl Ask {
    /// Asking the application `target` for something.
    #[must_use]
    pub const fn app_call(target: TargetName, call: AppCall) -> Self {
        Self {
            target: TargetId { kind: TargetKind::App, name: target },
            action: Action::App { aws_role_arn: None, call: Some(call) },
        }
    }

    /// Opening the application `target`.
    #[must_use]
    pub const fn app(target: TargetName) -> Self {
        Self {
            target: TargetId { kind: TargetKind::App, name: target },
            action: Action::App { aws_role_arn: None, call: None },
        }
    }
}

impl Action {
    /// The account the action takes on the target, where it names one.
    #[must_use]
    pub fn login(&self) -> Option<&str> {
        match self {
            Self::App { .. } => None,
            Self::Db { user, .. } | Self::Kube { user, .. } => user.as_deref(),
            Self::Desktop { login } | Self::Ssh { login } => Some(login.as_str()),
        }
    }
}

impl fmt::Display for Ask {
    /// `root@db-box`, as people write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.action.login() {
            Some(login) => write!(f, "{login}@{}", self.target.name),
            None => write!(f, "{}", self.target.name),
        }
    }
}
