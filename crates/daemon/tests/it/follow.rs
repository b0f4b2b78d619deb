//! A session is watched while it runs.

use crate::house::House;
use crate::sshd::Sshd;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

#[test]
fn a_session_is_watched_as_it_happens_until_it_ends() {
    let house = House::open();
    house.people(&[("dave", "everything"), ("mallory", "engineer")]);
    let _sshd = Sshd::start(&house, "db-box", "service=database");
    let mut ssh = house.ssh("dave");
    ssh.args(["-tt", "db-box", "echo one; read -r line; echo two; exit 3"]);
    let mut ssh = ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut shown = BufReader::new(ssh.stdout.take().unwrap());
    let mut line = String::new();
    shown.read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "one");

    let list = house.tsh("dave", &["recordings", "ls", "--format", "json"]).ok().out;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list[0]["state"], "live", "{list}");
    let session = list[0]["session"].as_str().unwrap().to_owned();
    // Other people's sessions are not there for whoever may not see them.
    assert_ne!(house.tsh("mallory", &["play", "--follow", &session]).status, 0);
    let file = house.dir.path().join("x.cast");
    std::fs::write(&file, "{}").unwrap();
    let refused = house.tsh("dave", &["play", "--follow", &file.display().to_string()]);
    assert!(refused.err.contains("only a session is followed"), "{refused:?}");

    let mut follower = house.program("tsh", "dave");
    follower.args(["play", "--follow", &session]).stdout(Stdio::piped());
    let mut follower = follower.spawn().unwrap();
    let mut seen = BufReader::new(follower.stdout.take().unwrap()).lines();
    let mut until = |text: &str| {
        let found = seen.by_ref().map(Result::unwrap).find(|line| line.contains(text));
        assert!(found.is_some(), "{text} was never shown");
    };
    until("one");
    // It is still running: what comes now was not there when the watching began.
    ssh.stdin.take().unwrap().write_all(b"go\n").unwrap();
    until("two");
    until("exit status 3");
    assert!(follower.wait().unwrap().success());
    assert_eq!(ssh.wait().unwrap().code(), Some(3));
}
