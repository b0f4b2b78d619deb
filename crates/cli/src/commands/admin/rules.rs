//! `tctl rules`: rules that review requests by themselves.

use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

use super::documents::{GetArgs, get};

/// Rules that review requests by themselves.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// List rules
    ///
    ///     tctl rules ls
    #[command(verbatim_doc_comment)]
    Ls,
}

/// Runs one of them.
///
/// # Errors
/// The server refuses or cannot be asked.
pub fn run(cx: &mut Context, command: Command) -> Result<Exit, Error> {
    let Command::Ls = command;
    get(cx, GetArgs::of("rule"))
}
