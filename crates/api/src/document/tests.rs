//! Documents, read: what comes out, and where what is wrong stands.

use super::{parse, typed};
use crate::node::NodeDocument;
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
        line 5: spec.addrs: unknown field `addrs`, expected one of addr, host_keys, auth
        line 7: kind: `noed` is not a kind: expected one of role, user, node, lock, token, access_monitoring_rule
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
