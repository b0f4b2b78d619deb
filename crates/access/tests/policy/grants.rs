//! Grants: they add what was approved, where it was approved, for as long as it was.

use super::world::{World, ask, identity};

#[test]
fn a_grant_opens_now_and_ends_by_itself() {
    let mut world = World::new();
    assert!(world.ssh("alice", "root@db-box").is_err());
    let id = world.grant(1, "alice", &["dba"], &[], 2);
    let permit = world.ssh("alice", "root@db-box").unwrap();
    assert_eq!(permit.requests(), [id]);
    assert_eq!(permit.until(), Some(world.after(2)));
    let just_before = world.after(2).checked_sub(jiff::SignedDuration::from_nanos(1)).unwrap();
    assert!(world.policy.renew(permit.identity(), permit.ask(), None, just_before).is_ok());
    assert!(
        world.policy.renew(permit.identity(), permit.ask(), None, world.after(2)).is_err(),
        "the end is not inside"
    );
}

#[test]
fn revoked_is_revoked() {
    let mut world = World::new();
    let id = world.grant(1, "alice", &["dba"], &[], 2);
    let permit = world.ssh("alice", "root@db-box").unwrap();
    world.revoke(id);
    assert!(world.ssh("alice", "root@db-box").is_err());
    assert!(world.policy.renew(permit.identity(), permit.ask(), None, world.now).is_err());
}

#[test]
fn what_standing_roles_open_rests_on_no_grant() {
    let mut world = World::new();
    world.grant(1, "dave", &["dba"], &[], 1);
    let permit = world.ssh("dave", "root@db-box").unwrap();
    assert_eq!((permit.requests(), permit.until()), (&[][..], None));
}

#[test]
fn grants_stack_and_the_last_to_end_counts() {
    let mut world = World::new();
    let first = world.grant(1, "alice", &["dba"], &[], 1);
    let second = world.grant(2, "alice", &["dba"], &[], 3);
    let permit = world.ssh("alice", "root@db-box").unwrap();
    assert_eq!((permit.requests(), permit.until()), (&[first, second][..], Some(world.after(3))));
    assert!(world.policy.renew(permit.identity(), permit.ask(), None, world.after(2)).is_ok());
}

#[test]
fn a_grant_for_a_resource_is_exact() {
    let mut world = World::new();
    let id = world.grant(1, "alice", &["prod-root"], &["/main/node/web-1"], 1);
    let permit = world.ssh("alice", "root@web-1").unwrap();
    assert_eq!((permit.requests(), permit.until()), (&[id][..], Some(world.after(1))));
    assert!(world.ssh("alice", "admin@web-1").is_err(), "not more than the role");
    assert!(world.ssh("alice", "root@db-box").is_err(), "not more than the resource");
    assert!(world.ssh("alice", "alice@lab").is_ok(), "and nothing less than before");
}

#[test]
fn a_grant_for_a_resource_of_another_cluster_or_kind_opens_nothing_here() {
    let mut world = World::new();
    world.grant(1, "alice", &["prod-root"], &["/leaf/node/web-1", "/main/db/web-1"], 1);
    assert!(world.ssh("alice", "root@web-1").is_err());
}

#[test]
fn a_grant_for_a_resource_takes_nothing_away() {
    let mut world = World::new();
    world.role("harsh", "{options: {require_session_mfa: yes}, allow: {logins: [root], node_labels: {'*': '*'}}, deny: {logins: [alice]}}");
    world.grant(1, "alice", &["harsh"], &["/main/node/lab"], 1);
    let permit = world.ssh("alice", "alice@lab").unwrap();
    assert_eq!((permit.requests(), permit.until()), (&[][..], None));
    assert!(world.ssh("alice", "root@lab").is_err(), "what it opens, it opens on its terms");
}

#[test]
fn what_a_role_of_the_record_denies_no_grant_opens() {
    let mut world = World::new();
    world.grant(1, "bob", &["dba", "prod-root"], &[], 1);
    world.grant(2, "bob", &["prod-root"], &["/main/node/web-1"], 1);
    assert!(world.ssh("bob", "root@db-box").is_err());
    assert!(world.ssh("bob", "root@web-1").is_err());
}

#[test]
fn a_grant_is_its_requesters_alone() {
    let mut world = World::new();
    world.grant(1, "alice", &["dba"], &[], 1);
    assert!(world.ssh("mallory", "root@db-box").is_err());
    let permit = world.policy.decide(&identity("alice"), &ask("root@db-box"), world.now).unwrap();
    assert_eq!(permit.user().as_str(), "alice");
}
