//! The daemon's clock is set, forward and back, while people work.

use crate::house::run;
use crate::inside::Inside;
use crate::sshd::Sshd;
use jiff::SignedDuration;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};

fn live(inside: &Inside, user: &str) -> Child {
    let mut ssh = inside.house.ssh(user);
    ssh.args(["db-box", "echo working; cat"]).stdin(Stdio::piped());
    let mut ssh = ssh.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(ssh.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "working\n");
    ssh
}

#[test]
fn an_hour_forward_ends_what_must_end_and_an_hour_back_revives_nothing() {
    let inside = Inside::open();
    let house = &inside.house;
    house.people(&[("alice", "engineer"), ("bob", "reviewer"), ("dave", "everything")]);
    let _sshd = Sshd::start(house, "db-box", "service=database");
    let ask = ["request", "new", "--nowait", "--roles=dba", "--reason=x", "--duration=30m"];
    house.tsh("alice", &[&ask[..], &["--format", "json"]].concat()).ok();
    let rows: serde_json::Value =
        serde_json::from_str(&house.tctl(&["request", "ls", "--format", "json"]).ok().out).unwrap();
    let request = rows[0]["id"].as_str().unwrap().to_owned();
    house.tsh("bob", &["request", "review", "--approve", &request]).ok();
    let (mut granted, mut standing) = (live(&inside, "alice"), live(&inside, "dave"));

    inside.step(SignedDuration::from_hours(1));
    let mut said = String::new();
    granted.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(!granted.wait().unwrap().success());
    assert!(!said.trim().is_empty(), "the session ended without a word");
    let denied = run(house.ssh("alice").args(["db-box", "true"]), "");
    assert_eq!(denied.err.lines().next(), Some("Access denied"), "{denied:?}");

    // Who stands there by his own roles has not noticed. (A target whose clock is right refuses new certificates.)
    house.tsh("dave", &["ls"]).ok();
    drop(standing.stdin.take());
    assert!(standing.wait().unwrap().success());

    // An end that is written down stays an end, whatever the clock says later.
    house.until("request.expired", &["audit", "ls", "--request", &request]);
    inside.step(SignedDuration::from_hours(-1));
    let denied = run(house.ssh("alice").args(["db-box", "true"]), "");
    assert_eq!(denied.err.lines().next(), Some("Access denied"), "{denied:?}");
    run(house.ssh("dave").args(["db-box", "true"]), "").ok();
    house.tsh("alice", &ask).ok();
    house.tctl(&["audit", "verify"]).ok();
}
