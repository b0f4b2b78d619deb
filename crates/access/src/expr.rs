//! Expressions: the `filter`, `where`, `*_labels_expression` and `condition` of documents.
//!
//! ```text
//!   text ──length, shape──► CEL syntax tree ──lower──► Expr           when the document is written
//!                                                       │
//!                                    Values ──holds──► true or false  when somebody asks
//! ```
//!
//! The syntax is CEL's; the language is much smaller. Everything is a text, a list of texts, or true or
//! false, and the types are checked when the expression is written: an unknown name, function, or a
//! wrong number of arguments never gets in (the law, §5). What runs has no loops, no errors and no
//! effects; a missing key is empty.

pub(crate) mod eval;
mod field;
pub(crate) mod guard;
mod lower;
mod residual;
#[cfg(test)]
mod tests;
mod values;

pub use self::{
    field::{Field, Scope},
    residual::{Filter, Residual},
    values::Values,
};

use core::fmt;

/// A checked expression that is true or false.
#[derive(Clone)]
pub struct Expr {
    text: Box<str>,
    scope: Scope,
    root: lower::Node,
}

/// Why a text is not an expression, and where.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ExprError {
    /// Over [`Expr::MAX`], or too many operators.
    #[error("expression too long: {0}")]
    TooLong(String),
    /// Not an expression by its syntax.
    #[error("parse error at line {line}, column {column}: {message}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column in it, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// An expression we do not give a meaning to.
    #[error("parse error at column {column}: {message}")]
    Meaning {
        /// The column, from 1, counted over the whole text.
        column: usize,
        /// What is wrong.
        message: String,
    },
}

impl Expr {
    /// The longest expression, in bytes.
    pub const MAX: usize = 4096;

    /// Parses and checks an expression that may use the names of `scope`.
    ///
    /// # Errors
    /// [`ExprError`], which names the column.
    pub fn parse(text: &str, scope: Scope) -> Result<Self, ExprError> {
        let (tree, places) = guard::parse(text)?;
        let root = lower::condition(&tree, &lower::Lowering { scope, places: &places })?;
        Ok(Self { text: text.into(), scope, root })
    }

    /// Whether the expression holds for these values. A name without a value is empty.
    #[must_use]
    pub fn holds(&self, values: &Values<'_>) -> bool {
        self.root.truth(values)
    }

    /// What is left of the expression when only `values` are known: the filter of a query.
    #[must_use]
    pub fn residual(&self, values: &Values<'_>) -> Residual {
        residual::of(&self.root, values)
    }

    /// The expression as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names it was checked against.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        self.scope
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expr({:?})", self.text)
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.scope == other.scope && self.text == other.text
    }
}

impl Eq for Expr {}
