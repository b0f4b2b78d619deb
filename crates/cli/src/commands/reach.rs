//! `tsh ls`: everything one can reach, or ask for.

use std::io::{self, Write};

use api::endpoints::reach::REACH;
use api::reach::ReachView;
use jiff::Timestamp;

use crate::commands::config::{self, MAX_TARGETS};
use crate::context::{Context, Way};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;
use crate::profile::Profile;
use crate::table::{Column, Table};
use crate::when;

/// List everything you can reach now, and what you could ask for
///
///     tsh ls
///     tsh ls env=prod
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct LsArgs {
    /// Only targets whose name or labels contain this
    search: Option<String>,
}

/// Lists targets, and brings the generated ssh_config up to date.
///
/// # Errors
/// Not logged in, or the server cannot be asked.
pub fn run(cx: &mut Context, args: LsArgs) -> Result<Exit, Error> {
    let api = cx.api()?;
    let reach = match (args.search, &cx.way) {
        (None, Way::Login) => {
            let mut profile = Profile::logged_in(&cx.home, cx.now())?;
            config::refresh(&cx.home, &mut profile, &api)?
        }
        (search, _) => {
            let query: Vec<_> = search.into_iter().map(|text| ("text", text)).collect();
            api.list(&REACH, &[], &query, MAX_TARGETS)?
        }
    };
    let now = cx.now();
    cx.show(&reach, |out| tables(out, &reach, now))?;
    Ok(Exit::Done)
}

fn tables(out: &mut Output, reach: &[ReachView], now: Timestamp) -> io::Result<()> {
    let mut open = Table::new(&[
        Column::new("Target"),
        Column::new("Kind"),
        Column::new("Login"),
        Column::new("Until"),
        Column::new("Labels"),
    ]);
    let mut closed =
        Table::new(&[Column::new("Target"), Column::new("Login"), Column::new("Ask with")]);
    for target in reach {
        let labels: Vec<String> =
            target.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        for login in &target.logins {
            let until = match (login.until, &login.request) {
                (None, _) => "always".to_owned(),
                (Some(until), None) => when::relative(until, now),
                (Some(until), Some(request)) => {
                    format!("{} by {request}", when::relative(until, now))
                }
            };
            open.row([&target.name, &target.kind, &login.login, &until, &labels.join(",")]);
        }
        for login in &target.requestable {
            closed.row([&target.name, &login.login, &login.command]);
        }
    }
    match (open.is_empty(), closed.is_empty()) {
        (true, true) => return writeln!(out, "There is nothing you can reach or ask for."),
        (true, false) => writeln!(out, "You can reach nothing now. You could ask for:\n")?,
        (false, _) => open.write(out)?,
    }
    if !closed.is_empty() {
        if !open.is_empty() {
            writeln!(out, "\nYou could ask for:\n")?;
        }
        closed.write(out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::reach::{ReachLogin, ReachRequestable};

    #[test]
    fn what_is_open_stands_before_what_could_be_asked_for() {
        let target = |name: &str| ReachView {
            kind: "node".into(),
            name: name.into(),
            protocol: None,
            url: None,
            labels: [("env".into(), "prod".into())].into(),
            logins: vec![],
            requestable: vec![],
        };
        let mut db = target("db-box");
        db.requestable.push(ReachRequestable {
            login: "root".into(),
            roles: vec!["dba".into()],
            command: "tsh request new --roles=dba".into(),
        });
        let mut web = target("web\u{1b}[2J");
        let until = Some("2019-11-07T20:38:00Z".parse().unwrap());
        web.logins.push(ReachLogin {
            login: "deploy".into(),
            databases: vec![],
            until: None,
            request: None,
        });
        web.logins.push(ReachLogin {
            login: "root".into(),
            databases: vec![],
            until,
            request: Some("bc8ca931-fec9-4b15".into()),
        });
        let now = "2019-11-07T19:38:00Z".parse().unwrap();
        let shown = crate::commands::tests::text(|out| tables(out, &[db.clone(), web], now));
        expect_test::expect![[r#"
            Target     Kind Login  Until                                              Labels
            ---------- ---- ------ -------------------------------------------------- --------
            web\x1b[2J node deploy always                                             env=prod
            web\x1b[2J node root   2019-11-07 20:38 UTC (in 1h) by bc8ca931-fec9-4b15 env=prod

            You could ask for:

            Target Login Ask with
            ------ ----- ---------------------------
            db-box root  tsh request new --roles=dba
        "#]]
        .assert_eq(&shown);
        let shown = crate::commands::tests::text(|out| tables(out, &[db], now));
        expect_test::expect![[r#"
            You can reach nothing now. You could ask for:

            Target Login Ask with
            ------ ----- ---------------------------
            db-box root  tsh request new --roles=dba
        "#]]
        .assert_eq(&shown);
    }
}
