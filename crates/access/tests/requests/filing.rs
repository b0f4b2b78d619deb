//! Filing: what is refused up front, and what is cut.

use crate::town::{Town, at, hours, user, wanting};
use access::{
    capability,
    request::{Draft, LimitKind, Refusal},
};

fn town(thresholds: &str, people: &[(&str, &[&str])]) -> Town {
    Town::new(
        &[
            ("dba", "{}"),
            (
                "developer",
                &format!(
                    "{{allow: {{request: {{roles: [dba], max_duration: 2h, thresholds: {thresholds}}}}}}}"
                ),
            ),
            ("slow", "{allow: {request: {roles: [dba], max_duration: 3h}}}"),
            ("reviewer", "{allow: {review_requests: {roles: [dba]}}}"),
            ("admin", "{allow: {rules: [{resources: [access_request], verbs: [update]}]}}"),
        ],
        people,
    )
}

#[test]
fn what_nobody_could_ever_approve_is_refused_up_front() {
    // Alice alone may review: not her own.
    let mut alone = town("[]", &[("alice", &["developer", "reviewer"]), ("root", &["admin"])]);
    let refusal = alone.file("alice", wanting("dba"), at("09:00")).unwrap_err();
    assert_eq!(refusal.code(), "nobody_can_approve");
    assert_eq!(
        refusal.sentence(),
        "nobody could ever approve this: no user besides \"alice\" may review `dba`"
    );
    let mut two = town("[{approve: 2}]", &[("alice", &["developer"]), ("bob", &["reviewer"])]);
    let refusal = two.file("alice", wanting("dba"), at("09:00")).unwrap_err();
    assert_eq!(
        refusal.sentence(),
        "nobody could ever approve this, too few people may: 2 more approvals from: bob (role reviewer)"
    );
    // With an administrator there is a way.
    two.person("root", &["admin"]);
    assert!(two.file("alice", wanting("dba"), at("09:00")).is_ok());
}

#[test]
fn what_nobody_sees_is_no_reason() {
    let mut town = town("[]", &[("alice", &["developer", "asks"]), ("bob", &["reviewer"])]);
    town.role("asks", "{options: {request_access: reason}}");
    for reason in ["", " \t\n", "\u{200b}", "\0"] {
        let mut draft = wanting("dba");
        draft.reason = reason.to_owned();
        let filed = town.file("alice", draft, at("09:00"));

        assert_eq!(filed.unwrap_err().code(), "reason_required", "{reason:?}");
    }
}

#[test]
fn a_trait_is_taken_by_the_letter_and_opens_no_other_role() {
    let mut town = Town::new(
        &[
            ("db-admin", "{}"),
            ("root", "{}"),
            (
                "developer",
                "{allow: {request: {claims_to_roles: [{claim: team, value: '^team-(.*)$', roles: ['$1-*', '$1']}]}}}",
            ),
            ("reviewer", "{allow: {review_requests: {roles: ['*']}}}"),
        ],
        &[("bob", &["reviewer"])],
    );
    for (team, allowed) in [
        ("team-db", true),
        ("team-*", false),
        ("team-^.*$", false),
        ("team-.*", false),
        ("club-db", false),
    ] {
        let mut alice = access::identity::User::new(user("alice"));
        alice.roles = [("developer".parse().unwrap())].into();
        alice.traits = [("team".to_owned(), [team.to_owned()].into())].into();
        town.policy.put_user(alice);
        assert_eq!(town.file("alice", wanting("db-admin"), at("09:00")).is_ok(), allowed, "{team}");
        assert!(town.file("alice", wanting("root"), at("09:00")).is_err(), "{team}");
    }
}

#[test]
fn a_disabled_person_neither_asks_nor_reviews() {
    let mut town = town("[]", &[("alice", &["developer"]), ("bob", &["reviewer"])]);
    let mut bob = access::identity::User::clone(town.policy.user(&user("bob")).unwrap());
    bob.disabled = true;
    town.policy.put_user(bob);
    assert_eq!(
        town.file("alice", wanting("dba"), at("09:00")).unwrap_err().code(),
        "nobody_can_approve"
    );
    assert_eq!(
        town.file("bob", wanting("dba"), at("09:00")).unwrap_err().code(),
        "caller_not_allowed"
    );
    assert_eq!(
        town.file("nobody", wanting("dba"), at("09:00")).unwrap_err().code(),
        "caller_not_allowed"
    );
    assert_eq!(
        capability::capabilities(&town.policy, &user("bob")),
        capability::Capabilities::default()
    );
}

#[test]
fn a_cut_duration_says_which_limit_cut_it() {
    let mut town = town("[]", &[("alice", &["developer", "slow"]), ("bob", &["reviewer"])]);
    let draft = |asked: i64| Draft { duration: Some(hours(asked)), ..wanting("dba") };
    let request = town.file("alice", draft(5), at("09:00")).unwrap();
    assert_eq!(request.asked().duration, hours(3), "the largest over her roles");
    let cut = request.asked().cut.clone().unwrap();
    assert_eq!(cut.asked, hours(5));
    assert_eq!(
        cut.kind,
        LimitKind::Role { through: "slow".parse().unwrap(), role: "dba".parse().unwrap() }
    );
    let request = town.file("alice", draft(3), at("09:00")).unwrap();
    assert_eq!((request.asked().duration, request.asked().cut.clone()), (hours(3), None));
}

#[test]
fn names_that_cannot_be_are_refused_like_those_that_are_not() {
    let mut town = town("[]", &[("alice", &["developer"]), ("bob", &["reviewer"])]);
    for role in ["ghost", "", "../dba", "\u{1b}[2J", "dba "] {
        let refusal = town.file("alice", wanting(role), at("09:00")).unwrap_err();
        assert_eq!(refusal.code(), "not_requestable", "{role:?}");
        assert!(!refusal.sentence().contains('\u{1b}'));
    }
    let huge = "x".repeat(100_000);
    assert!(town.file("alice", wanting(&huge), at("09:00")).unwrap_err().sentence().len() < 200);
    assert_eq!(town.file("alice", Draft::default(), at("09:00")), Err(Refusal::Nothing));
}

#[test]
fn starts_and_waiting_times_have_limits() {
    let mut town = town("[]", &[("alice", &["developer"]), ("bob", &["reviewer"])]);
    let start = |text: &str| Draft { assume_start: Some(text.parse().unwrap()), ..wanting("dba") };
    let wait =
        |secs| Draft { pending_ttl: Some(jiff::SignedDuration::from_secs(secs)), ..wanting("dba") };
    for (draft, code) in [
        (start("2026-03-02T08:59:59Z"), "invalid_start"),
        (start("2026-03-16T09:00:00Z"), "invalid_start"),
        (start("9999-12-01T00:00:00Z"), "invalid_start"),
        (wait(0), "invalid_pending_ttl"),
        (wait(-1), "invalid_pending_ttl"),
        (wait(14 * 86_400 + 1), "invalid_pending_ttl"),
        (wait(i64::MAX), "invalid_pending_ttl"),
    ] {
        assert_eq!(town.file("alice", draft, at("09:00")).unwrap_err().code(), code);
    }
    assert!(town.file("alice", start("2026-03-16T08:59:59Z"), at("09:00")).is_ok());
    assert!(town.file("alice", wait(14 * 86_400), at("09:00")).is_ok());
}
