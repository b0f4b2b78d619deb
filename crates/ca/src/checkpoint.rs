//! The key that signs checkpoints of the audit log, as a signed note (C2SP signed-note).
//!
//! A note is a text that ends with a line end, an empty line, and signature lines
//! `— <name> <base64(key id ‖ signature)>`. The key id is the first four bytes of
//! SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key), where 0x01 stands for Ed25519.

use std::fmt;

use aws_lc_rs::{
    digest,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use crate::SignError;

/// The algorithm byte of Ed25519 in a signed note.
const ED25519: u8 = 0x01;

/// The audit log's signing key.
pub struct CheckpointKey {
    name: Box<str>,
    seed: Zeroizing<[u8; 32]>,
    pair: Ed25519KeyPair,
    key_id: [u8; 4],
}

impl CheckpointKey {
    pub(crate) fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, SignError> {
        // Spaces and plus signs separate fields of a note and of a verifier key.
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '+') {
            return Err(SignError::Name(name.escape_debug().to_string()));
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(seed)
            .map_err(|error| SignError::Crypto(error.to_string()))?;
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(name.as_bytes());
        context.update(b"\n");
        context.update(&[ED25519]);
        context.update(pair.public_key().as_ref());
        let mut key_id = [0u8; 4];
        for (to, from) in key_id.iter_mut().zip(context.finish().as_ref()) {
            *to = *from;
        }
        Ok(Self { name: name.into(), seed: Zeroizing::new(*seed), pair, key_id })
    }

    pub(crate) fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// The name in signature lines, and the origin of the log.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of the hash of name and public key.
    pub fn key_id(&self) -> u32 {
        u32::from_be_bytes(self.key_id)
    }

    /// The public key, 32 bytes (RFC 8032).
    pub fn public_key(&self) -> [u8; 32] {
        let mut key = [0; 32];
        key.iter_mut().zip(self.pair.public_key().as_ref()).for_each(|(to, from)| *to = *from);
        key
    }

    /// Signs bytes; 64 bytes come back (RFC 8032 section 5.1.6).
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature
            .iter_mut()
            .zip(self.pair.sign(message).as_ref())
            .for_each(|(to, from)| *to = *from);
        signature
    }

    /// The signature line for the text of a note (which ends with a line end), with its own.
    pub fn note_line(&self, text: &[u8]) -> String {
        let mut bytes = self.key_id.to_vec();
        bytes.extend(self.sign(text));
        format!("\u{2014} {} {}\n", self.name, STANDARD.encode(bytes))
    }

    /// The verifier key `name+hash+key` that `tctl audit verify` and other tools are given.
    pub fn verifier(&self) -> String {
        let mut bytes = vec![ED25519];
        bytes.extend(self.public_key());
        format!("{}+{:08x}+{}", self.name, self.key_id(), STANDARD.encode(bytes))
    }
}

impl fmt::Debug for CheckpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CheckpointKey({}, ***)", self.name)
    }
}
