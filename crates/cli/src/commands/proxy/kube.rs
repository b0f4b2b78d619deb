//! `tsh proxy kube`: a local port for clients that have neither certificates nor plugins.

use std::io::Write;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use crate::commands::kube::list::clusters;
use crate::context::Context;
use crate::database::tunnel::{Entrance, Tunnel};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{Output, one_line};
use crate::profile::Profile;

/// A local port to a Kubernetes cluster, for any client
///
/// The client needs no certificate, no TLS and no plugin. Whoever can connect to the port is you: it listens on
/// loopback only. Ctrl-C ends it, and the connections through it.
///
///     tsh proxy kube prod --port 8001
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct KubeArgs {
    /// The cluster, as `tsh kube ls` shows it
    name: String,
    /// The local port [default: one that is free]
    #[arg(long, default_value_t = 0, value_name = "PORT", hide_default_value = true)]
    port: u16,
}

/// Opens the port and serves it until it is interrupted.
///
/// # Errors
/// No such cluster, or the port is taken.
pub fn run(cx: &mut Context, args: KubeArgs) -> Result<Exit, Error> {
    let _profile = Profile::logged_in(&cx.home, cx.now())?;
    let name = one_line(&args.name).to_string();
    if !clusters(cx, None)?.iter().any(|target| target.name == args.name) {
        return Err(Error::not_found(format!(
            "there is no Kubernetes cluster `{name}` you can reach or ask for"
        ))
        .hint("see the clusters with: tsh kube ls"));
    }
    let cannot = |error: std::io::Error| Error::internal("cannot start").because(error);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
    runtime.block_on(async {
        // Caught before anything is printed: who reads it may interrupt at once.
        let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
        let (entrance, port) = Entrance::port(args.port).await?;
        let server = format!("http://127.0.0.1:{port}/kube/{}", args.name);
        cx.show(
            &serde_json::json!({ "name": args.name, "port": port, "server": server }),
            |out| {
                writeln!(
                    out,
                    "{name} is at {server} until Ctrl-C.\n\n  kubectl --server={server} get pods"
                )
            },
        )?;
        cx.out.flush()?;
        let stop = async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        Arc::new(Tunnel::to_http(&cx.home)).serve(entrance, told, stop).await;
        Ok(Exit::Done)
    })
}

/// A connection that could not be carried; the client was told as well. Who closed our error output has heard enough.
fn told(error: &Error) {
    let mut out = Output::to(Box::new(std::io::stderr()));
    let _told = out.write_all(error.message().as_bytes());
}
