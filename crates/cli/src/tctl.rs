//! The command line of `tctl`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};

use crate::commands::admin::{
    audit, auth, backup, databases, documents, kube, locks, nodes, requests, rules, status, tokens,
    users,
};
use crate::commands::{self, recordings};
use crate::context::{Context, Way};
use crate::error::Error;
use crate::exit::{self, Exit};
use crate::home::Home;
use crate::output::Format;
use crate::profile::Profile;

/// Administer users, roles, nodes, databases, requests, the audit log and the authorities
///
/// On the daemon's host it speaks over the administrators' socket; elsewhere as the user who is logged in
/// with `tsh login`, who needs the rules for it.
///
///     tctl users add alice --roles=engineer --logins=alice
///     tctl request ls
#[derive(Debug, Parser)]
#[command(name = "tctl", version, after_help = exit::TABLE, verbatim_doc_comment, disable_help_subcommand = true)]
pub struct Tctl {
    /// The administrators' socket [default: admin.sock in the daemon's data directory]
    #[arg(long, global = true, value_name = "PATH", help_heading = GLOBAL)]
    socket: Option<PathBuf>,
    /// Over the network, as the user logged in there
    #[arg(long, global = true, value_name = "HOST:PORT", conflicts_with = "socket", help_heading = GLOBAL)]
    proxy: Option<String>,
    /// The directory of that login [default: $TSH_HOME, else ~/.tsh]
    #[arg(long, global = true, env = "TSH_HOME", value_name = "DIR", hide_env = true, help_heading = GLOBAL)]
    home: Option<PathBuf>,
    /// Write the answer as text, json or yaml [default: text]
    #[arg(long, global = true, value_enum, default_value_t = Format::Text, hide_possible_values = true, hide_default_value = true, help_heading = GLOBAL)]
    format: Format,
    #[command(subcommand)]
    command: Command,
}

/// The heading of options that every command has.
const GLOBAL: &str = "Global options";

#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
enum Command {
    Status(status::StatusArgs),
    /// Users and their invites
    #[command(subcommand, visible_alias = "user")]
    Users(users::Command),
    Get(documents::GetArgs),
    Create(documents::CreateArgs),
    Edit(documents::EditArgs),
    Rm(documents::RmArgs),
    /// Access requests, decided as an administrator
    #[command(subcommand, visible_alias = "requests", alias = "req")]
    Request(requests::Command),
    Lock(locks::LockArgs),
    /// Who and what is locked out
    #[command(subcommand)]
    Locks(locks::Command),
    /// Secrets with which machines log in
    #[command(subcommand, visible_alias = "token")]
    Tokens(tokens::Command),
    /// Database servers
    #[command(subcommand, alias = "databases")]
    Db(databases::Command),
    /// Kubernetes clusters
    #[command(subcommand)]
    Kube(kube::Command),
    /// SSH hosts
    #[command(subcommand, visible_alias = "node")]
    Nodes(nodes::Command),
    /// Roles
    #[command(subcommand, visible_alias = "role")]
    Roles(documents::RolesCommand),
    /// What happened, and proof of it
    #[command(subcommand)]
    Audit(audit::Command),
    /// Certificate authorities
    #[command(subcommand)]
    Auth(auth::Command),
    Backup(backup::BackupArgs),
    /// Rules that review requests by themselves
    #[command(subcommand, visible_alias = "rule")]
    Rules(rules::Command),
    #[command(subcommand, visible_alias = "recording")]
    Recordings(recordings::Command),
    Version(commands::version::VersionArgs),
    Completion(commands::completion::CompletionArgs),
    Man(commands::man::ManArgs),
}

/// The whole command line, as clap knows it.
#[must_use]
pub fn command() -> clap::Command {
    Tctl::command()
}

/// Runs `tctl` with the words of its command line, the program's name first.
#[must_use]
pub fn main(words: &[OsString]) -> Exit {
    let mut cx = Context::of_this_process();
    run(&mut cx, words)
}

/// As [`main`], in a given world.
pub fn run(cx: &mut Context, words: &[OsString]) -> Exit {
    let words = commands::reworded(words, &["auth", "sign"], "--for", &["db"]);
    let parsed = match Tctl::try_parse_from(words) {
        Ok(parsed) => parsed,
        Err(usage) => return commands::usage(cx, &usage),
    };
    if let Some(home) = parsed.home.filter(|home| cx.home.path() != home) {
        cx.home = Home::at(&home);
    }
    cx.format = parsed.format;
    let way = way(cx, parsed.socket, parsed.proxy);
    let ended = way.and_then(|way| {
        cx.way = way;
        dispatch(cx, parsed.command)
    });
    commands::end(cx, ended)
}

fn dispatch(cx: &mut Context, command: Command) -> Result<Exit, Error> {
    match command {
        Command::Status(args) => status::run(cx, args),
        Command::Users(command) => users::run(cx, command),
        Command::Get(args) => documents::get(cx, args),
        Command::Create(args) => documents::create(cx, args),
        Command::Edit(args) => documents::edit(cx, args),
        Command::Rm(args) => documents::rm(cx, args),
        Command::Request(command) => requests::run(cx, command),
        Command::Lock(args) => locks::lock(cx, args),
        Command::Locks(command) => locks::run(cx, command),
        Command::Tokens(command) => tokens::run(cx, command),
        Command::Db(command) => databases::run(cx, command),
        Command::Kube(command) => kube::run(cx, command),
        Command::Nodes(command) => nodes::run(cx, command),
        Command::Roles(command) => documents::roles(cx, command),
        Command::Audit(command) => audit::run(cx, command),
        Command::Auth(command) => auth::run(cx, command),
        Command::Backup(args) => backup::run(cx, &args),
        Command::Rules(command) => rules::run(cx, command),
        Command::Recordings(command) => recordings::run(cx, command),
        Command::Version(args) => commands::version::run(cx, args),
        Command::Completion(args) => commands::completion::run(cx, args, Tctl::command()),
        Command::Man(args) => commands::man::run(cx, args, Tctl::command()),
    }
}

/// What was asked for, else the socket of a daemon on this host, else the login.
fn way(cx: &Context, socket: Option<PathBuf>, proxy: Option<String>) -> Result<Way, Error> {
    if let Some(socket) = socket {
        return Ok(Way::Socket(socket));
    }
    let profile = Profile::load(&cx.home).ok().flatten();
    if let Some(proxy) = proxy {
        return match profile {
            Some(profile) if profile.proxy == proxy => Ok(Way::Login),
            _ => Err(Error::new(Exit::NotLoggedIn, format!("you are not logged in to `{proxy}`"))
                .hint(format!("log in with: tsh login --proxy {proxy} --user NAME"))),
        };
    }
    let named = cx.env("COUNTERSIGN_DATA_DIR").map(|dir| PathBuf::from(dir).join("admin.sock"));
    if let Some(socket) = named {
        return Ok(Way::Socket(socket));
    }
    let system = PathBuf::from("/var/lib/countersign/admin.sock");
    let data = cx.env("XDG_DATA_HOME").map(PathBuf::from);
    let data = data.or_else(|| cx.env("HOME").map(|home| PathBuf::from(home).join(".local/share")));
    let own = data.map(|data| data.join("countersign/admin.sock"));
    let found = own.iter().chain([&system]).find(|path| path.exists());
    Ok(match (found, profile) {
        (Some(path), _) => Way::Socket(path.clone()),
        (None, Some(_)) => Way::Login,
        (None, None) => Way::Socket(own.unwrap_or(system)),
    })
}
