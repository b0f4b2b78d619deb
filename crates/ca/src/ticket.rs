//! Tickets: what we hand to a browser to be handed back to us, and nobody else can read or make.
//!
//! A ticket is sealed under a key that follows from the log's, for a purpose: one that was made for something else does
//! not open. What it says and until when is inside, and is for whoever opens it to look at.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Salt},
    rand,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{Authorities, SignError};

/// What the key is for.
const LABEL: &[u8] = b"countersign tickets 1";
/// The longest ticket that is looked at, in characters.
pub const MAX_TICKET: usize = 2048;

/// Seals and opens tickets.
pub(crate) struct TicketKey(LessSafeKey);

impl TicketKey {
    /// The key that follows from `seed`.
    pub(crate) fn from_seed(seed: &[u8; 32]) -> Result<Self, SignError> {
        let crypto = |_| SignError::Crypto("the key of tickets cannot be made".to_owned());
        let material = Salt::new(HKDF_SHA256, b"").extract(seed);
        let key = material.expand(&[LABEL], &AES_256_GCM).map_err(crypto)?;
        Ok(Self(LessSafeKey::new(UnboundKey::from(key))))
    }

    fn seal(&self, purpose: &str, text: &[u8]) -> Result<String, SignError> {
        let crypto = |_| SignError::Crypto("a ticket cannot be sealed".to_owned());
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(crypto)?;
        let mut sealed = text.to_vec();
        let place = Nonce::assume_unique_for_key(nonce);
        self.0
            .seal_in_place_append_tag(place, Aad::from(purpose.as_bytes()), &mut sealed)
            .map_err(crypto)?;
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    fn open(&self, purpose: &str, ticket: &str) -> Option<Vec<u8>> {
        if ticket.len() > MAX_TICKET {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(ticket).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = sealed.to_vec();
        let place = Nonce::assume_unique_for_key(*nonce);
        let text = self.0.open_in_place(place, Aad::from(purpose.as_bytes()), &mut sealed).ok()?;
        Some(text.to_vec())
    }
}

impl Authorities {
    /// A ticket that says `text`, for `purpose`; in characters that stand in addresses and cookies as they are.
    ///
    /// # Errors
    /// The system gave no randomness.
    pub fn seal_ticket(&self, purpose: &str, text: &[u8]) -> Result<String, SignError> {
        self.ring().tickets.seal(purpose, text)
    }

    /// What a ticket says; `None` where it is not ours, not for this purpose, or was changed.
    #[must_use]
    pub fn open_ticket(&self, purpose: &str, ticket: &str) -> Option<Vec<u8>> {
        self.ring().tickets.open(purpose, ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_opens_for_its_purpose_in_its_house_and_unchanged() {
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let ours = Authorities::generate("demo", now).unwrap();
        let ticket = ours.seal_ticket("enter", b"alice").unwrap();
        assert_eq!(ours.open_ticket("enter", &ticket).as_deref(), Some(&b"alice"[..]));
        assert_eq!(ours.open_ticket("leave", &ticket), None);
        for i in 0..ticket.len() {
            let mut changed = ticket.clone().into_bytes();
            changed[i] = if changed[i] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            // The last character has bits that count for nothing; the decoder refuses them.
            assert_eq!(ours.open_ticket("enter", &changed), None, "{i}");
        }
        assert_eq!(ours.open_ticket("enter", ""), None);
        assert_eq!(ours.open_ticket("enter", &"A".repeat(MAX_TICKET + 1)), None);
        let theirs = Authorities::generate("demo", now).unwrap();
        assert_eq!(theirs.open_ticket("enter", &ticket), None);
        // A house that is opened again reads its own.
        let key = crate::SealKey::generate().unwrap();
        let again = Authorities::open(&ours.to_sealed(&key).unwrap(), &key).unwrap();
        assert!(again.open_ticket("enter", &ticket).is_some());
    }
}
