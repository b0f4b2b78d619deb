//! What `tsh ls` shows: what is open, what could be asked for, and nothing else.

use super::world::{World, identity};
use access::ask::Ask;
use access::lock::LockTarget;
use access::target::TargetKind;
use expect_test::expect;

fn seen(world: &World, user: &str) -> String {
    let mut out = String::new();
    for reach in world.policy.reach(&user.parse().unwrap(), world.now) {
        out += &format!("{}", reach.target);
        for open in &reach.open {
            let login = open.account.as_deref().unwrap_or("*");
            let until = open.until.map(|until| format!(" until {until}")).unwrap_or_default();
            out += &format!("  {login}{until}");
        }
        for ask in &reach.requestable {
            let login = ask.account.as_deref().unwrap_or("*");
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
        db/orders  (dba: tsh request new --roles=dba --reason="...")
        node/db-box  (root: tsh request new --roles=dba --reason="...")
        node/lab  alice  dev
        node/web-1  (root: tsh request new --resource=/main/node/web-1 --login=root --reason="...")
        bob:
        db/orders  dba until 2026-03-02T13:00:00Z
        node/lab  bob  dev
        carol:
        dave:
        db/orders  *
        node/db-box  admin  root
        node/lab  admin  root
        node/web-1  admin  root
        eve:
        db/orders  (dba: tsh request new --roles=dba --reason="...")
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
            let open = |account: &str| match reach.target.kind {
                TargetKind::Db => {
                    let ask = Ask::db(reach.target.name.clone(), account, None);
                    world.policy.decide(&identity(user), &ask, world.now).is_ok()
                }
                _ => world.ssh(user, &format!("{account}@{}", reach.target.name)).is_ok(),
            };
            let logins = world.policy.logins(&user.parse().unwrap(), &reach.target, world.now);
            for account in reach.open.iter().filter_map(|open| open.account.as_deref()) {
                assert!(open(account));
                let host = reach.target.kind == TargetKind::Node;
                assert!(!host || logins.iter().any(|login| login.as_str() == account));
            }
            for account in reach.requestable.iter().filter_map(|ask| ask.account.as_deref()) {
                assert!(!open(account));
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

/// What `dave` (who holds all), `alice` (who may ask for `dba`) and `bob` (who was granted it) see with this lock.
fn with(target: LockTarget) -> String {
    let mut world = World::new();
    world.grant(1, "bob", &["dba"], &[], 1);
    world.lock("l", target, None);
    ["alice", "bob", "dave"].map(|user| format!("{user}:\n{}", seen(&world, user))).concat()
}

#[test]
fn what_a_lock_forbids_is_neither_open_nor_to_be_asked_for() {
    let node = LockTarget { node: Some("db-box".parse().unwrap()), ..LockTarget::default() };
    expect![[r#"
        alice:
        db/orders  (dba: tsh request new --roles=dba --reason="...")
        node/lab  alice  dev
        node/web-1  (root: tsh request new --resource=/main/node/web-1 --login=root --reason="...")
        bob:
        db/orders  dba until 2026-03-02T13:00:00Z
        node/lab  bob  dev
        dave:
        db/orders  *
        node/lab  admin  root
        node/web-1  admin  root
    "#]]
    .assert_eq(&with(node));
    let login = LockTarget { login: Some("root".parse().unwrap()), ..LockTarget::default() };
    expect![[r#"
        alice:
        db/orders  (dba: tsh request new --roles=dba --reason="...")
        node/lab  alice  dev
        bob:
        db/orders  dba until 2026-03-02T13:00:00Z
        node/lab  bob  dev
        dave:
        db/orders  *
        node/db-box  admin
        node/lab  admin
        node/web-1  admin
    "#]]
    .assert_eq(&with(login));
    let role = LockTarget { role: Some("dba".parse().unwrap()), ..LockTarget::default() };
    expect![[r#"
        alice:
        node/db-box  (root: tsh request new --resource=/main/node/db-box --login=root --reason="...")
        node/lab  alice  dev
        node/web-1  (root: tsh request new --resource=/main/node/web-1 --login=root --reason="...")
        bob:
        dave:
        db/orders  *
        node/db-box  admin  root
        node/lab  admin  root
        node/web-1  admin  root
    "#]].assert_eq(&with(role));
    let both = LockTarget {
        user: Some("dave".parse().unwrap()),
        node: Some("lab".parse().unwrap()),
        ..LockTarget::default()
    };
    expect![[r#"
        alice:
        db/orders  (dba: tsh request new --roles=dba --reason="...")
        node/db-box  (root: tsh request new --roles=dba --reason="...")
        node/lab  alice  dev
        node/web-1  (root: tsh request new --resource=/main/node/web-1 --login=root --reason="...")
        bob:
        db/orders  dba until 2026-03-02T13:00:00Z
        node/lab  bob  dev
        dave:
        db/orders  *
        node/db-box  admin  root
        node/web-1  admin  root
    "#]]
    .assert_eq(&with(both));
}

#[test]
fn what_is_shown_under_locks_is_what_is_decided() {
    let locks = [
        LockTarget { node: Some("lab".parse().unwrap()), ..LockTarget::default() },
        LockTarget { login: Some("root".parse().unwrap()), ..LockTarget::default() },
        LockTarget { role: Some("admin".parse().unwrap()), ..LockTarget::default() },
    ];
    for target in locks {
        let mut world = World::new();
        world.grant(1, "alice", &["dba"], &[], 1);
        world.lock("l", target.clone(), None);
        for user in ["alice", "dave"] {
            let name = user.parse().unwrap();
            let shown = world.policy.reach(&name, world.now);
            for at in world.policy.targets().filter(|target| target.id.kind == TargetKind::Node) {
                let open: Vec<_> = shown
                    .iter()
                    .filter(|reach| reach.target == at.id)
                    .flat_map(|reach| &reach.open)
                    .filter_map(|open| open.account.clone())
                    .collect();
                for login in ["root", "alice", "dev", "admin"] {
                    let may = world.ssh(user, &format!("{login}@{}", at.id.name)).is_ok();
                    let is_open = open.iter().any(|open| **open == *login);
                    assert_eq!(is_open, may, "{target}: {user} as {login}@{}", at.id.name);
                }
                let logins = world.policy.logins(&name, &at.id, world.now);
                let logins: Vec<Box<str>> =
                    logins.iter().map(|login| login.as_str().into()).collect();
                assert_eq!(logins, open, "{target}: {user}");
            }
        }
    }
}
