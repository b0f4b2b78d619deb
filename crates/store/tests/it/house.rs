//! A data directory, a clock the test moves, a signer.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use jiff::{SignedDuration, Timestamp};
use store::audit::CheckpointSigner;
use store::{Clock, Options, Store};

/// A clock that stands still until it is moved.
#[derive(Clone, Debug)]
pub(crate) struct Hand(Arc<AtomicI64>);

impl Hand {
    pub(crate) fn new() -> Self {
        let start: Timestamp = "2026-11-07T19:38:00Z".parse().unwrap();
        Self(Arc::new(AtomicI64::new(start.as_microsecond())))
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::SeqCst)).unwrap()
    }

    pub(crate) fn forward(&self, by: SignedDuration) {
        self.0.fetch_add(by.as_micros() as i64, Ordering::SeqCst);
    }

    pub(crate) fn clock(&self) -> Clock {
        let hand = self.clone();
        Arc::new(move || hand.now())
    }
}

#[derive(Debug)]
pub(crate) struct Signer(Ed25519KeyPair);

impl Signer {
    pub(crate) fn new(seed: u8) -> Arc<Self> {
        Arc::new(Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()))
    }
}

impl CheckpointSigner for Signer {
    fn name(&self) -> &str {
        "gw.example.com/audit"
    }

    fn public_key(&self) -> [u8; 32] {
        self.0.public_key().as_ref().try_into().unwrap()
    }

    fn sign(&self, text: &[u8]) -> [u8; 64] {
        self.0.sign(text).as_ref().try_into().unwrap()
    }
}

pub(crate) struct House {
    pub(crate) root: tempfile::TempDir,
    pub(crate) hand: Hand,
}

impl House {
    pub(crate) fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap(), hand: Hand::new() }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    pub(crate) async fn open(&self) -> Store {
        let store =
            Store::open(&self.data(), Options::new("house".parse().unwrap(), self.hand.clock()))
                .await
                .unwrap();
        store.audit().sign_with(Signer::new(7)).unwrap();
        store
    }
}
