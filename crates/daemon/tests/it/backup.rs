//! A house lost and brought back: `tctl backup`, `countersign restore`, and everything is there, proven.

use crate::house::{House, Ran, run};
use crate::sshd::Sshd;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

/// `countersign restore` into the house's data directory.
fn restore(house: &House, backup: &Path, more: &[&str], input: Option<&Path>) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.arg("restore").arg(backup).arg("--data-dir").arg(house.data()).args(more);
    match input {
        Some(path) => command.stdin(fs::File::open(path).unwrap()),
        None => command.stdin(std::process::Stdio::null()),
    };
    run(&mut command, "")
}

#[test]
fn a_house_comes_back_from_its_backup() {
    let mut house = House::open();
    house.people(&[("alice", "engineer"), ("bob", "reviewer"), ("dave", "everything")]);
    let _sshd = Sshd::start(&house, "db-box", "service=database");
    run(house.ssh("dave").args(["db-box", "echo recorded"]), "").ok();
    house.until("recording.sealed", &["audit", "ls", "--format", "json"]);
    house
        .tsh("alice", &["request", "new", "--roles=dba", "--reason=ticket #1234", "--no-wait"])
        .ok();

    let dir = house.dir.path().to_owned();
    let file = |name: &str| dir.join(name);
    let (full, bare) = (file("full.tar"), file("bare.tar"));
    let told = house.tctl(&["backup", full.to_str().unwrap(), "--recordings"]).ok();
    assert!(told.out.starts_with("Wrote ") && told.err.contains("seal key"), "{told:?}");
    assert_eq!(fs::metadata(&full).unwrap().permissions().mode() & 0o777, 0o600);
    // Never over what is there, unless told.
    let again = house.tctl(&["backup", full.to_str().unwrap()]);
    assert!(again.status == 2 && again.err.contains("--force"), "{again:?}");
    house.tctl(&["backup", full.to_str().unwrap(), "--recordings", "--force"]).ok();
    let piped = house.program("tctl", "root").args(["backup", "-"]).output().unwrap();
    fs::write(&bare, &piped.stdout).unwrap();
    // On the record, and only for whom has the rule.
    let events = house.tctl(&["audit", "ls", "--code", "backup.taken"]).ok().out;
    assert_eq!(events.matches("backup.taken").count(), 3, "{events}");
    let refused = {
        let mut tctl = house.program("tctl", "alice");
        tctl.env_remove("COUNTERSIGN_DATA_DIR").args(["backup", "stolen.tar"]);
        run(tctl.arg("--proxy").arg(house.listen.to_string()).current_dir(house.dir.path()), "")
    };
    assert_eq!((refused.status, file("stolen.tar").exists()), (3, false), "{refused:?}");

    assert_eq!(house.stop(), 0);
    let refused = restore(&house, &full, &[], None);
    assert!(refused.status == 1 && refused.err.contains("is not empty"), "{refused:?}");
    let key = file("kept.key");
    fs::copy(house.data().join("seal.key"), &key).unwrap();

    for (backup, recordings) in [(&full, "1 seals agree"), (&bare, "1 more are not here")] {
        fs::remove_dir_all(house.data()).unwrap();
        // A foreign key opens nothing, and leaves nothing.
        let foreign = file("foreign.key");
        fs::write(&foreign, "ab".repeat(32)).unwrap();
        fs::set_permissions(&foreign, fs::Permissions::from_mode(0o600)).unwrap();
        let refused = restore(&house, backup, &["--seal-key", foreign.to_str().unwrap()], None);
        assert!(refused.status == 1 && refused.err.contains("another house's"), "{refused:?}");
        assert_eq!(fs::read_dir(house.data()).unwrap().count(), 0, "{refused:?}");

        let seal = ["--seal-key", key.to_str().unwrap()];
        let told = restore(&house, Path::new("-"), &seal, Some(backup)).ok();
        assert!(told.out.contains("3 users, 1 requests"), "{told:?}");
        assert!(told.out.contains("all verified"), "{told:?}");
        house.start();
        let verified = house.tctl(&["audit", "verify"]).ok();
        assert!(verified.out.contains(recordings), "{verified:?}");
        let requests = house.tctl(&["request", "ls"]).ok().out;
        assert!(requests.contains("alice") && requests.contains("PENDING"), "{requests}");
        // The same authorities: nobody logs in again.
        run(house.ssh("dave").args(["db-box", "true"]), "").ok();
        assert_eq!(house.stop(), 0);
    }
}

#[test]
fn a_data_directory_without_its_seal_key_is_not_given_another() {
    let mut house = House::open();
    assert_eq!(house.stop(), 0);
    fs::remove_file(house.data().join("seal.key")).unwrap();
    let told = run(&mut house.command(), "");
    assert!(told.status == 1 && told.err.contains("put it back"), "{told:?}");
    assert!(!house.data().join("seal.key").exists(), "{told:?}");
}
