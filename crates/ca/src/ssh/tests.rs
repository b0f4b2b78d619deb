//! What an SSH certificate must be to be believed, and what real OpenSSH makes of ours.

mod openssh;

use access::{
    identity::{Identity, Lapse, Lapsed},
    name::LoginId,
};
use jiff::{SignedDuration, Timestamp};
use russh::keys::ssh_key::{
    Algorithm, EcdsaCurve,
    certificate::{Builder, CertType},
    private::{Ed25519Keypair, RsaKeypair},
};

use super::keys::{Certificate, PrivateKey, PublicKey};
use crate::{Allowed, Authorities, Authority, CertError, SignError, Step, UpstreamPlan};

pub(super) fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

pub(super) fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

pub(super) fn alice(expires: Timestamp) -> Identity {
    Identity {
        user: "alice@example.com".parse().unwrap(),
        login: LoginId::from_bits(0x0123_4567_89ab_cdef),
        expires,
        mfa: true,
        device: false,
    }
}

pub(super) fn key(seed: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
}

pub(super) fn upstream(until: Option<Timestamp>) -> UpstreamPlan {
    UpstreamPlan {
        login: "root".parse().unwrap(),
        user: "alice".parse().unwrap(),
        session: "0123abcd-4567-89ab".parse().unwrap(),
        request: Some("bc8ca931-fec9-4b15".parse().unwrap()),
        allowed: Allowed { pty: true, ..Allowed::default() },
        until,
    }
}

fn house() -> Authorities {
    Authorities::generate("demo", now()).unwrap()
}

/// A certificate by our own identity authority that our own code would never make.
fn odd(house: &Authorities, change: impl FnOnce(&mut Builder)) -> Certificate {
    let (from, until) = (now() - hours(1), now() + hours(1));
    let seconds = |at: Timestamp| u64::try_from(at.as_second()).unwrap();
    let subject = key(7).public_key().key_data().clone();
    let mut builder = Builder::new([1u8; 16], subject, seconds(from), seconds(until)).unwrap();
    builder.extension("countersign-login@countersign", "01234567-89ab-cdef").unwrap();
    change(&mut builder);
    builder.sign(house.ring().identity.active.private()).unwrap()
}

#[test]
fn an_identity_comes_back_as_it_went_in() {
    let house = house();
    let identity = alice(now() + hours(12));
    let certificate = house.sign_identity_ssh(&identity, key(7).public_key(), now()).unwrap();
    assert_eq!(house.verify_identity_ssh(&certificate, now()), Ok(identity));
    let line = Authorities::certificate_line(&certificate).unwrap();
    let read = Certificate::from_openssh(&line).unwrap();
    assert!(house.verify_identity_ssh(&read, now()).is_ok());
}

#[test]
fn every_kind_of_user_key_in_use_is_accepted() {
    let rng = &mut russh::keys::key::safe_rng();
    let mut keys = vec![
        key(7).public_key().clone(),
        PrivateKey::from(RsaKeypair::random(rng, 2048).unwrap()).public_key().clone(),
    ];
    for curve in [EcdsaCurve::NistP256, EcdsaCurve::NistP384, EcdsaCurve::NistP521] {
        let key = PrivateKey::random(rng, Algorithm::Ecdsa { curve }).unwrap();
        keys.push(key.public_key().clone());
    }
    // Public keys of security keys, as `ssh-keygen -t ed25519-sk` and `-t ecdsa-sk` write them.
    for line in [
        "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAICFo/k5LU8863u66YC9eUO2170QduohPURkQnbLa/dczAAAABHNzaDo= user@example.com",
        "sk-ecdsa-sha2-nistp256@openssh.com AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAAAIbmlzdHAyNTYAAABBBIELQJ2DgvaX1yQlKFokfWM2suuaCFI2qp0eJodHyg6O4ifxc3XpRKd1OS8dNYQtE/YjdXSrA+AOnMF5ns2Nkx4AAAAEc3NoOg== user@example.com",
    ] {
        keys.push(super::parse_user_key(line).unwrap());
    }
    let house = house();
    for key in keys {
        let identity = alice(now() + hours(1));
        let certificate = house.sign_identity_ssh(&identity, &key, now()).unwrap();
        assert_eq!(
            house.verify_identity_ssh(&certificate, now()),
            Ok(identity),
            "{}",
            key.algorithm()
        );
    }
}

#[test]
fn keys_that_prove_nothing_are_refused() {
    let short = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC3vXvsjqlTHF2VxVFUpnbgWHuVE0i3NBOGDZ7FhWt0vfJZXc6lY6E1TQ3vWmxwYhBnD9BUpIuvbs0sWpa1h2CDPYPfJn4Dbr7Z1YzVpVmnwwfHGZYPcQoFZ8Wi1tOJf4tVNNTVL3mbvg6PzqcMOm3q0R4SkzX2SUbl6MkVqQ== x";
    for bad in ["", "ssh-ed25519", "ssh-ed25519 AAAA", "not a key", short, &"x".repeat(5000)] {
        assert!(matches!(super::parse_user_key(bad), Err(SignError::Key(_))), "{bad}");
    }
    let house = house();
    let certificate =
        house.sign_identity_ssh(&alice(now() + hours(1)), key(7).public_key(), now()).unwrap();
    let nested = Authorities::certificate_line(&certificate).unwrap();
    assert!(matches!(super::parse_user_key(&nested), Err(SignError::Key(_))));
}

#[test]
fn another_houses_certificate_is_not_believed() {
    let stranger = house();
    let certificate =
        stranger.sign_identity_ssh(&alice(now() + hours(1)), key(7).public_key(), now()).unwrap();
    assert_eq!(house().verify_identity_ssh(&certificate, now()), Err(CertError::UnknownAuthority));
}

#[test]
fn no_other_authority_of_the_house_can_say_who_someone_is() {
    let house = house();
    let plan = upstream(None);
    let towards_target = house.sign_upstream_ssh(&plan, key(7).public_key(), now()).unwrap();
    assert_eq!(house.verify_identity_ssh(&towards_target, now()), Err(CertError::UnknownAuthority));
    let host = house.sign_host(&["db-box"], key(7).public_key(), now() + hours(1), now()).unwrap();
    assert_eq!(
        house.verify_identity_ssh(&host, now()),
        Err(CertError::Kind { expected: "ssh user" })
    );
    assert_eq!(
        house.verify_host(&towards_target, "root", now()),
        Err(CertError::Kind { expected: "ssh host" })
    );
}

#[test]
fn a_certificate_holds_from_its_beginning_to_its_end_and_no_second_longer() {
    let house = house();
    let expires = now() + hours(1);
    let certificate = house.sign_identity_ssh(&alice(expires), key(7).public_key(), now()).unwrap();
    let at = |at| house.verify_identity_ssh(&certificate, at).map(|_| ());
    assert_eq!(at(expires - SignedDuration::from_secs(1)), Ok(()));
    assert_eq!(at(expires), Err(CertError::Expired(expires)));
    // Dated back by the skew, and read with the skew: a clock two minutes behind still works.
    assert_eq!(at(now() - crate::CLOCK_SKEW - crate::CLOCK_SKEW), Ok(()));
    assert!(matches!(at(now() - hours(1)), Err(CertError::NotYetValid(_))));
}

#[test]
fn whose_time_alone_is_wrong_is_known_and_nobody_else() {
    let house = house();
    let expires = now() + hours(1);
    let who = alice(expires);
    let signed = |by: &Authorities| by.sign_identity_ssh(&who, key(7).public_key(), now()).unwrap();
    let ours = signed(&house);
    let lapsed = |lapse| Some(Lapsed { user: who.user.clone(), login: who.login, lapse });
    assert_eq!(house.lapsed_identity_ssh(&ours, now()), None, "it holds");
    let at = expires + hours(2);
    assert_eq!(house.lapsed_identity_ssh(&ours, at), lapsed(Lapse::Ended(expires)));
    let begins = now() - crate::CLOCK_SKEW;
    let early = house.lapsed_identity_ssh(&ours, now() - hours(1));
    assert_eq!(early, lapsed(Lapse::Begins(begins)));

    let foreign = signed(&Authorities::generate("demo", now()).unwrap());
    assert_eq!(house.lapsed_identity_ssh(&foreign, at), None);
    // Ours and over, but not an identity: whatever else is wrong is not forgiven.
    let plain = odd(&house, |builder| {
        builder.cert_type(CertType::User).unwrap().key_id("root").unwrap();
        builder.valid_principal("root").unwrap();
    });
    assert_eq!(house.lapsed_identity_ssh(&plain, at), None);
    let critical = odd(&house, |builder| {
        builder.cert_type(CertType::User).unwrap().key_id("alice").unwrap();
        builder.valid_principal("countersign-identity:alice").unwrap();
        builder.critical_option("force-command", "true").unwrap();
    });
    assert_eq!(house.lapsed_identity_ssh(&critical, at), None);
}

#[test]
fn a_host_is_believed_by_people_whose_clock_is_a_day_behind() {
    let house = house();
    let host = house.sign_host(&["db-box"], key(7).public_key(), now() + hours(1), now()).unwrap();
    assert_eq!(house.verify_host(&host, "db-box", now() - hours(24)), Ok(()));
    assert!(house.verify_host(&host, "db-box", now() - hours(25)).is_err());
    // Who someone is, is dated back by no more than clocks differ.
    let who = alice(now() + hours(1));
    let identity = house.sign_identity_ssh(&who, key(7).public_key(), now()).unwrap();
    assert!(house.verify_identity_ssh(&identity, now() - hours(1)).is_err());
}

#[test]
fn an_end_that_has_come_is_not_signed() {
    let signed = house().sign_identity_ssh(&alice(now()), key(7).public_key(), now());
    assert_eq!(signed.map(|_| ()), Err(SignError::AlreadyOver(now())));
}

#[test]
fn an_unknown_critical_option_is_refused() {
    let house = house();
    let certificate = odd(&house, |builder| {
        builder.valid_principal("countersign-identity:alice").unwrap();
        builder.critical_option("force-command", "/bin/false").unwrap();
    });
    assert_eq!(
        house.verify_identity_ssh(&certificate, now()),
        Err(CertError::CriticalOption("force-command".to_owned()))
    );
}

#[test]
fn an_identity_is_exactly_one_principal_of_our_kind() {
    let house = house();
    let principal = |names: &[&str]| {
        let certificate = odd(&house, |builder| match names {
            [] => _ = builder.all_principals_valid().unwrap(),
            names => names.iter().for_each(|name| _ = builder.valid_principal(*name).unwrap()),
        });
        house.verify_identity_ssh(&certificate, now()).is_ok()
    };
    assert!(principal(&["countersign-identity:alice"]));
    assert!(!principal(&[]));
    assert!(!principal(&["alice"]));
    assert!(!principal(&["countersign-identity:"]));
    assert!(!principal(&["countersign-identity:al ice"]));
    assert!(!principal(&["countersign-identity:alice", "countersign-identity:bob"]));
}

#[test]
fn a_host_certificate_by_the_identity_authority_is_not_a_user() {
    let house = house();
    let certificate = odd(&house, |builder| {
        builder.valid_principal("countersign-identity:alice").unwrap();
        builder.cert_type(CertType::Host).unwrap();
    });
    assert_eq!(
        house.verify_identity_ssh(&certificate, now()),
        Err(CertError::Kind { expected: "ssh user" })
    );
}

#[test]
fn one_changed_bit_anywhere_is_noticed() {
    let house = house();
    let certificate =
        house.sign_identity_ssh(&alice(now() + hours(1)), key(7).public_key(), now()).unwrap();
    let bytes = certificate.to_bytes().unwrap();
    for at in (0..bytes.len()).step_by(5) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        if let Ok(read) = Certificate::from_bytes(&changed) {
            assert!(house.verify_identity_ssh(&read, now()).is_err(), "byte {at}");
        }
    }
}

#[test]
fn towards_a_target_a_certificate_is_one_login_for_minutes() {
    let house = house();
    let certificate = house.sign_upstream_ssh(&upstream(None), key(7).public_key(), now()).unwrap();
    assert_eq!(certificate.valid_principals(), ["root"]);
    assert_eq!(
        certificate.key_id(),
        "countersign user=alice session=0123abcd-4567-89ab request=bc8ca931-fec9-4b15"
    );
    assert_eq!(certificate.extensions().keys().collect::<Vec<_>>(), ["permit-pty"]);
    let end = |until| {
        let certificate =
            house.sign_upstream_ssh(&upstream(until), key(7).public_key(), now()).unwrap();
        super::timestamp(certificate.valid_before())
    };
    assert_eq!(end(None), now() + crate::UPSTREAM_LIFE);
    assert_eq!(end(Some(now() + hours(1))), now() + crate::UPSTREAM_LIFE);
    let soon = now() + SignedDuration::from_secs(10);
    assert_eq!(end(Some(soon)), soon);
}

#[test]
fn a_host_certificate_is_for_its_names_and_never_a_pattern() {
    let house = house();
    let until = now() + hours(24);
    let sign = |names: &[&str]| house.sign_host(names, key(9).public_key(), until, now());
    let certificate = sign(&["db-box", "10.0.0.1"]).unwrap();
    assert_eq!(house.verify_host(&certificate, "DB-box", now()), Ok(()));
    assert_eq!(house.verify_host(&certificate, "10.0.0.1", now()), Ok(()));
    assert_eq!(
        house.verify_host(&certificate, "web", now()),
        Err(CertError::Principal { wanted: "web".to_owned() })
    );
    assert_eq!(sign(&[]).map(|_| ()), Err(SignError::NoName));
    for bad in ["*", "web*", "we?", "!web", "a,b", "a b", ""] {
        assert!(matches!(sign(&["db-box", bad]), Err(SignError::Name(_))), "{bad:?}");
    }
}

#[test]
fn a_rotation_never_leaves_a_certificate_that_nobody_can_check() {
    let house = house();
    let until = now() + hours(12);
    let sign = |house: &Authorities| {
        house.sign_identity_ssh(&alice(until), key(7).public_key(), now()).unwrap()
    };
    let step = |step| {
        let next = house.rotated(Authority::Identity, step, now()).unwrap();
        house.adopt(next);
    };
    let believed =
        |certificate: &Certificate| house.verify_identity_ssh(certificate, now()).is_ok();
    let old = sign(&house);
    step(Step::Begin);
    assert!(believed(&old) && believed(&sign(&house)));
    assert_eq!(sign(&house).signature_key(), old.signature_key());
    step(Step::Switch);
    let new = sign(&house);
    assert_ne!(new.signature_key(), old.signature_key());
    assert!(believed(&old) && believed(&new));
    step(Step::Undo);
    assert!(believed(&old) && believed(&new));
    assert_eq!(sign(&house).signature_key(), old.signature_key());
    step(Step::Switch);
    step(Step::Finish);
    assert!(!believed(&old) && believed(&new));
    let again = house.rotated(Authority::Identity, Step::Switch, now()).unwrap_err();
    assert_eq!(
        again.to_string(),
        "the rotation is steady, so `switch` cannot come now; the order is begin, switch, finish"
    );
}

#[test]
fn a_garbage_certificate_is_an_error_and_not_a_panic() {
    for bytes in [&b""[..], b"\0\0\0\x20ssh-ed25519-cert-v01@openssh.com", &[0xff; 64]] {
        assert!(Certificate::from_bytes(bytes).is_err());
        assert!(PublicKey::from_bytes(bytes).is_err());
    }
}
