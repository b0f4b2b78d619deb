//! The decision does not grow with the company.

use super::world::{World, ask, identity};
use access::target::{Target, TargetId};
use std::time::{Duration, Instant};

const DECISIONS: u32 = 200;

#[expect(clippy::disallowed_methods, reason = "a duration is what is measured")]
fn cost(world: &World) -> Duration {
    let (identity, ask) = (identity("alice"), ask("alice@lab"));
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let begin = Instant::now();
        for _ in 0..DECISIONS {
            assert!(world.policy.decide(&identity, &ask, world.now).is_ok());
        }
        best = best.min(begin.elapsed());
    }
    best / DECISIONS
}

/// What a denial of this ask takes, the best of several rounds.
#[expect(clippy::disallowed_methods, reason = "a duration is what is measured")]
fn denied(world: &World, at: &str) -> Duration {
    let (identity, ask) = (identity("carl"), ask(at));
    let mut best = Duration::MAX;
    for _ in 0..10 {
        let begin = Instant::now();
        for _ in 0..5 {
            assert!(world.policy.decide(&identity, &ask, world.now).is_err());
        }
        best = best.min(begin.elapsed());
    }
    best / 5
}

#[test]
fn what_is_not_there_is_denied_in_the_same_words_and_the_same_time_as_what_is_forbidden() {
    let mut world = World::new();
    let names: Vec<String> = (0..100).map(|n| format!("r-{n}")).collect();
    for name in &names {
        world.role(
            name,
            "{allow: {logins: [root], node_labels: {env: none}}, deny: {logins: [nobody]}}",
        );
    }
    world.user("carl", &names.iter().map(String::as_str).collect::<Vec<_>>());
    let told = |at: &str| {
        let denial = world.policy.decide(&identity("carl"), &ask(at), world.now).unwrap_err();
        let name = at.split_once('@').unwrap().1;
        let next = denial.next().map(access::denial::NextStep::command);
        (denial.code(), denial.to_string().replace(name, "NAME"), next)
    };
    assert_eq!(told("root@db-box"), told("root@no-box"));
    let (there, not_there) = (denied(&world, "root@db-box"), denied(&world, "root@no-box"));
    // Without the same work the one takes a hundredth of the other.
    assert!(there < not_there * 3 && not_there < there * 3, "{there:?}, {not_there:?}");
}

#[test]
fn ten_thousand_targets_users_and_requests_cost_a_decision_nothing() {
    let mut world = World::new();
    let before = cost(&world);
    for n in 0..10_000_u64 {
        let id = TargetId::node(format!("host-{n}").parse().unwrap());
        let labels = [("env".to_owned(), "prod".to_owned())].into();
        world.policy.put_target(Target::new(id, labels));
        world.user(&format!("user-{n}"), &["dev"]);
        world.grant(n + 1, &format!("user-{n}"), &["dba"], &[], 1);
    }
    let after = cost(&world);
    // Walking over ten thousand of anything takes far longer; a map look-up grows with the logarithm.
    assert!(after < before * 6 + Duration::from_micros(20), "{before:?} became {after:?}");
}
