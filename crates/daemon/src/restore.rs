//! `countersign restore`: a data directory from a backup, proven before anything may open it.

use crate::house::Clock;
use crate::keys::{self, SEAL_KEY_VARIABLE, Signer};
use anyhow::{Context as _, bail};
use api::audit::{NewEvent, code};
use api::document::Kind;
use api::note::VerifierKey;
use ca::{Authorities, SealKey};
use std::fs;
use std::io::{Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use store::audit::{CheckpointSigner as _, Report};
use store::backup::{Header, SEAL_KEY, Unpacked, unpack};
use store::{Range, Store};
use tokio::runtime::Runtime;

/// Problems of a log that are named; the rest is counted.
const NAMED: usize = 10;

/// Restores `backup` into `dir`, and tells what there is now.
///
/// # Errors
/// The directory is not empty, the backup is not whole or was changed, its log does not verify, or the seal key is not
/// its own. Then nothing is left in the directory.
pub(crate) fn run(
    backup: impl Read,
    dir: &Path,
    seal_key: Option<&Path>,
    clock: &Clock,
    runtime: &Runtime,
) -> anyhow::Result<String> {
    let inside = dir.join(SEAL_KEY);
    if seal_key.is_some() && inside.exists() {
        bail!("there is a seal key in {} already: leave --seal-key out", dir.display());
    }
    let key = given(seal_key, &inside)?;
    let unpacked = unpack(backup, dir, |_| {})?;
    let authorities = match &key {
        Some(key) => opened(&unpacked, key)?,
        None => None,
    };
    let report = proven(&unpacked, authorities.as_ref())?;
    if let Some(from) = seal_key {
        copy_key(from, &inside)?;
    }
    let bytes = unpacked.bytes();
    let header = match unpacked.finish() {
        Ok(header) => header,
        Err(error) => {
            if seal_key.is_some() {
                let _ = fs::remove_file(&inside);
            }
            return Err(error.into());
        }
    };
    let people = runtime.block_on(settle(dir, &header, authorities, clock))?;
    let mut text = format!(
        "Restored {dir} from a backup of cluster `{cluster}`, taken {taken}\n  {people}\n  {events} events, {checkpoints} checkpoints: all verified\n  {bytes} bytes; recordings {recordings}\n",
        dir = dir.display(),
        cluster = access::display::shown(&header.cluster),
        taken = header.taken.strftime("%Y-%m-%d %H:%M:%S UTC"),
        events = report.events,
        checkpoints = report.checkpoints,
        recordings = if header.recordings { "included" } else { "not included" },
    );
    if key.is_none() {
        text.push_str(&format!(
            "hint: put its seal key into {} (mode 0600) before you start; no checkpoint was verified without it\n",
            inside.display()
        ));
    }
    text.push_str(&format!("hint: countersign start --data-dir {}\n", dir.display()));
    Ok(text)
}

/// The seal key to try, if there is one.
fn given(file: Option<&Path>, inside: &Path) -> anyhow::Result<Option<SealKey>> {
    let file = file.or_else(|| inside.exists().then_some(inside));
    if let Some(file) = file {
        let key = SealKey::from_file(file);
        return key
            .map(Some)
            .with_context(|| format!("cannot use the seal key {}", file.display()));
    }
    let Ok(text) = std::env::var(SEAL_KEY_VARIABLE) else { return Ok(None) };
    let key = SealKey::from_text(&text);
    key.map(Some).with_context(|| format!("{SEAL_KEY_VARIABLE} is not a seal key"))
}

fn opened(unpacked: &Unpacked, key: &SealKey) -> anyhow::Result<Option<Authorities>> {
    let Some(sealed) = unpacked.secret(keys::AUTHORITIES)? else { return Ok(None) };
    let authorities = Authorities::open(&sealed, key)
        .context("the seal key does not open the keys in this backup: it is another house's")?;
    Ok(Some(authorities))
}

fn proven(unpacked: &Unpacked, authorities: Option<&Authorities>) -> anyhow::Result<Report> {
    let mut trusted = Vec::new();
    if let Some(authorities) = authorities {
        let signer = Signer(authorities.checkpoint());
        trusted.push(VerifierKey::new(signer.name(), signer.public_key())?);
    }
    let report = unpacked.verify(&trusted)?;
    if report.holds() {
        return Ok(report);
    }
    let lines = report.problems.iter().take(NAMED);
    let lines: Vec<String> =
        lines.map(|problem| format!("\n  at {}: {}", problem.at, problem.what)).collect();
    bail!("the audit log in the backup does not hold: {} problems{}", report.found, lines.concat())
}

fn copy_key(from: &Path, to: &Path) -> anyhow::Result<()> {
    let text = zeroize::Zeroizing::new(
        fs::read(from).with_context(|| format!("cannot read {}", from.display()))?,
    );
    let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    let written = made.and_then(|mut file| {
        file.write_all(&text)?;
        file.sync_all()
    });
    if written.is_err() {
        let _ = fs::remove_file(to);
    }
    written.with_context(|| format!("cannot write {}", to.display()))
}

/// Opens the house once, puts the restore on its record, and counts who and what is there.
async fn settle(
    dir: &Path,
    header: &Header,
    authorities: Option<Authorities>,
    clock: &Clock,
) -> anyhow::Result<String> {
    let cluster = header.cluster.parse().context("cannot use the cluster's name in the backup")?;
    let store = Store::open(dir, store::Options::new(cluster, Arc::clone(clock))).await?;
    if let Some(authorities) = authorities {
        store.audit().sign_with(Arc::new(Signer(authorities.checkpoint())))?;
    }
    let event = NewEvent::new(code::CLUSTER_RESTORED, clock())
        .with("taken", header.taken.to_string())
        .with("revision", header.revision)
        .with("events", header.events)
        .with("recordings", header.recordings);
    store.record(vec![event]).await.context("cannot put the restore on the record")?;
    let users = count(&store, store::documents::prefix(Kind::User)).await?;
    let requests = count(&store, "/request/").await?;
    store.close().await.context("cannot close the store")?;
    Ok(format!("{users} users, {requests} requests"))
}

async fn count(store: &Store, prefix: &str) -> anyhow::Result<u64> {
    let mut after = prefix.to_owned();
    let mut found = 0;
    loop {
        let page = store.range(Range::prefix(prefix).after(&after)).await?;
        found += page.entries.len() as u64;
        match page.entries.last() {
            Some(last) if page.more => after = last.key.to_string(),
            Some(_) | None => return Ok(found),
        }
    }
}
