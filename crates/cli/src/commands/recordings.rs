//! `tsh recordings`.

use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// Recordings of sessions
///
///     tsh recordings ls
#[derive(clap::Subcommand, Debug)]
#[command(verbatim_doc_comment)]
pub enum Command {}

/// Runs one of them.
///
/// # Errors
/// Whatever the command says.
pub fn run(_cx: &mut Context, command: Command) -> Result<Exit, Error> {
    match command {}
}
