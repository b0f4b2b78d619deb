//! `tsh ssh` and `tsh scp`: the stock programs, with the generated configuration.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::profile::{Profile, SSH_CONFIG};
use crate::{commands::config, ssh_config};

/// Connect to a target with the stock ssh
///
///     tsh ssh root@db-box
///     tsh ssh -l root db-box uptime
///     tsh ssh root@db-box -- -L 8080:localhost:80 -N
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct SshArgs {
    /// The account on the target
    #[arg(short = 'l', long, value_name = "LOGIN")]
    login: Option<String>,
    /// An option for ssh, as with `ssh -o`
    #[arg(short = 'o', value_name = "OPTION")]
    option: Vec<String>,
    /// The target, as `tsh ls` shows it
    #[arg(value_name = "[LOGIN@]TARGET")]
    target: String,
    /// A command to run there; words after `--` that begin with a dash go to ssh itself
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// Copy files to and from targets with the stock scp
///
///     tsh scp dump.sql root@db-box:/tmp/
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ScpArgs {
    /// Options and files, as for scp
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Becomes `ssh`.
///
/// # Errors
/// Not logged in, or there is no `ssh`.
pub fn ssh(cx: &mut Context, args: SshArgs) -> Result<Exit, Error> {
    let (login, target) = match args.target.rsplit_once('@') {
        Some((login, target)) => (Some(login.to_owned()), target.to_owned()),
        None => (None, args.target.clone()),
    };
    if target.is_empty() || target.starts_with('-') {
        return Err(Error::usage(format!(
            "`{}` is not a target",
            crate::output::one_line(&args.target)
        ))
        .hint("see the names with: tsh ls"));
    }
    let mut command = prepared(cx, "ssh")?;
    if let Some(login) = args.login.or(login) {
        command.arg("-l").arg(login);
    }
    for option in args.option {
        command.arg("-o").arg(option);
    }
    // `ssh` takes options behind the host as well, up to the first word of the command.
    let words = args.command.strip_prefix(&["--".to_owned()]).unwrap_or(&args.command);
    let options = words.first().is_some_and(|word| word.starts_with('-'));
    if options {
        command.args(words).arg("--").arg(target);
    } else {
        command.arg("--").arg(target).args(words);
    }
    Err(replace(command, "ssh"))
}

/// Becomes `scp`.
///
/// # Errors
/// Not logged in, or there is no `scp`.
pub fn scp(cx: &mut Context, args: ScpArgs) -> Result<Exit, Error> {
    let mut command = prepared(cx, "scp")?;
    command.args(args.arguments);
    Err(replace(command, "scp"))
}

/// `program -F` our configuration, which is written if it is missing.
fn prepared(cx: &Context, program: &str) -> Result<Command, Error> {
    let profile = Profile::logged_in(&cx.home, cx.now())?;
    let path = cx.home.file(SSH_CONFIG);
    if !path.exists() {
        cx.home.write(SSH_CONFIG, &ssh_config::text(&profile, &cx.home, &config::program()?))?;
    }
    let mut command = Command::new(program);
    command.arg("-F").arg(path);
    // A name which was not seen yet goes through us as well: `ssh` takes the first value of an option.
    for line in ssh_config::options(&cx.home, &config::program()?, "").lines() {
        command.arg("-o").arg(line);
    }
    Ok(command)
}

fn replace(mut command: Command, program: &str) -> Error {
    let error = command.exec();
    Error::internal(format!("cannot start `{program}`"))
        .because(error)
        .hint("is OpenSSH installed?")
}
