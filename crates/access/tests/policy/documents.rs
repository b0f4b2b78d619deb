//! Whatever is written into a role document, reading it ends in a role or in problems.

use api::role::RoleDocument;
use proptest::prelude::*;

const WRITTEN: &str = "\
kind: role
version: v7
metadata: {name: dba, labels: {a: b}}
spec:
  options: {max_session_ttl: 8h, forward_agent: yes, record_session: {ssh: strict}}
  allow:
    logins: [root, '{{regexp.replace(external.name, \"^x-(.*)$\", \"$1\")}}']
    node_labels: {env: prod, tier: [db, '^(a|b)$']}
    node_labels_expression: labels.team == \"db\" && contains(user.spec.traits[\"t\"], \"x\")
    kubernetes_resources: [{kind: pod, namespace: 'ns-*', name: '*', verbs: [get]}]
    request:
      roles: ['team-*']
      thresholds: [{name: both, all_of: [{filter: 'contains(reviewer.roles, \"security\")'}], deny: 1}]
    rules: [{resources: [session], verbs: [read], where: 'contains(session.participants, user.metadata.name)'}]
  deny: {logins: [guest]}
";

proptest! {
    #[test]
    fn a_mangled_document_is_a_role_or_a_list_of_problems(
        at in 0..WRITTEN.len(), len in 0_usize..30, with in "[-{}\\[\\]:,'\"*^$()|a-z0-9 \n\t\u{1b}é]{0,12}"
    ) {
        let end = (at + len).min(WRITTEN.len());
        let text = format!("{}{with}{}", &WRITTEN[..at], &WRITTEN[end..]);
        match RoleDocument::read(&text).and_then(|document| document.role()) {
            Ok((role, _)) => prop_assert!(!role.name().as_str().is_empty()),
            Err(problems) => prop_assert!(!problems.is_empty()),
        }
    }
}

/// What is wrong with a role whose `allow` is this.
fn problems(allow: &str) -> Vec<String> {
    let text =
        format!("kind: role\nversion: v7\nmetadata: {{name: big}}\nspec: {{allow: {{{allow}}}}}\n");
    match RoleDocument::read(&text).and_then(|document| document.role()) {
        Ok(_) => Vec::new(),
        Err(problems) => {
            problems.iter().map(|one| format!("{}: {}", one.path, one.message)).collect()
        }
    }
}

#[test]
fn a_role_has_so_many_regular_expressions_wherever_they_stand() {
    let all = |count: usize, one: &dyn Fn(usize) -> String| {
        (0..count).map(one).collect::<Vec<_>>().join(", ")
    };
    let written = |count| format!("db_names: [{}]", all(count, &|n| format!("'^a{n}$'")));
    assert_eq!(problems(&written(100)), Vec::<String>::new());
    let why =
        "one too many: a role has at most 100 regular expressions in all; divide it into several";
    assert_eq!(problems(&written(900)), [format!("spec.allow.db_names[100]: {why}")]);

    let spread = format!(
        "{}, node_labels: {{env: '{{{{regexp.replace(external.x, \"a\", \"b\")}}}}'}}, db_labels_expression: 'regexp.match(labels.x, \"^a$\")'",
        written(98)
    );
    assert_eq!(problems(&spread), Vec::<String>::new());
    let spread = format!("{spread}, app_labels_expression: 'regexp.match(labels.x, \"^a$\")'");
    assert_eq!(problems(&spread).len(), 1, "{:?}", problems(&spread));
    assert!(problems(&spread)[0].ends_with(why));
}

#[test]
fn a_role_has_so_many_patterns_and_so_many_expressions() {
    let names: Vec<String> = (0..1000).map(|n| format!("n{n}")).collect();
    let names = names.join(", ");
    let lists = ["logins", "db_names", "db_users", "db_roles", "kubernetes_users"];
    let full: Vec<String> = lists.iter().map(|list| format!("{list}: [{names}]")).collect();
    let full = full.join(", ");
    assert_eq!(problems(&full), Vec::<String>::new());
    assert_eq!(
        problems(&format!("{full}, kubernetes_groups: [one-more]")),
        [
            "spec.allow.kubernetes_groups: one too many: a role has at most 5000 patterns and templates in all; divide it into several"
        ]
    );
    let rules = vec!["{resources: [session], verbs: [read], where: 'true'}"; 201].join(", ");
    assert_eq!(
        problems(&format!("rules: [{rules}]")),
        [
            "spec.allow.rules[200].where: one too many: a role has at most 200 expressions in all; divide it into several"
        ]
    );
}
