//! `tsh config`: the ssh_config for stock clients.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use api::endpoints::reach::REACH;
use api::reach::ReachView;

use crate::client::Api;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::home::{Home, write_whole};
use crate::profile::{Profile, SSH_CONFIG};
use crate::ssh_config;

/// How many targets are looked at, at most.
pub const MAX_TARGETS: usize = 10_000;

/// Print the ssh_config for plain ssh, scp, rsync, git and Ansible
///
/// It is also kept in ~/.tsh/ssh_config, which `tsh login` and `tsh ls` bring up to date.
///
///     tsh config --install && ssh db-box
///     ssh -F ~/.tsh/ssh_config db-box
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ConfigArgs {
    /// Include it from ~/.ssh/config
    #[arg(long)]
    install: bool,
    /// Do not ask the server for names: use those seen last
    #[arg(long)]
    offline: bool,
}

/// Prints the configuration, and keeps it.
///
/// # Errors
/// Not logged in, the server cannot be asked, or the disk refuses.
pub fn run(cx: &mut Context, args: ConfigArgs) -> Result<Exit, Error> {
    let mut profile = Profile::logged_in(&cx.home, cx.now())?;
    if args.offline {
        keep(&cx.home, &profile)?;
    } else {
        refresh(&cx.home, &mut profile, &cx.api()?)?;
    }
    if args.install {
        let home = cx.env("HOME").ok_or_else(|| Error::usage("$HOME is not set"))?;
        let changed = install(&cx.home, Path::new(&home))?;
        let text = if changed { "Included from" } else { "Already included from" };
        writeln!(cx.out, "{text} ~/.ssh/config: {}", ssh_config::include(&cx.home))?;
        return Ok(Exit::Done);
    }
    let text = ssh_config::text(&profile, &cx.home, &program()?);
    cx.show(&serde_json::json!({ "ssh_config": text }), |out| out.write_all(text.as_bytes()))?;
    Ok(Exit::Done)
}

/// Learns the names of targets from the server and writes profile and ssh_config anew.
///
/// # Errors
/// The server cannot be asked, or the disk refuses.
pub fn refresh(home: &Home, profile: &mut Profile, api: &Api) -> Result<Vec<ReachView>, Error> {
    let reach: Vec<ReachView> = api.list(&REACH, &[], &[], MAX_TARGETS)?;
    learn(home, profile, &reach)?;
    Ok(reach)
}

/// Writes profile and ssh_config for what can be reached.
///
/// # Errors
/// The disk refuses.
pub fn learn(home: &Home, profile: &mut Profile, reach: &[ReachView]) -> Result<(), Error> {
    profile.targets =
        reach.iter().filter(|target| target.kind == "node").map(names).collect::<BTreeMap<_, _>>();
    profile.save(home)?;
    keep(home, profile)
}

/// A target's name with all logins that are open or could be asked for.
fn names(target: &ReachView) -> (String, Vec<String>) {
    let open = target.logins.iter().map(|open| &open.login);
    let other = target.requestable.iter().map(|closed| &closed.login);
    let mut logins: Vec<String> = open.chain(other).cloned().collect();
    logins.sort();
    logins.dedup();
    (target.name.clone(), logins)
}

/// Writes the ssh_config of `profile` if it differs from what is there.
fn keep(home: &Home, profile: &Profile) -> Result<(), Error> {
    let text = ssh_config::text(profile, home, &program()?);
    if home.read(SSH_CONFIG)?.as_deref() == Some(text.as_str()) {
        return Ok(());
    }
    home.write(SSH_CONFIG, &text)
}

/// This `tsh`. Called as `tctl` or from a test, the `tsh` beside it.
///
/// # Errors
/// The system does not say where the program lies.
pub fn program() -> Result<PathBuf, Error> {
    let own = std::env::current_exe()
        .map_err(|error| Error::internal("cannot find the path of this program").because(error))?;
    let beside = own.with_file_name("tsh");
    Ok(if beside.is_file() { beside } else { own })
}

/// Whether `~/.ssh/config` includes our configuration.
#[must_use]
pub fn installed(cx: &Context) -> bool {
    let path = cx.env("HOME").map(|home| Path::new(&home).join(".ssh/config"));
    let text = path.and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
    let line = ssh_config::include(&cx.home);
    text.lines().any(|known| known.trim() == line)
}

/// Adds the `Include` line to `~/.ssh/config`, first: an option's first value wins there. Whether it was missing.
fn install(tsh: &Home, home: &Path) -> Result<bool, Error> {
    let dir = home.join(".ssh");
    let path = dir.join("config");
    let line = ssh_config::include(tsh);
    let old = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            return Err(Error::internal(format!("cannot read `{}`", path.display())).because(error));
        }
    };
    if old.lines().any(|known| known.trim() == line) {
        return Ok(false);
    }
    Home::at(&dir).prepare()?;
    // A link to a file elsewhere stays one.
    let path = fs::canonicalize(&path).unwrap_or(path);
    write_whole(&path, format!("{line}\n\n{old}").as_bytes(), 0o600)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installing_twice_includes_once() {
        let dir = tempfile::tempdir().unwrap();
        let tsh = Home::at(Path::new("/h/.tsh"));
        fs::create_dir(dir.path().join(".ssh")).unwrap();
        fs::set_permissions(
            dir.path().join(".ssh"),
            std::os::unix::fs::PermissionsExt::from_mode(0o700),
        )
        .unwrap();
        fs::write(dir.path().join(".ssh/config"), "Host x\n").unwrap();
        assert!(install(&tsh, dir.path()).unwrap());
        assert!(!install(&tsh, dir.path()).unwrap());
        let text = fs::read_to_string(dir.path().join(".ssh/config")).unwrap();
        assert_eq!(text, "Include /h/.tsh/ssh_config\n\nHost x\n");
    }

    #[test]
    fn a_missing_ssh_directory_is_made() {
        let dir = tempfile::tempdir().unwrap();
        assert!(install(&Home::at(Path::new("/h/.tsh")), dir.path()).unwrap());
        assert!(dir.path().join(".ssh/config").is_file());
    }
}
