//! What SQL does: statements and their classes.
//!
//! [`classify`] answers for a whole text, which may hold several statements. It is asked for a policy, so where it is
//! not sure it says [`Class::Unknown`].
//!
//! ```text
//!   text ──► tokens ──► statements ──► by their first words        (SET, GRANT, COPY, KILL …)
//!            unclear:                ├ by a parser                 (queries, INSERT, UPDATE, DELETE, MERGE)
//!            unknown                 └ by what stands inside       (pg_read_file(…), FOR UPDATE, INTO OUTFILE)
//! ```
//!
//! The parser gets the tokens as a text without comments and without what stands inside strings, so that two readers
//! cannot disagree about where a string ends. What functions and triggers of the database's own do is not known here:
//! a session that may only read is told so to the server too.

mod lex;
mod parse;
mod render;
mod scan;
mod set;
mod words;

use lex::{Token, What};

/// Whose SQL it is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Dialect {
    /// MySQL and MariaDB.
    MySql,
    /// PostgreSQL.
    Postgres,
}

/// What a statement does. The words are those of role documents.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u16)]
pub enum Class {
    /// Settings of the server, maintenance, other people's sessions.
    Admin = 1,
    /// Procedures and anonymous blocks.
    Call = 1 << 1,
    /// `COPY` to or from the client.
    Copy = 1 << 2,
    /// Objects made, changed or dropped.
    Ddl = 1 << 3,
    /// Files or programs on the server, or files of the client.
    File = 1 << 4,
    /// Users, roles and privileges.
    Grant = 1 << 5,
    /// Rows are looked at.
    Read = 1 << 6,
    /// Settings of this session alone.
    Session = 1 << 7,
    /// Transactions begun and ended.
    Transaction = 1 << 8,
    /// Nobody here understood it.
    Unknown = 1 << 9,
    /// Rows are written.
    Write = 1 << 10,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 11] = [
        Self::Admin,
        Self::Call,
        Self::Copy,
        Self::Ddl,
        Self::File,
        Self::Grant,
        Self::Read,
        Self::Session,
        Self::Transaction,
        Self::Unknown,
        Self::Write,
    ];
}

/// A set of classes.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Classes(u16);

impl Classes {
    /// None.
    pub const NONE: Self = Self(0);

    /// One.
    #[must_use]
    pub const fn of(class: Class) -> Self {
        Self(class as u16)
    }

    /// This set and `class`.
    #[must_use]
    pub const fn with(self, class: Class) -> Self {
        Self(self.0 | class as u16)
    }

    /// Both sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `class` is in it.
    #[must_use]
    pub const fn contains(self, class: Class) -> bool {
        self.0 & class as u16 != 0
    }

    /// Whether none is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its classes.
    pub fn iter(self) -> impl Iterator<Item = Class> {
        Class::ALL.into_iter().filter(move |class| self.contains(*class))
    }
}

/// What a text does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Classified {
    /// The classes of all its statements.
    pub classes: Classes,
    /// How many statements it has.
    pub statements: usize,
}

/// The longest text that is looked at, in bytes.
pub const MAX_TEXT: usize = 1 << 20;
/// Tokens of a text that are looked at.
const MAX_TOKENS: usize = 512 * 1024;
/// Parentheses inside each other: a parser needs time and room for each.
const MAX_DEPTH: usize = 24;
/// Tokens between which no comma stands, over all parentheses they are in: a parser may build a tree so deep.
const MAX_CHAIN: usize = 2048;

/// What `text` does in `dialect`.
#[must_use]
pub fn classify(dialect: Dialect, text: &str) -> Classified {
    let unknown = Classified { classes: Classes::of(Class::Unknown), statements: 1 };
    if text.len() > MAX_TEXT {
        return unknown;
    }
    let Ok(tokens) = lex::tokens(dialect, text) else { return unknown };
    if tokens.len() > MAX_TOKENS || !is_flat(&tokens) {
        return unknown;
    }
    let mut classes = Classes::NONE;
    let mut statements = 0_usize;
    let ends = |token: &Token<'_>| token.what == What::Mark(';');
    for one in tokens.split(ends).filter(|one| !one.is_empty()) {
        statements = statements.saturating_add(1);
        classes = classes.union(statement(dialect, one, 0));
    }
    Classified { classes, statements }
}

/// How many statements stand inside each other: `EXPLAIN PREPARE DECLARE`.
const MAX_NESTED: u32 = 4;

fn statement(dialect: Dialect, tokens: &[Token<'_>], depth: u32) -> Classes {
    if depth > MAX_NESTED {
        return Classes::of(Class::Unknown);
    }
    let deeper = depth.saturating_add(1);
    let aside = scan::scan(dialect, tokens);
    if let Some((runs, inner)) = words::explained(dialect, tokens) {
        let planned = Classes::of(Class::Read).union(aside);
        let about = if inner.is_empty() { planned } else { statement(dialect, inner, deeper) };
        return if runs || about.contains(Class::Unknown) { planned.union(about) } else { planned };
    }
    if let Some(inner) = words::prepared(dialect, tokens) {
        let classes = statement(dialect, inner, deeper);
        return Classes::of(Class::Session).union(classes).union(aside);
    }
    match words::classes(dialect, tokens) {
        Some(classes) => classes.union(aside),
        None => parse::classes(dialect, tokens).union(aside),
    }
}

/// Whether no parser can go too deep in it.
fn is_flat(tokens: &[Token<'_>]) -> bool {
    let mut chains = vec![0_usize];
    let mut sum = 0_usize;
    for token in tokens {
        match token.what {
            What::Mark('(' | '[' | '{') => chains.push(0),
            What::Mark(')' | ']' | '}') => {
                sum = sum.saturating_sub(chains.pop().unwrap_or(0));
                if chains.is_empty() {
                    chains.push(0);
                }
            }
            What::Mark(',' | ';') => {
                if let Some(chain) = chains.last_mut() {
                    sum = sum.saturating_sub(core::mem::take(chain));
                }
            }
            What::Mark(_)
            | What::Name(_)
            | What::Number(_)
            | What::Param
            | What::Text(_)
            | What::Word(_) => {
                if let Some(chain) = chains.last_mut() {
                    *chain = chain.saturating_add(1);
                    sum = sum.saturating_add(1);
                }
            }
        }
        if sum > MAX_CHAIN || chains.len() > MAX_DEPTH {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests;
