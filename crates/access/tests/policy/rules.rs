//! Administrative rules at their edges; the exam has the rest.

use super::world::World;
use access::{expr::Residual, lock::LockTarget, policy::administer::About, role::rules::Verb};

fn may(world: &World, user: &str, verb: Verb, about: &About<'_>) -> bool {
    world.policy.may(&user.parse().unwrap(), "session", verb, about, world.now).is_ok()
}

#[test]
fn nobody_administers_without_a_rule() {
    let world = World::new();
    assert!(!may(&world, "dave", Verb::Read, &About::default()), "not even root everywhere");
    assert!(!may(&world, "nobody", Verb::Read, &About::default()));
}

#[test]
fn a_condition_sees_the_session() {
    let mut world = World::new();
    world.role("own", "allow: {rules: [{resources: [session], verbs: [read], where: 'contains(session.participants, user.metadata.name)'}]}");
    world.user("ann", &["own"]);
    let with =
        |who: &'static str| About { participants: Some(vec!["carol", who]), ..About::default() };
    assert!(may(&world, "ann", Verb::Read, &with("ann")));
    assert!(!may(&world, "ann", Verb::Read, &with("bob")));
    assert!(!may(&world, "ann", Verb::Read, &About::default()));
    assert!(!may(&world, "ann", Verb::Delete, &with("ann")));
    assert!(may(&world, "ann", Verb::ReadNoSecrets, &with("ann")), "who may read may read less");
}

#[test]
fn a_grant_lets_administer_and_a_lock_stops_it() {
    let mut world = World::new();
    assert!(!may(&world, "alice", Verb::List, &About::default()));
    world.grant(1, "alice", &["auditor"], &[], 1);
    assert!(may(&world, "alice", Verb::List, &About::default()));
    world.lock(
        "l",
        LockTarget { user: Some("alice".parse().unwrap()), ..LockTarget::default() },
        None,
    );
    assert!(!may(&world, "alice", Verb::List, &About::default()));
    let left = world.policy.visible(&"alice".parse().unwrap(), "session", Verb::List, world.now);
    assert!(matches!(left, Residual::Known(false)));
}

#[test]
fn a_role_in_use_is_not_removable() {
    let mut world = World::new();
    let gone =
        |world: &World, role: &str| world.policy.removable(&role.parse().unwrap(), world.now);
    assert_eq!(
        gone(&world, "dev").unwrap_err().to_string(),
        "role is still in use by user \"alice\""
    );
    assert!(gone(&world, "dba").is_ok());
    world.grant(1, "alice", &["dba"], &[], 1);
    assert!(gone(&world, "dba").is_err(), "a grant holds it too");
}
