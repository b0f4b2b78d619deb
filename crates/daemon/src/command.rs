//! The command line of `countersign`: `start`, `configure`, `restore`, `completion`.

use crate::config::{
    Config, HostPort, Level, LogFormat, MAX_FILE, Overrides, Switchable, TEMPLATE,
};
use crate::{house, logging, restore};
use anyhow::{Context as _, bail};
use clap::{CommandFactory as _, Parser, Subcommand};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Identity-aware access: nobody holds standing root
///
/// One daemon: SSH, databases, Kubernetes and web applications on one port, requests and reviews,
/// recordings, audit. `countersign start` with no configuration at all gives a working one on loopback.
///
/// Exit status: 0 ended as asked, 1 something failed, 2 wrong usage or configuration.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Start(StartArgs),
    Configure(ConfigureArgs),
    Restore(RestoreArgs),
    Completion(CompletionArgs),
}

/// Run the daemon in the foreground
///
/// Example: countersign start --config /etc/countersign.yaml
#[derive(Debug, clap::Args)]
struct StartArgs {
    /// The configuration file; without it, defaults and flags
    #[arg(long, short, env = "COUNTERSIGN_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where everything is kept (0700)
    #[arg(long, env = "COUNTERSIGN_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The one port [default: 127.0.0.1:3080]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// A port of its own for plain MySQL clients, or `off` [default: off]
    #[arg(long, value_name = "ADDR:PORT")]
    mysql_listen: Option<Switchable>,
    /// What people type to reach it [default: as --listen]
    #[arg(long, value_name = "HOST:PORT")]
    public_addr: Option<HostPort>,
    /// Health and metrics, or `off` [default: 127.0.0.1:3081]
    #[arg(long, value_name = "ADDR:PORT")]
    diag_listen: Option<Switchable>,
    /// error, warn, info or debug [default: info]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<Level>,
    /// text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
}

/// Print a commented configuration file, or check one
///
/// Example: countersign configure -o /etc/countersign.yaml; countersign configure --check /etc/countersign.yaml
#[derive(Debug, clap::Args)]
struct ConfigureArgs {
    /// Write here instead of standard output; never overwrites
    #[arg(long, short, value_name = "FILE", conflicts_with = "check")]
    output: Option<PathBuf>,
    /// Check this file: every problem with its key and line
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
}

/// Make a data directory from a backup, and prove it
///
/// The directory must be new or empty; only its seal key may lie in it. Every file is compared with the digest in the
/// backup, the audit log is computed again, and the seal key is tried: with anything wrong, nothing is left of it.
/// `tctl backup` makes backups.
///
/// Example: countersign restore countersign.tar --data-dir /var/lib/countersign --seal-key seal.key
#[derive(Debug, clap::Args)]
struct RestoreArgs {
    /// The backup, or - for standard input
    backup: PathBuf,
    /// The directory to make
    #[arg(long, env = "COUNTERSIGN_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
    /// The seal key of the house that was backed up; it is copied into the directory
    #[arg(long, value_name = "FILE")]
    seal_key: Option<PathBuf>,
}

/// Print a completion script
///
/// Example: countersign completion bash > /etc/bash_completion.d/countersign
#[derive(Debug, clap::Args)]
struct CompletionArgs {
    /// bash, zsh, fish, elvish or powershell
    shell: clap_complete::Shell,
}

/// The whole program.
#[must_use]
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Start(args) => start(&args),
        Command::Configure(args) => configure(&args),
        Command::Restore(args) => bring_back(&args),
        Command::Completion(args) => {
            clap_complete::generate(
                args.shell,
                &mut Cli::command(),
                "countersign",
                &mut std::io::stdout(),
            );
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let status = if error.is::<Misconfigured>() { 2 } else { 1 };
            complain(&format!("error: {error:#}"));
            ExitCode::from(status)
        }
    }
}

/// A configuration with problems; its text lists them all.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Misconfigured(String);

fn start(args: &StartArgs) -> anyhow::Result<()> {
    let overrides = Overrides {
        data_dir: args.data_dir.clone(),
        listen: args.listen,
        public_addr: args.public_addr.clone(),
        mysql: args.mysql_listen,
        diag: args.diag_listen,
        level: args.log_level,
        format: args.log_format,
    };
    let config = load(args.config.as_deref(), &overrides)?;
    logging::start(config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(house::run(config))
}

fn configure(args: &ConfigureArgs) -> anyhow::Result<()> {
    if let Some(file) = &args.check {
        load(Some(file), &Overrides::default())?;
        return say(&format!("{}: good\n", file.display()));
    }
    let Some(file) = &args.output else { return say(TEMPLATE) };
    let mut new =
        fs::File::create_new(file).with_context(|| format!("cannot create {}", file.display()))?;
    new.write_all(TEMPLATE.as_bytes())
        .with_context(|| format!("cannot write {}", file.display()))?;
    say(&format!(
        "written: {}\nhint: countersign start --config {}\n",
        file.display(),
        file.display()
    ))
}

fn bring_back(args: &RestoreArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let clock = house::system_clock();
    let told = if args.backup.as_os_str() == "-" {
        let input = std::io::stdin().lock();
        restore::run(input, &args.data_dir, args.seal_key.as_deref(), &clock, &runtime)?
    } else {
        let input = fs::File::open(&args.backup)
            .with_context(|| format!("cannot read {}", args.backup.display()))?;
        restore::run(input, &args.data_dir, args.seal_key.as_deref(), &clock, &runtime)?
    };
    say(&told)
}

fn load(file: Option<&Path>, overrides: &Overrides) -> anyhow::Result<Config> {
    let text = match file {
        None => String::new(),
        Some(file) => {
            let mut text = String::new();
            let opened =
                fs::File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
            opened
                .take(MAX_FILE + 1)
                .read_to_string(&mut text)
                .with_context(|| format!("cannot read {}", file.display()))?;
            if text.len() as u64 > MAX_FILE {
                bail!(Misconfigured(format!("{} is longer than {MAX_FILE} bytes", file.display())));
            }
            text
        }
    };
    Config::read(&text, overrides, &default_data_dir()).map_err(|problems| {
        let name = file.map_or_else(|| "flags".to_owned(), |file| file.display().to_string());
        let list: Vec<String> = problems.iter().map(|problem| format!("  {problem}")).collect();
        let count = if problems.len() == 1 {
            "1 problem".to_owned()
        } else {
            format!("{} problems", problems.len())
        };
        Misconfigured(format!("{count} in {name}:\n{}", list.join("\n"))).into()
    })
}

/// `/var/lib/countersign` for root, else `$XDG_DATA_HOME/countersign` or `~/.local/share/countersign`.
fn default_data_dir() -> PathBuf {
    if rustix::process::geteuid().is_root() {
        return PathBuf::from("/var/lib/countersign");
    }
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let data =
        std::env::var_os("XDG_DATA_HOME").map_or_else(|| home.join(".local/share"), PathBuf::from);
    data.join("countersign")
}

fn say(text: &str) -> anyhow::Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}

/// Standard error; a closed one is nobody's problem any more.
fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
