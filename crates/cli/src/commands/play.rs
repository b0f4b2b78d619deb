//! `tsh play`.

use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// Replay a session
#[derive(clap::Args, Debug)]
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
