//! Users of MySQL and MariaDB: an account that demands our certificate, and a role of its own that carries what it is
//! given.
//!
//! The role is how we know our users, and how several roles are in force at once: MariaDB has one default role a user.

use std::collections::BTreeSet;

use wire::mysql::Vendor;

use super::{Names, Standing};
use crate::database::Fault;
use crate::database::mysql::Statements;

/// What the role of a user of ours begins with.
const PREFIX: &str = "cs:";
/// MySQL's longest name, less the prefix.
const MAX_NAME: usize = 32 - PREFIX.len();

/// `name` as an identifier: between backticks a backslash means itself.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// `text` as a literal. What is checked by [`Names`] has no backslash, whose meaning depends on `sql_mode`.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn role_of(user: &str) -> String {
    format!("{PREFIX}{user}")
}

/// Makes the user, or opens it again, with exactly these roles. `issuer` is the name of the authority that his
/// certificates come from.
pub(super) async fn make(
    server: &mut Statements,
    user: &str,
    issuer: &str,
    roles: &BTreeSet<String>,
) -> Result<(), Fault> {
    Names { most: MAX_NAME }.check(user, roles)?;
    if issuer.contains('\\') {
        return Err(Fault::Name(issuer.into()));
    }
    if standing(server, user).await? == Standing::Foreign {
        return Err(Fault::NotOurs(user.into()));
    }
    let (account, role) = (format!("{}@'%'", quoted(user)), quoted(&role_of(user)));
    let demand = format!(
        "REQUIRE SUBJECT {} AND ISSUER {}",
        literal(&format!("/CN={user}")),
        literal(issuer)
    );
    // The role first: a user of ours is never without it, or he would not be known as ours.
    server.run(&format!("CREATE ROLE IF NOT EXISTS {role}")).await?;
    server.run(&format!("CREATE USER IF NOT EXISTS {account} {demand}")).await?;
    server.run(&format!("ALTER USER {account} {demand}")).await?;
    set_roles(server, user, roles).await?;
    server.run(&format!("GRANT {role} TO {account}")).await?;
    let whose = match server.vendor() {
        Vendor::MariaDb => "FOR",
        Vendor::MySql => "TO",
    };
    server.run(&format!("SET DEFAULT ROLE {role} {whose} {account}")).await?;
    server.run(&format!("ALTER USER {account} ACCOUNT UNLOCK")).await.map(drop)
}

/// Gives the user exactly these roles. Nothing happens to a user that is not ours.
pub(super) async fn set_roles(
    server: &mut Statements,
    user: &str,
    roles: &BTreeSet<String>,
) -> Result<(), Fault> {
    if standing(server, user).await? != Standing::Ours {
        return Ok(());
    }
    let role = role_of(user);
    let held = match server.vendor() {
        Vendor::MariaDb => format!(
            "SELECT Role FROM mysql.roles_mapping WHERE Host = '' AND User = {}",
            literal(&role)
        ),
        Vendor::MySql => {
            format!("SELECT FROM_USER FROM mysql.role_edges WHERE TO_USER = {}", literal(&role))
        }
    };
    let held: BTreeSet<String> = server.run(&held).await?.into_iter().collect();
    for gone in &held - roles {
        server.run(&format!("REVOKE {} FROM {}", quoted(&gone), quoted(&role))).await?;
    }
    for new in roles - &held {
        server.run(&format!("GRANT {} TO {}", quoted(&new), quoted(&role))).await?;
    }
    Ok(())
}

/// Takes the user's roles, and his way in.
pub(super) async fn close(server: &mut Statements, user: &str) -> Result<(), Fault> {
    if standing(server, user).await? == Standing::Ours {
        server.run(&format!("ALTER USER IF EXISTS {}@'%' ACCOUNT LOCK", quoted(user))).await?;
        set_roles(server, user, &BTreeSet::new()).await?;
    }
    Ok(())
}

/// Removes the user and his role.
pub(super) async fn remove(server: &mut Statements, user: &str) -> Result<(), Fault> {
    if standing(server, user).await? == Standing::Ours {
        server.run(&format!("DROP USER IF EXISTS {}@'%'", quoted(user))).await?;
        server.run(&format!("DROP ROLE IF EXISTS {}", quoted(&role_of(user)))).await?;
    }
    Ok(())
}

async fn standing(server: &mut Statements, user: &str) -> Result<Standing, Fault> {
    let there = |name: &str| format!("SELECT User FROM mysql.user WHERE User = {}", literal(name));
    let has_role = !server.run(&there(&role_of(user))).await?.is_empty();
    let has_user = !server.run(&there(user)).await?.is_empty();
    Ok(match (has_user, has_role) {
        (_, true) => Standing::Ours,
        (true, false) => Standing::Foreign,
        (false, false) => Standing::Missing,
    })
}
