//! What the cluster demands of everyone holds at once, in running sessions too.

use crate::house::{House, run};
use crate::sshd::Sshd;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

#[test]
fn a_second_factor_for_everyone_ends_sessions_that_showed_none() {
    let house = House::open();
    house.people(&[("dave", "everything")]);
    let _sshd = Sshd::start(&house, "db-box", "service=database");
    // An identity for automation has no second factor.
    let out = house.home("bot").join(".tsh").display().to_string();
    house.tctl(&["auth", "sign", "--user", "dave", "--ttl", "1h", "--out", &out]).ok();
    let mut live = house.ssh("bot");
    live.args(["db-box", "echo in; sleep 60"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut live = live.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(live.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "in\n");
    let shown = house.tctl(&["get", "cluster_settings"]).ok().out;
    assert!(shown.contains("name: cluster") && shown.contains("device_trust: true"), "{shown}");

    let text = "kind: cluster_settings\nversion: v1\nmetadata: {name: cluster}\nspec: {require_session_mfa: session}\n";
    house.tctl_with(&["create", "-f", "-"], text).ok();
    assert!(!live.wait().unwrap().success());
    let mut said = String::new();
    live.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("needs a second factor, and this login showed none"), "{said}");
    let refused = run(house.ssh("bot").args(["db-box", "echo in"]), "");
    assert!(refused.err.contains("needs a second factor"), "{refused:?}");
    assert_eq!(run(house.ssh("dave").args(["db-box", "echo in"]), "").ok().out, "in\n");

    house.tctl(&["rm", "cluster_settings"]).ok();
    assert_eq!(run(house.ssh("bot").args(["db-box", "echo in"]), "").ok().out, "in\n");
}
