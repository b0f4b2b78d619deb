//! A disk that is full, and one that cannot be written.

use crate::house::{House, run};
use crate::sshd::Sshd;
use std::path::Path;
use std::process::Command;

/// A small file system of its own over a house's data directory; unmounted when dropped.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    /// Mounts one of `size`. `None`, said aloud, where that is not allowed: the rule itself is then only proven by the
    /// store's own test of a full disk.
    fn mount(at: &'a Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let options = format!("size={size},mode=0700");
        let made = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "countersign-it"])
            .arg(at)
            .output()
            .unwrap();
        if made.status.success() {
            return Some(Self(at));
        }
        eprintln!(
            "NOT RUN: a small disk cannot be mounted here (it takes root and CAP_SYS_ADMIN): {}",
            String::from_utf8_lossy(&made.stderr)
        );
        None
    }

    fn remount(&self, how: &str) {
        let options = format!("remount,{how}");
        let done = Command::new("mount").args(["-o", &options]).arg(self.0).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        // Lazily: the daemon may still have files open there.
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_refuses_what_is_new_and_loses_nothing_that_was_told() {
    let mut house = House::build();
    let data = house.data();
    let Some(_disk) = Disk::mount(&data, "160m") else { return };
    house.start();
    house.people(&[("alice", "engineer"), ("bob", "reviewer"), ("dave", "everything")]);
    let _sshd = Sshd::start(&house, "db-box", "service=database");
    run(house.ssh("dave").args(["db-box", "true"]), "").ok();
    let ask = |reason: &str| {
        house.tsh("alice", &["request", "new", "--nowait", "--roles=dba", "--reason", reason])
    };
    ask("before").ok();

    // Somebody else fills the disk, to the last byte.
    let ballast = data.join("ballast");
    let filled = Command::new("dd")
        .args(["if=/dev/zero", "bs=4096", &format!("of={}", ballast.display())])
        .output()
        .unwrap();
    assert!(!filled.status.success(), "the disk is not full");
    let mut told = 1;
    let refused = loop {
        // What still fits in the pages the database has is told, and must stay.
        let answer = ask(&"x".repeat(4000));
        if answer.status != 0 {
            break answer;
        }
        told += 1;
        assert!(told < 5000, "a full disk takes everything");
    };
    assert!(refused.err.contains("disk") && refused.err.contains("full"), "{refused:?}");
    let session = run(house.ssh("dave").args(["db-box", "echo inside"]), "");
    assert_ne!(session.status, 0, "{session:?}");
    assert!(!session.out.contains("inside"), "a session that cannot be recorded: {session:?}");
    assert!(!session.err.is_empty(), "{session:?}");
    // Reading goes on.
    house.tctl(&["request", "ls"]).ok();

    // Room is made: everything goes on without a restart.
    std::fs::remove_file(&ballast).unwrap();
    ask("after").ok();
    told += 1;
    run(house.ssh("dave").args(["db-box", "true"]), "").ok();
    let count = |house: &House| {
        let out = house.tctl(&["request", "ls", "--limit", "10000", "--format", "json"]).ok().out;
        serde_json::from_str::<Vec<serde_json::Value>>(&out).unwrap().len()
    };
    assert_eq!(count(&house), told);
    assert_eq!(house.stop(), 0);
    house.start();
    assert_eq!(count(&house), told);
    house.tctl(&["audit", "verify"]).ok();
    house.kill();
}

#[test]
fn a_data_directory_that_cannot_be_written_is_named() {
    let mut house = House::build();
    let data = house.data();
    let Some(disk) = Disk::mount(&data, "160m") else { return };
    house.start();
    assert_eq!(house.stop(), 0);
    disk.remount("ro");
    let told = run(&mut house.command(), "");
    assert_eq!(told.status, 1, "{told:?}");
    assert!(told.err.contains("Read-only file system"), "{}", told.err);
    assert!(told.err.contains(&data.display().to_string()), "{}", told.err);
    // Nothing was changed by the attempt.
    disk.remount("rw");
    house.start();
    house.tctl(&["status"]).ok();
    house.kill();
}
