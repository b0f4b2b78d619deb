//! Databases that the configuration declares: their file, read and handed to the control plane.

use anyhow::{Context as _, bail};
use control::{Caller, Control, Readers};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use zeroize::Zeroizing;

/// Mode bits of others than the owner and the group who may write.
const WRITABLE: u32 = 0o002;
/// The same, who may read.
const READABLE: u32 = 0o004;

/// Makes the databases of `file` what it says, and removes those that an earlier start took from it.
///
/// # Errors
/// The file cannot be read, others may write it, or read its passwords, or something in it is wrong.
pub(crate) async fn databases(control: &Control, file: Option<&Path>) -> anyhow::Result<()> {
    let caller = Caller::Admin { uid: rustix::process::geteuid().as_raw() };
    let read = |path: &Path| read(path).with_context(|| format!("cannot use {}", path.display()));
    let text = file.map(read).transpose()?;
    let text = text.as_ref().map(|(text, readers)| (text.as_str(), *readers));
    let shown = file.map(Path::display).map(|path| path.to_string()).unwrap_or_default();
    let declared = match control.declare_databases(&caller, text).await {
        Ok(declared) => declared,
        Err(failure) if failure.problem.errors.is_empty() => {
            return Err(failure).with_context(|| format!("cannot take databases from `{shown}`"));
        }
        Err(failure) => {
            let places: Vec<_> = failure.problem.errors.iter().map(ToString::to_string).collect();
            bail!("{shown}: {}", places.join(&format!("\n{shown}: ")));
        }
    };
    for name in declared.adopted {
        tracing::warn!(target = %name, "a database was a document of its own, and is the configuration's from now on");
    }
    for warning in declared.warnings {
        tracing::warn!(file = %shown, "{warning}");
    }
    Ok(())
}

/// The text of a file that no stranger may write, and who can read it.
fn read(path: &Path) -> anyhow::Result<(Zeroizing<String>, Readers)> {
    let mut file = File::open(path)?;
    let mode = file.metadata()?.mode();
    if mode & WRITABLE != 0 {
        bail!("everybody on this machine can write it: chmod o-w");
    }
    let most = u64::try_from(api::document::MAX_TEXT)?;
    let mut text = Zeroizing::new(String::new());
    file.by_ref().take(most.saturating_add(1)).read_to_string(&mut text)?;
    let readers = if mode & READABLE == 0 { Readers::Owner } else { Readers::Everybody };
    Ok((text, readers))
}
