//! A role: what its holders may do, ask for and review.
//!
//! ```text
//!   document ──parse──► RoleSpec ──Role::new──► Role        a role that exists is a role that is right:
//!   (YAML, JSON)        (plain)       │                     every expression parsed, every pattern compiled
//!                                     └──► problems and warnings, each with its field path
//! ```
//!
//! Field names are those that operators of access proxies know (the law, introduction). What is not
//! here: whether a role counts for someone. That is the policy's business.

mod check;
pub mod conditions;
pub mod kube;
pub mod options;
pub mod request;
mod resolved;
pub mod rules;
pub mod spec;
pub mod version;

pub use self::{
    conditions::Conditions,
    options::RoleOptions,
    request::{
        Claim, ClaimedRole, ReasonMode, RequestConditions, ReviewConditions, Threshold,
        ThresholdPart,
    },
    spec::RoleSpec,
    version::RoleVersion,
};

use crate::name::RoleName;
use core::fmt;

/// A checked role.
#[derive(Clone, Debug)]
pub struct Role {
    pub(crate) name: RoleName,
    pub(crate) version: RoleVersion,
    pub(crate) description: Box<str>,
    pub(crate) options: RoleOptions,
    pub(crate) allow: Conditions,
    pub(crate) deny: Conditions,
}

impl Role {
    /// Checks a role and compiles what it says.
    ///
    /// # Errors
    /// Every problem of the document at once, each with the path of its field.
    pub fn new(spec: RoleSpec) -> Result<(Self, Vec<Warning>), Vec<RoleProblem>> {
        check::role(spec)
    }

    /// The role's name.
    #[must_use]
    pub const fn name(&self) -> &RoleName {
        &self.name
    }

    /// The version of the document, which decides its defaults.
    #[must_use]
    pub const fn version(&self) -> RoleVersion {
        self.version
    }

    /// What the author wrote about it.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The options as written, before merging with those of other roles.
    #[must_use]
    pub const fn options(&self) -> &RoleOptions {
        &self.options
    }

    /// What it allows.
    #[must_use]
    pub const fn allow(&self) -> &Conditions {
        &self.allow
    }

    /// What it denies.
    #[must_use]
    pub const fn deny(&self) -> &Conditions {
        &self.deny
    }
}

/// What is wrong with a role, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RoleProblem {
    /// The field: `spec.allow.request.thresholds[0].filter`.
    pub path: String,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl fmt::Display for RoleProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Something in a role that is allowed but probably not meant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Warning {
    /// The field: `spec.allow.node_labels.env[0]`.
    pub path: String,
    /// What will happen.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}
