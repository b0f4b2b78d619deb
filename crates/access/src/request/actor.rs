//! Who commands, by which way, and what.

use crate::{
    identity::Identity,
    name::{Login, RequestId, RoleName, UserName},
    resource::ResourceId,
    review::Decision,
};
use core::{fmt, str::FromStr};
use jiff::{SignedDuration, Timestamp};

/// The way a command came in. It is written down, and never decides anything.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Channel {
    /// The admin socket on the daemon's host.
    AdminSocket,
    /// The HTTP API.
    Api,
    /// `tsh` or `tctl`.
    Cli,
    /// A program of the house: a rule, a webhook, the on-call lookup.
    House,
    /// Jira.
    Jira,
    /// Mattermost.
    Mattermost,
    /// A denied client which waits: "hold the line".
    Proxy,
    /// Slack.
    Slack,
    /// The web UI.
    Web,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 9] = [
        Self::AdminSocket,
        Self::Api,
        Self::Cli,
        Self::House,
        Self::Jira,
        Self::Mattermost,
        Self::Proxy,
        Self::Slack,
        Self::Web,
    ];

    /// The stable word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AdminSocket => "admin_socket",
            Self::Api => "api",
            Self::Cli => "cli",
            Self::House => "house",
            Self::Jira => "jira",
            Self::Mattermost => "mattermost",
            Self::Proxy => "proxy",
            Self::Slack => "slack",
            Self::Web => "web",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A program of the house which reviews: under the thresholds, like anyone.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Program {
    /// The on-call lookup with this name.
    OnCall(crate::name::RuleName),
    /// The rule with this name.
    Rule(crate::name::RuleName),
    /// The webhook reviewer with this name.
    Webhook(crate::name::RuleName),
}

impl fmt::Display for Program {
    /// `system:rule/<name>`, which no user can be called.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnCall(name) => write!(f, "system:oncall/{name}"),
            Self::Rule(name) => write!(f, "system:rule/{name}"),
            Self::Webhook(name) => write!(f, "system:webhook/{name}"),
        }
    }
}

/// Whose word something is.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Author {
    /// Whoever can use the admin socket on the daemon's host, by user id.
    Operator(u32),
    /// A program of the house.
    Program(Program),
    /// A user.
    User(UserName),
}

impl Author {
    /// Whether this is the user `name`.
    #[must_use]
    pub fn is(&self, name: &UserName) -> bool {
        match self {
            Self::User(user) => user == name,
            Self::Operator(_) | Self::Program(_) => false,
        }
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator(uid) => write!(f, "system:operator/{uid}"),
            Self::Program(program) => write!(f, "{program}"),
            Self::User(user) => write!(f, "{user}"),
        }
    }
}

/// Not something an author is written like.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a user name, nor `system:rule/<name>` or the like")]
pub struct InvalidAuthor;

impl FromStr for Author {
    type Err = InvalidAuthor;

    fn from_str(text: &str) -> Result<Self, InvalidAuthor> {
        let Some(system) = text.strip_prefix("system:") else {
            return text.parse().map(Self::User).map_err(|_| InvalidAuthor);
        };
        let (kind, name) = system.split_once('/').ok_or(InvalidAuthor)?;
        if kind == "operator" {
            return name.parse().map(Self::Operator).map_err(|_| InvalidAuthor);
        }
        let name = name.parse().map_err(|_| InvalidAuthor)?;
        match kind {
            "oncall" => Ok(Self::Program(Program::OnCall(name))),
            "rule" => Ok(Self::Program(Program::Rule(name))),
            "webhook" => Ok(Self::Program(Program::Webhook(name))),
            _ => Err(InvalidAuthor),
        }
    }
}

/// The authenticated caller of a command, and the way it came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Actor {
    author: Author,
    channel: Channel,
}

impl Actor {
    /// The user an identity speaks for. A chat identity is one only once linked to a user by that user.
    #[must_use]
    pub fn user(identity: &Identity, channel: Channel) -> Self {
        Self { author: Author::User(identity.user.clone()), channel }
    }

    /// Whoever uses the admin socket on the daemon's host. May administer everything, reviews nothing.
    #[must_use]
    pub const fn operator(uid: u32) -> Self {
        Self { author: Author::Operator(uid), channel: Channel::AdminSocket }
    }

    /// A program of the house.
    #[must_use]
    pub const fn program(program: Program) -> Self {
        Self { author: Author::Program(program), channel: Channel::House }
    }

    /// Whose word it is.
    #[must_use]
    pub const fn author(&self) -> &Author {
        &self.author
    }

    /// The way it came.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        self.channel
    }
}

/// What can be done to a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Command {
    /// A review: yes.
    Approve {
        /// Why; may be empty.
        reason: String,
        /// A later start than the one asked for.
        assume_start: Option<Timestamp>,
        /// A shorter duration than the one asked for.
        duration: Option<SignedDuration>,
    },
    /// Taken back by the requester, while pending.
    Cancel,
    /// A review: no.
    Deny {
        /// Why; may be empty.
        reason: String,
    },
    /// An administrator decides over the thresholds.
    Override {
        /// Yes or no.
        decision: Decision,
        /// Why; may be empty.
        reason: String,
        /// With a yes: only these of the requested roles.
        roles: Option<Vec<RoleName>>,
        /// With a yes: a later start.
        assume_start: Option<Timestamp>,
        /// With a yes: a shorter duration.
        duration: Option<SignedDuration>,
    },
    /// The requester becomes a member of a list which grants what was asked for; the request grants nothing.
    Promote {
        /// The list, as it is now.
        list: crate::promotion::AccessList,
        /// Why; may be empty.
        reason: String,
    },
    /// The requester is done.
    Release,
    /// The grant ends now.
    Revoke {
        /// Why; may be empty.
        reason: String,
    },
}

/// How a request is to begin.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Opening {
    /// Decided at once: never one's own. For another it needs `update` too, and the caller gives the
    /// [`Command::Override`] next; forgotten, the request waits for reviews.
    Decided(Decision),
    /// Waiting for reviews.
    #[default]
    Pending,
}

/// A request as someone would like to file it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Draft {
    /// For whom, if not for oneself: needs `create` on `access_request`.
    pub user: Option<UserName>,
    /// The roles asked for, as typed; `*` alone is every role that may be asked for and is not held.
    pub roles: Vec<String>,
    /// The resources asked for.
    pub resources: Vec<ResourceId>,
    /// Why.
    pub reason: String,
    /// For how long, from the approval or from `assume_start`.
    pub duration: Option<SignedDuration>,
    /// How long to wait for an answer.
    pub pending_ttl: Option<SignedDuration>,
    /// Not before this time.
    pub assume_start: Option<Timestamp>,
    /// The account wanted on the hosts asked for.
    pub login_hint: Option<Login>,
    /// Whom to ask, as typed.
    pub suggested_reviewers: Vec<String>,
    /// The request whose end is to be moved.
    pub extends: Option<RequestId>,
    /// How it is to begin.
    pub opening: Opening,
}
