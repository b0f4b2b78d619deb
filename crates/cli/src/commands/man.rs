//! `tsh man`, `tctl man`.

use std::path::PathBuf;

use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// Print the manual page, or write those of all commands into a directory
///
///     tsh man | man -l -
///     tsh man --dir ~/.local/share/man/man1
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ManArgs {
    /// Write one page per command into this directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints or writes the pages of `command`.
///
/// # Errors
/// The output or the directory cannot be written.
pub fn run(cx: &mut Context, args: ManArgs, command: clap::Command) -> Result<Exit, Error> {
    match args.dir {
        Some(dir) => clap_mangen::generate_to(command, &dir).map_err(|error| {
            Error::internal(format!("cannot write pages to `{}`", dir.display())).because(error)
        })?,
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            cx.out.raw().write_all(&page)?;
        }
    }
    Ok(Exit::Done)
}
