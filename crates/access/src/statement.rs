//! What SQL statements do, in classes that roles allow and deny.
//!
//! Which classes a text belongs to is found by a parser, elsewhere; this is the vocabulary and the judgement. A
//! statement passes when one role that permits the session allows all of its classes: a grant widens what a standing
//! role leaves, and is not narrowed by it.

use core::{fmt, str::FromStr};

/// What a statement does.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u16)]
pub enum StatementClass {
    /// Settings of the server, maintenance, other people's sessions: `VACUUM`, `ALTER SYSTEM`, `KILL`.
    Admin = 1,
    /// Procedures and anonymous blocks, which may do anything: `CALL`, `DO`.
    Call = 1 << 1,
    /// `COPY` to or from the client.
    Copy = 1 << 2,
    /// Tables and other objects made, changed or dropped.
    Ddl = 1 << 3,
    /// Files or programs on the server, or files of the client: `COPY … PROGRAM`, `INTO OUTFILE`, `LOAD DATA`.
    File = 1 << 4,
    /// Users, roles and privileges.
    Grant = 1 << 5,
    /// Rows are looked at.
    Read = 1 << 6,
    /// Settings of this session alone.
    Session = 1 << 7,
    /// Transactions begun and ended.
    Transaction = 1 << 8,
    /// No parser of ours understood it.
    Unknown = 1 << 9,
    /// Rows are written.
    Write = 1 << 10,
}

impl StatementClass {
    /// Every class, by its word.
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

    /// The word role documents use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Call => "call",
            Self::Copy => "copy",
            Self::Ddl => "ddl",
            Self::File => "file",
            Self::Grant => "grant",
            Self::Read => "read",
            Self::Session => "session",
            Self::Transaction => "transaction",
            Self::Unknown => "unknown",
            Self::Write => "write",
        }
    }
}

/// A word that names no class.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "{0:?} is no class of statements; write one of admin, call, copy, ddl, file, grant, read, session, transaction, unknown, write"
)]
pub struct UnknownClass(pub String);

impl FromStr for StatementClass {
    type Err = UnknownClass;

    fn from_str(text: &str) -> Result<Self, UnknownClass> {
        let named = Self::ALL.into_iter().find(|class| class.as_str() == text);
        named.ok_or_else(|| UnknownClass(text.chars().take(64).collect()))
    }
}

impl fmt::Display for StatementClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A set of classes.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StatementClasses(u16);

impl StatementClasses {
    /// None.
    pub const NONE: Self = Self(0);
    /// Every one.
    pub const ALL: Self = Self((1 << StatementClass::ALL.len()) - 1);
    /// What `db_read_only` leaves: rows read, also as `COPY … TO STDOUT`, within transactions and settings of one's own.
    pub const READ_ONLY: Self = Self(
        StatementClass::Read as u16
            | StatementClass::Copy as u16
            | StatementClass::Session as u16
            | StatementClass::Transaction as u16,
    );

    /// The set of one class.
    #[must_use]
    pub const fn of(class: StatementClass) -> Self {
        Self(class as u16)
    }

    /// This set with `class`.
    #[must_use]
    pub const fn with(self, class: StatementClass) -> Self {
        Self(self.0 | class as u16)
    }

    /// The classes of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The classes of this set that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether `class` is in it.
    #[must_use]
    pub const fn contains(self, class: StatementClass) -> bool {
        self.0 & class as u16 != 0
    }

    /// Whether every class of this set is in `other`.
    #[must_use]
    pub const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether no class is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its classes, by their words.
    pub fn iter(self) -> impl Iterator<Item = StatementClass> {
        StatementClass::ALL.into_iter().filter(move |class| self.contains(*class))
    }

    /// What is left to a role that denies these: whatever it denies, what nobody understood goes too, or a text that
    /// confuses the parser would go round it.
    #[must_use]
    pub const fn left_by(denied: Self) -> Self {
        if denied.is_empty() {
            Self::ALL
        } else {
            Self::ALL.without(denied.with(StatementClass::Unknown))
        }
    }
}

impl FromIterator<StatementClass> for StatementClasses {
    fn from_iter<I: IntoIterator<Item = StatementClass>>(classes: I) -> Self {
        classes.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Display for StatementClasses {
    /// `ddl, grant`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, class) in self.iter().enumerate() {
            if number > 0 {
                f.write_str(", ")?;
            }
            f.write_str(class.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back_and_bits_are_told_apart() {
        for class in StatementClass::ALL {
            assert_eq!(class.as_str().parse(), Ok(class));
            assert!(StatementClasses::ALL.contains(class));
        }
        assert_eq!(StatementClasses::ALL.iter().count(), StatementClass::ALL.len());
        assert!("DDL".parse::<StatementClass>().is_err());
    }

    #[test]
    fn denying_anything_denies_what_nobody_understands() {
        let left = StatementClasses::left_by(StatementClasses::of(StatementClass::Ddl));
        assert!(left.contains(StatementClass::Read));
        assert!(!left.contains(StatementClass::Unknown));
        assert_eq!(StatementClasses::left_by(StatementClasses::NONE), StatementClasses::ALL);
    }

    #[test]
    fn sets_are_shown_by_their_words() {
        let set: StatementClasses =
            [StatementClass::Grant, StatementClass::Ddl].into_iter().collect();
        assert_eq!(set.to_string(), "ddl, grant");
        assert!(!set.is_subset(StatementClasses::READ_ONLY));
    }
}
