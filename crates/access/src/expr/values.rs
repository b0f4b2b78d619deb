//! What the names of an expression stand for, at one moment.

use super::field::Field;
use crate::{identity::Traits, target::Labels};

/// What is bound to a field.
#[derive(Clone, Debug)]
pub(crate) enum Bound<'a> {
    List(Vec<&'a str>),
    Lists(&'a Traits),
    Text(&'a str),
    Texts(&'a Labels),
}

/// Values for the names of an expression. A name without a value is empty.
///
/// ```text
/// Values::new().list(Field::ReviewerRoles, roles).lists(Field::ReviewerTraits, &user.traits)
/// ```
#[derive(Clone, Debug, Default)]
pub struct Values<'a> {
    bound: Vec<(Field, Bound<'a>)>,
}

impl<'a> Values<'a> {
    /// No values.
    #[must_use]
    pub const fn new() -> Self {
        Self { bound: Vec::new() }
    }

    /// Binds a text.
    #[must_use]
    pub fn text(self, field: Field, text: &'a str) -> Self {
        self.with(field, Bound::Text(text))
    }

    /// Binds a list of texts.
    #[must_use]
    pub fn list(self, field: Field, texts: impl IntoIterator<Item = &'a str>) -> Self {
        self.with(field, Bound::List(texts.into_iter().collect()))
    }

    /// Binds texts by key.
    #[must_use]
    pub fn texts(self, field: Field, texts: &'a Labels) -> Self {
        self.with(field, Bound::Texts(texts))
    }

    /// Binds lists by key.
    #[must_use]
    pub fn lists(self, field: Field, lists: &'a Traits) -> Self {
        self.with(field, Bound::Lists(lists))
    }

    fn with(mut self, field: Field, value: Bound<'a>) -> Self {
        self.bound.retain(|(bound, _)| *bound != field);
        self.bound.push((field, value));
        self
    }

    pub(crate) fn bound(&self, field: Field) -> Option<&Bound<'a>> {
        self.bound.iter().find(|(bound, _)| *bound == field).map(|(_, value)| value)
    }
}
