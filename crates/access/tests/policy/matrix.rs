//! The policy matrix: who may do what, as a table that is reviewed when it changes.

use super::world::{ROLES, World, ask, db, identity};
use access::ask::Ask;
use expect_test::expect;

const HOSTS: &[&str] = &["db-box", "web-1", "lab"];
const LOGINS: &[&str] = &["root", "admin", "dev", "ops", "alice"];

fn table(world: &World, users: &[&str], asks: &[(String, Ask)]) -> String {
    let mut out = format!("{:<16}", "");
    for user in users {
        out += &format!(" {user:<10}");
    }
    for (what, ask) in asks {
        out += &format!("\n{what:<16}");
        for user in users {
            let mark = if world.policy.decide(&identity(user), ask, world.now).is_ok() {
                "✔"
            } else {
                "✘"
            };
            out += &format!(" {mark:<10}");
        }
    }
    let lines: Vec<_> = out.lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

#[test]
fn every_role_alone_opens_this_and_nothing_else() {
    let mut world = World::new();
    let names: Vec<&str> = ROLES.iter().map(|(name, _)| *name).collect();
    for name in &names {
        world.user(name, &[name]);
    }
    let mut asks = Vec::new();
    for host in HOSTS {
        for login in LOGINS {
            let at = format!("{login}@{host}");
            asks.push((at.clone(), ask(&at)));
        }
    }
    asks.push(("dba orders/x".to_owned(), db("dba", "x", "orders")));
    asks.push(("root orders/x".to_owned(), db("root", "x", "orders")));
    expect![[r#"
                         admin      auditor    contractor dba        dev        mfa        prod-root  security
        root@db-box      ✔          ✘          ✘          ✔          ✘          ✘          ✔          ✘
        admin@db-box     ✔          ✘          ✘          ✘          ✘          ✘          ✘          ✘
        dev@db-box       ✘          ✘          ✘          ✘          ✘          ✘          ✘          ✘
        ops@db-box       ✘          ✘          ✘          ✘          ✘          ✘          ✘          ✘
        alice@db-box     ✘          ✘          ✘          ✘          ✘          ✘          ✘          ✘
        root@web-1       ✔          ✘          ✘          ✘          ✘          ✘          ✔          ✘
        admin@web-1      ✔          ✘          ✘          ✘          ✘          ✘          ✘          ✘
        dev@web-1        ✘          ✘          ✘          ✘          ✘          ✘          ✘          ✘
        ops@web-1        ✘          ✘          ✘          ✘          ✘          ✘          ✘          ✘
        alice@web-1      ✘          ✘          ✘          ✘          ✘          ✘          ✘          ✘
        root@lab         ✔          ✘          ✘          ✘          ✘          ✘          ✘          ✘
        admin@lab        ✔          ✘          ✘          ✘          ✘          ✘          ✘          ✘
        dev@lab          ✘          ✘          ✘          ✘          ✔          ✘          ✘          ✘
        ops@lab          ✘          ✘          ✘          ✘          ✘          ✘          ✘          ✘
        alice@lab        ✘          ✘          ✘          ✘          ✘          ✘          ✘          ✘
        dba orders/x     ✔          ✘          ✘          ✔          ✘          ✘          ✘          ✘
        root orders/x    ✔          ✘          ✘          ✘          ✘          ✘          ✘          ✘
    "#]].assert_eq(&table(&world, &names, &asks));
}

#[test]
fn roles_and_grants_together_open_this() {
    let mut world = World::new();
    world.user("dev+dba", &["dev", "dba"]);
    world.user("dba+contractor", &["dba", "contractor"]);
    world.user("admin+contr", &["admin", "contractor"]);
    world.user("granted", &["dev"]);
    world.user("one-host", &["dev"]);
    world.grant(1, "granted", &["dba"], &[], 1);
    world.grant(2, "one-host", &["prod-root"], &["/main/node/web-1"], 1);
    let users = ["dev+dba", "dba+contractor", "admin+contr", "granted", "one-host"];
    let mut asks = Vec::new();
    for host in HOSTS {
        for login in ["root", "admin", "dev"] {
            let at = format!("{login}@{host}");
            asks.push((at.clone(), ask(&at)));
        }
    }
    expect![[r#"
                         dev+dba    dba+contractor admin+contr granted    one-host
        root@db-box      ✔          ✘          ✘          ✔          ✘
        admin@db-box     ✘          ✘          ✘          ✘          ✘
        dev@db-box       ✘          ✘          ✘          ✘          ✘
        root@web-1       ✘          ✘          ✘          ✘          ✔
        admin@web-1      ✘          ✘          ✘          ✘          ✘
        dev@web-1        ✘          ✘          ✘          ✘          ✘
        root@lab         ✘          ✘          ✘          ✘          ✘
        admin@lab        ✘          ✘          ✔          ✘          ✘
        dev@lab          ✔          ✘          ✘          ✔          ✔
    "#]]
    .assert_eq(&table(&world, &users, &asks));
}
