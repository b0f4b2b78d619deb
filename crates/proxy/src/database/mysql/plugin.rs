//! Answers to the challenges of MySQL's and MariaDB's password plugins.

use aws_lc_rs::digest::{Algorithm, Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;
use wire::mysql::{SCRAMBLE, plugin};
use zeroize::Zeroizing;

use super::ed25519;
use crate::database::Fault;
use crate::database::guard::{Guard, KNOWN, VERIFIED};

/// The length of `client_ed25519`'s challenge, in bytes.
const ED25519_CHALLENGE: usize = 32;
/// `sha256_password`, which MySQL had before `caching_sha2_password`.
const SHA256_PASSWORD: &str = "sha256_password";

/// A password plugin that we speak.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Plugin {
    CachingSha2,
    Clear,
    Ed25519,
    Native,
    Sha256,
}

impl Plugin {
    /// The plugin of this name.
    pub(super) fn of(name: &str) -> Option<Self> {
        match name {
            plugin::CACHING_SHA2 => Some(Self::CachingSha2),
            plugin::CLEAR => Some(Self::Clear),
            plugin::ED25519 => Some(Self::Ed25519),
            plugin::NATIVE => Some(Self::Native),
            SHA256_PASSWORD => Some(Self::Sha256),
            _ => None,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::CachingSha2 => plugin::CACHING_SHA2,
            Self::Clear => plugin::CLEAR,
            Self::Ed25519 => plugin::ED25519,
            Self::Native => plugin::NATIVE,
            Self::Sha256 => SHA256_PASSWORD,
        }
    }

    /// The first answer to `challenge`. An empty password has an empty answer, but to `client_ed25519`.
    pub(super) fn answer(
        self,
        password: &str,
        challenge: &[u8],
        guard: Guard,
    ) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let short =
            || Fault::Malformed(format!("the challenge of {} is too short", self.name()).into());
        let scramble = || challenge.get(..SCRAMBLE).ok_or_else(short);
        let answer = match self {
            // A zero may have been its last byte, and was taken for the end of a string.
            Self::Ed25519 if challenge.len() == ED25519_CHALLENGE - 1 => {
                ed25519::sign(password.as_bytes(), &[challenge, &[0]].concat()).to_vec()
            }
            Self::Ed25519 => {
                let challenge = challenge.get(..ED25519_CHALLENGE).ok_or_else(short)?;
                ed25519::sign(password.as_bytes(), challenge).to_vec()
            }
            Self::CachingSha2 | Self::Native | Self::Sha256 if password.is_empty() => Vec::new(),
            Self::CachingSha2 => caching_sha2(password.as_bytes(), scramble()?),
            // Two rounds of SHA-1: whoever sees the answer guesses the password from it, and fast.
            Self::Native if guard == Guard::Open => {
                return Err(Fault::Unsafe { method: self.name(), needs: KNOWN });
            }
            Self::Native => native(password.as_bytes(), scramble()?),
            Self::Clear => self.clear(password, guard)?,
            // One byte asks for the server's key, where the password itself may not go.
            Self::Sha256 if guard == Guard::Verified => self.clear(password, guard)?,
            Self::Sha256 => vec![1],
        };
        Ok(Zeroizing::new(answer))
    }

    /// The password itself, ended by a zero byte.
    pub(super) fn clear(self, password: &str, guard: Guard) -> Result<Vec<u8>, Fault> {
        if guard != Guard::Verified {
            return Err(Fault::Unsafe { method: self.name(), needs: VERIFIED });
        }
        Ok([password.as_bytes(), &[0]].concat())
    }
}

/// `SHA1(password) XOR SHA1(challenge, SHA1(SHA1(password)))`.
fn native(password: &[u8], challenge: &[u8]) -> Vec<u8> {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &[password]);
    let stored = digest(&SHA1_FOR_LEGACY_USE_ONLY, &[&hash]);
    xor(&hash, &digest(&SHA1_FOR_LEGACY_USE_ONLY, &[challenge, &stored]))
}

/// `SHA256(password) XOR SHA256(SHA256(SHA256(password)), challenge)`.
fn caching_sha2(password: &[u8], challenge: &[u8]) -> Vec<u8> {
    let hash = digest(&SHA256, &[password]);
    let stored = digest(&SHA256, &[&hash]);
    xor(&hash, &digest(&SHA256, &[&stored, challenge]))
}

/// The password for the server alone: masked with the challenge, encrypted with the server's RSA key (OAEP, SHA-1).
pub(super) fn encrypted(password: &str, challenge: &[u8], pem: &[u8]) -> Result<Vec<u8>, Fault> {
    let bad = || Fault::Malformed("its RSA key cannot be used".into());
    let der = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| bad())?;
    let key = PublicEncryptingKey::from_der(&der).map_err(|_| bad())?;
    let key = OaepPublicEncryptingKey::new(key).map_err(|_| bad())?;
    if challenge.is_empty() {
        return Err(Fault::Malformed("its challenge is empty".into()));
    }
    let ended = Zeroizing::new([password.as_bytes(), &[0]].concat());
    let masked = ended.iter().zip(challenge.iter().cycle()).map(|(a, b)| a ^ b);
    let masked = Zeroizing::new(masked.collect::<Vec<u8>>());
    let mut out = vec![0; key.ciphertext_size()];
    let written = key.encrypt(&OAEP_SHA1_MGF1SHA1, &masked, &mut out, None).map_err(|_| bad())?;
    Ok(written.to_vec())
}

fn digest(algorithm: &'static Algorithm, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let mut context = Context::new(algorithm);
    for part in parts {
        context.update(part);
    }
    Zeroizing::new(context.finish().as_ref().to_vec())
}

fn xor(left: &[u8], right: &[u8]) -> Vec<u8> {
    left.iter().zip(right).map(|(a, b)| a ^ b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_guessed_fast_is_not_for_everybody() {
        let answer = |plugin: Plugin, guard| plugin.answer("secret", &[7; SCRAMBLE], guard);
        for guard in [Guard::Verified, Guard::Local, Guard::Waived] {
            assert_eq!(answer(Plugin::Native, guard).unwrap().len(), 20);
        }
        let refused = answer(Plugin::Native, Guard::Open).unwrap_err();
        assert!(matches!(refused, Fault::Unsafe { method: plugin::NATIVE, .. }), "{refused:?}");
        assert!(refused.to_string().contains("allow_weak_methods"), "{refused}");
        // Salted SHA-256 of the server's own choosing goes everywhere; the password itself nowhere but to who proved it.
        assert_eq!(answer(Plugin::CachingSha2, Guard::Open).unwrap().len(), 32);
        for guard in [Guard::Local, Guard::Waived, Guard::Open] {
            assert!(matches!(answer(Plugin::Clear, guard), Err(Fault::Unsafe { .. })));
        }
        // Nothing is told by a password that is empty.
        let empty = Plugin::Native.answer("", &[7; SCRAMBLE], Guard::Open).unwrap();
        assert_eq!(empty.as_slice(), b"");
    }
}
