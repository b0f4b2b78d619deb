//! What is left of an expression when only some names have values: the filter of a query.
//!
//! "Whose sessions may I list?" has no session to look at yet. Instead of reading all and dropping most,
//! the store asks with what is left once the user is known.

use super::{field::Field, lower::Node, values::Values};
use core::fmt;

/// An expression after the known values were put in.
#[derive(Clone, Debug)]
pub enum Residual {
    /// Nothing unknown matters.
    Known(bool),
    /// It depends on names that have no value yet.
    Depends(Filter),
}

/// A condition on what has no value yet.
#[derive(Clone, Debug)]
pub enum Filter {
    /// All of them.
    All(Vec<Filter>),
    /// Any of them.
    Any(Vec<Filter>),
    /// The list `field` contains `text`.
    Contains(Field, Box<str>),
    /// The text `field` is `text`.
    Is(Field, Box<str>),
    /// Not this.
    Not(Box<Filter>),
    /// Something a query does not know: ask [`Filter::holds`] with all values.
    Other(Opaque),
}

/// A part of an expression that only evaluation understands.
#[derive(Clone)]
pub struct Opaque(Node);

impl fmt::Debug for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opaque")
    }
}

impl Residual {
    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Known(false), _) | (_, Self::Known(false)) => Self::Known(false),
            (Self::Known(true), rest) | (rest, Self::Known(true)) => rest,
            (Self::Depends(Filter::All(mut list)), Self::Depends(other)) => {
                list.push(other);
                Self::Depends(Filter::All(list))
            }
            (Self::Depends(one), Self::Depends(other)) => {
                Self::Depends(Filter::All(vec![one, other]))
            }
        }
    }

    /// Either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Known(true), _) | (_, Self::Known(true)) => Self::Known(true),
            (Self::Known(false), rest) | (rest, Self::Known(false)) => rest,
            (Self::Depends(Filter::Any(mut list)), Self::Depends(other)) => {
                list.push(other);
                Self::Depends(Filter::Any(list))
            }
            (Self::Depends(one), Self::Depends(other)) => {
                Self::Depends(Filter::Any(vec![one, other]))
            }
        }
    }

    /// The opposite.
    #[must_use]
    pub fn negate(self) -> Self {
        match self {
            Self::Known(truth) => Self::Known(!truth),
            Self::Depends(Filter::Not(inner)) => Self::Depends(*inner),
            Self::Depends(filter) => Self::Depends(Filter::Not(Box::new(filter))),
        }
    }
}

impl Filter {
    /// Whether the condition holds once everything has a value.
    #[must_use]
    pub fn holds(&self, values: &Values<'_>) -> bool {
        match self {
            Self::All(list) => list.iter().all(|filter| filter.holds(values)),
            Self::Any(list) => list.iter().any(|filter| filter.holds(values)),
            Self::Contains(field, text) | Self::Is(field, text) => {
                Node::Name(*field, None).texts(values).iter().any(|found| **found == **text)
            }
            Self::Not(filter) => !filter.holds(values),
            Self::Other(Opaque(node)) => node.truth(values),
        }
    }
}

impl fmt::Display for Filter {
    /// `(participants contains guest) OR (participants contains alice)`, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |field: &Field| field.as_str().rsplit('.').next().unwrap_or_default();
        match self {
            Self::All(list) => join(f, list, " AND "),
            Self::Any(list) => join(f, list, " OR "),
            Self::Contains(field, text) => write!(f, "{} contains {text}", name(field)),
            Self::Is(field, text) => write!(f, "{}=={text}", name(field)),
            Self::Not(filter) => write!(f, "NOT {filter}"),
            Self::Other(_) => f.write_str("…"),
        }
    }
}

fn join(f: &mut fmt::Formatter<'_>, list: &[Filter], between: &str) -> fmt::Result {
    for (n, filter) in list.iter().enumerate() {
        if n > 0 {
            f.write_str(between)?;
        }
        match filter {
            Filter::Not(_) => write!(f, "{filter}")?,
            Filter::All(_)
            | Filter::Any(_)
            | Filter::Contains(..)
            | Filter::Is(..)
            | Filter::Other(_) => {
                write!(f, "({filter})")?;
            }
        }
    }
    Ok(())
}

/// Puts `values` into `node`. A name without a value is unknown here, not empty.
pub(super) fn of(node: &Node, values: &Values<'_>) -> Residual {
    if node.all_bound(values) {
        return Residual::Known(node.truth(values));
    }
    match node {
        Node::All(nodes) => {
            nodes.iter().fold(Residual::Known(true), |all, one| all.and(of(one, values)))
        }
        Node::Any(nodes) => {
            nodes.iter().fold(Residual::Known(false), |any, one| any.or(of(one, values)))
        }
        Node::Not(inner) => of(inner, values).negate(),
        Node::Contains(list, item) => match (&**list, item.all_bound(values)) {
            (Node::Name(field, None), true) => {
                Residual::Depends(Filter::Contains(*field, item.text(values).as_ref().into()))
            }
            _ => other(node),
        },
        Node::Equal(one, two) => match (&**one, &**two) {
            (Node::Name(field, None), known) | (known, Node::Name(field, None))
                if field.is_text() && known.all_bound(values) =>
            {
                Residual::Depends(Filter::Is(*field, known.text(values).as_ref().into()))
            }
            _ => other(node),
        },
        Node::ContainsAll(..)
        | Node::ContainsAny(..)
        | Node::EmailLocal(_)
        | Node::IsEmpty(_)
        | Node::LabelsMatching(_)
        | Node::Lower(_)
        | Node::Matches(..)
        | Node::Name(..)
        | Node::Replace(..)
        | Node::Set(_)
        | Node::Text(_)
        | Node::Truth(_)
        | Node::Upper(_) => other(node),
    }
}

fn other(node: &Node) -> Residual {
    Residual::Depends(Filter::Other(Opaque(node.clone())))
}

impl Node {
    fn all_bound(&self, values: &Values<'_>) -> bool {
        match self {
            Self::All(nodes) | Self::Any(nodes) | Self::Set(nodes) => {
                nodes.iter().all(|node| node.all_bound(values))
            }
            Self::Contains(one, other)
            | Self::ContainsAll(one, other)
            | Self::ContainsAny(one, other)
            | Self::Equal(one, other) => one.all_bound(values) && other.all_bound(values),
            Self::EmailLocal(one)
            | Self::IsEmpty(one)
            | Self::Lower(one)
            | Self::Matches(one, _)
            | Self::Not(one)
            | Self::Replace(one, ..)
            | Self::Upper(one) => one.all_bound(values),
            Self::LabelsMatching(_) => values.bound(Field::Labels).is_some(),
            Self::Name(field, _) => values.bound(*field).is_some(),
            Self::Text(_) | Self::Truth(_) => true,
        }
    }
}
