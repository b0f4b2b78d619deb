//! Who someone is, and what the house knows of them.
//!
//! An [`Identity`] is what a certificate says; it carries no permission. A [`User`] is the user record,
//! read afresh at every decision (the law, §1).

use crate::{
    denial::{Denial, DenialCode, NextStep},
    name::{LoginId, RoleName, UserName},
};
use jiff::{SignedDuration, Timestamp};
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

/// Whom a certificate of ours names that does not hold at this moment. It is no [`Identity`], so nothing can be
/// decided for it: all it is good for is to be told why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lapsed {
    /// Who.
    pub user: UserName,
    /// By which login.
    pub login: LoginId,
    /// What is wrong with the time.
    pub lapse: Lapse,
}

/// Why a certificate of ours does not hold at this moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lapse {
    /// It begins only then: the clock here was ahead when it was made, or is behind now.
    Begins(Timestamp),
    /// It ended then.
    Ended(Timestamp),
}

impl Lapsed {
    /// Of an identity whose time is over.
    #[must_use]
    pub fn ended(identity: &Identity) -> Self {
        let lapse = Lapse::Ended(identity.expires);
        Self { user: identity.user.clone(), login: identity.login, lapse }
    }

    /// What its holder is told. Nothing about the account: that may have been closed since.
    #[must_use]
    pub fn denial(&self, now: Timestamp) -> Denial {
        let (sentence, detail) = match self.lapse {
            Lapse::Begins(begin) => {
                let left = rough(begin.duration_since(now));
                let sentence = format!("your login begins only in {left}, by the clock here");
                (sentence, format!("begins {begin}"))
            }
            Lapse::Ended(end) => {
                let sentence = format!("your login ended {} ago", rough(now.duration_since(end)));
                (sentence, format!("expired {end}"))
            }
        };
        Denial::new(DenialCode::LoginRequired, sentence, detail).with_next(Some(NextStep::Login))
    }
}

/// How long, in its largest unit: `2 h`.
fn rough(length: SignedDuration) -> String {
    let seconds = length.as_secs().max(0);
    let units = [(86_400, "d"), (3600, "h"), (60, "min")];
    let largest = units.into_iter().find(|(size, _)| seconds >= *size);
    let (size, unit) = largest.unwrap_or((1, "s"));
    format!("{} {unit}", seconds / size)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_told_how_long_ago_and_what_to_do() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let told = |lapse| {
            let (user, login) = ("alice".parse().unwrap(), LoginId::from_bits(1));
            let denial = Lapsed { user, login, lapse }.denial(now);
            assert_eq!(denial.code(), DenialCode::LoginRequired);
            assert_eq!(denial.next(), Some(&NextStep::Login));
            denial.sentence().to_owned()
        };
        let ended = |ago| told(Lapse::Ended(now - SignedDuration::from_secs(ago)));
        assert_eq!(ended(0), "your login ended 0 s ago");
        assert_eq!(ended(119), "your login ended 1 min ago");
        assert_eq!(ended(2 * 3600 + 1800), "your login ended 2 h ago");
        assert_eq!(ended(50 * 3600), "your login ended 2 d ago");
        let begins = told(Lapse::Begins(now + SignedDuration::from_hours(3)));
        assert_eq!(begins, "your login begins only in 3 h, by the clock here");
    }
}
