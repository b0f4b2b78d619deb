//! `tsh request …`: asking, answering, and everything in between.

pub mod close;
pub mod find;
pub mod list;
pub mod new;
pub mod review;
pub mod show;
pub mod wait;

use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// The verbs of `tsh request`.
#[derive(clap::Subcommand, Debug)]
#[expect(missing_docs, reason = "a verb's help is the comment on its arguments")]
#[command(disable_help_subcommand = true)]
pub enum Command {
    #[command(visible_alias = "create")]
    New(new::NewArgs),
    #[command(alias = "list")]
    Ls(list::ListArgs),
    #[command(visible_alias = "get")]
    Show(show::ShowArgs),
    Search(list::SearchArgs),
    Review(review::ReviewArgs),
    /// Approve requests: short for `review --approve`
    ///
    ///     tsh request approve bc8ca931 ed41c0de
    #[command(verbatim_doc_comment)]
    Approve(review::AnswerArgs),
    /// Deny requests: short for `review --deny`
    ///
    ///     tsh request deny bc8ca931 --reason "not during the freeze"
    #[command(verbatim_doc_comment)]
    Deny(review::AnswerArgs),
    Cancel(close::CancelArgs),
    Release(close::ReleaseArgs),
    Revoke(close::RevokeArgs),
    Extend(new::ExtendArgs),
}

/// Runs one of them.
///
/// # Errors
/// Whatever the command says.
pub fn run(cx: &mut Context, command: Command) -> Result<Exit, Error> {
    match command {
        Command::New(args) => new::run(cx, args),
        Command::Ls(args) => list::run(cx, args),
        Command::Show(args) => show::run(cx, args),
        Command::Search(args) => list::search(cx, args),
        Command::Review(args) => review::run(cx, args),
        Command::Approve(args) => review::approve(cx, args),
        Command::Deny(args) => review::deny(cx, args),
        Command::Cancel(args) => close::cancel(cx, args),
        Command::Release(args) => close::release(cx, args),
        Command::Revoke(args) => close::revoke(cx, args),
        Command::Extend(args) => new::extend(cx, args),
    }
}
