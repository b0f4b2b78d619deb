//! `tsh db`: databases, with stock clients.

pub mod connect;
pub mod list;
pub mod login;

use api::endpoints::events::PING;
use api::ping::Ping;

use crate::client::Api;
use crate::context::Context;
use crate::database::choice::{Chosen, Wanted};
use crate::database::kept::Kept;
use crate::error::Error;
use crate::exit::Exit;
use crate::profile::Profile;

/// Databases, with stock clients.
#[derive(clap::Subcommand, Debug)]
#[expect(missing_docs, reason = "a verb's help is the comment on its arguments")]
#[command(disable_help_subcommand = true)]
pub enum Command {
    #[command(alias = "list")]
    Ls(list::LsArgs),
    Connect(connect::ConnectArgs),
    Login(login::LoginArgs),
    Config(login::ConfigArgs),
    Logout(login::LogoutArgs),
}

/// Runs one of them.
///
/// # Errors
/// Not logged in, denied, or the server cannot be asked.
pub fn run(cx: &mut Context, command: Command) -> Result<Exit, Error> {
    match command {
        Command::Ls(args) => list::run(cx, args),
        Command::Connect(args) => connect::run(cx, args),
        Command::Login(args) => login::login(cx, args),
        Command::Config(args) => login::config(cx, args),
        Command::Logout(args) => login::logout(cx, args),
    }
}

/// Whom and which database one means.
#[derive(clap::Args, Clone, Debug)]
pub struct MeantArgs {
    /// The user of the database [default: chosen at login, else the only one]
    #[arg(long, value_name = "USER")]
    pub db_user: Option<String>,
    /// The database within the server [default: chosen at login, else the only one]
    #[arg(long, value_name = "DATABASE")]
    pub db_name: Option<String>,
}

/// Who is logged in, the server, and what is meant on it.
pub(crate) struct Meant {
    pub(crate) profile: Profile,
    pub(crate) api: Api,
    pub(crate) kept: Kept,
    pub(crate) chosen: Chosen,
}

impl Meant {
    /// What the command line says, else what was chosen at login, else what the policy leaves.
    ///
    /// # Errors
    /// Not logged in, no such database, or a choice that is open.
    pub(crate) fn on(cx: &Context, name: &str, args: MeantArgs) -> Result<Self, Error> {
        let profile = Profile::logged_in(&cx.home, cx.now())?;
        let api = cx.api()?;
        let kept = Kept::load(&cx.home, &profile.proxy)?;
        let wanted = wanted(args, kept.on(name));
        let chosen = Chosen::on(&api, name, &wanted, &profile.user)?;
        Ok(Self { profile, api, kept, chosen })
    }

    /// Where plain MySQL clients reach the server.
    ///
    /// # Errors
    /// The server cannot be asked.
    pub(crate) fn mysql_addr(&self) -> Result<Option<String>, Error> {
        let ping: Ping = self.api.read(&PING, &[], &[])?;
        Ok(ping.mysql_addr)
    }
}

/// Another user's database is not the one that was chosen for this one.
fn wanted(args: MeantArgs, before: Option<Chosen>) -> Wanted {
    let MeantArgs { db_user, db_name } = args;
    match before.filter(|before| db_user.as_ref().is_none_or(|user| *user == before.user)) {
        Some(before) => {
            Wanted { user: db_user.or(Some(before.user)), database: db_name.or(before.database) }
        }
        None => Wanted { user: db_user, database: db_name },
    }
}
