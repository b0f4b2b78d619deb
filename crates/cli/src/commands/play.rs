//! `tsh play`.

use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// Replay a session
///
///     tsh play 4f9a2c01-77aa-0b1c
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct PlayArgs {
    /// The session
    session: String,
}

/// Replays.
///
/// # Errors
/// The recording cannot be read.
pub fn run(_cx: &mut Context, _args: PlayArgs) -> Result<Exit, Error> {
    todo!("by record")
}
