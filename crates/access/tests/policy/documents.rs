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
