//! Label selectors: which targets a role is about.
//!
//! `env: [prod, stage-*]` wants the label `env` with one of these values; several keys are all wanted.
//! Keys are exact, values may be patterns. `"*": ["*"]` selects everything, whatever else is written.
//! An empty list of values, like an empty selector, selects nothing.

use crate::{
    expr::{Expr, Field, Values},
    identity::{Traits, User},
    target::Labels,
    template::{Entry, Patterns},
};
use std::borrow::Cow;

/// A compiled selector, without its expression.
#[derive(Clone, Debug, Default)]
pub struct LabelSelector {
    pub(crate) everything: bool,
    pub(crate) entries: Vec<(Key, Patterns)>,
}

#[derive(Clone, Debug)]
pub(crate) enum Key {
    Exact(Box<str>),
    Template(Entry),
}

impl LabelSelector {
    /// The selector `"*": ["*"]`.
    #[must_use]
    pub const fn everything() -> Self {
        Self { everything: true, entries: Vec::new() }
    }

    /// Whether it says nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        !self.everything && self.entries.is_empty()
    }

    /// Whether `labels` are selected, for this user.
    #[must_use]
    pub fn matches(&self, labels: &Labels, user: &User) -> bool {
        if self.everything {
            return true;
        }
        let found = |key: &str, values: &Patterns| {
            labels.get(key).is_some_and(|value| values.matches(value, &user.traits))
        };
        !self.entries.is_empty()
            && self.entries.iter().all(|(key, values)| match key {
                Key::Exact(key) => found(key, values),
                Key::Template(template) => {
                    // A key nobody can name is a label nothing carries.
                    let keys = template.texts(&user.traits);
                    !keys.is_empty() && keys.iter().all(|key| found(key, values))
                }
            })
    }
}

impl LabelSelector {
    /// The keys that every selected target carries with one of these values. Of what is selected this says only a part:
    /// a key or a value that is a pattern is left out.
    pub(crate) fn written<'s>(
        &'s self,
        traits: &'s Traits,
    ) -> impl Iterator<Item = (&'s str, Vec<Cow<'s, str>>)> {
        let entries = if self.everything { &[] } else { self.entries.as_slice() };
        entries.iter().filter_map(|(key, values)| match key {
            Key::Exact(key) => Some((&**key, values.written(traits)?)),
            Key::Template(_) => None,
        })
    }
}

/// Labels and expression of one kind of target: `node_labels` with `node_labels_expression`.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    pub(crate) labels: LabelSelector,
    pub(crate) expression: Option<Expr>,
}

impl Selector {
    /// Whether neither labels nor an expression are written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.expression.is_none()
    }

    /// Under `allow`: labels and expression both, where both are written (the law, §9).
    #[must_use]
    pub fn allows(&self, labels: &Labels, user: &User) -> bool {
        !self.is_empty()
            && (self.labels.is_empty() || self.labels.matches(labels, user))
            && self.expression.as_ref().is_none_or(|expression| holds(expression, labels, user))
    }

    /// Under `deny`: either is enough (the law, §9).
    #[must_use]
    pub fn denies(&self, labels: &Labels, user: &User) -> bool {
        self.labels.matches(labels, user)
            || self.expression.as_ref().is_some_and(|expression| holds(expression, labels, user))
    }
}

fn holds(expression: &Expr, labels: &Labels, user: &User) -> bool {
    let values = Values::new()
        .texts(Field::Labels, labels)
        .text(Field::UserName, user.name.as_str())
        .list(Field::UserRoles, user.roles.iter().map(crate::name::RoleName::as_str))
        .lists(Field::UserTraits, &user.traits);
    expression.holds(&values)
}
