//! A denial: a no with a stable code, a sentence, and the next step.
//!
//! The sentence is for whoever asked. Unknown and forbidden targets read alike, and no next step names
//! what its reader may not know of (the law, §9). The detail is for the log alone.

use crate::{
    ask::Ask,
    name::{RoleName, UserName},
    resource::ResourceId,
};
use core::fmt;

/// A no.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Denial(Box<Answer>);

#[derive(Clone, Debug, Eq, PartialEq)]
struct Answer {
    code: DenialCode,
    sentence: String,
    detail: String,
    next: Option<NextStep>,
}

/// Why not, for programs. The words are stable.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum DenialCode {
    /// The user is disabled, or is no more.
    AccountClosed,
    /// A trusted device is needed.
    DeviceRequired,
    /// The certificate has run out.
    LoginRequired,
    /// A lock is in force.
    Locked,
    /// A second factor is needed.
    MfaRequired,
    /// Nothing permits it, or something denies it, or it does not exist.
    NoAccess,
    /// No rule permits this on the house's own documents.
    NoRule,
    /// Someone else must be present first.
    PresenceRequired,
}

impl DenialCode {
    /// The stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccountClosed => "account_closed",
            Self::DeviceRequired => "device_required",
            Self::LoginRequired => "login_required",
            Self::Locked => "locked",
            Self::MfaRequired => "mfa_required",
            Self::NoAccess => "no_access",
            Self::NoRule => "no_rule",
            Self::PresenceRequired => "presence_required",
        }
    }
}

impl fmt::Display for DenialCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What would turn the no into a yes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum NextStep {
    /// Come from a trusted device.
    Device,
    /// Log in again.
    Login,
    /// Log in with a second factor.
    Mfa,
    /// Ask for a resource.
    RequestResource {
        /// The resource.
        resource: ResourceId,
        /// The login to name, so that the least powerful role is chosen.
        login: Option<Box<str>>,
        /// Who could approve, some of them.
        approvers: Vec<UserName>,
    },
    /// Ask for roles.
    RequestRoles {
        /// The roles to ask for together.
        roles: Vec<RoleName>,
        /// Who could approve, some of them.
        approvers: Vec<UserName>,
    },
}

impl NextStep {
    /// The command to type.
    #[must_use]
    pub fn command(&self) -> String {
        match self {
            Self::Device | Self::Login | Self::Mfa => "tsh login".to_owned(),
            Self::RequestResource { resource, login, .. } => {
                let login =
                    login.as_ref().map(|login| format!(" --login={login}")).unwrap_or_default();
                format!("tsh request new --resource={resource}{login} --reason=\"...\"")
            }
            Self::RequestRoles { roles, .. } => {
                let roles: Vec<_> = roles.iter().map(RoleName::as_str).collect();
                format!("tsh request new --roles={} --reason=\"...\"", roles.join(","))
            }
        }
    }

    /// Who could approve; empty where nobody has to.
    #[must_use]
    pub fn approvers(&self) -> &[UserName] {
        match self {
            Self::Device | Self::Login | Self::Mfa => &[],
            Self::RequestResource { approvers, .. } | Self::RequestRoles { approvers, .. } => {
                approvers
            }
        }
    }
}

impl Denial {
    pub(crate) fn new(
        code: DenialCode,
        sentence: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self(Box::new(Answer {
            code,
            sentence: sentence.into(),
            detail: detail.into(),
            next: None,
        }))
    }

    /// The one sentence for what is forbidden and what does not exist.
    pub(crate) fn no_access(ask: &Ask, detail: impl Into<String>) -> Self {
        Self::new(
            DenialCode::NoAccess,
            format!("no access to `{ask}`, or it does not exist"),
            detail,
        )
    }

    /// For what is forbidden now and can be asked for: that it exists is no secret to whoever may ask.
    pub(crate) fn requestable(ask: &Ask, detail: impl Into<String>, next: NextStep) -> Self {
        let sentence = format!("no access to `{ask}`; it can be requested");
        Self::new(DenialCode::NoAccess, sentence, detail).with_next(Some(next))
    }

    pub(crate) fn with_next(mut self, next: Option<NextStep>) -> Self {
        self.0.next = next;
        self
    }

    /// Why, for programs.
    #[must_use]
    pub fn code(&self) -> DenialCode {
        self.0.code
    }

    /// Why, for whoever asked.
    #[must_use]
    pub fn sentence(&self) -> &str {
        &self.0.sentence
    }

    /// What to do next, where there is something.
    #[must_use]
    pub fn next(&self) -> Option<&NextStep> {
        self.0.next.as_ref()
    }

    /// Why, for the log: may name roles and rules. Never for the one who asked.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.sentence)
    }
}

impl core::error::Error for Denial {}
