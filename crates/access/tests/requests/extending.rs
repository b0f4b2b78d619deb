//! Extensions: a new request that refers to the old one and moves its end.

use crate::town::{Town, approve, at, cli, hours, identity, wanting};
use access::request::{Command, Draft, Refusal, Request, extensions};

fn town() -> Town {
    Town::new(
        &[
            ("dba", "{}"),
            ("developer", "{allow: {request: {roles: [dba], max_duration: 2h}}}"),
            ("reviewer", "{allow: {review_requests: {roles: [dba]}}}"),
        ],
        &[("alice", &["developer"]), ("bob", &["reviewer"]), ("mallory", &["developer"])],
    )
}

/// Approved at 09:00, until 11:00.
fn running(town: &mut Town) -> Request {
    let mut request = town.file("alice", wanting("dba"), at("09:00")).unwrap();
    town.act(&mut request, &cli("bob"), approve(), at("09:00")).unwrap();
    assert_eq!(request.approval().unwrap().until, at("11:00"));
    request
}

fn extending(request: &Request) -> Draft {
    Draft {
        extends: Some(request.id()),
        duration: Some(hours(1)),
        reason: "not done".into(),
        ..Draft::default()
    }
}

#[test]
fn an_extension_moves_the_end_of_what_runs() {
    let mut town = town();
    let first = running(&mut town);
    let mut more = town.file("alice", extending(&first), at("10:30")).unwrap();
    assert_eq!(more.asked().roles, first.asked().roles);
    assert_eq!(
        more.asked().answer_by,
        at("11:00"),
        "it is answered while there is something to extend"
    );
    town.act(&mut more, &cli("bob"), approve(), at("10:40")).unwrap();
    let grant = more.grant(at("11:30")).unwrap();
    assert_eq!((grant.start, grant.until), (at("10:40"), at("12:00")));
    assert!(more.grant(at("12:00")).is_none());
}

#[test]
fn who_is_inside_stays_inside_when_the_end_moves() {
    let mut town = town();
    town.role("dba", "{allow: {node_labels: {'*': '*'}, logins: [root]}}");
    let node = access::target::TargetId::node("db-box".parse().unwrap());
    town.policy.put_target(access::target::Target::new(node, access::target::Labels::new()));
    let ask = access::ask::Ask::ssh("db-box".parse().unwrap(), "root".parse().unwrap());
    let first = running(&mut town);
    let mut more = town.file("alice", extending(&first), at("10:00")).unwrap();
    town.act(&mut more, &cli("bob"), approve(), at("10:10")).unwrap();
    for now in ["10:59", "11:00", "11:59"] {
        let permit = town.policy.decide(&identity("alice"), &ask, at(now)).unwrap();
        assert_eq!(permit.until(), Some(at("12:00")), "{now}");
    }
    assert!(town.policy.decide(&identity("alice"), &ask, at("12:00")).is_err());
}

#[test]
fn what_is_over_or_anothers_cannot_be_extended() {
    let mut town = town();
    let mut first = running(&mut town);
    let refused = |town: &mut Town, who, now, request: &Request| {
        assert_eq!(
            town.file(who, extending(request), now),
            Err(Refusal::NotExtendable(request.id()))
        );
    };
    refused(&mut town, "mallory", at("10:00"), &first);
    refused(&mut town, "alice", at("11:00"), &first);
    let pending = town.file("alice", wanting("dba"), at("09:00")).unwrap();
    refused(&mut town, "alice", at("09:30"), &pending);
    town.act(&mut first, &cli("alice"), Command::Release, at("10:00")).unwrap();
    refused(&mut town, "alice", at("10:01"), &first);
}

#[test]
fn an_extension_asks_for_nothing_else() {
    let mut town = town();
    let first = running(&mut town);
    let draft = Draft { roles: vec!["dba".into()], ..extending(&first) };
    assert_eq!(town.file("alice", draft, at("10:00")), Err(Refusal::ExtensionAsksMore(first.id())));
}

#[test]
fn what_was_revoked_meanwhile_is_not_extended() {
    let mut town = town();
    let mut first = running(&mut town);
    let mut more = town.file("alice", extending(&first), at("10:00")).unwrap();
    town.act(&mut first, &cli("bob"), Command::Revoke { reason: String::new() }, at("10:10"))
        .unwrap();
    let answer = town.act(&mut more, &cli("bob"), approve(), at("10:11"));
    assert_eq!(answer, Err(Refusal::ExtendedIsOver(first.id())));
}

#[test]
fn what_ends_a_grant_can_end_its_extensions_the_last_first() {
    let mut town = town();
    let first = running(&mut town);
    let approved = |town: &mut Town, of: &Request, now: &str| {
        let mut more = town.file("alice", extending(of), at(now)).unwrap();
        town.act(&mut more, &cli("bob"), approve(), at(now)).unwrap();
        more
    };
    let second = approved(&mut town, &first, "10:00");
    let third = approved(&mut town, &second, "10:10");
    town.file("alice", extending(&third), at("10:20")).unwrap();
    assert_eq!(extensions(&town.policy, &first, at("10:30")), [third.id(), second.id()]);
    assert_eq!(extensions(&town.policy, &third, at("10:30")), []);
    assert_eq!(extensions(&town.policy, &first, at("12:30")), [third.id()]);
}
