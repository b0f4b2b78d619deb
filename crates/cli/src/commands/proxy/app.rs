//! `tsh proxy app`: a local port for any program.

use std::io::Write;
use std::sync::Arc;

use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::commands::apps::{admitted, find};
use crate::context::Context;
use crate::database::tunnel::{Entrance, Tunnel};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{Output, one_line};
use crate::profile::Profile;

/// A local port to an application, for any program
///
/// The program needs no certificate and no TLS. Whoever can connect to the port is you: it listens on loopback only.
/// Ctrl-C ends it, and the connections through it. For an application that is no HTTP this is the only way.
///
///     tsh proxy app grafana --port 13000
///     curl http://127.0.0.1:13000/api/health
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct AppArgs {
    /// The application, as `tsh apps ls` shows it
    name: String,
    /// The local port [default: one that is free]
    #[arg(long, default_value_t = 0, value_name = "PORT", hide_default_value = true)]
    port: u16,
}

/// What is printed as JSON and YAML.
#[derive(Serialize)]
struct Opened {
    name: String,
    protocol: String,
    host: &'static str,
    port: u16,
    uri: String,
}

/// Opens the port and serves it until it is interrupted.
///
/// # Errors
/// Denied, no such application, or the port is taken.
pub fn run(cx: &mut Context, args: AppArgs) -> Result<Exit, Error> {
    let _profile = Profile::logged_in(&cx.home, cx.now())?;
    let api = cx.api()?;
    let target = find(&api, &args.name)?;
    admitted(&api, &args.name)?;
    let protocol = target.protocol.unwrap_or_else(|| "http".to_owned());
    let cannot = |error: std::io::Error| Error::internal("cannot start").because(error);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
    runtime.block_on(async {
        // Caught before anything is printed: who reads it may interrupt at once.
        let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
        let (entrance, port) = Entrance::port(args.port).await?;
        let uri = format!("{protocol}://127.0.0.1:{port}");
        let opened = Opened { name: args.name, protocol, host: "127.0.0.1", port, uri };
        cx.show(&opened, |out| {
            writeln!(
                out,
                "{} is at 127.0.0.1:{port} until Ctrl-C.\n\n  {}",
                one_line(&opened.name),
                opened.uri
            )
        })?;
        cx.out.flush()?;
        let stop = async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        let tunnel = Tunnel::to_app(&cx.home, &opened.name, opened.protocol == "http");
        Arc::new(tunnel).serve(entrance, told, stop).await;
        Ok(Exit::Done)
    })
}

/// A connection that could not be carried; the client was told as well. Who closed our error output has heard enough.
fn told(error: &Error) {
    let mut out = Output::to(Box::new(std::io::stderr()));
    let _told = out.write_all(error.message().as_bytes());
}
