//! Users of PostgreSQL: a role that may log in, a member of what it is given.

use std::collections::BTreeSet;

use super::{Names, Standing};
use crate::database::Fault;
use crate::database::postgres::Statements;

/// Every user we made is a member of it, and nobody else: so we know ours, and `pg_hba.conf` can say
/// `+countersign_made`. It owns nothing and may do nothing.
const MARKER: &str = "countersign_made";
/// PostgreSQL cuts longer names off, and two users would become one (`NAMEDATALEN`).
const MAX_NAME: usize = 63;
/// SQLSTATE "dependent objects still exist".
const IN_USE: &str = "2BP01";

/// `name` as an identifier.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `text` as a literal. Our connections have `standard_conforming_strings` on.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn list(names: &BTreeSet<String>) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

/// Makes the user, or opens it again, with exactly these roles.
pub(super) async fn make(
    server: &mut Statements,
    user: &str,
    roles: &BTreeSet<String>,
) -> Result<(), Fault> {
    Names { most: MAX_NAME }.check(user, roles)?;
    let name = quoted(user);
    match standing(server, user).await? {
        Standing::Foreign => return Err(Fault::NotOurs(user.into())),
        Standing::Ours => {
            server.run(&format!("ALTER ROLE {name} LOGIN")).await?;
            return set_roles(server, user, roles).await;
        }
        Standing::Missing => {}
    }
    let marker = format!("SELECT 1 FROM pg_roles WHERE rolname = {}", literal(MARKER));
    let mut text = String::from("BEGIN; ");
    if server.run(&marker).await?.is_empty() {
        text.push_str(&format!("CREATE ROLE {} NOLOGIN; ", quoted(MARKER)));
    }
    text.push_str(&format!("CREATE ROLE {name} LOGIN; GRANT {} TO {name}; ", quoted(MARKER)));
    if !roles.is_empty() {
        text.push_str(&format!("GRANT {} TO {name}; ", list(roles)));
    }
    text.push_str("COMMIT");
    server.run(&text).await.map(drop)
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
    let held = server
        .run(&format!(
            "SELECT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid \
             JOIN pg_roles u ON u.oid = m.member WHERE u.rolname = {} AND g.rolname <> {}",
            literal(user),
            literal(MARKER)
        ))
        .await?;
    let held: BTreeSet<String> = held.into_iter().collect();
    let (gone, new) = (&held - roles, roles - &held);
    let name = quoted(user);
    let mut text = String::from("BEGIN; ");
    if !gone.is_empty() {
        text.push_str(&format!("REVOKE {} FROM {name}; ", list(&gone)));
    }
    if !new.is_empty() {
        text.push_str(&format!("GRANT {} TO {name}; ", list(&new)));
    }
    text.push_str("COMMIT");
    server.run(&text).await.map(drop)
}

/// Takes the user's roles, and his way in.
pub(super) async fn close(server: &mut Statements, user: &str) -> Result<(), Fault> {
    if standing(server, user).await? == Standing::Ours {
        server.run(&format!("ALTER ROLE {} NOLOGIN", quoted(user))).await?;
        set_roles(server, user, &BTreeSet::new()).await?;
    }
    Ok(())
}

/// Removes the user. One who owns something, or was granted something, stays and cannot log in: what he made is not
/// ours to give away. Whether he is gone.
pub(super) async fn remove(server: &mut Statements, user: &str) -> Result<bool, Fault> {
    if standing(server, user).await? != Standing::Ours {
        return Ok(true);
    }
    match server.run(&format!("DROP ROLE {}", quoted(user))).await {
        Ok(_) => Ok(true),
        Err(Fault::Server(error)) if &*error.sqlstate == IN_USE => {
            close(server, user).await.map(|()| false)
        }
        Err(fault) => Err(fault),
    }
}

async fn standing(server: &mut Statements, user: &str) -> Result<Standing, Fault> {
    let said = server
        .run(&format!(
            "SELECT count(m.member) FROM pg_roles u LEFT JOIN pg_auth_members m ON m.member = u.oid \
             AND m.roleid = (SELECT oid FROM pg_roles WHERE rolname = {}) WHERE u.rolname = {} GROUP BY u.oid",
            literal(MARKER),
            literal(user)
        ))
        .await?;
    Ok(match said.first().map(String::as_str) {
        None => Standing::Missing,
        Some("0") => Standing::Foreign,
        Some(_) => Standing::Ours,
    })
}
