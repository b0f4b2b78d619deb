//! `rules`: who may read and change the house's own documents.

use crate::expr::Expr;
use core::{fmt, str::FromStr};

/// What may be done to a document or a session.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Verb {
    /// Making one.
    Create,
    /// Removing one.
    Delete,
    /// Signing in somebody's name, rotating keys.
    Enroll,
    /// Listing them.
    List,
    /// Reading one.
    Read,
    /// Reading one without its secrets.
    ReadNoSecrets,
    /// Exchanging an authority's keys.
    Rotate,
    /// Changing one.
    Update,
    /// Using one: an integration, a token.
    Use,
}

/// A word that is no verb.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "unknown verb {0:?}; there are create, list, read, readnosecrets, update, delete, rotate, use, enroll, *"
)]
pub struct UnknownVerb(pub String);

impl Verb {
    /// As documents write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Enroll => "enroll",
            Self::List => "list",
            Self::Read => "read",
            Self::ReadNoSecrets => "readnosecrets",
            Self::Rotate => "rotate",
            Self::Update => "update",
            Self::Use => "use",
        }
    }
}

impl FromStr for Verb {
    type Err = UnknownVerb;

    fn from_str(text: &str) -> Result<Self, UnknownVerb> {
        use Verb::{Create, Delete, Enroll, List, Read, ReadNoSecrets, Rotate, Update, Use};
        [Create, Delete, Enroll, List, Read, ReadNoSecrets, Rotate, Update, Use]
            .into_iter()
            .find(|verb| verb.as_str() == text)
            .ok_or_else(|| UnknownVerb(text.chars().take(64).collect()))
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One checked rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The kinds of resource; empty stands for none.
    pub resources: Vec<Box<str>>,
    /// Whether `*` is among them.
    pub any_resource: bool,
    /// The verbs.
    pub verbs: Vec<Verb>,
    /// Whether `*` is among them.
    pub any_verb: bool,
    /// Under what condition; none: always.
    pub condition: Option<Expr>,
    /// What to write into the log when the rule decides.
    pub log: Vec<LogAction>,
}

/// The action `log("info", "text")`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogAction {
    /// The level.
    pub level: Box<str>,
    /// The text.
    pub text: Box<str>,
}

impl Rule {
    /// Whether the rule is about this resource and verb, whatever its condition says. Whoever may read
    /// may also read without the secrets.
    #[must_use]
    pub fn is_about(&self, resource: &str, verb: Verb) -> bool {
        let verb = self.any_verb
            || self.verbs.contains(&verb)
            || verb == Verb::ReadNoSecrets && self.verbs.contains(&Verb::Read);
        verb && (self.any_resource || self.resources.iter().any(|own| **own == *resource))
    }

    /// How much the rule says: rules that say more are tried first.
    #[must_use]
    pub fn weight(&self) -> u8 {
        let points =
            [!self.any_resource, !self.any_verb, self.condition.is_some(), !self.log.is_empty()];
        points.into_iter().fold(0, |sum, said| sum << 1 | u8::from(said))
    }
}
