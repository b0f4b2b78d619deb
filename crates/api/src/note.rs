//! Signed notes and checkpoints, as C2SP defines them: <https://c2sp.org/signed-note>, <https://c2sp.org/tlog-checkpoint>.
//!
//! ```text
//! countersign.example.com/audit
//! 923748
//! nND/nri//U0xuHUrYSy0HtMeal2vzD9V4k/BO79C+QeI=
//!
//! — countersign.example.com/audit <base64 of key id and Ed25519 signature>
//! ```

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tlog_tiles::Checkpoint;
pub use tlog_tiles::Hash;

/// The longest note we read.
pub const NOTE_BYTES: usize = 64 << 10;
/// The signature type byte of Ed25519.
const ED25519_TYPE: u8 = 0x01;
const ID_BYTES: usize = 4;
const KEY_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;

/// Who signs checkpoints: a name and an Ed25519 public key, written `name+id+base64`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerifierKey {
    name: String,
    key: [u8; KEY_BYTES],
}

/// What is wrong with a note, or with a key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoteError {
    /// A name is empty, or has white space or a `+`.
    #[error("a key name must not be empty, nor contain white space or `+`")]
    Name,
    /// The text is not a verifier key.
    #[error("not a verifier key: expected `name+id+base64` of an Ed25519 key")]
    Key,
    /// The text is not a note.
    #[error("not a signed note")]
    Malformed,
    /// The note does not say what a checkpoint says.
    #[error("the note is not a checkpoint: expected origin, size and root hash, a line each")]
    NotACheckpoint,
    /// Nobody we know signed it.
    #[error("the note has no signature by `{0}`")]
    Unsigned(String),
    /// The signature is wrong.
    #[error("the signature by `{0}` is wrong: the note was changed, or the key is another one")]
    Signature(String),
    /// It is a checkpoint of another log.
    #[error("the checkpoint is of the log `{0}`")]
    Origin(String),
}

impl VerifierKey {
    /// A key by name. The name is also the log's origin.
    ///
    /// # Errors
    /// [`NoteError::Name`].
    pub fn new(name: impl Into<String>, key: [u8; 32]) -> Result<Self, NoteError> {
        let name = name.into();
        if name.is_empty()
            || name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
        {
            return Err(NoteError::Name);
        }
        Ok(Self { name, key })
    }

    /// The name, which is also the log's origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of SHA-256 over name, line feed, type and key.
    fn id(&self) -> [u8; ID_BYTES] {
        let mut text = self.name.clone().into_bytes();
        text.extend([b'\n', ED25519_TYPE]);
        text.extend(self.key);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &text);
        let mut id = [0; ID_BYTES];
        for (to, from) in id.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        id
    }

    /// The bytes to sign for a checkpoint of this log: `sign` gives their Ed25519 signature.
    #[must_use]
    pub fn checkpoint(
        &self,
        size: u64,
        root: Hash,
        sign: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> String {
        let text = format!("{}\n{size}\n{root}\n", self.name);
        let mut signature = self.id().to_vec();
        signature.extend(sign(text.as_bytes()));
        format!("{text}\n— {} {}\n", self.name, BASE64.encode(signature))
    }

    /// Checks a signed checkpoint of this log and gives its size and root.
    ///
    /// # Errors
    /// A [`NoteError`] that says what is wrong.
    pub fn verify(&self, note: &str) -> Result<(u64, Hash), NoteError> {
        if note.len() > NOTE_BYTES {
            return Err(NoteError::Malformed);
        }
        // The signatures follow the last empty line.
        let at = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
        let (text, signatures) = note.split_at_checked(at + 1).ok_or(NoteError::Malformed)?;
        let signatures = signatures.strip_prefix('\n').ok_or(NoteError::Malformed)?;
        if !signatures.ends_with('\n') {
            return Err(NoteError::Malformed);
        }
        self.verify_signature(text, signatures)?;
        let checkpoint =
            Checkpoint::from_bytes(text.as_bytes()).map_err(|_| NoteError::NotACheckpoint)?;
        if checkpoint.origin() != self.name {
            return Err(NoteError::Origin(checkpoint.origin().to_owned()));
        }
        Ok((checkpoint.size(), *checkpoint.hash()))
    }

    fn verify_signature(&self, text: &str, signatures: &str) -> Result<(), NoteError> {
        for line in signatures.lines() {
            let (name, signature) = line
                .strip_prefix("— ")
                .and_then(|line| line.split_once(' '))
                .ok_or(NoteError::Malformed)?;
            let signature = BASE64.decode(signature).map_err(|_| NoteError::Malformed)?;
            let (id, signature) =
                signature.split_at_checked(ID_BYTES).ok_or(NoteError::Malformed)?;
            if name != self.name || id != self.id() {
                continue;
            }
            if signature.len() != SIGNATURE_BYTES {
                return Err(NoteError::Malformed);
            }
            return UnparsedPublicKey::new(&ED25519, &self.key)
                .verify(text.as_bytes(), signature)
                .map_err(|_| NoteError::Signature(name.to_owned()));
        }
        Err(NoteError::Unsigned(self.name.clone()))
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![ED25519_TYPE];
        bytes.extend(self.key);
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.id()), BASE64.encode(bytes))
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key);
        };
        let bytes = BASE64.decode(key).map_err(|_| NoteError::Key)?;
        let Some((&ED25519_TYPE, key)) = bytes.split_first() else { return Err(NoteError::Key) };
        let key = Self::new(name, key.try_into().map_err(|_| NoteError::Key)?)?;
        if id.len() == 8 && u32::from_str_radix(id, 16).ok() == Some(u32::from_be_bytes(key.id())) {
            Ok(key)
        } else {
            Err(NoteError::Key)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

    fn signer(seed: u8) -> (Ed25519KeyPair, VerifierKey) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let key = VerifierKey::new(
            "gw.example.com/audit",
            pair.public_key().as_ref().try_into().unwrap(),
        )
        .unwrap();
        (pair, key)
    }

    fn note() -> (String, VerifierKey) {
        let (pair, key) = signer(7);
        let note =
            key.checkpoint(3, Hash([9; 32]), |text| pair.sign(text).as_ref().try_into().unwrap());
        (note, key)
    }

    #[test]
    fn a_checkpoint_that_was_signed_verifies() {
        let (note, key) = note();
        assert_eq!(key.verify(&note), Ok((3, Hash([9; 32]))));
    }

    #[test]
    fn every_changed_byte_of_a_checkpoint_is_noticed() {
        let (note, key) = note();
        for at in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(key.verify(&changed).is_err(), "byte {at}: {changed}");
            }
        }
        for end in 0..note.len() {
            if let Some(cut) = note.get(..end) {
                assert!(key.verify(cut).is_err(), "cut at {end}");
            }
        }
    }

    #[test]
    fn a_checkpoint_by_another_key_of_the_same_name_is_refused() {
        let (note, _) = note();
        let (_, other) = signer(8);
        assert_eq!(other.verify(&note), Err(NoteError::Unsigned("gw.example.com/audit".into())));
    }

    #[test]
    fn a_verifier_key_reads_as_it_is_written_and_a_changed_one_does_not() {
        let (_, key) = note();
        let text = key.to_string();
        assert_eq!(text.parse(), Ok(key));
        for bad in [
            "",
            "a",
            "a+b",
            "a+b+c",
            "gw.example.com/audit+00000000+AQ==",
            &text[1..],
            &text[..text.len() - 4],
        ] {
            assert!(bad.parse::<VerifierKey>().is_err(), "{bad}");
        }
    }
}
