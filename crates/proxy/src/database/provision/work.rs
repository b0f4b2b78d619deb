//! What an administrator does to one user, by the vendor's own statements.

mod mysql;
mod postgres;

use std::collections::BTreeSet;

use wire::mysql::Capabilities;

use crate::database::dial::{Errand, in_time};
use crate::database::{Database, Fault, Protocol};
use crate::error::Error;

/// The database that administrators of PostgreSQL connect to: every server has it.
const MAINTENANCE: &str = "postgres";

/// What stands in the database under the name of a user that is to be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Standing {
    /// Nothing.
    Missing,
    /// A user we made.
    Ours,
    /// Somebody else.
    Foreign,
}

/// Checks names before they are quoted.
#[derive(Clone, Copy, Debug)]
struct Names {
    /// Bytes of the longest name that the vendor keeps whole.
    most: usize,
}

impl Names {
    fn check(self, user: &str, roles: &BTreeSet<String>) -> Result<(), Fault> {
        let is_bad = |name: &str| {
            name.is_empty() || name.contains('\\') || name.chars().any(char::is_control)
        };
        let bad = roles.iter().map(String::as_str).chain([user]).find(|name| is_bad(name));
        match bad.or((user.len() > self.most).then_some(user)) {
            Some(name) => Err(Fault::Name(access::display::shown_short(name, 64).into())),
            None => Ok(()),
        }
    }
}

/// What is done to a user.
#[derive(Clone, Copy, Debug)]
pub(in crate::database) enum Work<'a> {
    Make(&'a BTreeSet<String>),
    SetRoles(&'a BTreeSet<String>),
    Close,
    Remove,
}

/// Logs in as the administrator of `database`, and does it to the account of `errand`.
pub(in crate::database) async fn work(
    errand: &Errand<'_>,
    database: &Database,
    what: Work<'_>,
) -> Result<(), Error> {
    let Some(admin) = &database.admin else { return Err(errand.failed(Fault::NoAdmin)) };
    let as_admin = Database { login: admin.login.clone(), ..database.clone() };
    let user = errand.account;
    let errand = Errand { account: &admin.user, until: None, ..*errand };
    match database.protocol {
        Protocol::Postgres => {
            let mut startup = wire::postgres::Startup::new(&admin.user, MAINTENANCE);
            startup.set("standard_conforming_strings", "on");
            startup.set("application_name", "countersign");
            let leg = crate::database::postgres::open(&errand, &as_admin, &startup).await?;
            in_time(&errand, "the making of a user", async {
                let mut server = crate::database::postgres::Statements::begin(leg).await?;
                match what {
                    Work::Make(roles) => postgres::make(&mut server, user, roles).await,
                    Work::SetRoles(roles) => postgres::set_roles(&mut server, user, roles).await,
                    Work::Close => postgres::close(&mut server, user).await,
                    Work::Remove => postgres::remove(&mut server, user).await.map(drop),
                }
            })
            .await
        }
        Protocol::MySql => {
            let wanted = crate::database::mysql::MyWanted {
                user: admin.user.clone(),
                db: None,
                capabilities: Capabilities::NONE,
                charset: 45,
                max_packet: 1 << 20,
                attributes: bytes::Bytes::new(),
            };
            let leg = crate::database::mysql::open(&errand, &as_admin, &wanted).await?;
            let issuer = errand.authorities.database_issuer();
            in_time(&errand, "the making of a user", async {
                let mut server = crate::database::mysql::Statements::begin(leg);
                match what {
                    Work::Make(roles) => mysql::make(&mut server, user, &issuer, roles).await,
                    Work::SetRoles(roles) => mysql::set_roles(&mut server, user, roles).await,
                    Work::Close => mysql::close(&mut server, user).await,
                    Work::Remove => mysql::remove(&mut server, user).await,
                }
            })
            .await
        }
    }
}
