//! `tsh version`, `tctl version`.

use std::io::Write;

use api::endpoints::events::PING;
use api::ping::Ping;
use serde::Serialize;

use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// Show this program's version, and the server's if it can be asked
///
///     tsh version
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct VersionArgs {
    /// Do not ask the server
    #[arg(long)]
    client: bool,
}

#[derive(Serialize)]
struct Versions {
    client: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
}

/// Shows both versions.
///
/// # Errors
/// The output cannot be written; a server that cannot be asked is left out.
pub fn run(cx: &mut Context, args: VersionArgs) -> Result<Exit, Error> {
    let server = match args.client {
        true => None,
        false => {
            cx.api().and_then(|api| api.read::<Ping>(&PING, &[], &[])).ok().map(|ping| ping.version)
        }
    };
    let versions = Versions { client: env!("CARGO_PKG_VERSION"), server };
    cx.show(&versions, |out| {
        writeln!(out, "client {}", versions.client)?;
        versions.server.iter().try_for_each(|server| writeln!(out, "server {server}"))
    })?;
    Ok(Exit::Done)
}
