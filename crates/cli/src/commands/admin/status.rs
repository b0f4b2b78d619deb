//! `tctl status`: the cluster, and the pin that users compare.

use std::io::Write;

use api::authority::AuthorityView;
use api::endpoints::authorities::EXPORT;
use api::endpoints::login::STATUS;
use api::login::StatusView;
use serde::Serialize;

use super::MOST;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::one_line;
use crate::when;

/// Show the cluster, the daemon's version, and the pin that users compare at their first login
///
///     tctl status
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct StatusArgs {}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    status: StatusView,
    pin: Option<String>,
}

/// Shows the cluster.
///
/// # Errors
/// The server cannot be asked.
pub fn run(cx: &mut Context, _args: StatusArgs) -> Result<Exit, Error> {
    let api = cx.api()?;
    let status: StatusView = api.read(&STATUS, &[], &[])?;
    let authorities: Vec<AuthorityView> = api.list(&EXPORT, &[], &[], MOST)?;
    let pin = authorities
        .into_iter()
        .find(|authority| authority.kind == "tls" && authority.generation == "active")
        .and_then(|authority| authority.pin);
    let shown = Shown { status, pin };
    cx.show(&shown, |out| {
        let status = &shown.status;
        writeln!(out, "Cluster  {}", one_line(&status.cluster))?;
        writeln!(out, "Version  {}", one_line(&status.version))?;
        writeln!(out, "Time     {}", when::exact(status.time))?;
        let caller = status.user.as_deref().unwrap_or("the administrator of the daemon's host");
        writeln!(out, "You are  {}", one_line(caller))?;
        shown.pin.iter().try_for_each(|pin| writeln!(out, "Pin      {}", one_line(pin)))
    })?;
    Ok(Exit::Done)
}
