//! `tsh login`: once by password and code, then certificates for the rest of the day.

mod agent;
mod invite;
pub(crate) mod keep;
mod trusted;

pub(crate) use agent::forget;

use std::io::Write;

use api::endpoints::login::LOGIN;
use api::login::{LoginAnswer, LoginKeys, LoginRequest};
use api::span::Span;
use secrecy::{ExposeSecret, SecretString};

use crate::client::Api;
use crate::commands::config;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::keys::Keys;
use crate::output::one_line;
use crate::profile::Profile;
use crate::trust::Pin;
use crate::when;

/// Log in
///
/// The first time, the pin of the server is shown and asked about; compare it with the one that
/// `countersign start` prints. Scripts give --pin, TSH_PASSWORD or --password-stdin, and TSH_TOTP.
///
///     tsh login --proxy gw.example.com:443 --user alice
///     tsh login --invite https://gw.example.com/invite/4f9a…
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct LoginArgs {
    /// The server [default: that of the last login]
    #[arg(long, env = "TSH_PROXY", value_name = "HOST:PORT", hide_env = true)]
    proxy: Option<String>,
    /// Who you are [default: who logged in last, else $USER]
    #[arg(long, env = "TSH_USER", value_name = "NAME", hide_env = true)]
    user: Option<String>,
    /// The server's pin, instead of a question
    #[arg(long, value_name = "sha256:…")]
    pin: Option<Pin>,
    /// The one-time link you were given: sets password and second factor
    #[arg(long, value_name = "LINK", conflicts_with_all = ["proxy", "user"])]
    invite: Option<String>,
    /// How long to stay logged in, such as 8h; your roles may say less
    #[arg(long, value_name = "LENGTH")]
    ttl: Option<Span>,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
    /// Do not add the key to ssh-agent
    #[arg(long)]
    no_agent: bool,
}

/// Why a right code may be refused.
const USED: &str = "a code works once: wait for the next one before trying again";

/// Logs in and keeps keys, certificates and the generated ssh_config.
///
/// # Errors
/// The server is not trusted, or refuses; the disk refuses.
pub fn run(cx: &mut Context, args: LoginArgs) -> Result<Exit, Error> {
    cx.home.prepare()?;
    let old = Profile::load(&cx.home)?;
    let entered = match &args.invite {
        Some(link) => invite::enter(cx, link, args.pin.clone(), old.as_ref())?,
        None => enter(cx, &args, old.as_ref())?,
    };
    agent::forget(cx);
    let mut profile = keep::keep(&cx.home, &entered)?;
    if !args.no_agent {
        agent::remember(cx, entered.answer.expires)?;
    }
    // Names only make ssh's configuration complete; being logged in does not depend on them.
    if let Err(error) = cx.api().and_then(|api| config::refresh(&cx.home, &mut profile, &api)) {
        writeln!(
            cx.err,
            "hint: the names of targets could not be read ({error}); try: tsh config"
        )?;
    }
    told(cx, &profile)
}

/// A login that succeeded, and what is to be kept of it.
pub(crate) struct Entered {
    pub(crate) address: String,
    pub(crate) pin: Pin,
    pub(crate) keys: Keys,
    pub(crate) answer: LoginAnswer,
}

fn enter(cx: &mut Context, args: &LoginArgs, old: Option<&Profile>) -> Result<Entered, Error> {
    let address = args
        .proxy
        .clone()
        .or_else(|| old.map(|profile| profile.proxy.clone()))
        .ok_or_else(|| {
            Error::usage("which server?").hint("name it: tsh login --proxy HOST:PORT --user NAME")
        })?;
    let address = trusted::with_port(&address);
    let user = args
        .user
        .clone()
        .or_else(|| old.map(|profile| profile.user.clone()))
        .or_else(|| cx.env("USER"))
        .ok_or_else(|| Error::usage("which user?").hint("name yourself: tsh login --user NAME"))?;
    let (trust, pin) = trusted::trust(cx, &address, args.pin.clone(), old)?;
    let password = password(cx, args, &user)?;
    let code = code(cx)?;
    let keys = Keys::generate(&format!("{user}@{address}"))?;
    let question = LoginRequest {
        user,
        password: password.expose_secret().to_owned(),
        totp: code,
        keys: LoginKeys { ssh: keys.ssh_public.clone(), tls: keys.tls_public.clone() },
        ttl: args.ttl,
    };
    let answer: LoginAnswer = Api::over_tls(&address, trust, None)?
        .tell(&LOGIN, &[], &question)
        .map_err(|error| error.hint_on(Exit::NotLoggedIn, USED).hint_on(Exit::Denied, USED))?;
    Ok(Entered { address, pin, keys, answer })
}

fn password(cx: &mut Context, args: &LoginArgs, user: &str) -> Result<SecretString, Error> {
    if args.password_stdin {
        return cx
            .read_line()?
            .map(SecretString::from)
            .ok_or_else(|| Error::usage("there is no password on standard input"));
    }
    match cx.env("TSH_PASSWORD") {
        Some(password) => Ok(password.into()),
        None => cx.ask_secret(&format!("Password of {}: ", one_line(user))),
    }
}

fn code(cx: &mut Context) -> Result<String, Error> {
    match cx.env("TSH_TOTP") {
        Some(code) => Ok(code),
        None if cx.terminal.input => {
            cx.ask("Code of your authenticator: ").map(|code| code.trim().to_owned())
        }
        None => Err(Error::usage("nobody is there to type the code of the second factor")
            .hint("scripts set TSH_TOTP, or use identity files: tctl auth sign")),
    }
}

fn told(cx: &mut Context, profile: &Profile) -> Result<Exit, Error> {
    let now = cx.now();
    let until = profile.expires.map_or("now".to_owned(), |expires| when::relative(expires, now));
    cx.show(profile, |out| {
        writeln!(
            out,
            "Logged in to {} as {} until {until}",
            one_line(&profile.cluster),
            one_line(&profile.user)
        )
    })?;
    if cx.terminal.output && !config::installed(cx) {
        writeln!(cx.err, "hint: for plain `ssh db-box`, once: tsh config --install")?;
    }
    Ok(Exit::Done)
}
