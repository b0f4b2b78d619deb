//! What is missing, in words; and who could give it.

use crate::town::{Town, approve, at, cli, wanting};
use access::request::Request;
use expect_test::{Expect, expect};

fn town(thresholds: &str) -> Town {
    Town::new(
        &[
            ("dba", "{}"),
            (
                "developer",
                &format!("{{allow: {{request: {{roles: [dba], thresholds: {thresholds}}}}}}}"),
            ),
            ("security", "{allow: {review_requests: {roles: [dba]}}}"),
            ("manager", "{allow: {review_requests: {roles: [dba]}}}"),
            ("admin", "{allow: {rules: [{resources: [access_request], verbs: [update]}]}}"),
        ],
        &[
            ("alice", &["developer", "security"]),
            ("carol", &["security"]),
            ("dan", &["security"]),
            ("erin", &["manager"]),
            ("root", &["admin"]),
        ],
    )
}

fn missing(thresholds: &str, approved_by: &[&str], expected: Expect) {
    let mut town = town(thresholds);
    let mut request: Request = town.file("alice", wanting("dba"), at("09:00")).unwrap();
    for who in approved_by {
        town.act(&mut request, &cli(who), approve(), at("09:01")).unwrap();
    }
    expected.assert_eq(&request.missing(&town.policy).sentence());
}

const SECURITY: &str = "'contains(reviewer.roles, \"security\")'";
const MANAGER: &str = "'contains(reviewer.roles, \"manager\")'";

#[test]
fn it_names_who_could_give_it() {
    let filtered = format!("[{{filter: {SECURITY}, approve: 1}}]");
    missing(&filtered, &[], expect![["1 more approval from: carol, dan (role security)"]]);
    missing("[{approve: 2}]", &[], expect!["2 more approvals from: carol, dan, erin"]);
    missing("[{approve: 2}]", &["carol"], expect!["1 more approval from: dan, erin"]);
}

#[test]
fn one_of_security_and_one_manager() {
    let both = format!(
        "[{{all_of: [{{filter: {SECURITY}, approve: 1}}, {{filter: {MANAGER}, approve: 1}}]}}]"
    );
    missing(
        &both,
        &[],
        expect![
            "1 more approval from: carol, dan (role security) and 1 more approval from: erin (role manager)"
        ],
    );
    missing(&both, &["carol"], expect!["1 more approval from: erin (role manager)"]);
    missing(&both, &["carol", "erin"], expect![[""]]);
}

#[test]
fn either_way_is_told() {
    let either = format!("[{{filter: {SECURITY}, approve: 2}}, {{filter: {MANAGER}, approve: 1}}]");
    missing(
        &either,
        &[],
        expect![
            "2 more approvals from: carol, dan (role security), or 1 more approval from: erin (role manager)"
        ],
    );
}

#[test]
fn what_nobody_can_give_is_told() {
    missing(
        "[{approve: 0, deny: 1}]",
        &[],
        expect!["no number of approvals is enough: only an administrator could approve"],
    );
    missing(
        "[{filter: 'contains(reviewer.roles, \"ghost\")', approve: 1}]",
        &[],
        expect!["1 more approval, which nobody can give"],
    );
}
