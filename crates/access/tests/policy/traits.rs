//! What an identity provider says is taken by the letter.

use super::world::World;
use access::identity::User;

fn with_trait(world: &mut World, name: &str, role: &str, key: &str, value: &str) {
    let mut user = User::new(name.parse().unwrap());
    user.roles.insert(role.parse().unwrap());
    user.traits.insert(key.to_owned(), [value.to_owned()].into());
    world.policy.put_user(user);
}

#[test]
fn a_star_in_a_trait_is_a_star() {
    let mut world = World::new();
    world.role("by-env", "allow: {logins: [root], node_labels: {env: ['{{external.env}}']}}");
    for (value, opens) in [("prod", true), ("*", false), ("p*", false), ("^.*$", false)] {
        with_trait(&mut world, "ann", "by-env", "env", value);
        assert_eq!(world.ssh("ann", "root@web-1").is_ok(), opens, "{value}");
    }
    world.role("by-key", "allow: {logins: [root], node_labels: {'{{external.key}}': ['*']}}");
    for (value, opens) in [("env", true), ("*", false)] {
        with_trait(&mut world, "ann", "by-key", "key", value);
        assert_eq!(world.ssh("ann", "root@web-1").is_ok(), opens, "{value}");
    }
}

#[test]
fn a_key_nobody_can_fill_in_selects_nothing() {
    let mut world = World::new();
    world.role(
        "two",
        "allow: {logins: [root], node_labels: {env: prod, '{{external.key}}': ['*']}}",
    );
    with_trait(&mut world, "ann", "two", "other", "x");
    assert!(world.ssh("ann", "root@web-1").is_err(), "a missing key must not widen the selector");
}

#[test]
fn a_login_pattern_opens_no_account() {
    let mut world = World::new();
    world.role("globbed", "allow: {logins: ['ro*', '^root$'], node_labels: {'*': '*'}}");
    world.user("ann", &["globbed"]);
    assert!(world.ssh("ann", "root@lab").is_err());
    world.role("closed", "deny: {logins: ['ro*']}");
    world.user("dave", &["admin", "closed"]);
    assert!(world.ssh("dave", "root@lab").is_err(), "but it closes one");
}
