//! Role documents: round trips, problems, warnings.

use super::*;
use expect_test::{Expect, expect};
use std::collections::BTreeSet;

const DBA: &str = "\
kind: role
version: v7
metadata:
  name: dba
  description: Databases in production
spec:
  options:
    max_session_ttl: 8h
    forward_agent: yes
    client_idle_timeout: never
    record_session:
      ssh: strict
    ssh_port_forwarding:
      local: {enabled: true}
    require_session_mfa: off
  allow:
    logins: [root, '{{internal.logins}}']
    node_labels:
      env: prod
      tier: [db, cache]
    node_labels_expression: labels.team == \"db\"
    request:
      roles: ['team-*']
      max_duration: 4h
      reason: {mode: required}
      thresholds:
        - name: both
          all_of:
            - {name: security, filter: 'contains(reviewer.roles, \"security\")'}
            - {name: manager, filter: 'contains(reviewer.roles, \"manager\")', approve: 2}
          deny: 1
    review_requests:
      roles: [dba]
      where: contains(reviewer.roles, \"lead\")
    rules:
      - resources: [session]
        verbs: [read, list]
        where: contains(session.participants, user.metadata.name)
  deny:
    logins: [guest]
";

fn refused(text: &str, expected: Expect) {
    let problems = match RoleDocument::read(text) {
        Ok(document) => document.role().map(|_| ()).unwrap_err(),
        Err(problems) => problems,
    };
    let shown: Vec<_> = problems
        .into_iter()
        .map(|FieldProblem { path, message, line, column, .. }| {
            let place =
                line.map(|line| format!("{line}:{}: ", column.unwrap_or(0))).unwrap_or_default();
            format!("{place}{path}: {message}")
        })
        .collect();
    expected.assert_eq(&shown.join("\n"));
}

#[test]
fn a_role_is_the_same_after_a_round_trip() {
    let document = RoleDocument::read(DBA).unwrap();
    let (role, warnings) = document.role().unwrap();
    assert_eq!((role.name().as_str(), warnings), ("dba", Vec::new()));
    assert_eq!(RoleDocument::read(&document.to_yaml()).unwrap(), document);
    let json = serde_json::to_value(&document).unwrap();
    assert_eq!(RoleDocument::from_value(&json).unwrap(), document);
    assert_eq!(json["spec"]["allow"]["node_labels"]["env"], serde_json::json!(["prod"]));
    assert_eq!(json["spec"]["options"]["client_idle_timeout"], "0s");
}

#[test]
fn a_field_that_is_wrong_is_named_with_its_line() {
    refused(
        "kind: role\nmetadata: {name: r}\nspec:\n  allow:\n    nod_labels: {a: b}\n",
        expect![
            "5:5: spec.allow.nod_labels: unknown field `nod_labels`, expected one of app_labels, app_labels_expression, cluster_labels, cluster_labels_expression, db_labels, db_labels_expression, kubernetes_labels, kubernetes_labels_expression, node_labels, node_labels_expression, windows_desktop_labels, windows_desktop_labels_expression, aws_role_arns, db_names, db_roles, db_users, host_groups, host_sudoers, kubernetes_groups, kubernetes_users, logins, namespaces, windows_desktop_logins, kubernetes_resources, app_paths, impersonate, rules, request, review_requests, join_sessions, require_session_join, account_assignments, azure_identities, db_permissions, db_service_labels, db_service_labels_expression, desktop_groups, gcp_service_accounts, github_permissions, group_labels, group_labels_expression, mcp, spiffe, workload_identity_labels, workload_identity_labels_expression"
        ],
    );
    refused(
        "metadata: {name: r}\nspec:\n  options:\n    enhanced_recording: [command]\n",
        expect![
            "4:25: spec.options.enhanced_recording: this field is known, but not supported here; remove it"
        ],
    );
    refused(
        "metadata: {name: r}\nspec:\n  allow:\n    gcp_service_accounts: [x]\n",
        expect![
            "4:27: spec.allow.gcp_service_accounts: this field is known, but not supported here; remove it"
        ],
    );
    refused(
        "metadata: {name: r}\nspec:\n  options:\n    forward_agent: maybe\n",
        expect![[
            r#"4:5: spec.options.forward_agent: invalid value: string "maybe", expected true, false, yes, no, on or off"#
        ]],
    );
    refused(
        "metadata: {name: r}\nspec:\n  options:\n    device_trust_mode: sometimes\n",
        expect![[
            r#"4:24: spec.options.device_trust_mode: "sometimes" is not known here; write one of off, optional, required"#
        ]],
    );
    refused(
        "metadata: {name: r}\nspec:\n  options:\n    max_session_ttl: 8\n",
        expect![
            "4:22: spec.options.max_session_ttl: expected a duration such as `90m`, `8h` or `1h30m`, at most ten years"
        ],
    );
    refused(
        "metadata: {name: r}\nspec:\n  allow:\n    logins: {a: b}\n",
        expect!["4:13: spec.allow.logins: invalid type: map, expected a text or a list of texts"],
    );
    refused("kind: rule\nmetadata: {name: r}\n", expect!["kind: expected `role`"]);
    refused("kind: role\nmetadata: {name: r\n", expect!["2:11: metadata: unclosed bracket '{'"]);
}

#[test]
fn what_is_wrong_is_told_all_at_once() {
    refused(
        "version: v9\nmetadata: {name: '-x'}\nspec:\n  allow:\n    logins: ['*']\n    node_labels: {'*': prod}\n    \
         request:\n      thresholds:\n        - {filter: 'equals('}\n    rules:\n      - {resources: [role], verbs: [paint]}\n  \
         deny:\n    request: {thresholds: [{approve: 1}]}\n    logins: ['^(a$', '{{internal.nothing}}']\n",
        expect![[r#"
            metadata.name: a role name begins with a letter, a digit or `_`, not '-'
            version: role version not supported: "v9"; write one of v3, v4, v5, v6, v7, v8
            spec.allow.logins: logins are written out: `*` is not a login
            spec.allow.node_labels.*: selector *:<value> is not supported; write `"*": "*"`, or name the label
            spec.allow.rules[0].verbs[0]: unknown verb "paint"; there are create, list, read, readnosecrets, update, delete, rotate, use, enroll, *
            spec.allow.request.thresholds[0].filter: parse error at line 1, column 8: unexpected the end
            spec.deny.logins[0]: bad regular expression "(a": unclosed group
            spec.deny.logins[1]: `{{internal.nothing}}`: no trait `internal.nothing`; write `external.nothing` for a trait of your own
            spec.deny.request.thresholds: deny.request cannot contain thresholds"#]],
    );
}

#[test]
fn what_may_not_be_meant_is_warned_about() {
    let text = "metadata: {name: r}\nspec:\n  allow:\n    logins: ['{{internal.custom}}', '{{email.local(}}']\n    \
                node_labels: {env: ['^test|staging$', '^(a|b)$']}\n    request: {reason: {mode: banana}}\n";
    let (_, warnings) = RoleDocument::read(text).unwrap().role().unwrap();
    let shown: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    expect![[r#"
        spec.allow.logins[0]: `{{internal.custom}}`: no trait `internal.custom`; write `external.custom` for a trait of your own; the entry is ignored
        spec.allow.logins[1]: `{{email.local(}}`: parse error at line 1, column 13: unexpected the end; the entry is ignored
        spec.allow.node_labels.env[0]: is read as `^(?:test|staging)$`: each alternative must match the whole text
        spec.allow.request.reason.mode: "banana" is read as "optional"; the modes are "optional" and "required""#]].assert_eq(&shown.join("\n"));
}

/// Every field that the law (`docs/design/0002-the-law.md`) and the product page name.
const NAMED: &str = "\
kind: role
version: v7
metadata: {name: named, description: All that is named, labels: {team: db}}
spec:
  options:
    max_session_ttl: 12h
    request_access: reason
    request_prompt: Which ticket?
    require_session_mfa: yes
    device_trust_mode: required
    record_session: {default: strict}
    disconnect_expired_cert: yes
  allow:
    logins: ['{{internal.logins}}', '{{external.x}}', '{{email.local(external.email)}}']
    node_labels: {env: '^(prod|test)$'}
    node_labels_expression: contains(user.spec.traits[\"team\"], labels[\"team\"])
    app_labels: {'*': '*'}
    db_labels: {'*': '*'}
    db_names: [orders]
    db_users: ['{{regexp.replace(external.email, \"^(.*)@.*$\", \"$1\")}}']
    kubernetes_labels: {'*': '*'}
    kubernetes_groups: [viewers]
    kubernetes_users: [viewer]
    kubernetes_resources: [{kind: pod, namespace: web, name: '*', verbs: [get]}]
    request:
      roles: [dba, 'team-*', '^db-.*$']
      search_as_roles: [dba]
      claims_to_roles: [{claim: groups, value: oncall, roles: [dba]}]
      max_duration: 14d
      reason: {mode: required}
      annotations: {pagerduty: [database]}
      suggested_reviewers: [bob]
      kubernetes_resources: [{kind: pod}]
      thresholds:
        - {name: one, filter: 'equals(request.reason, \"x\") && !contains(reviewer.roles, \"x\")', approve: 1, deny: 0}
        - name: both
          all_of:
            - {name: security, filter: 'contains_any(reviewer.roles, set(\"security\"))', approve: 1}
            - {name: manager, filter: 'contains(reviewer.traits[\"kind\"], \"manager\")', approve: 1}
    review_requests:
      roles: [dba]
      claims_to_roles: [{claim: groups, value: leads, roles: [dba]}]
      preview_as_roles: [dba]
      where: contains(request.roles, \"dba\")
    rules: [{resources: [access_request], verbs: [list, read, update], where: 'true', actions: ['log(\"info\", \"x\")']}]
  deny:
    logins: [root]
    request: {roles: [admin], search_as_roles: [admin], claims_to_roles: [{claim: a, value: b, roles: [c]}]}
    review_requests: {roles: [admin]}
";

#[test]
fn every_field_the_law_names_is_read_and_comes_back() {
    let document = RoleDocument::read(NAMED).unwrap();
    let (_, warnings) = document.role().unwrap();
    assert_eq!(warnings, Vec::new());
    // Nothing was read and dropped: each key that was written is written again.
    let keys = |yaml: &str| -> BTreeSet<String> {
        fn walk(value: &serde_json::Value, path: &str, found: &mut BTreeSet<String>) {
            match value {
                serde_json::Value::Object(fields) => {
                    for (key, value) in fields {
                        walk(value, &format!("{path}.{key}"), found);
                    }
                }
                serde_json::Value::Array(items) => {
                    items.iter().for_each(|item| walk(item, path, found));
                }
                serde_json::Value::Null
                | serde_json::Value::Bool(_)
                | serde_json::Value::Number(_)
                | serde_json::Value::String(_) => {}
            }
            found.insert(path.to_owned());
        }
        let mut found = BTreeSet::new();
        walk(&document::typed::<serde_json::Value>(yaml).unwrap(), "", &mut found);
        found
    };
    assert_eq!(keys(&document.to_yaml()), keys(NAMED));
}
