//! A permit: the proof that the policy said yes, and on what terms.
//!
//! Its fields are private and only [`Policy::decide`](crate::policy::Policy::decide) makes one, so a
//! function that takes a permit cannot be called without a decision.

use crate::{
    ask::{Action, Ask},
    identity::Identity,
    name::{RequestId, RoleName, UserName},
    policy::extent::DbProvision,
    role::options::{CreateDbUser, CreateHostUser, LockingMode, RecordMode, RecordValues},
    statement::{StatementClass, StatementClasses},
    target::TargetId,
};
use jiff::{SignedDuration, Timestamp};

/// A yes, now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Permit {
    pub(crate) identity: Identity,
    pub(crate) ask: Ask,
    pub(crate) roles: Vec<RoleName>,
    pub(crate) requests: Vec<RequestId>,
    pub(crate) until: Option<Timestamp>,
    pub(crate) options: SessionOptions,
    pub(crate) terms: Terms,
}

/// What goes with a permit on the target's side, by its kind.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Terms {
    /// Kubernetes: the user to impersonate.
    pub kube_user: Option<Box<str>>,
    /// Kubernetes: the groups to impersonate.
    pub kube_groups: Vec<Box<str>>,
    /// Applications: every call may be made, so that calls need not be asked about one by one.
    pub app_every_call: bool,
    /// Databases: what may be said, role by role; a statement needs one that allows all of it.
    pub db_statements: Vec<StatementClasses>,
    /// Databases: the user that is made for the session, where one is.
    pub db_provision: Option<DbProvision>,
}

impl Terms {
    /// Whether a statement of these classes may be passed on.
    #[must_use]
    pub fn allow_statement(&self, classes: StatementClasses) -> bool {
        self.db_statements.iter().any(|allowed| classes.is_subset(*allowed))
    }

    /// Whether anything at all may be said, so that texts need not be looked at.
    #[must_use]
    pub fn allow_every_statement(&self) -> bool {
        self.allow_statement(StatementClasses::ALL)
    }

    /// Whether no role lets the session write: the server can be told so too.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        !self.allow_statement(StatementClasses::of(StatementClass::Write))
    }
}

impl Permit {
    /// Who.
    #[must_use]
    pub const fn user(&self) -> &UserName {
        &self.identity.user
    }

    /// What they showed.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What was asked, and is permitted.
    #[must_use]
    pub const fn ask(&self) -> &Ask {
        &self.ask
    }

    /// To where.
    #[must_use]
    pub const fn target(&self) -> &TargetId {
        &self.ask.target
    }

    /// In what way.
    #[must_use]
    pub const fn action(&self) -> &Action {
        &self.ask.action
    }

    /// As which account on the target, where the action names one.
    #[must_use]
    pub fn login(&self) -> Option<&str> {
        self.ask.action.login()
    }

    /// The roles that permit it, sorted.
    #[must_use]
    pub fn roles(&self) -> &[RoleName] {
        &self.roles
    }

    /// The requests it rests on; none where standing roles are enough.
    #[must_use]
    pub fn requests(&self) -> &[RequestId] {
        &self.requests
    }

    /// When the policy must be asked again: the end of the last grant that carries it, or of the
    /// certificate where a role wants that. `None`: until the policy changes.
    #[must_use]
    pub const fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// The merged options of the roles that permit it.
    #[must_use]
    pub const fn options(&self) -> &SessionOptions {
        &self.options
    }

    /// What goes with it on the target's side.
    #[must_use]
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }
}

/// What a session may do, merged over the roles that permit it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionOptions {
    /// End a session that was idle for so long. `None`: never.
    pub client_idle_timeout: Option<SignedDuration>,
    /// How database users are made on demand.
    pub create_db_user: CreateDbUser,
    /// How accounts on hosts are made on demand.
    pub create_host_user: CreateHostUser,
    /// Whether a desktop shares its clipboard.
    pub desktop_clipboard: bool,
    /// Whether a desktop shares directories.
    pub desktop_directory_sharing: bool,
    /// Whether the session ends with the certificate.
    pub disconnect_expired_cert: bool,
    /// Whether files may be copied: sftp, scp.
    pub file_copy: bool,
    /// Whether the user's agent may be forwarded.
    pub forward_agent: bool,
    /// Whether `-L` and `-D` are allowed.
    pub local_forwarding: bool,
    /// What to do when locks cannot be read. `None`: the cluster's default.
    pub lock: Option<LockingMode>,
    /// The most connections of the user at once. `None`: any number.
    pub max_connections: Option<u32>,
    /// The most sessions (channels) per connection. `None`: any number.
    pub max_sessions: Option<u32>,
    /// Whether the certificate is good for the address alone it was issued to.
    pub pin_source_ip: bool,
    /// What to do when the session cannot be recorded.
    pub record: RecordMode,
    /// What is kept of the values bound to statements.
    pub record_db_values: RecordValues,
    /// Whether what is typed into a terminal is recorded too. It holds passwords.
    pub record_input: bool,
    /// Bytes the recording may take; at that size it ends, and with [`RecordMode::Strict`] the session. `None`: any number.
    pub record_max_bytes: Option<u64>,
    /// Whether desktops are recorded.
    pub record_desktop: bool,
    /// Whether `-R` is allowed.
    pub remote_forwarding: bool,
    /// Whether X11 may be forwarded.
    pub x11_forwarding: bool,
}
