//! Names and ids: parsed once at the border, never checked again.
//!
//! Every name has a type of its own, so a role cannot stand where a user is meant. What a name may be
//! made of is chosen so that it can be shown on a terminal, stand in a URL, a certificate or a path,
//! and never be read as an option by another program.

use core::{fmt, str::FromStr};

/// Why a text is not a name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing at all.
    #[error("a {0} cannot be empty")]
    Empty(&'static str),
    /// A character the name cannot contain.
    #[error(
        "a {what} cannot contain {character:?} (byte {at}): allowed are letters, digits and `{marks}`"
    )]
    Character {
        /// What is being named.
        what: &'static str,
        /// The character.
        character: char,
        /// Where it stands, in bytes from the start.
        at: usize,
        /// What is allowed beside letters and digits.
        marks: &'static str,
    },
    /// A character the name cannot begin with.
    #[error("a {0} begins with a letter, a digit or `_`, not {1:?}")]
    Start(&'static str, char),
    /// Too many bytes.
    #[error("a {what} has at most {most} bytes, this one has {len}")]
    TooLong {
        /// What is being named.
        what: &'static str,
        /// How long it is, in bytes.
        len: usize,
        /// How long it may be, in bytes.
        most: usize,
    },
    /// Not an id as we write them.
    #[error("a {0} looks like `bc8ca931-fec9-4b15`: 16 hexadecimal digits in groups of 8, 4 and 4")]
    NotAnId(&'static str),
}

fn check(
    text: &str,
    what: &'static str,
    most: usize,
    marks: &'static str,
) -> Result<(), InvalidName> {
    let Some(first) = text.chars().next() else { return Err(InvalidName::Empty(what)) };
    if text.len() > most {
        return Err(InvalidName::TooLong { what, len: text.len(), most });
    }
    if let Some((at, character)) =
        text.char_indices().find(|(_, c)| !c.is_ascii_alphanumeric() && !marks.contains(*c))
    {
        return Err(InvalidName::Character { what, character, at, marks });
    }
    if !first.is_ascii_alphanumeric() && first != '_' {
        return Err(InvalidName::Start(what, first));
    }
    Ok(())
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $what:literal, $most:literal, $marks:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(Box<str>);

        impl $name {
            /// The longest such name, in bytes.
            pub const MAX: usize = $most;
            /// What it may hold beside ASCII letters and digits.
            pub const MARKS: &str = $marks;

            /// The name as it is written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                check(text, $what, $most, $marks)?;
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), self.0)
            }
        }

        impl core::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )+};
}

names! {
    /// A person or a program, as the user record or the identity provider knows them.
    UserName = "user name", 128, "._-@+";
    /// A role's name.
    RoleName = "role name", 64, "._-";
    /// A target's name: a host name, a database, a cluster or an application.
    TargetName = "target name", 253, "._-";
    /// The account on the target: `root`. It never begins with `-`, so no program takes it for an option.
    Login = "login", 128, "._-@+\\$";
    /// A lock's name.
    LockName = "lock name", 64, "._-";
    /// The name of an access monitoring rule.
    RuleName = "rule name", 64, "._-";
    /// The name of a join or automation token.
    TokenName = "token name", 64, "._-";
    /// The cluster's name: the first part of a resource id.
    ClusterName = "cluster name", 128, "._-";
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $what:literal;)+) => {$(
        $(#[$doc])*
        ///
        /// 64 random bits, shown as `bc8ca931-fec9-4b15`. The randomness comes from the caller.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(u64);

        impl $name {
            /// The id made of these bits.
            #[must_use]
            pub const fn from_bits(bits: u64) -> Self {
                Self(bits)
            }

            /// The bits it is made of.
            #[must_use]
            pub const fn to_bits(self) -> u64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&show(self.0))
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                read(text).map(Self).ok_or(InvalidName::NotAnId($what))
            }
        }
    )+};
}

ids! {
    /// An access request's id: the token of `tctl request ls`.
    RequestId = "request id";
    /// A recorded session's id.
    SessionId = "session id";
    /// The id of one login of a user: what an identity certificate carries, and what a lock can name.
    LoginId = "login id";
}

fn show(bits: u64) -> String {
    let hex = format!("{bits:016x}");
    let (head, tail) = hex.split_at(8);
    let (middle, end) = tail.split_at(4);
    format!("{head}-{middle}-{end}")
}

/// Reads only what [`show`] writes: one id has one spelling.
fn read(text: &str) -> Option<u64> {
    let mut parts = text.split('-');
    let (head, middle, end) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || (head.len(), middle.len(), end.len()) != (8, 4, 4) {
        return None;
    }
    let hex = [head, middle, end].concat();
    if !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    u64::from_str_radix(&hex, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_be_taken_for_an_option_a_path_or_a_pattern() {
        for bad in
            ["", "-oProxyCommand=x", "../x", "a/b", "*", "a b", "a\nb", "ü", "\u{1b}[2J", "a:b"]
        {
            assert!(bad.parse::<RoleName>().is_err(), "{bad:?}");
            assert!(bad.parse::<Login>().is_err(), "{bad:?}");
            assert!(bad.parse::<UserName>().is_err(), "{bad:?}");
            assert!(bad.parse::<TargetName>().is_err(), "{bad:?}");
        }
        assert!("x".repeat(65).parse::<RoleName>().is_err());
        assert_eq!("alice@corp.test".parse::<UserName>().unwrap().as_str(), "alice@corp.test");
    }

    #[test]
    fn an_id_has_one_spelling() {
        let id = RequestId::from_bits(0xbc8c_a931_fec9_4b15);
        assert_eq!(id.to_string(), "bc8ca931-fec9-4b15");
        assert_eq!("bc8ca931-fec9-4b15".parse(), Ok(id));
        for bad in
            ["BC8CA931-fec9-4b15", "bc8ca931fec94b15", "bc8ca931-fec9-4b15-", "+c8ca931-fec9-4b15"]
        {
            assert!(bad.parse::<RequestId>().is_err(), "{bad}");
        }
    }
}
