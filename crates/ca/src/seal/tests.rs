//! Seals: what is sealed opens with its key and its context, and with nothing else.

use super::*;

#[test]
fn what_was_sealed_opens_with_the_same_key_and_context() {
    let key = SealKey::generate().unwrap();
    let sealed = key.seal(b"swordfish", "node/db-box").unwrap();
    assert_eq!(key.open(&sealed, "node/db-box").unwrap().as_slice(), b"swordfish");
    assert!(!sealed.windows(4).any(|window| window == b"word"));
    assert_ne!(sealed, key.seal(b"swordfish", "node/db-box").unwrap());
}

#[test]
fn a_seal_opens_nowhere_else() {
    let key = SealKey::generate().unwrap();
    let sealed = key.seal(b"swordfish", "node/db-box").unwrap();
    assert!(matches!(key.open(&sealed, "node/web"), Err(SealError::Damaged { .. })));
}

#[test]
fn the_wrong_key_is_called_the_wrong_key() {
    let key = SealKey::generate().unwrap();
    let other = SealKey::generate().unwrap();
    let error = other.open(&key.seal(b"x", "ca").unwrap(), "ca").unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the sealed `ca` needs the seal key {}, but the key in use is {}; \
             give the key file this data directory was made with",
            key.id(),
            other.id()
        )
    );
}

#[test]
fn one_changed_bit_or_a_lost_byte_is_noticed() {
    let key = SealKey::generate().unwrap();
    let sealed = key.seal(b"swordfish", "ca").unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(key.open(&changed, "ca").is_err(), "byte {at}");
        assert!(key.open(&sealed[..at], "ca").is_err(), "{at} bytes");
    }
}

#[test]
fn a_key_file_is_for_its_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("seal.key");
    let key = SealKey::create_file(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(SealKey::from_file(&path).unwrap().id(), key.id());
    assert!(matches!(SealKey::create_file(&path), Err(SealError::File { .. })));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let error = SealKey::from_file(&path).unwrap_err().to_string();
    assert!(error.contains("has mode 0640; run `chmod 600 "), "{error}");
}

#[test]
fn what_is_no_key_is_refused() {
    for bad in ["", "x", "AAAA", "not base64 at all, but long enough to be one"] {
        assert!(matches!(SealKey::from_text(bad), Err(SealError::NotAKey)), "{bad}");
    }
}

#[test]
fn a_key_reads_from_base64_and_from_hexadecimal() {
    let base64 = SealKey::from_text("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n").unwrap();
    assert_eq!(SealKey::from_text(&"01".repeat(32)).unwrap().id(), base64.id());
}

#[test]
fn debug_says_which_key_and_not_what() {
    let key = SealKey::from_text("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
    assert_eq!(format!("{key:?}"), format!("SealKey({}, ***)", key.id()));
}
