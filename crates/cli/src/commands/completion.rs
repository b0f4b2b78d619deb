//! `tsh completion`, `tctl completion`.

use clap_complete::Shell;

use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// Print a completion script for your shell
///
///     tsh completion bash > ~/.local/share/bash-completion/completions/tsh
///     tsh completion fish > ~/.config/fish/completions/tsh.fish
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct CompletionArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script for `command`.
///
/// # Errors
/// The output cannot be written.
pub fn run(
    cx: &mut Context,
    args: CompletionArgs,
    mut command: clap::Command,
) -> Result<Exit, Error> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    // A script is a program of ours, not text from outside.
    cx.out.raw().write_all(&script)?;
    Ok(Exit::Done)
}
