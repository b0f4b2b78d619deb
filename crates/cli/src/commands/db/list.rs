//! `tsh db ls`.

use std::io::{self, Write};

use api::endpoints::reach::REACH;
use api::reach::ReachView;
use jiff::Timestamp;

use crate::commands::config::MAX_TARGETS;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;
use crate::table::{Column, Table};
use crate::when;

/// List the databases you can reach now, and those you could ask for
///
///     tsh db ls
///     tsh db ls env=prod
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct LsArgs {
    /// Only databases whose name or labels contain this
    search: Option<String>,
}

/// Lists them.
///
/// # Errors
/// Not logged in, or the server cannot be asked.
pub fn run(cx: &mut Context, args: LsArgs) -> Result<Exit, Error> {
    let query: Vec<_> = args.search.into_iter().map(|text| ("text", text)).collect();
    let mut reach: Vec<ReachView> = cx.api()?.list(&REACH, &[], &query, MAX_TARGETS)?;
    reach.retain(|target| target.kind == "db");
    let now = cx.now();
    cx.show(&reach, |out| tables(out, &reach, now))?;
    Ok(Exit::Done)
}

fn tables(out: &mut Output, reach: &[ReachView], now: Timestamp) -> io::Result<()> {
    let mut open =
        Table::new(&["Name", "Protocol", "User", "Databases", "Until", "Labels"].map(Column::new));
    let mut closed = Table::new(&["Name", "Protocol", "User", "Ask with"].map(Column::new));
    for target in reach {
        let protocol = target.protocol.as_deref().unwrap_or_default();
        let labels: Vec<String> =
            target.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        for login in &target.logins {
            let until = match (login.until, &login.request) {
                (None, _) => "always".to_owned(),
                (Some(until), None) => when::relative(until, now),
                (Some(until), Some(by)) => format!("{} by {by}", when::relative(until, now)),
            };
            let databases = login.databases.join(",");
            open.row([&target.name, protocol, &login.login, &databases, &until, &labels.join(",")]);
        }
        for login in &target.requestable {
            closed.row([&target.name, protocol, &login.login, &login.command]);
        }
    }
    match (open.is_empty(), closed.is_empty()) {
        (true, true) => {
            return writeln!(out, "There is no database you can reach or ask for.");
        }
        (true, false) => {
            writeln!(out, "You can reach no database now. You could ask for:\n")?;
        }
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
    fn users_databases_and_what_to_ask_for() {
        let target = |name: &str, protocol: &str| ReachView {
            kind: "db".into(),
            name: name.into(),
            protocol: Some(protocol.into()),
            url: None,
            labels: [("env".into(), "prod".into())].into(),
            logins: vec![],
            requestable: vec![],
        };
        let mut orders = target("orders", "postgres");
        orders.logins.push(ReachLogin {
            login: "app".into(),
            databases: vec!["shop".into(), "stock_*".into()],
            until: Some("2019-11-07T20:38:00Z".parse().unwrap()),
            request: Some("bc8ca931-fec9-4b15".into()),
        });
        let mut wiki = target("wiki", "mysql");
        wiki.requestable.push(ReachRequestable {
            login: "app".into(),
            roles: vec!["dba".into()],
            command: "tsh request new --roles=dba".into(),
        });
        let now = "2019-11-07T19:38:00Z".parse().unwrap();
        let shown = crate::commands::tests::text(|out| tables(out, &[orders, wiki], now));
        expect_test::expect![[r#"
            Name   Protocol User Databases    Until                                              Labels
            ------ -------- ---- ------------ -------------------------------------------------- --------
            orders postgres app  shop,stock_* 2019-11-07 20:38 UTC (in 1h) by bc8ca931-fec9-4b15 env=prod

            You could ask for:

            Name Protocol User Ask with
            ---- -------- ---- ---------------------------
            wiki mysql    app  tsh request new --roles=dba
        "#]].assert_eq(&shown);
    }
}
