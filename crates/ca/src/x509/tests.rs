//! What an X.509 certificate must be to be believed, and what openssl makes of ours.

use std::{fs, process::Command};

use access::{
    identity::{Identity, Lapse},
    name::LoginId,
};
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa, KeyPair, PublicKeyData as _,
    SanType,
};

use super::{DatabasePlan, Pin};
use crate::{Authorities, Authority, CertError, SignError, Step};

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

fn house() -> Authorities {
    Authorities::generate("demo", now()).unwrap()
}

fn alice() -> Identity {
    Identity {
        user: "alice+ops@example.com".parse().unwrap(),
        login: LoginId::from_bits(7),
        expires: now() + hours(12),
        mfa: true,
        device: true,
    }
}

fn spki() -> String {
    super::pem("PUBLIC KEY", &KeyPair::generate().unwrap().subject_public_key_info())
}

/// A certificate by our own authority that our own code would never make.
fn odd(house: &Authorities, change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let mut params = super::params(now(), now() + hours(1)).unwrap();
    for uri in ["countersign:user:alice", "countersign:login:00000000-0000-0007"] {
        params.subject_alt_names.push(SanType::URI(uri.try_into().unwrap()));
    }
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    change(&mut params);
    let pair = KeyPair::generate().unwrap();
    params.signed_by(&pair, house.ring().tls.active.issuer()).unwrap().der().to_vec()
}

#[test]
fn an_identity_comes_back_as_it_went_in() {
    let house = house();
    let signed = house.sign_identity_x509(&alice(), &spki(), now()).unwrap();
    assert_eq!(house.verify_identity_x509(&signed.certificate, now()), Ok(alice()));
}

#[test]
fn its_window_is_kept() {
    let house = house();
    let signed = house.sign_identity_x509(&alice(), &spki(), now()).unwrap();
    let at = |at| house.verify_identity_x509(&signed.certificate, at).map(|_| ());
    assert_eq!(at(now() - crate::CLOCK_SKEW), Ok(()));
    assert!(matches!(at(now() - hours(1)), Err(CertError::NotYetValid(_))));
    assert_eq!(at(alice().expires), Err(CertError::Expired(alice().expires)));

    let end = alice().expires;
    let lapsed = house.lapsed_identity_x509(&signed.certificate, end + hours(2)).unwrap();
    assert_eq!((lapsed.user, lapsed.lapse), (alice().user, Lapse::Ended(end)));
    assert_eq!(house.lapsed_identity_x509(&signed.certificate, now()), None, "it holds");
    let strange = Authorities::generate("demo", now()).unwrap();
    assert_eq!(strange.lapsed_identity_x509(&signed.certificate, end + hours(2)), None);
}

#[test]
fn only_the_tls_authority_of_this_house_says_who_someone_is() {
    let house = house();
    let strange = Authorities::generate("demo", now()).unwrap();
    let signed = strange.sign_identity_x509(&alice(), &spki(), now()).unwrap();
    let verify = |der: &[u8]| house.verify_identity_x509(der, now()).map(|_| ());
    assert_eq!(verify(&signed.certificate), Err(CertError::UnknownAuthority));
    let server = house.server_tls(&["gw.example.com"], now()).unwrap();
    assert_eq!(verify(&server.chain[0]), Err(CertError::Kind { expected: "tls client" }));
    assert_eq!(verify(&server.chain[1]), Err(CertError::Kind { expected: "tls client" }));
    let plan = DatabasePlan {
        subject: super::Subject::Traced,
        database_user: "alice".into(),
        user: "alice".parse().unwrap(),
        session: "00000000-0000-0001".parse().unwrap(),
        until: None,
    };
    let client = house.sign_database(&plan, now()).unwrap();
    assert_eq!(verify(&client.chain[0]), Err(CertError::UnknownAuthority));
}

#[test]
fn what_is_not_understood_is_refused() {
    let house = house();
    let verify = |der: &[u8]| house.verify_identity_x509(der, now()).map(|_| ());
    assert_eq!(verify(&odd(&house, |_| ())), Ok(()));
    let unknown = odd(&house, |params| {
        let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions.push(extension);
    });
    assert_eq!(verify(&unknown), Err(CertError::CriticalOption("1.2.3.4".to_owned())));
    let authority = odd(&house, |params| {
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    });
    assert_eq!(verify(&authority), Err(CertError::Kind { expected: "tls client" }));
    let no_usage = odd(&house, |params| params.extended_key_usages.clear());
    assert_eq!(verify(&no_usage), Err(CertError::Kind { expected: "tls client" }));
    for uri in ["countersign:user:bob", "countersign:login:00000000-0000-0008"] {
        let two = odd(&house, |params| {
            params.subject_alt_names.push(SanType::URI(uri.try_into().unwrap()));
        });
        assert!(matches!(verify(&two), Err(CertError::Principal { .. })), "{uri}");
    }
    let nobody = odd(&house, |params| params.subject_alt_names.clear());
    assert!(matches!(verify(&nobody), Err(CertError::Principal { .. })));
}

#[test]
fn one_changed_bit_anywhere_is_noticed() {
    let house = house();
    let signed = house.sign_identity_x509(&alice(), &spki(), now()).unwrap();
    for at in 0..signed.certificate.len() {
        let mut changed = signed.certificate.to_vec();
        changed[at] ^= 1;
        assert!(house.verify_identity_x509(&changed, now()).is_err(), "byte {at}");
    }
    for length in 0..signed.certificate.len() {
        assert!(house.verify_identity_x509(&signed.certificate[..length], now()).is_err());
    }
}

#[test]
fn keys_of_other_kinds_are_refused_by_name() {
    let house = house();
    let rsa = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap().public_key_pem();
    for bad in ["", "-----BEGIN PUBLIC KEY-----", "x", rsa.as_str(), &"x".repeat(20_000)] {
        let signed = house.sign_identity_x509(&alice(), bad, now()).map(|_| ());
        assert!(matches!(signed, Err(SignError::Key(_))), "{bad:.40}");
    }
}

#[test]
fn a_rotation_keeps_both_pins_until_it_is_finished() {
    let house = house();
    let first = house.pins();
    for step in [Step::Begin, Step::Switch] {
        house.adopt(house.rotated(Authority::Tls, step, now()).unwrap());
        assert!(house.pins().contains(&first[0]) && house.pins().len() == 2);
    }
    let server = house.server_tls(&["localhost"], now()).unwrap();
    assert_eq!(Pin::of_certificate(&server.chain[1]), Some(house.pins()[0]));
    assert_ne!(house.pins()[0], first[0]);
    house.adopt(house.rotated(Authority::Tls, Step::Finish, now()).unwrap());
    assert_eq!(house.pins().len(), 1);
}

#[test]
fn a_pin_reads_back_and_nothing_else_does() {
    let pin = house().pins()[0];
    assert_eq!(pin.to_string().parse::<Pin>(), Ok(pin));
    assert_eq!(pin.to_string().len(), "sha256:".len() + 64);
    for bad in ["", "sha256:", "sha256:00", &"é".repeat(36), &pin.to_string().replace('6', "g")] {
        assert!(bad.parse::<Pin>().is_err(), "{bad}");
    }
}

#[test]
fn the_ports_certificate_has_only_names_that_can_be_names() {
    let house = house();
    assert!(house.server_tls(&["localhost", "127.0.0.1", "[::1]", "*.example.com"], now()).is_ok());
    assert_eq!(house.server_tls(&[], now()).map(|_| ()), Err(SignError::NoName));
    for bad in ["", "*", "a b", "a..b", "ü.example.com", "*.*.com"] {
        assert!(matches!(house.server_tls(&[bad], now()), Err(SignError::Name(_))), "{bad:?}");
    }
}

#[test]
fn openssl_verifies_our_chains_for_their_purpose_and_no_other() {
    let house = house();
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let tls = write("tls.pem", &house.tls_roots_pem());
    let database = write("database.pem", &house.database_roots_pem());
    let client = house.sign_identity_x509(&alice(), &spki(), now()).unwrap();
    let client = write("client.pem", &client.pem());
    let server = house.server_tls(&["localhost", "127.0.0.1"], now()).unwrap();
    let server = write("server.pem", &super::pem("CERTIFICATE", &server.chain[0]));
    let verify = |root: &std::path::Path, purpose: &str, leaf: &std::path::Path| {
        let at = now().as_second().to_string();
        let output = Command::new("openssl")
            .args(["verify", "-x509_strict", "-attime", &at, "-purpose", purpose, "-CAfile"])
            .args([root, leaf])
            .output()
            .expect("this test needs openssl: apt-get install openssl");
        output.status.success()
    };
    assert!(verify(&tls, "sslclient", &client));
    assert!(verify(&tls, "sslserver", &server));
    assert!(!verify(&tls, "sslserver", &client));
    assert!(!verify(&tls, "sslclient", &server));
    assert!(!verify(&database, "sslclient", &client));
}
