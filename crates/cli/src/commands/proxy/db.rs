//! `tsh proxy db`: a local port for any client.

use std::io::Write;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use crate::commands::db::{Meant, MeantArgs};
use crate::context::Context;
use crate::database::choice::{Chosen, find, protocol};
use crate::database::settings::{Place, Settings};
use crate::database::tunnel::{Entrance, Tunnel};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{Output, one_line};
use crate::profile::Profile;

/// A local port to a database, for any client or driver
///
/// The client needs no certificate, no TLS and no password. The port is on loopback, and only your own programs may use
/// it: on Linux connections of other users of this machine are refused. Ctrl-C ends it, and the connections through it.
///
///     tsh proxy db orders --port 15432
///     tsh proxy db orders --db-user app --db-name shop
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct DbArgs {
    /// The database, as `tsh db ls` shows it
    name: String,
    /// The local port [default: one that is free]
    #[arg(long, default_value_t = 0, value_name = "PORT", hide_default_value = true)]
    port: u16,
    #[command(flatten)]
    meant: MeantArgs,
}

/// What is printed as JSON and YAML.
#[derive(serde::Serialize)]
struct Opened {
    #[serde(flatten)]
    settings: Settings,
    uri: String,
    jdbc: String,
}

/// Opens the port and serves it until it is interrupted.
///
/// # Errors
/// Denied, no such database, or the port is taken.
pub fn run(cx: &mut Context, args: DbArgs) -> Result<Exit, Error> {
    let chosen = chosen(cx, &args)?;
    let cannot = |error: std::io::Error| Error::internal("cannot start").because(error);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
    runtime.block_on(async {
        // Caught before anything is printed: who reads it may interrupt at once.
        let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
        let (entrance, port) = Entrance::port(args.port).await?;
        let settings = Settings::of(&chosen, Place::Tunnel(port), &cx.home)?;
        let opened = Opened { uri: settings.uri(), jdbc: settings.jdbc(), settings };
        cx.show(&opened, |out| page(out, &opened))?;
        cx.out.flush()?;
        let stop = async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        let tunnel = Tunnel::new(&cx.home, chosen.protocol, &chosen.name);
        Arc::new(tunnel).serve(entrance, told, stop).await;
        Ok(Exit::Done)
    })
}

/// What the strings are made of. Each connection names its own user and database, so an open choice is left open here.
fn chosen(cx: &Context, args: &DbArgs) -> Result<Chosen, Error> {
    let flags = args.meant.db_user.is_some() || args.meant.db_name.is_some();
    match Meant::on(cx, &args.name, args.meant.clone()) {
        Ok(meant) => {
            meant.chosen.admitted(&meant.api)?;
            Ok(meant.chosen)
        }
        Err(error) if error.exit() == Exit::Usage && !flags => {
            let _profile = Profile::logged_in(&cx.home, cx.now())?;
            let target = find(&cx.api()?, &args.name)?;
            Ok(Chosen {
                name: target.name.clone(),
                protocol: protocol(&target)?,
                user: "DBUSER".to_owned(),
                database: Some("DBNAME".to_owned()),
            })
        }
        Err(error) => Err(error),
    }
}

fn page(out: &mut Output, opened: &Opened) -> std::io::Result<()> {
    let Opened { settings, uri, jdbc } = opened;
    let client = match settings.protocol {
        api::database::DatabaseProtocol::Postgres => format!("psql {uri}"),
        api::database::DatabaseProtocol::MySql => format!(
            "mariadb --host=127.0.0.1 --port={} --user={} --skip-ssl{}",
            settings.port,
            crate::database::settings::shell(&settings.user),
            settings
                .database
                .as_deref()
                .map(|name| format!(" --database={}", crate::database::settings::shell(name)))
                .unwrap_or_default()
        ),
    };
    writeln!(
        out,
        "{} is at {}:{} until Ctrl-C.\n\n  {client}\n  {uri}\n  {jdbc}",
        one_line(&settings.name),
        settings.host,
        settings.port
    )
}

/// A connection that could not be carried; the client was told as well. Who closed our error output has heard enough.
fn told(error: &Error) {
    let mut out = Output::to(Box::new(std::io::stderr()));
    let _told = out.write_all(error.message().as_bytes());
}
