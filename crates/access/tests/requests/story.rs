//! Stories of one request, told and answered line by line.

use crate::town::{Town, approve, at, cli, deny, wanting};
use access::request::{Command, Request, State, Status};
use access::review::Decision;
use expect_test::{Expect, expect};
use jiff::{SignedDuration, Timestamp};

#[test]
fn the_second_reviewer_opens_the_door() {
    check(
        "
        09:00 bob    approve
        09:02 alice  approve
        09:03 bob    approve
        09:05 mallory approve
        09:10 carol  approve
        09:11 dan    deny
        10:10 carol  revoke",
        expect![[r#"
            09:00 bob     approve  1 of 2 approvals
            09:02 alice   approve  refused: access denied: you cannot review your own request
            09:03 bob     approve  refused: access denied: user has already reviewed this request
            09:05 mallory approve  refused: access denied: you may not review this request
            09:10 carol   approve  approved until 10:10
            09:11 dan     deny     refused: access denied: request already approved by carol
            10:10 carol   revoke   refused: the grant ended at 2026-03-02T10:10:00Z
        "#]],
    );
}

#[test]
fn one_denial_closes_the_door() {
    check(
        "
        09:00 bob    approve
        09:01 dan    deny
        09:02 carol  approve
        09:03 alice  cancel",
        expect![[r#"
            09:00 bob     approve  1 of 2 approvals
            09:01 dan     deny     denied
            09:02 carol   approve  refused: access denied: request already denied by dan
            09:03 alice   cancel   refused: access denied: request already denied by dan
        "#]],
    );
}

#[test]
fn who_is_done_says_so() {
    check(
        "
        09:00 alice  release
        09:01 bob    approve
        09:02 carol  approve
        09:03 alice  cancel
        09:04 bob    release
        09:30 alice  release
        09:31 carol  revoke",
        expect![[r#"
            09:00 alice   release  refused: this request was not approved (yet): there is nothing to end
            09:01 bob     approve  1 of 2 approvals
            09:02 carol   approve  approved until 10:02
            09:03 alice   cancel   refused: this request is approved already
            09:04 bob     release  refused: access denied: only "alice" may do this
            09:30 alice   release  released
            09:31 carol   revoke   refused: access denied: request already released by alice
        "#]],
    );
}

#[test]
fn what_is_revoked_is_revoked() {
    check(
        "
        09:00 bob    approve
        09:01 carol  approve
        09:05 mallory revoke
        09:06 bob    revoke
        09:07 alice  release",
        expect![[r#"
            09:00 bob     approve  1 of 2 approvals
            09:01 carol   approve  approved until 10:01
            09:05 mallory revoke   refused: access denied: only its reviewers and administrators may revoke a request
            09:06 bob     revoke   revoked
            09:07 alice   release  refused: access denied: request already revoked by bob
        "#]],
    );
}

#[test]
fn an_administrator_decides_over_thresholds_but_not_for_herself() {
    check(
        "
        09:00 bob    override
        09:01 alice  override
        09:02 root   override
        09:03 root   override",
        expect![[r#"
            09:00 bob     override refused: access denied: this needs `update` on `access_request`
            09:01 alice   override refused: directly updating the state of your own access requests is not permitted
            09:02 root    override approved until 10:02
            09:03 root    override refused: access denied: request already approved by root
        "#]],
    );
}

#[test]
fn nobody_answers_for_a_day() {
    check(
        "
        09:00 bob    approve
        +24h  carol  approve
        +24h  alice  cancel",
        expect![[r#"
            09:00 bob     approve  1 of 2 approvals
            +24h carol   approve  refused: access denied: request already expired: it waited for an answer until 2026-03-03T08:55:00Z
            +24h alice   cancel   refused: access denied: request already expired: it waited for an answer until 2026-03-03T08:55:00Z
        "#]],
    );
}

/// Alice asks at 08:55 for an hour as dba, which takes two approvals; tells what comes of each line.
fn check(story: &str, expected: Expect) {
    let mut town = Town::new(
        &[
            ("dba", "{}"),
            (
                "developer",
                "{allow: {request: {roles: [dba], max_duration: 1h, thresholds: [{approve: 2, deny: 1}]}}}",
            ),
            ("reviewer", "{allow: {review_requests: {roles: [dba]}}}"),
            ("admin", "{allow: {rules: [{resources: [access_request], verbs: [update]}]}}"),
        ],
        &[
            ("alice", &["developer", "reviewer", "admin"]),
            ("bob", &["reviewer"]),
            ("carol", &["reviewer"]),
            ("dan", &["reviewer"]),
            ("mallory", &["developer"]),
            ("root", &["admin"]),
        ],
    );
    let mut request = town.file("alice", wanting("dba"), at("08:55")).unwrap();
    let mut told = String::new();
    for line in story.trim().lines().map(str::trim) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [time, who, what] = words.as_slice() else { panic!("{line}") };
        let now = match *time {
            "+24h" => at("08:55").checked_add(SignedDuration::from_hours(24)).unwrap(),
            time => at(time),
        };
        let answer = match town.act(&mut request, &cli(who), command(what), now) {
            Ok(_) => outcome(&request, now),
            Err(refusal) => format!("refused: {refusal}"),
        };
        told.push_str(&format!("{time} {who:<7} {what:<8} {answer}\n"));
    }
    expected.assert_eq(&told);
}

fn command(word: &str) -> Command {
    match word {
        "approve" => approve(),
        "cancel" => Command::Cancel,
        "deny" => deny(),
        "override" => Command::Override {
            decision: Decision::Approve,
            reason: String::new(),
            roles: None,
            assume_start: None,
            duration: None,
        },
        "release" => Command::Release,
        "revoke" => Command::Revoke { reason: String::new() },
        other => panic!("{other}"),
    }
}

fn outcome(request: &Request, now: Timestamp) -> String {
    let clock = |at: Timestamp| at.strftime("%H:%M").to_string();
    match request.state() {
        State::Pending => format!("{} of 2 approvals", request.reviews().len()),
        State::Approved(approval) => format!("approved until {}", clock(approval.until)),
        State::Cancelled(_)
        | State::Denied(_)
        | State::Promoted(..)
        | State::Released(..)
        | State::Revoked(..) => {
            assert_eq!(request.grant(now).map(|grant| grant.request), None);
            let status = request.status(now);
            assert_ne!(status, Status::Expired);
            status.as_str().to_lowercase()
        }
    }
}
