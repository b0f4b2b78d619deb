//! `tctl auth`: certificate authorities.

use std::io::{self, Write};
use std::path::PathBuf;

use api::authority::{AuthorityView, Rotation, SignIdentity};
use api::database::DatabaseProtocol;
use api::endpoints::authorities::{EXPORT, ROTATE, SIGN};
use api::endpoints::events::PING;
use api::login::{LoginAnswer, LoginKeys};
use api::page::Page;
use api::ping::Ping;
use api::span::Span;

use super::MOST;
use crate::client::certificates;
use crate::commands::login::{Entered, keep};
use crate::context::Context;
use crate::database::choice::Chosen;
use crate::database::settings::{Place, Settings};
use crate::error::Error;
use crate::exit::Exit;
use crate::home::Home;
use crate::keys::Keys;
use crate::output::{Output, one_line};
use crate::table::{Column, Table};
use crate::trust::Pin;
use crate::when;

/// Certificate authorities.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Print the public part of an authority, for whoever shall trust it
    ///
    ///     tctl auth export --type ssh-user > /etc/ssh/user_ca.pub
    ///     tctl auth export
    #[command(verbatim_doc_comment)]
    Export {
        /// Which: ssh-user, ssh-host, ssh-identity, tls, database, app
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<String>,
    },
    /// Write identity files for automation: a directory to use as TSH_HOME
    ///
    ///     tctl auth sign --user=deployer --ttl=12h --out=./deployer
    ///     TSH_HOME=./deployer tsh ssh deploy@web-1 uptime
    ///     tctl auth sign --format=db --user=etl --ttl=12h --out=./etl
    #[command(verbatim_doc_comment)]
    Sign {
        /// For which user
        #[arg(long, value_name = "USER")]
        user: String,
        /// How long the certificates last, such as 12h
        #[arg(long, value_name = "LENGTH", default_value = "12h")]
        ttl: Span,
        /// The directory to write
        #[arg(long, short = 'o', value_name = "DIR")]
        out: PathBuf,
        /// Also print what clients of databases have to be told; --format=db is the same
        #[arg(long = "for", value_parser = ["db"], value_name = "db")]
        purpose: Option<String>,
    },
    /// Take the next step of a rotation
    ///
    ///     tctl auth rotate --type ssh-user --step begin
    #[command(verbatim_doc_comment)]
    Rotate {
        /// Which: ssh-user, ssh-host, ssh-identity, tls, database, app
        #[arg(long = "type", value_name = "TYPE")]
        kind: String,
        /// begin: the next generation is trusted; switch: it signs; finish: the old one is forgotten; undo
        #[arg(long, value_parser = ["begin", "switch", "finish", "undo"])]
        step: String,
    },
}

/// Runs one of them.
///
/// # Errors
/// The server refuses or cannot be asked.
pub fn run(cx: &mut Context, command: Command) -> Result<Exit, Error> {
    match command {
        Command::Export { kind } => export(cx, kind.as_deref()),
        Command::Sign { user, ttl, out, purpose } => sign(cx, user, ttl, out, purpose.is_some()),
        Command::Rotate { kind, step } => {
            let rotation = Rotation { kind, step };
            let page: Page<AuthorityView> = cx.api()?.tell(&ROTATE, &[], &rotation)?;
            cx.show(&page.items, |out| table(out, &page.items))?;
            Ok(Exit::Done)
        }
    }
}

fn export(cx: &mut Context, kind: Option<&str>) -> Result<Exit, Error> {
    let mut authorities: Vec<AuthorityView> = cx.api()?.list(&EXPORT, &[], &[], MOST)?;
    let Some(kind) = kind else {
        cx.show(&authorities, |out| table(out, &authorities))?;
        return Ok(Exit::Done);
    };
    let kinds: Vec<String> = authorities.iter().map(|authority| authority.kind.clone()).collect();
    authorities.retain(|authority| authority.kind == kind);
    if authorities.is_empty() {
        let mut kinds = kinds;
        kinds.dedup();
        return Err(Error::not_found(format!("there is no authority `{}`", one_line(kind)))
            .hint(format!("one of: {}", one_line(&kinds.join(", ")))));
    }
    cx.show(&authorities, |out| {
        authorities
            .iter()
            .try_for_each(|authority| writeln!(out, "{}", authority.public.trim_end()))
    })?;
    Ok(Exit::Done)
}

fn table(out: &mut Output, authorities: &[AuthorityView]) -> io::Result<()> {
    let mut table = Table::new(&[
        Column::new("Type"),
        Column::new("Generation"),
        Column::new("Public Key or Pin"),
    ]);
    for authority in authorities {
        let public = authority.pin.as_deref().unwrap_or(authority.public.trim_end());
        table.row([&authority.kind, &authority.generation, public]);
    }
    table.write(out)
}

fn sign(
    cx: &mut Context,
    user: String,
    ttl: Span,
    out: PathBuf,
    databases: bool,
) -> Result<Exit, Error> {
    let api = cx.api()?;
    let ping: Ping = api.read(&PING, &[], &[])?;
    let keys = Keys::generate(&format!("{user}@{}", ping.cluster))?;
    let body = SignIdentity {
        user,
        ttl,
        keys: LoginKeys { ssh: keys.ssh_public.clone(), tls: keys.tls_public.clone() },
    };
    let answer: LoginAnswer = api.tell(&SIGN, &[], &body)?;
    let pin = certificates(&answer.tls_authorities)
        .and_then(|authorities| authorities.first().and_then(Pin::of))
        .ok_or_else(|| Error::internal("the server's answer holds no TLS authority"))?;
    let expires = answer.expires;
    let home = Home::at(&out);
    home.prepare()?;
    let profile = keep::keep(&home, &Entered { address: ping.public_addr, pin, keys, answer })?;
    let now = cx.now();
    cx.show(&profile, |out| {
        writeln!(out, "Identity of {} in {}", one_line(&profile.user), home.path().display())?;
        writeln!(
            out,
            "It works until {}. Use it with: TSH_HOME={}",
            when::relative(expires, now),
            home.path().display()
        )?;
        if databases {
            told(out, &home, &profile.proxy, ping.mysql_addr.as_deref())
                .map_err(io::Error::other)?;
        }
        Ok(())
    })?;
    Ok(Exit::Done)
}

/// What clients of databases have to be told; `DBUSER`, `TARGET` and `DATABASE` stand for what each job uses.
fn told(out: &mut Output, home: &Home, proxy: &str, mysql: Option<&str>) -> Result<(), Error> {
    let settings = |protocol, place| {
        let (name, user) = ("TARGET".to_owned(), "DBUSER".to_owned());
        let chosen = Chosen { name, protocol, user, database: Some("DATABASE".to_owned()) };
        Settings::of(&chosen, place, home)
    };
    let postgres = settings(DatabaseProtocol::Postgres, Place::Gateway(proxy))?;
    writeln!(
        out,
        "\nPostgreSQL (libpq, and drivers that take such a URI):\n\n  {}",
        postgres.uri()
    )?;
    match mysql {
        Some(address) => {
            let mysql = settings(DatabaseProtocol::MySql, Place::Gateway(address))?;
            writeln!(
                out,
                "\nMySQL and MariaDB, in an option file, with --defaults-group-suffix=_TARGET:\n"
            )?;
            for line in mysql.options().lines() {
                writeln!(out, "  {line}")?;
            }
        }
        None => writeln!(
            out,
            "\nMySQL and MariaDB: this server has no port for plain clients (`mysql_listen`)."
        )?,
    }
    let port = 10_000 + DatabaseProtocol::Postgres.port();
    let jdbc = settings(DatabaseProtocol::Postgres, Place::Tunnel(port))?;
    writeln!(
        out,
        "\nJDBC, and whatever takes no certificate:\n\n  TSH_HOME={} tsh proxy db TARGET --port {port} &\n  {}",
        home.path().display(),
        jdbc.jdbc()
    )?;
    Ok(())
}
