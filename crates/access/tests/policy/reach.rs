//! What `tsh ls` shows: what is open, what could be asked for, and nothing else.

use super::world::World;
use access::lock::LockTarget;
use expect_test::expect;

fn seen(world: &World, user: &str) -> String {
    let mut out = String::new();
    for reach in world.policy.reach(&user.parse().unwrap(), world.now) {
        out += &format!("{}", reach.target);
        for open in &reach.open {
            let login = open.login.as_ref().map_or("*", |login| login.as_str());
            let until = open.until.map(|until| format!(" until {until}")).unwrap_or_default();
            out += &format!("  {login}{until}");
        }
        for ask in &reach.requestable {
            let login = ask.login.as_ref().map_or("*", |login| login.as_str());
            out += &format!("  ({login}: {})", ask.step.command());
        }
        out += "\n";
    }
    out
}

#[test]
fn everyone_sees_what_they_can_reach_or_ask_for() {
    let mut world = World::new();
    world.grant(1, "bob", &["dba"], &[], 1);
    world.user("eve", &["dev"]);
    world.grant(2, "eve", &["prod-root"], &["/main/node/web-1"], 1);
    let shown: Vec<_> = ["alice", "bob", "carol", "dave", "eve", "nobody"]
        .iter()
        .map(|user| format!("{user}:\n{}", seen(&world, user)))
        .collect();
    expect![[r#"
        alice:
        db/orders  (*: tsh request new --roles=dba --reason="...")
        node/db-box  (root: tsh request new --roles=dba --reason="...")
        node/lab  alice  dev
        node/web-1  (root: tsh request new --resource=/main/node/web-1 --login=root --reason="...")
        bob:
        db/orders  * until 2026-03-02T13:00:00Z
        node/lab  bob  dev
        carol:
        dave:
        db/orders  *
        node/db-box  admin  root
        node/lab  admin  root
        node/web-1  admin  root
        eve:
        db/orders  (*: tsh request new --roles=dba --reason="...")
        node/db-box  (root: tsh request new --roles=dba --reason="...")
        node/lab  dev  eve
        node/web-1  root until 2026-03-02T13:00:00Z
        nobody:
    "#]]
    .assert_eq(&shown.concat());
}

#[test]
fn what_is_shown_as_open_is_open() {
    let mut world = World::new();
    world.grant(1, "alice", &["dba"], &[], 1);
    for user in ["alice", "bob", "carol", "dave"] {
        for reach in world.policy.reach(&user.parse().unwrap(), world.now) {
            let logins = world.policy.logins(&user.parse().unwrap(), &reach.target, world.now);
            for login in reach.open.iter().filter_map(|open| open.login.as_ref()) {
                assert!(world.ssh(user, &format!("{login}@{}", reach.target.name)).is_ok());
                assert!(logins.contains(login));
            }
            for login in reach.requestable.iter().filter_map(|ask| ask.login.as_ref()) {
                assert!(world.ssh(user, &format!("{login}@{}", reach.target.name)).is_err());
            }
        }
    }
}

#[test]
fn whoever_is_locked_sees_nothing() {
    let mut world = World::new();
    let target = LockTarget { user: Some("dave".parse().unwrap()), ..LockTarget::default() };
    world.lock("l", target, None);
    assert!(world.policy.reach(&"dave".parse().unwrap(), world.now).is_empty());
    assert!(!world.policy.reach(&"alice".parse().unwrap(), world.now).is_empty());
}
