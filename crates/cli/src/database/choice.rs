//! Which user of which database is meant, where the command line leaves it open.

use api::database::DatabaseProtocol;
use api::endpoints::reach::{REACH, WHY};
use api::reach::{ReachView, WhyView};

use crate::client::Api;
use crate::commands::config::MAX_TARGETS;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::one_line;

/// The most bytes of a user's or a database's name (PostgreSQL keeps 63, MySQL 64, MariaDB 80 characters).
const MAX_NAME: usize = 320;

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The user of the database.
    pub user: Option<String>,
    /// The database within the server.
    pub database: Option<String>,
}

/// A database server, and whom one is there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Chosen {
    /// The target's name.
    pub name: String,
    /// What it speaks.
    pub protocol: DatabaseProtocol,
    /// The user of the database.
    pub user: String,
    /// The database within the server; always there for PostgreSQL.
    pub database: Option<String>,
}

impl Chosen {
    /// What is chosen on the server `name` by what the command line says, and else by what the policy leaves.
    ///
    /// # Errors
    /// No such database, none that one may see, or several users or databases to choose from.
    pub fn on(api: &Api, name: &str, wanted: &Wanted, own: &str) -> Result<Self, Error> {
        choose(&find(api, name)?, wanted, own)
    }

    /// `app@orders/shop`.
    #[must_use]
    pub fn shown(&self) -> String {
        let database = self.database.as_deref().map(|name| format!("/{name}")).unwrap_or_default();
        one_line(&format!("{}@{}{database}", self.user, self.name))
    }

    /// Asks the policy before anyone connects, so that a refusal has its exit code and names the next command. It is on
    /// the record like one at the door.
    ///
    /// # Errors
    /// Denied, or the server cannot be asked.
    pub fn admitted(&self, api: &Api) -> Result<(), Error> {
        let mut query = vec![
            ("kind", "db".to_owned()),
            ("target", self.name.clone()),
            ("login", self.user.clone()),
            ("connecting", "true".to_owned()),
        ];
        query.extend(self.database.clone().map(|name| ("name", name)));
        let why: WhyView = api.read(&WHY, &[], &query)?;
        if why.allowed {
            return Ok(());
        }
        let denied = Error::new(
            Exit::Denied,
            format!("access to {} is denied: {}", self.shown(), one_line(&why.sentence)),
        );
        Err(match &why.next {
            Some(next) => denied.hint(one_line(next)),
            None => denied.hint("see what you can reach with: tsh db ls"),
        })
    }
}

/// The target of that name.
///
/// # Errors
/// There is none that one may see.
pub fn find(api: &Api, name: &str) -> Result<ReachView, Error> {
    let found: Vec<ReachView> = api.list(&REACH, &[], &[("text", name.to_owned())], MAX_TARGETS)?;
    found.into_iter().find(|target| target.kind == "db" && target.name == name).ok_or_else(|| {
        Error::not_found(format!(
            "there is no database `{}`, or none that you may see",
            one_line(name)
        ))
        .hint("see the names with: tsh db ls")
    })
}

/// What a target speaks.
///
/// # Errors
/// A newer server knows more protocols.
pub fn protocol(target: &ReachView) -> Result<DatabaseProtocol, Error> {
    match target.protocol.as_deref() {
        Some("postgres") => Ok(DatabaseProtocol::Postgres),
        Some("mysql") => Ok(DatabaseProtocol::MySql),
        other => Err(Error::usage(format!(
            "`{}` speaks {}, which this tsh does not know",
            one_line(&target.name),
            one_line(other.unwrap_or("nothing that is told"))
        ))),
    }
}

fn choose(target: &ReachView, wanted: &Wanted, own: &str) -> Result<Chosen, Error> {
    let protocol = protocol(target)?;
    let user = match &wanted.user {
        Some(user) => user.clone(),
        None => user(target, own)?,
    };
    let database = match &wanted.database {
        Some(name) => Some(name.clone()),
        None => database(target, protocol, &user)?,
    };
    check("--db-user", &user)?;
    database.iter().try_for_each(|name| check("--db-name", name))?;
    Ok(Chosen { name: target.name.clone(), protocol, user, database })
}

/// Names go into files and command lines of other programs: one line each.
fn check(flag: &str, name: &str) -> Result<(), Error> {
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Error::usage(format!(
            "{flag}: `{}` is no name: 1 to {MAX_NAME} bytes without control characters",
            one_line(name)
        )));
    }
    Ok(())
}

/// The only user there is; where roles allow any, the person's own name.
fn user(target: &ReachView, own: &str) -> Result<String, Error> {
    let mut users = plain(target.logins.iter().map(|open| open.login.as_str()));
    if users.is_empty() && target.logins.is_empty() {
        users = plain(target.requestable.iter().map(|closed| closed.login.as_str()));
    }
    match users.as_slice() {
        [] => Ok(own.to_owned()),
        [only] => Ok((*only).to_owned()),
        _ => Err(Error::usage(format!(
            "you can be several users of `{}`: {}",
            one_line(&target.name),
            one_line(&users.join(", "))
        ))
        .hint("say which one with: --db-user USER")),
    }
}

/// The only database there is for that user. Else PostgreSQL's clients take the one with the user's name, and MySQL's none.
fn database(
    target: &ReachView,
    protocol: DatabaseProtocol,
    user: &str,
) -> Result<Option<String>, Error> {
    let of_user = target.logins.iter().filter(|open| open.login == user || is_pattern(&open.login));
    let all: Vec<&str> =
        of_user.flat_map(|open| open.databases.iter().map(String::as_str)).collect();
    let any = all.iter().any(|name| is_pattern(name));
    let names = plain(all.into_iter());
    match (names.as_slice(), protocol) {
        ([only], _) if !any => Ok(Some((*only).to_owned())),
        (names, DatabaseProtocol::Postgres) if any || names.is_empty() => Ok(Some(user.to_owned())),
        (_, DatabaseProtocol::MySql) => Ok(None),
        (names, DatabaseProtocol::Postgres) => Err(Error::usage(format!(
            "there are several databases on `{}` for {}: {}",
            one_line(&target.name),
            one_line(user),
            one_line(&names.join(", "))
        ))
        .hint("say which one with: --db-name NAME")),
    }
}

/// Those that are names, not patterns; each once.
fn plain<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<&str> = names.filter(|name| !name.is_empty() && !is_pattern(name)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether a role means more than one name by it: a glob, a regular expression or a template.
fn is_pattern(name: &str) -> bool {
    name.contains('*') || name.contains("{{") || (name.starts_with('^') && name.ends_with('$'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::reach::{ReachLogin, ReachRequestable};

    fn target(protocol: &str, open: &[(&str, &[&str])], closed: &[&str]) -> ReachView {
        ReachView {
            kind: "db".into(),
            name: "orders".into(),
            protocol: Some(protocol.into()),
            url: None,
            labels: Default::default(),
            logins: open
                .iter()
                .map(|(login, databases)| ReachLogin {
                    login: (*login).into(),
                    databases: databases.iter().map(|name| (*name).into()).collect(),
                    until: None,
                    request: None,
                })
                .collect(),
            requestable: closed
                .iter()
                .map(|login| ReachRequestable {
                    login: (*login).into(),
                    roles: vec![],
                    command: String::new(),
                })
                .collect(),
        }
    }

    fn chosen(target: &ReachView, user: Option<&str>) -> String {
        let wanted = Wanted { user: user.map(str::to_owned), database: None };
        choose(target, &wanted, "alice").map_or_else(|error| error.message(), |it| it.shown())
    }

    #[test]
    fn what_the_policy_leaves_no_choice_of_need_not_be_said() {
        let one = target("postgres", &[("app", &["shop"])], &[]);
        assert_eq!(chosen(&one, None), "app@orders/shop");
        let any = target("postgres", &[("*", &["*"])], &[]);
        assert_eq!(chosen(&any, None), "alice@orders/alice");
        assert_eq!(chosen(&any, Some("app")), "app@orders/app");
        let mysql = target("mysql", &[("app", &["*", "shop"])], &[]);
        assert_eq!(chosen(&mysql, None), "app@orders");
        let closed = target("mysql", &[], &["app"]);
        assert_eq!(chosen(&closed, None), "app@orders");
    }

    #[test]
    fn a_choice_that_is_open_is_asked_for() {
        let users = target("postgres", &[("app", &["a", "b"]), ("ro", &["a"])], &[]);
        expect_test::expect![[r"
            error: you can be several users of `orders`: app, ro
            hint: say which one with: --db-user USER
        "]]
        .assert_eq(&chosen(&users, None));
        expect_test::expect![[r"
            error: there are several databases on `orders` for app: a, b
            hint: say which one with: --db-name NAME
        "]]
        .assert_eq(&chosen(&users, Some("app")));
        assert_eq!(chosen(&users, Some("ro")), "ro@orders/a");
    }

    #[test]
    fn a_name_is_one_line() {
        let any = target("postgres", &[("*", &["*"])], &[]);
        let told = chosen(&any, Some("a\nhost=evil"));
        assert!(told.starts_with("error: --db-user: `a\\nhost=evil` is no name"), "{told}");
    }
}
