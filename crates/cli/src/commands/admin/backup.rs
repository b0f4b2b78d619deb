//! `tctl backup`: everything the daemon keeps, in one file.

use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use api::endpoints::backup::TAKE;
use api::recording::tape::END;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tempfile::{Builder, NamedTempFile};

use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::one_line;
use crate::when;

/// How often the progress is shown.
const SHOWN_EVERY: SignedDuration = SignedDuration::from_millis(250);

/// Copy state, sealed keys and audit log into a file, as they are at one moment
///
/// The file is a tar archive, which only you can read (0600); it appears once it is whole. With --recordings the
/// recordings are in it too, encrypted as they lie on the server's disk. The seal key is not in it: keep a copy of
/// that elsewhere, for without it a backup opens nothing.
///
///     tctl backup countersign.tar
///     tctl backup countersign.tar --recordings --force
///     tctl backup - | ssh backup-host 'cat > countersign.tar'
///     countersign restore countersign.tar --data-dir /var/lib/countersign
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct BackupArgs {
    /// The file to write, or - for standard output
    file: PathBuf,
    /// With the recordings of sessions
    #[arg(long)]
    recordings: bool,
    /// Replace the file if it exists
    #[arg(long, short)]
    force: bool,
}

/// Takes a backup.
///
/// # Errors
/// The server refuses or breaks off, or the file exists or cannot be written; then nothing of it is left.
pub fn run(cx: &mut Context, args: &BackupArgs) -> Result<Exit, Error> {
    if args.file.as_os_str() == "-" {
        if cx.terminal.output {
            return Err(Error::usage("a backup is nothing for a terminal")
                .hint("name a file: tctl backup FILE"));
        }
        let mut out = io::stdout().lock();
        let taken = take(cx, args.recordings, &mut out, "standard output")?;
        out.flush()?;
        // Standard output is the backup itself.
        writeln!(cx.err, "{}", wrote("standard output", &taken))?;
        return Ok(Exit::Done);
    }
    let path = &args.file;
    let name = one_line(&path.display().to_string());
    if path.exists() && !args.force {
        return Err(exists(&name));
    }
    let cannot = |error: io::Error| Error::usage(format!("cannot write `{name}`")).because(error);
    // Beside it and under another name until it is whole.
    let mut aside = aside(path).map_err(cannot)?;
    let taken = take(cx, args.recordings, aside.as_file_mut(), &name)?;
    aside.as_file().sync_all().map_err(cannot)?;
    let kept = if args.force { aside.persist(path) } else { aside.persist_noclobber(path) };
    if let Err(error) = kept {
        let there = error.error.kind() == io::ErrorKind::AlreadyExists;
        return Err(if there { exists(&name) } else { cannot(error.error) });
    }
    let told = json!({
        "file": path.display().to_string(),
        "bytes": taken.bytes,
        "milliseconds": u64::try_from(taken.lasted.as_millis()).unwrap_or(0),
    });
    cx.show(&told, |out| writeln!(out, "{}", wrote(&name, &taken)))?;
    writeln!(cx.err, "hint: the seal key is not in it: keep a copy of that elsewhere")?;
    writeln!(
        cx.err,
        "hint: restore it with: countersign restore {name} --data-dir DIR --seal-key FILE"
    )?;
    Ok(Exit::Done)
}

fn exists(name: &str) -> Error {
    Error::usage(format!("`{name}` exists")).hint("replace it with --force")
}

fn aside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    Builder::new()
        .prefix(".countersign-backup-")
        .permissions(std::fs::Permissions::from_mode(0o600))
        .tempfile_in(folder.unwrap_or(Path::new(".")))
}

/// What was taken.
struct Taken {
    bytes: u64,
    lasted: SignedDuration,
}

fn take(
    cx: &mut Context,
    recordings: bool,
    to: &mut dyn Write,
    name: &str,
) -> Result<Taken, Error> {
    let api = cx.api()?;
    let began = cx.now();
    let (mut bytes, mut shown, mut tail) = (0_u64, began, Vec::new());
    let query: &[_] = if recordings { &[("recordings", "true".to_owned())] } else { &[] };
    let live = cx.terminal.error;
    let got = api.download(&TAKE, &[], query, |piece| {
        to.write_all(piece)
            .map_err(|error| Error::usage(format!("cannot write `{name}`")).because(error))?;
        bytes += piece.len() as u64;
        keep_tail(&mut tail, piece);
        if live && cx.now().duration_since(shown) >= SHOWN_EVERY {
            shown = cx.now();
            write!(cx.err.raw(), "\r{}\u{1b}[K", progress(bytes, began, shown))?;
            cx.err.flush()?;
        }
        Ok(())
    });
    if live {
        write!(cx.err.raw(), "\r\u{1b}[K")?;
    }
    got?;
    if tail != END {
        return Err(Error::network("the backup breaks off").hint("try again"));
    }
    Ok(Taken { bytes, lasted: cx.now().duration_since(began) })
}

/// The last bytes of what came: a whole archive ends with zeros.
fn keep_tail(tail: &mut Vec<u8>, piece: &[u8]) {
    tail.extend_from_slice(piece.get(piece.len().saturating_sub(END.len())..).unwrap_or_default());
    tail.drain(..tail.len().saturating_sub(END.len()));
}

/// `12.0 MiB in 2s, 6.0 MiB a second`
fn progress(bytes: u64, began: Timestamp, now: Timestamp) -> String {
    let lasted = now.duration_since(began);
    let milliseconds = u64::try_from(lasted.as_millis()).unwrap_or(0).max(1);
    let rate = bytes.saturating_mul(1000) / milliseconds;
    format!("{} in {}, {} a second", when::size(bytes), when::length(lasted), when::size(rate))
}

/// `Wrote countersign.tar: 12.0 MiB in 2s.`
fn wrote(name: &str, taken: &Taken) -> String {
    format!("Wrote {name}: {} in {}.", when::size(taken.bytes), when::length(taken.lasted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_last_bytes_however_they_come() {
        for step in [1, 7, 1024, 5000] {
            let all: Vec<u8> = (0..5000_u32).map(|n| n as u8).collect();
            let mut tail = Vec::new();
            all.chunks(step).for_each(|piece| keep_tail(&mut tail, piece));
            assert_eq!(tail, all[all.len() - END.len()..], "{step}");
        }
    }

    #[test]
    fn progress_says_bytes_time_and_rate() {
        let began: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let now = began + SignedDuration::from_secs(2);
        expect_test::expect!["12.0 MiB in 2s, 6.0 MiB a second"].assert_eq(&progress(
            12 << 20,
            began,
            now,
        ));
    }
}
