//! The command line of `tsh`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};

use crate::commands::{
    self, apps, config, db, kube, login, logout, mfa, play, proxy, reach, recordings, request, ssh,
    status, why,
};
use crate::context::Context;
use crate::error::Error;
use crate::exit::{self, Exit};
use crate::home::Home;
use crate::output::Format;
use crate::route::{self, Handover};

/// Log in, see what you can reach, ask for more, connect
///
/// Nobody holds standing root: ask for a role, peers approve, access is live within a second and ends by itself.
///
///     tsh login --proxy gw.example.com:443 --user alice
///     tsh request new --roles=dba --reason="ticket #1234"
///     ssh db-box
#[derive(Debug, Parser)]
#[command(name = "tsh", version, after_help = exit::TABLE, verbatim_doc_comment, disable_help_subcommand = true)]
pub struct Tsh {
    /// The directory with profile, keys and certificates [default: $TSH_HOME, else ~/.tsh]
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
    Login(login::LoginArgs),
    Logout(logout::LogoutArgs),
    Status(status::StatusArgs),
    Ls(reach::LsArgs),
    Why(why::WhyArgs),
    Ssh(ssh::SshArgs),
    Scp(ssh::ScpArgs),
    Config(config::ConfigArgs),
    /// Ask for access, and answer those who ask
    #[command(subcommand, visible_alias = "requests", alias = "req")]
    Request(request::Command),
    #[command(hide = true)]
    Approve(request::review::AnswerArgs),
    #[command(hide = true)]
    Deny(request::review::AnswerArgs),
    /// The second factors of your login
    #[command(subcommand)]
    Mfa(mfa::Command),
    /// Databases, with psql, mysql and everything else
    #[command(subcommand)]
    Db(db::Command),
    /// Kubernetes clusters, with kubectl
    #[command(subcommand)]
    Kube(kube::Command),
    /// Web applications, with browsers, curl and everything else
    #[command(subcommand, alias = "app")]
    Apps(apps::Command),
    /// Connect other programs to a target
    #[command(subcommand)]
    Proxy(proxy::Command),
    #[command(subcommand, visible_alias = "recording")]
    Recordings(recordings::Command),
    Play(play::PlayArgs),
    Version(commands::version::VersionArgs),
    Completion(commands::completion::CompletionArgs),
    Man(commands::man::ManArgs),
}

/// The whole command line, as clap knows it.
#[must_use]
pub fn command() -> clap::Command {
    Tsh::command()
}

/// Runs `tsh` with the words of its command line, the program's name first.
#[must_use]
pub fn main(words: &[OsString]) -> Exit {
    if let Some(exit) = fast(words) {
        return exit;
    }
    let mut cx = Context::of_this_process();
    run(&mut cx, words)
}

/// As [`main`], in a given world.
pub fn run(cx: &mut Context, words: &[OsString]) -> Exit {
    let shapes = ["env", "jdbc", "options", "service", "uri"];
    let words = commands::reworded(words, &["db", "config"], "--as", &shapes);
    let parsed = match Tsh::try_parse_from(words) {
        Ok(parsed) => parsed,
        Err(usage) => return commands::usage(cx, &usage),
    };
    if let Some(home) = &parsed.home {
        cx.home = match cx.home.is_ordinary() && cx.home.path() == home {
            true => cx.home.clone(),
            false => Home::at(home),
        };
    }
    cx.format = parsed.format;
    let ended = dispatch(cx, parsed.command);
    commands::end(cx, ended)
}

fn dispatch(cx: &mut Context, command: Command) -> Result<Exit, Error> {
    match command {
        Command::Login(args) => login::run(cx, args),
        Command::Logout(args) => logout::run(cx, args),
        Command::Status(args) => status::run(cx, args),
        Command::Ls(args) => reach::run(cx, args),
        Command::Why(args) => why::run(cx, args),
        Command::Ssh(args) => ssh::ssh(cx, args),
        Command::Scp(args) => ssh::scp(cx, args),
        Command::Config(args) => config::run(cx, args),
        Command::Request(command) => request::run(cx, command),
        Command::Approve(args) => request::review::approve(cx, args),
        Command::Deny(args) => request::review::deny(cx, args),
        Command::Mfa(command) => mfa::run(cx, command),
        Command::Db(command) => db::run(cx, command),
        Command::Kube(command) => kube::run(cx, command),
        Command::Apps(command) => apps::run(cx, command),
        Command::Proxy(command) => proxy::run(cx, command),
        Command::Recordings(command) => recordings::run(cx, command),
        Command::Play(args) => play::run(cx, args),
        Command::Version(args) => commands::version::run(cx, args),
        Command::Completion(args) => commands::completion::run(cx, args, Tsh::command()),
        Command::Man(args) => commands::man::run(cx, args, Tsh::command()),
    }
}

/// `tsh proxy ssh [--home DIR] [--stdio] TARGET`, before anything else is started: `ssh` waits for it.
///
/// Whatever is not exactly that is left to the full parser.
fn fast(words: &[OsString]) -> Option<Exit> {
    let words: Vec<&str> = words.iter().skip(1).map(|word| word.to_str()).collect::<Option<_>>()?;
    let mut rest = match words.as_slice() {
        ["proxy", "ssh", rest @ ..] => rest,
        _ => return None,
    };
    let mut home = None;
    let mut handover = Handover::Descriptor;
    let target = loop {
        match rest {
            ["--home", dir, tail @ ..] => {
                (home, rest) = (Some(Home::at(std::path::Path::new(dir))), tail)
            }
            ["--stdio", tail @ ..] => (handover, rest) = (Handover::Stdio, tail),
            [target] if !target.starts_with('-') => break *target,
            _ => return None,
        }
    };
    let home = home.unwrap_or_else(|| {
        Home::find(&|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    });
    #[expect(clippy::disallowed_methods, reason = "a command is its own clock: it runs alone")]
    let now = jiff::Timestamp::now();
    match route::run(&home, target, handover, now) {
        Ok(()) => Some(Exit::Done),
        Err(error) => {
            let _told =
                std::io::Write::write_all(&mut std::io::stderr(), error.message().as_bytes());
            Some(error.exit())
        }
    }
}
