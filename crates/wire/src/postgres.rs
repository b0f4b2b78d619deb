//! PostgreSQL's frontend/backend protocol, versions 3.0 to 3.2 (PostgreSQL documentation, chapter "Frontend/Backend
//! Protocol"; section numbers here are those of version 17).
//!
//! A connection begins with packets that have no type byte ([`startup`]); everything after them is frames: a type,
//! a length that counts itself, a body. [`walk`] finds the frames in a buffer where they lie and copies nothing;
//! [`front`] and [`back`] read the few of them that mean something to whoever stands between the two ends;
//! [`write`](mod@write) makes frames of our own.
//!
//! Rows and copied data are never decoded. Replication is not spoken.

pub mod auth;
pub mod back;
pub mod front;
pub mod startup;
pub mod walk;
pub mod write;

pub use startup::{CancelKey, Startup, StartupError};

/// A frame, or a packet before the first one, that breaks the protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Malformed {
    /// A length below its own four bytes, or above what PostgreSQL takes.
    #[error("message `{}` claims a length of {length} bytes", char::from(*kind).escape_default())]
    Length {
        /// The frame's type.
        kind: u8,
        /// What it claims.
        length: u32,
    },
    /// The body is not what its type says.
    #[error("the body of message `{}` is malformed: {what}", char::from(*kind).escape_default())]
    Body {
        /// The frame's type.
        kind: u8,
        /// What is wrong.
        what: &'static str,
    },
    /// No message of this type exists on this side.
    #[error("there is no message of type `{}`", char::from(*kind).escape_default())]
    Kind {
        /// The frame's type.
        kind: u8,
    },
}

/// Takes a string that a zero byte ends off the front of `bytes`.
fn string<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    let (text, rest) = bytes.split_at_checked(end)?;
    *bytes = rest.get(1..)?;
    Some(text)
}

/// Takes a number in network order off the front of `bytes`.
fn u32_of(bytes: &mut &[u8]) -> Option<u32> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u32::from_be_bytes(*head))
}

/// Takes a number in network order off the front of `bytes`.
fn u16_of(bytes: &mut &[u8]) -> Option<u16> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u16::from_be_bytes(*head))
}
