//! The signature of MariaDB's `client_ed25519` (MariaDB Knowledge Base, "Authentication Plugin - ed25519").
//!
//! It is Ed25519 (RFC 8032, section 5.1.6), except that the hash of the password stands for the hash of the 32-byte
//! seed. Libraries of Ed25519 begin with a seed, so this begins one step later, on the curve of `curve25519-dalek`.

use aws_lc_rs::digest::{Context, SHA512};
use curve25519_dalek::scalar::clamp_integer;
use curve25519_dalek::{EdwardsPoint, Scalar};
use zeroize::Zeroizing;

/// Signs `message` with `password`.
pub(super) fn sign(password: &[u8], message: &[u8]) -> [u8; 64] {
    let hash = Zeroizing::new(sha512(&[password]));
    let (low, prefix) = hash.split_at(32);
    let mut seed = Zeroizing::new([0; 32]);
    seed.copy_from_slice(low);
    let secret = Zeroizing::new(Scalar::from_bytes_mod_order(clamp_integer(*seed)));
    let public = EdwardsPoint::mul_base(&secret).compress();
    let nonce = Zeroizing::new(scalar(&[prefix, message]));
    let point = EdwardsPoint::mul_base(&nonce).compress();
    let challenge = scalar(&[point.as_bytes(), public.as_bytes(), message]);
    let proof = *nonce + challenge * *secret;
    let mut signature = [0; 64];
    let (first, second) = signature.split_at_mut(32);
    first.copy_from_slice(point.as_bytes());
    second.copy_from_slice(proof.as_bytes());
    signature
}

fn scalar(parts: &[&[u8]]) -> Scalar {
    Scalar::from_bytes_mod_order_wide(&sha512(parts))
}

fn sha512(parts: &[&[u8]]) -> [u8; 64] {
    let mut context = Context::new(&SHA512);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 64];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    /// With a 32-byte password the scheme is RFC 8032: its test vectors hold (section 7.1, tests 1 and 3).
    #[test]
    fn a_password_as_long_as_a_seed_signs_as_rfc_8032_does() {
        let unhex = |text: &str| -> Vec<u8> {
            (0..text.len())
                .step_by(2)
                .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
                .collect()
        };
        for (seed, public, message, signature) in [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
            ),
            (
                "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
                "af82",
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
            ),
        ] {
            let made = sign(&unhex(seed), &unhex(message));
            assert_eq!(made.to_vec(), unhex(signature));
            let key = UnparsedPublicKey::new(&ED25519, unhex(public));
            assert!(key.verify(&unhex(message), &made).is_ok());
        }
    }
}
