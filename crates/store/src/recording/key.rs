//! The key that recordings are encrypted to (age, X25519: <https://c2sp.org/age>).
//!
//! Writing needs the public half only. The secret half is made at the first start and sealed like every other
//! secret; printed once by an operator, it opens recordings with stock tools: `age -d -i key part | zstd -d`.

use std::fmt;
use std::str::FromStr;

use age::secrecy::{ExposeSecret as _, SecretString};

/// Opens recordings. Its `Debug` shows nothing.
#[derive(Clone)]
pub struct RecordingKey(pub(super) age::x25519::Identity);

/// What recordings are encrypted to.
#[derive(Clone)]
pub struct Recipient(pub(super) age::x25519::Recipient);

/// A text that is no recording key. It does not repeat the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a recording key: expected an age X25519 identity (`AGE-SECRET-KEY-1…`)")]
pub struct NotAKey;

impl RecordingKey {
    /// A new key, from the system's randomness.
    #[must_use]
    pub fn generate() -> Self {
        Self(age::x25519::Identity::generate())
    }

    /// The key as age writes it, `AGE-SECRET-KEY-1…`: to be sealed.
    #[must_use]
    pub fn to_secret(&self) -> SecretString {
        self.0.to_string()
    }

    /// The public half.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        Recipient(self.0.to_public())
    }
}

impl FromStr for RecordingKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        text.trim().parse().map(Self).map_err(|_| NotAKey)
    }
}

impl fmt::Debug for RecordingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordingKey(***)")
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.0)
    }
}

/// The secret's text, for sealing it.
#[must_use]
pub fn expose(secret: &SecretString) -> &str {
    secret.expose_secret()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_and_read_and_never_shown() {
        let key = RecordingKey::generate();
        let secret = key.to_secret();
        let again: RecordingKey = expose(&secret).parse().unwrap();
        assert_eq!(again.recipient().to_string(), key.recipient().to_string());
        assert_eq!(format!("{key:?}"), "RecordingKey(***)");
        assert!(key.recipient().to_string().starts_with("age1"));
        assert!("age1qqq".parse::<RecordingKey>().is_err());
    }
}
