//! Finding requests: the filter of lists, and who may see what.

use super::{Request, Status};
use crate::name::{RequestId, RoleName, UserName};
use jiff::Timestamp;

/// Which requests to list: all that match every part that is set.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Find {
    /// The request with this id.
    pub id: Option<RequestId>,
    /// Requests of this user.
    pub user: Option<UserName>,
    /// Requests that stand so.
    pub status: Option<Status>,
    /// Requests for this role.
    pub role: Option<RoleName>,
    /// Requests whose reason, user, roles or resources contain this, whatever the case.
    pub text: Option<String>,
}

/// A filter that means nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadFind {
    /// A key nobody knows.
    #[error("bad filter: there is no key `{}`: the keys are id, user, state, role and text", .0.escape_default())]
    Key(String),
    /// A value that cannot be one.
    #[error("bad filter: `{key}`: {why}")]
    Value {
        /// Its key.
        key: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl Find {
    /// The filter these keys and values mean.
    pub fn from_pairs<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, BadFind> {
        let mut find = Self::default();
        for (key, value) in pairs {
            match key {
                "id" => find.id = Some(value.parse().map_err(|why| bad("id", &why))?),
                "user" => find.user = Some(value.parse().map_err(|why| bad("user", &why))?),
                "state" => find.status = Some(value.parse().map_err(|why| bad("state", &why))?),
                "role" => find.role = Some(value.parse().map_err(|why| bad("role", &why))?),
                "text" => find.text = Some(value.to_lowercase()),
                _ => return Err(BadFind::Key(key.chars().take(64).collect())),
            }
        }
        Ok(find)
    }

    /// Whether `request` matches at `now`.
    #[must_use]
    pub fn matches(&self, request: &Request, now: Timestamp) -> bool {
        self.id.is_none_or(|id| request.id() == id)
            && self.user.as_ref().is_none_or(|user| request.user() == user)
            && self.status.is_none_or(|status| request.status(now) == status)
            && self.role.as_ref().is_none_or(|role| request.asked().roles.contains(role))
            && self.text.as_ref().is_none_or(|text| contains(request, text))
    }
}

fn bad(key: &'static str, why: &dyn core::fmt::Display) -> BadFind {
    BadFind::Value { key, why: why.to_string() }
}

fn contains(request: &Request, text: &str) -> bool {
    let asked = request.asked();
    let has = |field: &str| field.to_lowercase().contains(text);
    has(&asked.reason)
        || has(asked.user.as_str())
        || asked.roles.iter().any(|role| has(role.as_str()))
        || asked.resources.iter().any(|resource| has(&resource.to_string()))
}
