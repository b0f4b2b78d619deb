//! `tctl request`: requests as an administrator sees and decides them.

use std::io::Write;

use api::endpoints::requests::OVERRIDE;
use api::request::{Decision, Override, RequestView};
use api::span::Span;

use crate::commands::request::{close, find, list, new, review, show};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Format;

/// The verbs of `tctl request`.
#[derive(clap::Subcommand, Debug)]
#[expect(missing_docs, reason = "a verb's help is the comment on its arguments")]
#[command(disable_help_subcommand = true)]
pub enum Command {
    #[command(alias = "list")]
    Ls(list::ListArgs),
    #[command(visible_alias = "show")]
    Get(show::ShowArgs),
    Search(list::SearchArgs),
    /// Approve requests over their thresholds; the audit log says `override`
    ///
    ///     tctl request approve bc8ca931
    #[command(verbatim_doc_comment)]
    Approve(DecideArgs),
    /// Deny requests over their thresholds; the audit log says `override`
    ///
    ///     tctl request deny bc8ca931 --reason="not during the freeze"
    #[command(verbatim_doc_comment)]
    Deny(DecideArgs),
    Create(CreateArgs),
    Revoke(close::RevokeArgs),
}

/// Decide requests.
#[derive(clap::Args, Debug)]
pub struct DecideArgs {
    /// Why
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
    /// Grant it for a shorter time, such as 30m
    #[arg(long, value_name = "LENGTH")]
    duration: Option<Span>,
    /// The ids, or their unique beginnings
    #[arg(required = true, value_name = "ID", value_delimiter = ',')]
    ids: Vec<String>,
}

/// File a request for a user
///
///     tctl request create alice --roles=dba --reason="ticket #1234"
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct CreateArgs {
    /// For whom
    #[arg(value_name = "USER")]
    whom: String,
    #[command(flatten)]
    new: new::NewArgs,
}

/// Runs one of them.
///
/// # Errors
/// Whatever the command says.
pub fn run(cx: &mut Context, command: Command) -> Result<Exit, Error> {
    match command {
        Command::Ls(args) => list::run(cx, args),
        Command::Get(args) => show::run(cx, args),
        Command::Search(args) => list::search(cx, args),
        Command::Approve(args) => decide(cx, args, Decision::Approve),
        Command::Deny(args) => decide(cx, args, Decision::Deny),
        Command::Create(args) => new::run(cx, args.new.on_behalf_of(args.whom)),
        Command::Revoke(args) => close::revoke(cx, args),
    }
}

fn decide(cx: &mut Context, args: DecideArgs, decision: Decision) -> Result<Exit, Error> {
    let api = cx.api()?;
    let ids = args.ids.iter().map(|id| find::id(&api, id)).collect::<Result<Vec<_>, _>>()?;
    let body = Override { decision, reason: args.reason, duration: args.duration };
    let mut decided = Vec::new();
    for id in &ids {
        let request: RequestView = api.tell(&OVERRIDE, &[id], &body)?;
        if cx.format == Format::Text {
            writeln!(cx.out, "{}", review::outcome(&request, decision))?;
        }
        decided.push(request);
    }
    if cx.format != Format::Text {
        cx.show(&decided, |_| Ok(()))?;
    }
    Ok(Exit::Done)
}
