//! Databases: real PostgreSQL and MariaDB behind the daemon, and the clients that people and programs use.

#[path = "../../../proxy/tests/databases/servers.rs"]
pub(crate) mod servers;

mod declared;
mod mysql;
mod postgres;

use crate::house::{House, Ran, run};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

/// The roles of these stories.
const ROLES: &str = include_str!("databases/roles.yaml");

/// A house with these roles, and people who are logged in: dave reaches every database, alice may ask, bob answers.
pub(crate) fn house() -> House {
    let house = House::open();
    house.tctl_with(&["create", "-f", "-"], ROLES).ok();
    for (name, role) in [("alice", "db-engineer"), ("bob", "db-reviewer"), ("dave", "db-all")] {
        house.invite(name, role);
    }
    house
}

/// What a database server has to trust.
pub(crate) fn authority(house: &House) -> String {
    house.tctl(&["auth", "export", "--type", "database"]).ok().out
}

/// Adds the server as the database `orders`.
pub(crate) fn add(house: &House, protocol: &str, addr: &str, ca: &str) -> Ran {
    let file = house.dir.path().join("db-ca.pem");
    std::fs::write(&file, ca).unwrap();
    let labels = "service=orders,env=test";
    let file = file.display().to_string();
    house
        .tctl(&[
            "db",
            "add",
            "orders",
            "--protocol",
            protocol,
            "--uri",
            addr,
            "--labels",
            labels,
            "--ca",
            &file,
        ])
        .ok()
}

/// alice asks for the role, and bob approves; the request's id.
fn granted(house: &House) -> String {
    let asking = house.tsh(
        "alice",
        &[
            "request",
            "new",
            "--roles=orders-dba",
            "--reason=ticket #1234",
            "--nowait",
            "--format=json",
        ],
    );
    let view: serde_json::Value = serde_json::from_str(&asking.ok().out).unwrap();
    let request = view["id"].as_str().expect("a request has an id").to_owned();
    house.tsh("bob", &["request", "review", "--approve", "--reason=go ahead", &request]).ok();
    request
}

/// The statements of the request's sessions hold this text: it is found by the request, by its owner.
#[track_caller]
fn assert_recorded(house: &House, request: &str, text: &str) {
    let told =
        house.tsh("alice", &["recordings", "ls", "--request", request, "--format=json"]).ok();
    let recordings: serde_json::Value = serde_json::from_str(&told.out).unwrap();
    let sessions = recordings.as_array().expect("a list");
    let holds = |recording: &serde_json::Value| {
        let session = recording["session"].as_str().expect("a session");
        house.tsh("alice", &["play", "--text", session]).ok().out.contains(text)
    };
    assert!(sessions.iter().any(holds), "no {text} in {}", told.out);
}

/// The Python with asyncpg, psycopg and PyMySQL, which `scripts/install test` makes.
fn python() -> PathBuf {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let cache =
        std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
    let python = cache.join("countersign/clients/bin/python");
    assert!(python.exists(), "{} is missing: scripts/install test makes it", python.display());
    python
}

/// Runs a Python program of a user, with words on its command line.
pub(crate) fn python_of(house: &House, user: &str, program: &str, words: &[&str]) -> Ran {
    let mut command = Command::new(python());
    house.environment(&mut command, user);
    run(command.arg("-c").arg(program).args(words), "")
}

/// A running command whose lines are read one by one; killed when dropped.
pub(crate) struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    err: Option<ChildStderr>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let out = BufReader::new(child.stdout.take().unwrap());
        let err = child.stderr.take();
        Self { child, out, err }
    }

    /// Reads lines until one holds `text`; all of them.
    pub(crate) fn until(&mut self, text: &str) -> String {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            if self.out.read_line(&mut line).unwrap() == 0 {
                let (status, err) = self.end();
                panic!("it ended with {status} before `{text}`:\n{seen}{err}");
            }
            seen.push_str(&line);
            if line.contains(text) {
                return seen;
            }
        }
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(name).arg(self.child.id().to_string()).status();
        assert!(status.unwrap().success());
    }

    /// Everything that it still says, on both outputs.
    pub(crate) fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        rest + &self.end().1
    }

    /// Waits for its end: the status, and what it said on the error output.
    pub(crate) fn end(&mut self) -> (i32, String) {
        let mut err = String::new();
        if let Some(mut pipe) = self.err.take() {
            pipe.read_to_string(&mut err).unwrap();
        }
        (self.child.wait().unwrap().code().unwrap_or(-1), err)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A tunnel of `user` to the database, and its port.
fn tunnel(house: &House, user: &str, words: &[&str]) -> (Running, String) {
    let mut command = house.program("tsh", user);
    command.args(["proxy", "db", "orders", "--format=yaml"]).args(words);
    let mut tunnel = Running::start(&mut command);
    let line = tunnel.until("port: ");
    let port = line.split("port: ").nth(1).unwrap().trim().to_owned();
    (tunnel, port)
}
