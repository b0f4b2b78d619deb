//! Documents, read: what comes out, and where what is wrong stands.

use super::{MAX_DOCUMENTS, parse, place, typed};
use crate::node::NodeDocument;
use crate::problem::FieldProblem;
use expect_test::expect;

fn read(text: &str) -> String {
    match parse(text) {
        Ok(documents) => documents
            .iter()
            .map(|d| format!("{}/{} line {}\n", d.kind.as_str(), d.name, d.line))
            .collect(),
        Err(problems) => problems.iter().map(|problem| format!("{problem}\n")).collect(),
    }
}

#[test]
fn a_text_of_several_documents_is_read_whole() {
    expect![[r#"
        node/a line 1
        lock/b line 6
    "#]]
    .assert_eq(&read(
        "kind: node\nversion: v1\nmetadata: {name: a}\nspec: {addr: 'db:22'}\n---\n\
         kind: lock\nversion: v1\nmetadata: {name: b}\nspec: {target: {user: mallory}}\n---\n# nothing\n",
    ));
}

#[test]
fn every_problem_comes_at_once_with_path_and_line() {
    expect![[r#"
        document 1, line 5: spec.addrs: unknown field `addrs`, expected one of addr, host_keys, auth
        document 2, line 7: kind: `noed` is not a kind: expected one of role, user, node, db, kube_cluster, app, lock, token, access_monitoring_rule, cluster_settings
    "#]]
    .assert_eq(&read(
        "kind: node\nversion: v1\nmetadata: {name: a}\nspec:\n  addrs: db:22\n---\nkind: noed\nmetadata: {name: b}\n",
    ));
}

#[test]
fn an_empty_text_and_a_broken_one_are_told_apart() {
    expect![[r#"
        there is no document in this text
    "#]]
    .assert_eq(&read("# nothing here\n"));
    assert!(read("kind: [").contains("line "), "{}", read("kind: ["));
}

#[test]
fn json_is_read_too_and_words_stay_words() {
    let node: NodeDocument = typed(
        r#"{"kind":"node","version":"v1","metadata":{"name":"no","labels":{"a":"on"}},"spec":{"addr":"h:22"}}"#,
    )
    .unwrap();
    assert_eq!(node.metadata.name, "no");
    let node: NodeDocument =
        typed("kind: node\nversion: v1\nmetadata:\n  name: no\n  labels: {env: on, y: yes}\nspec: {addr: 'h:22'}").unwrap();
    assert_eq!(node.metadata.labels.get("env").map(String::as_str), Some("on"));
}

#[test]
fn a_document_stands_once_in_a_text_and_a_text_has_an_end() {
    let node = "kind: node\nversion: v1\nmetadata: {name: a}\nspec: {addr: 'h:22'}\n---\n";
    expect![[r#"
        document 2, line 6: node `a` stands in this text already, from line 1 on
    "#]]
    .assert_eq(&read(&node.repeat(2)));
    expect![[r#"
        more than 250 documents
    "#]]
    .assert_eq(&read(&node.repeat(MAX_DOCUMENTS + 1)));
}

#[test]
fn a_path_leads_to_its_own_line() {
    let text = "\
kind: role
metadata:
  name: dba
  labels: {a.b/c: x}
spec:
  allow:
    logins:
      - root
      - '*'
    node_labels:
      app.kubernetes.io/name: web
      app: y
    request:
      reason: {mode: x}
      thresholds:
      -
        filter: |
          several
          lines
  defaults: &d
    one: 1
  deny:
    <<: *d
    logins: guest
";
    let line = |path: &str| {
        let mut problems = [FieldProblem::at(path, "wrong")];
        place(text, &mut problems);
        problems[0].line.unwrap()
    };
    for (path, expected) in [
        ("", 1),
        ("kind", 1),
        ("metadata.name", 3),
        ("metadata.labels.a.b/c", 4),
        ("spec.allow", 6),
        ("spec.allow.logins[0]", 8),
        ("spec.allow.logins[1]", 9),
        ("spec.allow.logins[7]", 7),
        ("spec.allow.node_labels.app.kubernetes.io/name[0]", 11),
        ("spec.allow.node_labels.app", 12),
        ("spec.allow.request.reason.mode", 14),
        ("spec.allow.request.thresholds[0].filter", 17),
        // What is missing is told where it is missed.
        ("spec.allow.request.thresholds[0].approve", 17),
        ("spec.deny.logins[0]", 24),
        ("spec.deny.one", 23),
        ("nothing.like.it", 1),
    ] {
        assert_eq!(line(path), expected, "{path}");
    }
}
