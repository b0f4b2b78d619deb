//! What is typed is recorded where a role says so, and nowhere else.

use crate::house::House;
use crate::sshd::Sshd;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::Stdio;

const WATCHER: &str = "kind: role
version: v7
metadata:
  name: watcher
spec:
  allow:
    rules:
    - {resources: ['*'], verbs: ['*']}
";
const TYPED: &str = "kind: role
version: v7
metadata:
  name: typed
spec:
  options:
    record_session: {input: true}
  allow:
    logins: [LOGIN]
    node_labels:
      '*': ['*']
";

/// Types a password that the terminal does not show, and exports the recording of that.
fn recorded(house: &House, user: &str) -> String {
    let mut ssh = house.ssh(user);
    // Reads one line without echo, as sudo does.
    ssh.args(["-tt", "db-box", "stty -echo; echo ready; read -r line; echo got ${#line}"]);
    let mut ssh = ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut shown = BufReader::new(ssh.stdout.take().unwrap());
    let mut line = String::new();
    shown.read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "ready");
    // Not before: the terminal would show it.
    ssh.stdin.take().unwrap().write_all(b"hunter2\n").unwrap();
    shown.read_to_string(&mut line).unwrap();
    assert!(ssh.wait().unwrap().success() && line.contains("got 7"), "{line}");
    let sealed = ["audit", "ls", "--code", "recording.sealed", "--user", user, "--format", "json"];
    let events = house.until("recording.sealed", &sealed);
    let events: serde_json::Value = serde_json::from_str(&events).unwrap();
    let session = events[0]["session"].as_str().unwrap().to_owned();
    house.tsh("erin", &["recordings", "export", &session]).ok().out
}

#[test]
fn passwords_are_recorded_for_who_holds_a_role_that_says_so_and_for_nobody_else() {
    let house = House::open();
    house.tctl_with(&["create", "-f", "-"], WATCHER).ok();
    house.tctl_with(&["create", "-f", "-"], &TYPED.replace("LOGIN", &House::login())).ok();
    house.people(&[("dave", "everything"), ("tom", "typed"), ("erin", "watcher")]);
    let _sshd = Sshd::start(&house, "db-box", "service=database");
    let silent = recorded(&house, "dave");
    assert!(silent.contains("got 7") && !silent.contains("hunter2"), "{silent}");
    let told = recorded(&house, "tom");
    assert!(told.contains("got 7"), "{told}");
    assert!(told.lines().any(|line| line.contains("\"i\"") && line.contains("hunter2")), "{told}");
}
