//! What someone shows to prove who they are, and what lies sealed on disk.
//!
//! The authority is made anew in every process, so nothing a fuzzer invents is signed by it: whatever is accepted
//! must say what the one certificate says that was.

use access::identity::Identity;
use access::name::LoginId;
use ca::keys::{Certificate, PrivateKey, PublicKey};
use ca::{Authorities, SealKey};
use jiff::{SignedDuration, Timestamp};
use rcgen::{KeyPair, PublicKeyData as _};
use std::sync::LazyLock;

/// What stood where the secret is sealed for.
const PLACE: &str = "node/db-box";

/// An authority, the one identity it signed, and a secret it sealed.
struct House {
    authorities: Authorities,
    identity: Identity,
    ssh: Vec<u8>,
    x509: Vec<u8>,
    seal: SealKey,
    sealed: Vec<u8>,
    authorities_sealed: Vec<u8>,
}

static HOUSE: LazyLock<House> = LazyLock::new(|| {
    let expires = now() + SignedDuration::from_hours(12);
    let identity = Identity {
        user: "alice+ops@example.com".parse().expect("a name"),
        login: LoginId::from_bits(7),
        expires,
        mfa: true,
        device: false,
    };
    let authorities = Authorities::generate("demo", now()).expect("an authority");
    let key = PublicKey::from_openssh(KEY).expect("a key");
    let ssh = authorities.sign_identity_ssh(&identity, &key, now()).expect("a certificate");
    let pair = KeyPair::generate().expect("a key");
    let spki = ca_pem(&pair.subject_public_key_info());
    let x509 = authorities.sign_identity_x509(&identity, &spki, now()).expect("a certificate");
    let seal = SealKey::generate().expect("a key");
    House {
        identity,
        ssh: ssh.to_bytes().expect("bytes"),
        x509: x509.certificate.to_vec(),
        sealed: seal.seal(b"secret", PLACE).expect("sealed"),
        authorities_sealed: authorities.to_sealed(&seal).expect("sealed"),
        authorities,
        seal,
    }
});

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN76zuqnjypL54/w4763l7q1Sn3IBYHptJ5wcYfEWkzj";

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().expect("a time")
}

fn ca_pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n")
}

/// What is genuine, by target: mutated, it must be refused or say the same.
#[must_use]
pub fn genuine(target: &str) -> Vec<&'static [u8]> {
    let house = &*HOUSE;
    match target {
        "identity_ssh" => vec![&house.ssh],
        "identity_x509" => vec![&house.x509],
        "sealed" => vec![&house.sealed, &house.authorities_sealed],
        _ => Vec::new(),
    }
}

/// An SSH certificate, as it comes in an authentication.
pub fn identity_ssh(bytes: &[u8]) {
    let Ok(certificate) = Certificate::from_bytes(bytes) else { return };
    let Ok(identity) = HOUSE.authorities.verify_identity_ssh(&certificate, now()) else { return };
    assert_eq!(identity, HOUSE.identity);
}

/// An X.509 certificate, as it comes in a TLS handshake.
pub fn identity_x509(bytes: &[u8]) {
    let Ok(identity) = HOUSE.authorities.verify_identity_x509(bytes, now()) else { return };
    assert_eq!(identity, HOUSE.identity);
}

/// What lies sealed on disk: opened only as it was sealed, where it was sealed for.
pub fn sealed(bytes: &[u8]) {
    let house = &*HOUSE;
    match house.seal.open(bytes, PLACE) {
        Ok(secret) => assert!(bytes == house.sealed && *secret == b"secret"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if Authorities::open(bytes, &house.seal).is_ok() {
        assert_eq!(bytes, house.authorities_sealed);
    }
}

/// A line with a public key, as users and administrators paste it.
pub fn user_key(bytes: &[u8]) {
    let line = String::from_utf8_lossy(bytes);
    let Ok(key) = ca::parse_user_key(&line) else { return };
    let written = key.to_openssh().expect("a line");
    let again = ca::parse_user_key(&written).expect("what is written is read");
    assert_eq!(again.key_data(), key.key_data());
    let _ = (ca::fingerprint(&key), PrivateKey::from_openssh(&*line).is_ok());
}
