//! `tsh kube ls`.

use std::io::Write;

use api::endpoints::reach::REACH;
use api::reach::ReachView;

use crate::commands::config::MAX_TARGETS;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::table::{Column, Table};
use crate::when;

/// List the Kubernetes clusters you can reach now, and those you could ask for
///
///     tsh kube ls
///     tsh kube ls env=prod
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct LsArgs {
    /// Only clusters whose name or labels contain this
    search: Option<String>,
}

/// The clusters that the caller reaches, or may ask for.
pub(crate) fn clusters(cx: &Context, search: Option<String>) -> Result<Vec<ReachView>, Error> {
    let query: Vec<_> = search.into_iter().map(|text| ("text", text)).collect();
    let mut reach: Vec<ReachView> = cx.api()?.list(&REACH, &[], &query, MAX_TARGETS)?;
    reach.retain(|target| target.kind == "kube_cluster");
    Ok(reach)
}

/// Lists them.
///
/// # Errors
/// Not logged in, or the server cannot be asked.
pub fn run(cx: &mut Context, args: LsArgs) -> Result<Exit, Error> {
    let reach = clusters(cx, args.search)?;
    let now = cx.now();
    let mut open = Table::new(&["Cluster", "Until", "Labels"].map(Column::new));
    let mut closed = Table::new(&["Cluster", "Ask with"].map(Column::new));
    for target in &reach {
        let labels: Vec<String> =
            target.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        for way in &target.logins {
            let until = match (way.until, &way.request) {
                (None, _) => "always".to_owned(),
                (Some(until), None) => when::relative(until, now),
                (Some(until), Some(by)) => format!("{} by {by}", when::relative(until, now)),
            };
            open.row([&target.name, &until, &labels.join(",")]);
        }
        for way in &target.requestable {
            closed.row([&target.name, &way.command]);
        }
    }
    cx.show(&reach, |out| {
        match (open.is_empty(), closed.is_empty()) {
            (true, true) => {
                return writeln!(out, "There is no Kubernetes cluster you can reach or ask for.");
            }
            (true, false) => {
                writeln!(out, "You can reach no Kubernetes cluster now. You could ask for:\n")?;
            }
            (false, true) => return open.write(out),
            (false, false) => {
                open.write(out)?;
                writeln!(out, "\nYou could ask for:\n")?;
            }
        }
        closed.write(out)
    })?;
    Ok(Exit::Done)
}
