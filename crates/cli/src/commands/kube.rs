//! `tsh kube`: Kubernetes clusters, with stock kubectl.

pub mod credentials;
pub mod list;
pub mod login;

use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// Kubernetes clusters, with stock kubectl.
#[derive(clap::Subcommand, Debug)]
#[expect(missing_docs, reason = "a verb's help is the comment on its arguments")]
#[command(disable_help_subcommand = true)]
pub enum Command {
    #[command(alias = "list")]
    Ls(list::LsArgs),
    Login(login::LoginArgs),
    Logout(login::LogoutArgs),
    Credentials(credentials::CredentialsArgs),
}

/// Runs one of them.
///
/// # Errors
/// Not logged in, or the server cannot be asked.
pub fn run(cx: &mut Context, command: Command) -> Result<Exit, Error> {
    match command {
        Command::Ls(args) => list::run(cx, args),
        Command::Login(args) => login::login(cx, args),
        Command::Logout(args) => login::logout(cx, args),
        Command::Credentials(args) => credentials::run(cx, args),
    }
}
