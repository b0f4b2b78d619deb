//! The product's story, word for word, against a real sshd with the stock `ssh`.

use crate::house::{House, run};
use crate::sshd::Sshd;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

#[test]
fn a_request_opens_ssh_and_its_end_closes_it() {
    let house = House::open();
    house.people(&[("alice", "engineer"), ("bob", "reviewer")]);
    let _sshd = Sshd::start(&house, "db-box", "service=database");

    // Denied: the first line is the story's, the rest says why and what to do.
    let denied = run(house.ssh("alice").args(["db-box", "true"]), "");
    assert_eq!(denied.err.lines().next(), Some("Access denied"), "{denied:?}");
    assert!(denied.err.contains("tsh request new --roles=dba"), "{denied:?}");
    assert_ne!(denied.status, 0);

    // She asks; the command waits.
    let mut asking = house.program("tsh", "alice");
    asking
        .args(["request", "new", "--roles=dba", "--reason=ticket #1234"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut asking = asking.spawn().unwrap();
    let mut lines = BufReader::new(asking.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "Seeking request approval...\n");

    let table = house.tctl(&["request", "ls"]).ok().out;
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows[0], "Token              Requestor Metadata   Created At (UTC)  Status");
    assert_eq!(rows[1], "------------------ --------- ---------  ----------------- -------");
    let fields: Vec<&str> = rows[2].split_whitespace().collect();
    assert_eq!(
        (fields[0].len(), fields[1], fields[2], fields[fields.len() - 1]),
        (18, "alice", "roles=dba", "PENDING")
    );
    let request = fields[0].to_owned();

    // She cannot approve it herself.
    let own = house.tsh("alice", &["request", "review", "--approve", &request]);
    assert_ne!(own.status, 0, "{own:?}");

    house.tsh("bob", &["request", "review", "--approve", "--reason=go ahead", &request]).ok();
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert!(asking.wait().unwrap().success(), "{rest}");

    // No second login.
    let hello = run(house.ssh("alice").args(["db-box", "echo hello; exit 7"]), "");
    assert_eq!((hello.status, hello.out.as_str()), (7, "hello\n"), "{hello:?}");

    // What was done with it is on the request, and can be proven offline.
    // The client may be gone before the end of its session is written down.
    let events =
        house.until("session.ended", &["audit", "ls", "--request", &request, "--format", "json"]);
    for code in
        ["request.created", "request.reviewed", "session.started", "ssh.command", "session.ended"]
    {
        assert!(events.contains(code), "no {code} in {events}");
    }
    let bundle = house.dir.path().join("bundle.json").display().to_string();
    house.tctl(&["audit", "export", "--request", &request, "-o", &bundle]).ok();
    house.tctl(&["audit", "verify", &bundle]).ok();
    let tampered = std::fs::read_to_string(&bundle).unwrap().replacen("alice", "alicf", 1);
    std::fs::write(&bundle, tampered).unwrap();
    assert_ne!(house.tctl(&["audit", "verify", &bundle]).status, 0, "a changed bundle verified");

    // A live session ends with its grant, and says so.
    let mut live = house.ssh("alice");
    live.args(["db-box", "echo working; sleep 60"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut live = live.spawn().unwrap();
    let mut out = BufReader::new(live.stdout.take().unwrap());
    line.clear();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "working\n");
    house.tctl(&["request", "revoke", &request, "--reason", "enough"]).ok();
    let mut said = String::new();
    live.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(!live.wait().unwrap().success());
    assert!(said.contains("withdrawn") || said.contains("revoked"), "{said}");
    let denied = run(house.ssh("alice").args(["db-box", "true"]), "");
    assert_eq!(denied.err.lines().next(), Some("Access denied"), "{denied:?}");
}

#[test]
fn unknown_and_forbidden_targets_look_the_same() {
    let house = House::open();
    house.people(&[("bob", "reviewer")]);
    let _sshd = Sshd::start(&house, "secret-box", "service=database");
    let ask = |name: &str| {
        let mut ssh = house.ssh("bob");
        ssh.arg("-o").arg(format!("ProxyCommand=tsh proxy ssh {name}")).args([
            "-o",
            "ProxyUseFdpass=yes",
            "-o",
            "StrictHostKeyChecking=yes",
        ]);
        let told = run(ssh.args([&format!("{}@{name}", House::login()), "true"]), "");
        (told.status, told.out.replace(name, "NAME"), told.err.replace(name, "NAME"))
    };
    assert_eq!(ask("secret-box"), ask("no-such-box"));
}

#[test]
fn a_restart_loses_nothing_and_needs_no_login() {
    let mut house = House::open();
    house.people(&[("dave", "everything")]);
    let _sshd = Sshd::start(&house, "db-box", "service=database");
    run(house.ssh("dave").args(["db-box", "true"]), "").ok();
    assert_eq!(house.stop(), 0);
    house.start();
    run(house.ssh("dave").args(["db-box", "true"]), "").ok();
    house.tctl(&["audit", "verify"]).ok();
}

#[test]
fn a_stopping_daemon_tells_its_sessions() {
    let mut house = House::open();
    house.people(&[("dave", "everything")]);
    let _sshd = Sshd::start(&house, "db-box", "service=database");
    let mut live = house.ssh("dave");
    live.args(["db-box", "echo working; sleep 60"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut live = live.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(live.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "working\n");
    assert_eq!(house.stop(), 0);
    let mut said = String::new();
    live.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("shutting down"), "{said}");
    assert!(!live.wait().unwrap().success());
}
