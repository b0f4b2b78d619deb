//! A server process that ends with the test, however the test ends.

use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::reserved::Reserved;

/// The server alone has the error output, so that its log ends when it does, also before it was ready.
/// Stops the server when its standard input ends, which it does when the test's process does, even killed; then
/// removes its files.
const SUPERVISOR: &str = r#"
trap '' INT TERM HUP
dir=$1 signal=$2; shift 2
"$@" </dev/null & server=$!
exec 2>/dev/null
cat >/dev/null
kill -"$signal" $server 2>/dev/null
wait $server 2>/dev/null
rm -rf "$dir"
"#;

/// A running server and its directory.
pub(super) struct Server {
    pub(super) dir: PathBuf,
    pub(super) port: Reserved,
    process: Child,
}

impl Server {
    /// Starts `command`, which writes its log to standard error, and returns when a line with `ready` stands there.
    /// `signal` is what stops it at once.
    pub(super) fn start(
        dir: PathBuf,
        port: Reserved,
        signal: &str,
        command: &[String],
        ready: &str,
    ) -> Self {
        let mut process = Command::new("sh")
            .args(["-c", SUPERVISOR, "supervisor"])
            .arg(&dir)
            .arg(signal)
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut log = Vec::new();
        loop {
            let Some(line) = lines.next() else { panic!("{command:?} ended: {log:#?}") };
            let line = line.unwrap();
            let is_ready = line.contains(ready);
            log.push(line);
            if is_ready {
                break;
            }
        }
        let shown = std::env::var_os("DATABASE_LOG").is_some();
        // Read on, or the server would wait for room in the pipe.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if shown {
                    let _ = writeln!(std::io::stderr(), "server: {line}");
                }
            }
        });
        Self { dir, port, process }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// A directory that `account` owns: neither server runs as root.
pub(super) fn directory(account: &str) -> PathBuf {
    let dir = tempfile::Builder::new().prefix("cs-db-").tempdir().unwrap().keep();
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o711)).unwrap();
    give(&dir, account);
    dir
}

/// Writes a file that only `account` reads.
pub(super) fn file(path: &Path, text: &str, account: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    give(path, account);
}

fn give(path: &Path, account: &str) {
    if is_root() {
        let id = |flag: &str| {
            let said = Command::new("id").args([flag, account]).output().unwrap();
            let text = String::from_utf8(said.stdout).unwrap();
            text.trim().parse::<u32>().unwrap_or_else(|_| panic!("there is no user {account}"))
        };
        chown(path, Some(id("-u")), Some(id("-g"))).unwrap();
    }
}

pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A command line that runs as `account` when the test is root's.
pub(super) fn run_as(account: &str, command: &[&str]) -> Vec<String> {
    let mut line = Vec::new();
    if is_root() {
        line.push("setpriv".to_owned());
        line.push(format!("--reuid={account}"));
        line.push(format!("--regid={account}"));
        line.push("--clear-groups".to_owned());
    }
    line.extend(command.iter().map(|word| (*word).to_owned()));
    line
}

/// Runs a command to its end; anything but success fails the test.
pub(super) fn run(line: &[String]) -> Output {
    let (program, args) = line.split_first().unwrap();
    let out = Command::new(program).args(args).stdin(Stdio::null()).output();
    let out = out.unwrap_or_else(|error| panic!("{program} is not installed: {error}"));
    assert!(
        out.status.success(),
        "{line:?}: {}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
    out
}
