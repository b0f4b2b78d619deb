//! Who someone is, and what the house knows of them.
//!
//! An [`Identity`] is what a certificate says; it carries no permission. A [`User`] is the user record,
//! read afresh at every decision (the law, §1).

use crate::name::{LoginId, RoleName, UserName};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a person beside their name: `logins` → {`root`, `alice`}, `team` → {`db`}.
///
/// Annotations of requests and reviews have the same shape.
pub type Traits = BTreeMap<String, BTreeSet<String>>;

/// What a verified certificate says: who is there, since which login, until when.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// Who.
    pub user: UserName,
    /// By which login: what a lock or a logout ends.
    pub login: LoginId,
    /// When the certificate runs out.
    pub expires: Timestamp,
    /// Whether this login proved a second factor.
    pub mfa: bool,
    /// Whether this login came from a trusted device.
    pub device: bool,
}

/// The user record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct User {
    /// The name.
    pub name: UserName,
    /// The roles held by the record itself, not by grants.
    pub roles: BTreeSet<RoleName>,
    /// What templates and expressions may look at.
    pub traits: Traits,
    /// Labels of the record, for rules about users.
    pub labels: BTreeMap<String, String>,
    /// A disabled user is denied everything; the record and its history stay.
    pub disabled: bool,
}

impl User {
    /// A user with this name and nothing else.
    #[must_use]
    pub fn new(name: UserName) -> Self {
        Self {
            name,
            roles: BTreeSet::new(),
            traits: Traits::new(),
            labels: BTreeMap::new(),
            disabled: false,
        }
    }
}
