//! Authorities: what they sign holds, and what they never signed does not.

use super::*;
use crate::SealKey;

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

#[test]
fn sealed_and_opened_they_are_the_same() {
    let house = Authorities::generate("demo", now()).unwrap();
    house.adopt(house.rotated(Authority::User, Step::Begin, now()).unwrap());
    house.adopt(house.rotated(Authority::Tls, Step::Begin, now()).unwrap());
    house.adopt(house.rotated(Authority::Tls, Step::Switch, now()).unwrap());
    let key = SealKey::generate().unwrap();
    let again = Authorities::open(&house.to_sealed(&key).unwrap(), &key).unwrap();
    assert_eq!(again.trusted_user_ca_keys(), house.trusted_user_ca_keys());
    assert_eq!(again.known_hosts("*"), house.known_hosts("*"));
    assert_eq!(again.pins(), house.pins());
    assert_eq!(again.database_roots_pem(), house.database_roots_pem());
    assert_eq!(again.checkpoint().verifier(), house.checkpoint().verifier());
    assert_eq!(again.host_key().public_key(), house.host_key().public_key());
    assert_eq!(again.cluster(), house.cluster());
    for authority in Authority::ALL {
        assert_eq!(again.phase(authority), house.phase(authority), "{authority}");
    }
}

#[test]
fn with_another_seal_key_they_stay_closed() {
    let house = Authorities::generate("demo", now()).unwrap();
    let sealed = house.to_sealed(&SealKey::generate().unwrap()).unwrap();
    let error = Authorities::open(&sealed, &SealKey::generate().unwrap()).unwrap_err();
    assert!(error.to_string().contains("needs the seal key"), "{error}");
}

#[test]
fn every_authority_and_step_reads_back() {
    for authority in Authority::ALL {
        assert_eq!(authority.as_str().parse(), Ok(authority));
    }
    for step in [Step::Begin, Step::Switch, Step::Finish, Step::Undo] {
        assert_eq!(step.to_string().parse(), Ok(step));
    }
    assert!("ssh".parse::<Authority>().is_err());
}

#[test]
fn debug_shows_no_key() {
    let house = Authorities::generate("demo", now()).unwrap();
    assert_eq!(format!("{house:?}"), "Authorities(demo, ***)");
    assert!(format!("{:?}", house.server_tls(&["localhost"], now()).unwrap()).contains("***"));
    assert!(format!("{:?}", house.checkpoint()).contains("***"));
}

#[test]
fn a_note_is_signed_as_the_format_says() {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let key = Authorities::generate("demo", now()).unwrap().checkpoint();
    let text = "countersign/demo/audit\n1\nAAAA\n";
    let line = key.note_line(text.as_bytes());
    let rest = line.strip_prefix("\u{2014} countersign/demo/audit ").unwrap();
    let bytes = STANDARD.decode(rest.trim_end()).unwrap();
    assert_eq!(bytes[..4], key.key_id().to_be_bytes());
    UnparsedPublicKey::new(&ED25519, key.public_key())
        .verify(text.as_bytes(), &bytes[4..])
        .unwrap();
    assert!(key.verifier().starts_with(&format!("countersign/demo/audit+{:08x}+A", key.key_id())));
}
