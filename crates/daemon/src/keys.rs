//! What the house needs to open its own doors: the seal key, the authorities, the recordings' key.
//!
//! The seal key comes from a file (made 0600 at the first start) or from the environment. Everything else
//! lives sealed in the store.

use crate::config::Config;
use anyhow::{Context as _, bail};
use ca::{Authorities, CheckpointKey, SealKey};
use jiff::Timestamp;
use std::sync::Arc;
use store::audit::CheckpointSigner;
use store::recording::{RecordingKey, Shelf, expose};
use store::{Absent, Commit, Store};

/// The environment variable that wins over the key file: 64 hexadecimal digits.
pub(crate) const SEAL_KEY_VARIABLE: &str = "COUNTERSIGN_SEAL_KEY";

/// Where the sealed key of the recordings stands in the store; also what it is sealed for.
const RECORDING_KEY: &str = "recordings";

/// Where the sealed authorities stand in the store.
pub(crate) const AUTHORITIES: &str = "authorities";

/// Reads the seal key, or makes its file when the data directory is new.
///
/// # Errors
/// The key cannot be read, is malformed, or is missing although something was sealed already.
pub(crate) async fn seal_key(config: &Config, store: &Store) -> anyhow::Result<SealKey> {
    if let Ok(text) = std::env::var(SEAL_KEY_VARIABLE) {
        return SealKey::from_text(&text)
            .with_context(|| format!("{SEAL_KEY_VARIABLE} is not a seal key"));
    }
    let file = &config.seal_key_file;
    if file.exists() {
        return SealKey::from_file(file)
            .with_context(|| format!("cannot use the seal key {}", file.display()));
    }
    if store.secrets().load(AUTHORITIES).await?.is_some() {
        bail!(
            "the seal key {} is missing, and the keys in this data directory were sealed with it: put it back (seal.key_file, mode 0600) or set {SEAL_KEY_VARIABLE}",
            file.display()
        );
    }
    SealKey::create_file(file)
        .with_context(|| format!("cannot make the seal key {}", file.display()))
}

/// Opens the authorities, or makes the first ones of a new cluster.
///
/// # Errors
/// They cannot be opened with this seal key, belong to another cluster, or cannot be stored.
pub(crate) async fn authorities(
    store: &Store,
    seal: &SealKey,
    cluster: &str,
    now: Timestamp,
) -> anyhow::Result<Arc<Authorities>> {
    let authorities = match store.secrets().load(AUTHORITIES).await? {
        Some((sealed, seen)) => {
            let opened = Authorities::open(&sealed, seal)
                .context("cannot open the stored authorities; is this their seal key?")?;
            if opened.unsaved() {
                let key = store::secrets::key(AUTHORITIES);
                let commit = Commit::new().expecting(&key, seen).put(&key, opened.to_sealed(seal)?);
                store.commit(commit).await.context("cannot store the key of assertions")?;
            }
            opened
        }
        None => {
            let made =
                Authorities::generate(cluster, now).context("cannot make the authorities")?;
            let key = store::secrets::key(AUTHORITIES);
            let event = api::audit::NewEvent::new("cluster.created", now);
            let commit =
                Commit::new().expecting(&key, Absent).put(&key, made.to_sealed(seal)?).event(event);
            store.commit(commit).await.context("cannot store the authorities")?;
            made
        }
    };
    if *authorities.cluster() != *cluster {
        bail!(
            "this data directory belongs to cluster `{}`, and the configuration says `{cluster}`",
            authorities.cluster()
        );
    }
    Ok(Arc::new(authorities))
}

/// Opens the recordings, whose key is made at the first start and kept sealed.
///
/// # Errors
/// The key cannot be opened or stored, or the folder cannot be used.
pub(crate) async fn shelf(store: &Store, seal: &SealKey) -> anyhow::Result<(Shelf, RecordingKey)> {
    let key = match store.secrets().load(RECORDING_KEY).await? {
        Some((sealed, _)) => {
            let opened =
                seal.open(&sealed, RECORDING_KEY).context("cannot open the recordings' key")?;
            std::str::from_utf8(&opened)?
                .parse::<RecordingKey>()
                .context("the stored recordings' key")?
        }
        None => {
            let made = RecordingKey::generate();
            let sealed = seal.seal(expose(&made.to_secret()).as_bytes(), RECORDING_KEY)?;
            store
                .secrets()
                .save(RECORDING_KEY, sealed, Absent)
                .await
                .context("cannot store the recordings' key")?;
            made
        }
    };
    let shelf = Shelf::open(&store.directory().join("recordings"), key.recipient())?;
    Ok((shelf, key))
}

/// Lends the authorities' checkpoint key to the audit log.
#[derive(Debug)]
pub(crate) struct Signer(pub(crate) Arc<CheckpointKey>);

impl CheckpointSigner for Signer {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn public_key(&self) -> [u8; 32] {
        self.0.public_key()
    }

    fn sign(&self, text: &[u8]) -> [u8; 64] {
        self.0.sign(text)
    }
}
