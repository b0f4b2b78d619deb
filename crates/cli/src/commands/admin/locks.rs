//! `tctl lock`, `tctl locks`: keep someone or something out, at once.

use std::io::Write;

use api::document::{Kind, Metadata, Written};
use api::endpoints::documents::{LOCK_CREATE, LOCK_LIST};
use api::lock::{LockDocument, LockSpec, LockTarget};
use api::span::Span;
use jiff::Timestamp;

use super::{MOST, documents};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::table::{Column, Table};
use crate::when;

/// Keep someone or something out, in running sessions too
///
///     tctl lock --user=mallory --message="laptop lost" --ttl=24h
///     tctl lock --node=db-box
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct LockArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// What those kept out are told
    #[arg(long, default_value = "", hide_default_value = true)]
    message: String,
    /// For how long, such as 24h; without it until it is removed
    #[arg(long, value_name = "LENGTH")]
    ttl: Option<Span>,
    /// The lock's name
    #[arg(long)]
    name: Option<String>,
}

/// Whom or what: exactly one.
#[derive(clap::Args, Debug)]
#[group(required = true, multiple = false)]
struct TargetArgs {
    /// This user
    #[arg(long)]
    user: Option<String>,
    /// Everybody with this role
    #[arg(long)]
    role: Option<String>,
    /// This account on every target
    #[arg(long)]
    login: Option<String>,
    /// This node
    #[arg(long)]
    node: Option<String>,
    /// The grant of this request
    #[arg(long)]
    request: Option<String>,
    /// This session
    #[arg(long)]
    session: Option<String>,
    /// Everything under this login
    #[arg(long)]
    login_session: Option<String>,
}

/// Who and what is locked out.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// List locks
    ///
    ///     tctl locks ls
    #[command(verbatim_doc_comment)]
    Ls,
    /// Remove a lock
    ///
    ///     tctl locks rm lock-4f9a2c01
    #[command(verbatim_doc_comment)]
    Rm {
        /// Its name
        name: String,
    },
}

/// Runs one of them.
///
/// # Errors
/// The server refuses or cannot be asked.
pub fn run(cx: &mut Context, command: Command) -> Result<Exit, Error> {
    match command {
        Command::Ls => list(cx),
        Command::Rm { name } => documents::remove(cx, Kind::Lock, &name),
    }
}

/// Locks.
///
/// # Errors
/// The server refuses or cannot be asked.
pub fn lock(cx: &mut Context, args: LockArgs) -> Result<Exit, Error> {
    let TargetArgs { user, role, login, node, request, session, login_session } = args.target;
    let name = args.name.unwrap_or_else(|| format!("lock-{:08x}", rand::random::<u32>()));
    let expires = args.ttl.map(|ttl| cx.now().checked_add(ttl.0).unwrap_or(Timestamp::MAX));
    let document = LockDocument {
        kind: "lock".to_owned(),
        version: "v1".to_owned(),
        metadata: Metadata { name: name.clone(), ..Metadata::default() },
        spec: LockSpec {
            target: LockTarget { user, role, login, node, request, session, login_session },
            message: args.message,
            expires,
        },
    };
    let written: Written = cx.api()?.tell(&LOCK_CREATE, &[], &document)?;
    super::written(cx, &written)?;
    writeln!(cx.err, "hint: lift it with: tctl locks rm {name}")?;
    Ok(Exit::Done)
}

fn list(cx: &mut Context) -> Result<Exit, Error> {
    let locks: Vec<LockDocument> = cx.api()?.list(&LOCK_LIST, &[], &[], MOST)?;
    let mut table = Table::new(&[
        Column::new("Lock"),
        Column::new("Keeps Out"),
        Column::new("Until"),
        Column::new("Message"),
    ]);
    let now = cx.now();
    for lock in &locks {
        let until =
            lock.spec.expires.map_or("removed".to_owned(), |expires| when::relative(expires, now));
        table.row([&lock.metadata.name, &kept_out(&lock.spec.target), &until, &lock.spec.message]);
    }
    cx.show(&locks, |out| table.write(out))?;
    Ok(Exit::Done)
}

fn kept_out(target: &LockTarget) -> String {
    let LockTarget { user, role, login, node, request, session, login_session } = target;
    let fields = [
        ("user", user),
        ("role", role),
        ("login", login),
        ("node", node),
        ("request", request),
        ("session", session),
        ("login_session", login_session),
    ];
    let named = fields
        .iter()
        .filter_map(|(key, value)| value.as_ref().map(|value| format!("{key}={value}")));
    named.collect::<Vec<_>>().join(" ")
}
