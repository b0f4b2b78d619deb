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
