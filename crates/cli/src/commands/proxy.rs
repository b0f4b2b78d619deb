//! `tsh proxy`: ways to a target for other programs. `ssh` is what the generated ssh_config names as `ProxyCommand`.

pub mod app;
pub mod db;
pub mod kube;

use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::route::{self, Handover};

/// Connect other programs to a target.
#[derive(clap::Subcommand, Debug)]
#[expect(missing_docs, reason = "a verb's help is the comment on its arguments")]
pub enum Command {
    /// The ProxyCommand of ssh: connects, and hands the socket to ssh
    ///
    ///     ssh -o ProxyCommand='tsh proxy ssh %h:%p' -o ProxyUseFdpass=yes root@db-box
    #[command(verbatim_doc_comment)]
    Ssh(SshArgs),
    Db(db::DbArgs),
    App(app::AppArgs),
    Kube(kube::KubeArgs),
}

/// Arguments of `tsh proxy ssh`.
#[derive(clap::Args, Debug)]
pub struct SshArgs {
    /// Carry the bytes over standard input and output instead (without `ProxyUseFdpass yes`)
    #[arg(long)]
    stdio: bool,
    /// The target, as `tsh ls` shows it; a port behind it is ignored
    target: String,
}

/// Hands a connection to whoever started us, or serves a local port.
///
/// # Errors
/// As [`route::run`], [`db::run`], [`app::run`] and [`kube::run`].
pub fn run(cx: &mut Context, command: Command) -> Result<Exit, Error> {
    let args = match command {
        Command::Ssh(args) => args,
        Command::Db(args) => return db::run(cx, args),
        Command::App(args) => return app::run(cx, args),
        Command::Kube(args) => return kube::run(cx, args),
    };
    let handover = if args.stdio { Handover::Stdio } else { Handover::Descriptor };
    route::run(&cx.home, &args.target, handover, cx.now())?;
    Ok(Exit::Done)
}
