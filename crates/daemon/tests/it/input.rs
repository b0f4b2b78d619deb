//! What is written wrong is named by line and path with its cure, and nothing of it is done.

use crate::house::{House, Ran};

/// A good document, so that each wrong one beside it shows that nothing is half done.
const GOOD: &str =
    "kind: role\nversion: v7\nmetadata:\n  name: good\nspec:\n  allow:\n    logins: [root]\n---\n";

#[track_caller]
fn refused(house: &House, document: &str, wanted: &[&str]) {
    let told = house.tctl_with(&["create", "-f", "-"], &format!("{GOOD}{document}"));
    assert_eq!(told.status, 2, "{document}\n{told:?}");
    assert!(told.err.contains("nothing was written"), "{}", told.err);
    for text in wanted {
        assert!(told.err.contains(text), "no `{text}` for\n{document}\nin\n{}", told.err);
    }
    let roles = house.tctl(&["get", "roles"]).ok().out;
    assert!(!roles.contains("good") && !roles.contains("bad"), "half done: {roles}");
}

#[test]
fn wrong_documents_are_named_by_line_and_path_and_nothing_is_half_done() {
    let house = House::open();
    let role =
        |spec: &str| format!("kind: role\nversion: v7\nmetadata:\n  name: bad\nspec:\n{spec}");
    refused(&house, "kind: role\n  version: [\n", &["line 10"]);
    refused(
        &house,
        &role("  allow:\n    loginz: [root]\n"),
        &["line 15", "spec.allow.loginz", "logins"],
    );
    refused(
        &house,
        &role("  allow:\n    node_labels: 7\n"),
        &["line 15", "spec.allow.node_labels"],
    );
    refused(&house, "kind: rolle\nversion: v7\nmetadata: {name: bad}\n", &["line 9", "kind"]);
    // What only the daemon can judge is said in the same way.
    let broken = role(
        "  allow:\n    request:\n      roles: [dba]\n      thresholds:\n      - {approve: 1, deny: 1, filter: 'frobnicate(a'}\n",
    );
    let long = role("  allow: {}\n").replace("name: bad", &format!("name: bad{}", "n".repeat(200)));
    refused(
        &house,
        &broken,
        &[
            "document 2, line 18: spec.allow.request.thresholds[0].filter: ",
            "column 13",
            "missing ')'",
        ],
    );
    refused(&house, &long, &["document 2, line 12: metadata.name: ", "at most 64 bytes", "203"]);
    refused(
        &house,
        &role("  allow: {}\n").replace("version: v7", "version: v99"),
        &["document 2, line 10: version: ", "v99", "write one of"],
    );
    // All at once, whoever can judge it.
    refused(
        &house,
        &format!(
            "{broken}---\nkind: lock\nversion: v1\nmetadata: {{name: bad}}\nspec:\n  targets: x\n"
        ),
        &["2 fields are wrong", "document 2, line 18: ", "document 3, line 24: spec.targets: "],
    );
    let told = house.tctl_with(&["create", "-f", "-"], "\u{0}\u{1}\u{2}\n");
    assert_eq!(told.status, 2, "{told:?}");
    // Megabytes are refused before they are read to the end.
    let told = house.tctl_with(&["create", "-f", "-"], &"# nothing\n".repeat(1 << 20));
    assert_eq!(told.status, 2, "{told:?}");
}

#[test]
fn many_documents_are_created_together_and_each_is_said() {
    let house = House::open();
    let lock = "kind: lock\nversion: v1\nmetadata: {name: out}\nspec: {target: {user: mallory}}\n";
    let text = format!("{GOOD}{lock}");
    let create = |flags: &[&str], text: &str| {
        house.tctl_with(&[&["create", "-f", "-"], flags].concat(), text)
    };
    let told = create(&["--dry-run"], &text).ok().out;
    assert_eq!(told, "Would create role good\nWould create lock out\n");
    assert!(!house.tctl(&["get", "roles"]).ok().out.contains("good"));
    let told = create(&[], &text).ok().out;
    assert_eq!(told, "Created role good\nCreated lock out\n");
    let told = create(&[], &format!("{}---\n{text}", lock.replace("out", "third")));
    assert_ne!(told.status, 0);
    for text in
        ["document 2, line 6: role `good` exists already", "line 14: lock `out` ", "--force"]
    {
        assert!(told.err.contains(text), "no `{text}` in {}", told.err);
    }
    assert!(!house.tctl(&["get", "locks"]).ok().out.contains("third"));
    let told = create(&["--force"], &format!("{}---\n{text}", lock.replace("out", "third"))).ok();
    assert_eq!(told.out, "Created lock third\nReplaced role good\nReplaced lock out\n");
}

#[test]
fn wrong_requests_say_what_may_be_asked_and_file_nothing() {
    let house = House::open();
    house.people(&[("alice", "engineer"), ("bob", "reviewer")]);
    let ask = |args: &[&str]| -> Ran {
        let mut all = vec!["request", "new", "--nowait"];
        all.extend(args);
        let told = house.tsh("alice", &all);
        assert_ne!(told.status, 0, "{args:?}");
        told
    };
    let told = ask(&["--roles=dba", &format!("--reason={}", "r".repeat(4097))]);
    assert!(told.err.contains("4097") && told.err.contains("4096"), "{}", told.err);
    let told = ask(&[&format!("--roles={}", "r".repeat(3000)), "--reason=x"]);
    assert!(told.err.contains("can not request role"), "{}", told.err);
    assert!(told.err.len() < 1000, "{}", told.err);
    let told = ask(&["--roles=no/such role", "--reason=x"]);
    assert!(told.err.contains("role"), "{}", told.err);
    let told = ask(&["--resource=nonsense", "--reason=x"]);
    assert!(told.err.contains("/"), "{}", told.err);
    let told = ask(&["--roles=dba", "--reason=x", "--duration=soon"]);
    assert!(told.err.contains("soon"), "{}", told.err);
    let told = house.tsh("alice", &["request", "show", "../../etc/passwd"]);
    assert_ne!(told.status, 0);
    assert_eq!(house.tctl(&["request", "ls", "--format", "json"]).ok().out.trim(), "[]");
}
