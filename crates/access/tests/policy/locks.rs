//! Locks stop what they name, at once, and nothing else.

use super::world::{World, ask, identity};
use access::{
    denial::DenialCode,
    lock::LockTarget,
    name::{LoginId, SessionId},
};

#[test]
fn a_lock_on_each_thing_stops_it_and_says_so() {
    let named = [
        LockTarget { user: Some("dave".parse().unwrap()), ..LockTarget::default() },
        LockTarget { role: Some("admin".parse().unwrap()), ..LockTarget::default() },
        LockTarget { login: Some("root".parse().unwrap()), ..LockTarget::default() },
        LockTarget { node: Some("lab".parse().unwrap()), ..LockTarget::default() },
        LockTarget { resource: Some(ask("root@lab").target), ..LockTarget::default() },
        LockTarget { login_session: Some(LoginId::from_bits(9)), ..LockTarget::default() },
        LockTarget {
            user: Some("dave".parse().unwrap()),
            node: Some("lab".parse().unwrap()),
            ..LockTarget::default()
        },
    ];
    for target in named {
        let mut world = World::new();
        let permit = world.ssh("dave", "root@lab").unwrap();
        world.lock("l", target.clone(), None);
        let denial = world.ssh("dave", "root@lab").unwrap_err();
        assert_eq!(denial.code(), DenialCode::Locked, "{target}");
        assert_eq!(denial.sentence(), format!("lock targeting {target} is in force: see INC-7"));
        assert!(world.policy.renew(permit.identity(), permit.ask(), None, world.now).is_err());
    }
}

#[test]
fn a_lock_stops_nothing_else() {
    let mut world = World::new();
    let node = Some("web-1".parse().unwrap());
    world.lock(
        "a",
        LockTarget { user: Some("dave".parse().unwrap()), node, ..LockTarget::default() },
        None,
    );
    world.lock(
        "b",
        LockTarget { session: Some(SessionId::from_bits(5)), ..LockTarget::default() },
        None,
    );
    world.lock("c", LockTarget::default(), None);
    world.lock(
        "d",
        LockTarget { user: Some("dave".parse().unwrap()), ..LockTarget::default() },
        Some(world.now),
    );
    let permit = world.ssh("dave", "root@lab").unwrap();
    assert!(world.ssh("alice", "alice@lab").is_ok());
    assert!(
        world
            .policy
            .renew(permit.identity(), permit.ask(), Some(SessionId::from_bits(4)), world.now)
            .is_ok()
    );
    assert!(
        world
            .policy
            .renew(permit.identity(), permit.ask(), Some(SessionId::from_bits(5)), world.now)
            .is_err(),
        "a session alone"
    );
}

#[test]
fn a_lock_on_a_request_holds_back_its_grant() {
    let mut world = World::new();
    let id = world.grant(1, "alice", &["dba"], &[], 1);
    world.lock("l", LockTarget { request: Some(id), ..LockTarget::default() }, None);
    let denial = world.ssh("alice", "root@db-box").unwrap_err();
    assert_eq!(
        denial.sentence(),
        format!("lock targeting AccessRequest:\"{id}\" is in force: see INC-7")
    );
    assert!(world.ssh("alice", "alice@lab").is_ok(), "what stands without it goes on");
    world.grant(2, "alice", &["dba"], &[], 1);
    assert!(world.ssh("alice", "root@db-box").is_ok(), "another grant is another request");
}

#[test]
fn a_lock_tells_nobody_that_a_target_exists() {
    let mut world = World::new();
    let id = world.grant(1, "mallory", &["dba"], &[], 1);
    world.lock("l", LockTarget { request: Some(id), ..LockTarget::default() }, None);
    world.lock(
        "n",
        LockTarget { node: Some("lab".parse().unwrap()), ..LockTarget::default() },
        None,
    );
    for known in ["root@web-1", "root@lab"] {
        let unknown = world.ssh("mallory", "root@nowhere").unwrap_err();
        let denial = world.policy.decide(&identity("mallory"), &ask(known), world.now).unwrap_err();
        assert_eq!(denial.code(), unknown.code(), "{known}");
    }
}
