//! Assertions: who is asking, said to an application in a way that it can check (JWT, RFC 7519).
//!
//! Signed with ES256 (RFC 7518, section 3.4), which every library of JWTs knows. The key's name is its thumbprint
//! (RFC 7638), so that whoever checks finds the right one of several in the set (JWKS, RFC 7517, section 5).

use std::fmt;

use aws_lc_rs::{
    digest,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{Authorities, SignError};

/// The first byte of a point that is written whole (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 4;
/// Bytes of one coordinate of P-256.
const COORDINATE: usize = 32;

/// A key that signs assertions.
pub(crate) struct AssertionKey {
    pair: EcdsaKeyPair,
    pkcs8: Zeroizing<Vec<u8>>,
    x: String,
    y: String,
    kid: String,
}

impl AssertionKey {
    pub(crate) fn generate() -> Result<Self, SignError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(crypto)?;
        let pkcs8 = Zeroizing::new(pair.to_pkcs8v1().map_err(crypto)?.as_ref().to_vec());
        Self::from_pkcs8(&pkcs8)
    }

    pub(crate) fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, SignError> {
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map_err(crypto)?;
        let point = pair.public_key().as_ref();
        let (x, y) = match point.split_first() {
            Some((&UNCOMPRESSED, rest)) if rest.len() == 2 * COORDINATE => {
                rest.split_at(COORDINATE)
            }
            Some(_) | None => return Err(SignError::Crypto("a public key of another form".into())),
        };
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        // RFC 7638, section 3: the required members in the order of their names, without white space.
        let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let kid = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, members.as_bytes()));
        Ok(Self { pair, pkcs8: Zeroizing::new(pkcs8.to_vec()), x, y, kid })
    }

    pub(crate) fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The public part (RFC 7517, section 4).
    pub(crate) fn jwk(&self) -> Value {
        json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig",
            "kid": self.kid, "x": self.x, "y": self.y,
        })
    }

    fn sign(&self, claims: &Value) -> Result<String, SignError> {
        let head = json!({"alg": "ES256", "typ": "JWT", "kid": self.kid});
        let mut text = URL_SAFE_NO_PAD.encode(head.to_string());
        text.push('.');
        text.push_str(&URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.pair.sign(&SystemRandom::new(), text.as_bytes()).map_err(crypto)?;
        text.push('.');
        text.push_str(&URL_SAFE_NO_PAD.encode(signature.as_ref()));
        Ok(text)
    }
}

fn crypto(error: impl fmt::Display) -> SignError {
    SignError::Crypto(error.to_string())
}

impl Authorities {
    /// Signs claims (RFC 7519, section 4) for an application; what comes back is a JWT.
    ///
    /// # Errors
    /// The system gave no randomness.
    pub fn sign_assertion(&self, claims: &Value) -> Result<String, SignError> {
        self.ring().assertion.active.sign(claims)
    }

    /// The keys that assertions are checked with, as applications fetch them: a JWK set of every generation.
    #[must_use]
    pub fn assertion_keys(&self) -> Value {
        let ring = self.ring();
        let keys: Vec<Value> = ring.assertion.trusted().map(|key| key.jwk()).collect();
        json!({ "keys": keys })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    #[test]
    fn an_assertion_is_checked_with_the_key_that_its_set_names() {
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let authorities = Authorities::generate("demo", now).unwrap();
        let token = authorities.sign_assertion(&json!({"sub": "alice"})).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let read = |part: &str| -> Value {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        let set = authorities.assertion_keys();
        let key = &set["keys"][0];
        assert_eq!(read(parts[0])["kid"], key["kid"]);
        assert_eq!(read(parts[1])["sub"], "alice");

        let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
        let point = [vec![UNCOMPRESSED], coordinate("x"), coordinate("y")].concat();
        let known = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        let signed = format!("{}.{}", parts[0], parts[1]);
        let signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
        known.verify(signed.as_bytes(), &signature).unwrap();
        assert!(known.verify(b"another text", &signature).is_err());
    }

    #[test]
    fn the_thumbprint_is_that_of_the_standard() {
        let key = AssertionKey::generate().unwrap();
        let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, key.x, key.y);
        let digest = digest::digest(&digest::SHA256, members.as_bytes());
        assert_eq!(key.kid, URL_SAFE_NO_PAD.encode(digest));
        assert_eq!(AssertionKey::from_pkcs8(key.pkcs8()).unwrap().kid, key.kid);
    }
}
