//! A house to tell stories in: a daemon of its own, in a folder of its own, stopped when dropped.

use crate::reserved::Reserved;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use totp_rs::{Builder, Secret};

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// The roles of the product's story. `LOGIN` stands for the account the tests run as.
pub(crate) const ROLES: &str = include_str!("roles.yaml");

pub(crate) struct House {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) listen: SocketAddr,
    pub(crate) diag: SocketAddr,
    /// The port of plain MySQL clients.
    pub(crate) mysql: SocketAddr,
    pub(crate) daemon: Option<Daemon>,
    /// The pin of a daemon that printed none to us.
    pub(crate) told_pin: Option<String>,
    /// The configuration file, where there is one.
    pub(crate) config: Option<PathBuf>,
    /// Keeps the addresses above, also while no daemon runs.
    _ports: [Reserved; 3],
}

/// A running `countersign`.
pub(crate) struct Daemon {
    child: Child,
    /// What it printed until it was ready.
    pub(crate) greeting: String,
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.status, 0, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }
}

impl House {
    /// A daemon that is ready.
    pub(crate) fn open() -> Self {
        let mut house = Self::build();
        house.start();
        house
    }

    /// A folder and ports, nothing started.
    pub(crate) fn build() -> Self {
        let dir = tempfile::Builder::new().prefix("countersign-it-").tempdir().unwrap();
        let ports = [(); 3].map(|()| Reserved::port());
        let [listen, diag, mysql] = ports.each_ref().map(Reserved::address);
        Self { dir, listen, diag, mysql, daemon: None, told_pin: None, config: None, _ports: ports }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub(crate) fn login() -> String {
        String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout)
            .unwrap()
            .trim()
            .to_owned()
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.arg("start").arg("--data-dir").arg(self.data());
        command.args([
            "--listen",
            &self.listen.to_string(),
            "--diag-listen",
            &self.diag.to_string(),
            "--mysql-listen",
            &self.mysql.to_string(),
            "--log-level",
            "warn",
        ]);
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        command.stdin(Stdio::null());
        command
    }

    /// Starts the daemon and waits until it says that it is ready.
    pub(crate) fn start(&mut self) {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.dir.path().join("daemon.log"))
            .unwrap();
        let mut child = self.command().stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut greeting = String::new();
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap() == 0 {
                let status = child.wait().unwrap();
                panic!("the daemon ended with {status}:\n{greeting}{}", self.log());
            }
            let ready = line.contains("ready");
            greeting.push_str(&line);
            if ready {
                break;
            }
        }
        // Nobody reads further; whatever it still prints must not block it.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        self.daemon = Some(Daemon { child, greeting });
    }

    /// `kill -9`, at once.
    pub(crate) fn kill(&mut self) {
        let mut daemon = self.daemon.take().unwrap();
        daemon.child.kill().unwrap();
        daemon.child.wait().unwrap();
    }

    /// SIGTERM; the exit status.
    pub(crate) fn stop(&mut self) -> i32 {
        let mut daemon = self.daemon.take().unwrap();
        daemon.terminate();
        daemon.child.wait().unwrap().code().unwrap_or(-1)
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("daemon.log")).unwrap_or_default()
    }

    /// One of our commands, with an environment that holds nothing of the machine's own.
    pub(crate) fn program(&self, name: &str, user: &str) -> Command {
        let bin = Path::new(env!("CARGO_BIN_EXE_countersign")).with_file_name(name);
        assert!(
            bin.exists(),
            "{} is missing: cargo build --workspace --bins (make test does)",
            bin.display()
        );
        let mut command = Command::new(bin);
        self.environment(&mut command, user);
        command
    }

    pub(crate) fn environment(&self, command: &mut Command, user: &str) {
        let bins =
            Path::new(env!("CARGO_BIN_EXE_countersign")).parent().unwrap().display().to_string();
        command.env_clear();
        command.env("PATH", format!("{bins}:{}", std::env::var("PATH").unwrap()));
        command.env("HOME", self.home(user)).env("TSH_HOME", self.home(user).join(".tsh"));
        command
            .env("COUNTERSIGN_DATA_DIR", self.data())
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null());
    }

    pub(crate) fn home(&self, user: &str) -> PathBuf {
        let home = self.dir.path().join("home").join(user);
        std::fs::create_dir_all(&home).unwrap();
        home
    }

    pub(crate) fn tctl(&self, args: &[&str]) -> Ran {
        run(self.program("tctl", "root").args(args), "")
    }

    /// Asks `tctl` again and again until its answer holds `text`.
    pub(crate) fn until(&self, text: &str, args: &[&str]) -> String {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        loop {
            let out = self.tctl(args).ok().out;
            if out.contains(text) {
                return out;
            }
            assert!(std::time::Instant::now() < end, "no {text} in {out}");
        }
    }

    pub(crate) fn tctl_with(&self, args: &[&str], input: &str) -> Ran {
        run(self.program("tctl", "root").args(args), input)
    }

    pub(crate) fn tsh(&self, user: &str, args: &[&str]) -> Ran {
        run(self.program("tsh", user).args(args), "")
    }

    /// Plain `ssh` with the configuration that `tsh config` printed.
    pub(crate) fn ssh(&self, user: &str) -> Command {
        let config = self.home(user).join("ssh_config");
        if !config.exists() {
            std::fs::write(&config, self.tsh(user, &["config"]).ok().out).unwrap();
        }
        let mut command = Command::new("ssh");
        self.environment(&mut command, user);
        command.arg("-F").arg(config);
        command
    }

    /// The roles of the story, and these users, logged in.
    pub(crate) fn people(&self, people: &[(&str, &str)]) {
        self.tctl_with(&["create", "-f", "-"], &ROLES.replace("LOGIN", &Self::login())).ok();
        for (name, roles) in people {
            self.invite(name, roles);
        }
    }

    /// Adds a user, who accepts the invite on a terminal. Returns the TOTP secret.
    pub(crate) fn invite(&self, name: &str, roles: &str) -> String {
        let added =
            self.tctl(&["users", "add", name, "--roles", roles, "--logins", &Self::login()]).ok();
        let link = added
            .out
            .split_whitespace()
            .find(|word| word.starts_with("https://"))
            .expect(&added.out)
            .to_owned();
        let tsh = self.program("tsh", name);
        let line =
            format!("{} login --invite {link} --pin {}", tsh.get_program().display(), self.pin());
        let mut terminal = Command::new("script");
        self.environment(&mut terminal, name);
        terminal
            .args(["-qec", &line, "/dev/null"])
            .env("TSH_PASSWORD", PASSWORD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = terminal.spawn().unwrap();
        let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (mut seen, mut secret) = (String::new(), String::new());
        let mut chunk = [0; 4096];
        loop {
            let read = output.read(&mut chunk).unwrap_or(0);
            if read == 0 {
                break;
            }
            seen.push_str(&String::from_utf8_lossy(&chunk[..read]));
            if secret.is_empty() && seen.contains("authenticator: ") {
                let after = seen.split("Secret:").nth(1).expect(&seen);
                secret = after.lines().next().unwrap().replace(' ', "").trim().to_owned();
                writeln!(input, "{}", code(&secret)).unwrap();
            }
        }
        let status = child.wait().unwrap();
        assert!(status.success(), "{name} could not accept the invite:\n{seen}");
        secret
    }

    /// The pin the daemon showed when it started.
    pub(crate) fn pin(&self) -> String {
        if let Some(pin) = &self.told_pin {
            return pin.clone();
        }
        let greeting = &self.daemon.as_ref().unwrap().greeting;
        greeting
            .split_whitespace()
            .find(|word| word.starts_with("sha256:"))
            .expect(greeting)
            .to_owned()
    }
}

impl Daemon {
    fn terminate(&mut self) {
        let status = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.child.kill();
            let _ = daemon.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("daemon.log:\n{}", self.log());
        }
    }
}

/// Runs a command to its end with `input`.
pub(crate) fn run(command: &mut Command, input: &str) -> Ran {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    if !input.is_empty() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    if let Some(mut stdin) = child.stdin.take() {
        // It may refuse before it has read it all; what it says then is what counts.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().unwrap();
    Ran {
        status: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The code of this moment (RFC 6238).
pub(crate) fn code(secret: &str) -> String {
    code_at(secret, std::time::Duration::ZERO)
}

/// The code of a moment ahead.
pub(crate) fn code_at(secret: &str, ahead: std::time::Duration) -> String {
    let secret = Secret::try_from_base32(secret).unwrap();
    let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap() + ahead.as_secs();
    Builder::new().with_secret(secret).build().unwrap().generate(now).to_string()
}
