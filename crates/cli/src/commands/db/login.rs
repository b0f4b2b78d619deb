//! `tsh db login`, `config`, `logout`: what stock clients read.

use std::io::Write;

use api::database::DatabaseProtocol;

use super::{Meant, MeantArgs};
use crate::context::Context;
use crate::database::choice::Chosen;
use crate::database::kept::{Kept, OPTIONS, SERVICES};
use crate::database::settings::{Place, Settings, shell};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::one_line;
use crate::profile::Profile;

/// Choose a user and a database, and write the files that stock clients read
///
/// psql and everything made with libpq read the service file, mysql and mariadb the option file, both in ~/.tsh.
/// They name the certificate of `tsh login`, which is renewed with every login.
///
///     tsh db login orders --db-user app --db-name shop
///     PGSERVICEFILE=~/.tsh/pg_service.conf psql service=orders
///     mysql --defaults-extra-file=~/.tsh/my.cnf --defaults-group-suffix=_wiki
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct LoginArgs {
    /// The database, as `tsh db ls` shows it
    name: String,
    #[command(flatten)]
    meant: MeantArgs,
}

/// Print what a client or driver has to be told
///
///     tsh db config orders
///     eval "$(tsh db config orders --as env)" && psql
///     tsh db config orders --as uri
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ConfigArgs {
    /// The database, as `tsh db ls` shows it
    name: String,
    #[command(flatten)]
    meant: MeantArgs,
    /// In whose words: env, uri, jdbc, service (libpq), options (mysql); --format=env and so on is the same
    #[arg(long = "as", value_enum, value_name = "SHAPE", hide_possible_values = true)]
    shape: Option<Shape>,
}

/// In whose words settings are printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Shape {
    /// Lines for a shell.
    Env,
    /// A JDBC address, through `tsh proxy db`.
    Jdbc,
    /// Groups of a MySQL option file.
    Options,
    /// A section of a `pg_service.conf`.
    Service,
    /// A URI.
    Uri,
}

/// Forget what was chosen: for one database, or for all
///
/// It ends no session and no grant: `tsh request release` does.
///
///     tsh db logout orders
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct LogoutArgs {
    /// The database; all without
    name: Option<String>,
}

/// Keeps a choice.
///
/// # Errors
/// Denied, no such database, or a choice that is open.
pub fn login(cx: &mut Context, args: LoginArgs) -> Result<Exit, Error> {
    let meant = Meant::on(cx, &args.name, args.meant)?;
    meant.chosen.admitted(&meant.api)?;
    let mysql = meant.mysql_addr()?;
    let Meant { mut kept, chosen, .. } = meant;
    kept.add(chosen.clone(), mysql);
    kept.save(&cx.home)?;
    let name = one_line(&chosen.name);
    let value = match kept.place(chosen.protocol) {
        Some(place) => serde_json::to_value(Settings::of(&chosen, place, &cx.home)?),
        None => Ok(serde_json::json!({ "name": chosen.name, "protocol": chosen.protocol })),
    };
    let value =
        value.map_err(|error| Error::internal("cannot write the settings").because(error))?;
    let stock = match (chosen.protocol, kept.place(chosen.protocol)) {
        (DatabaseProtocol::Postgres, _) => format!(
            "PGSERVICEFILE={} psql service={name}",
            shell(&cx.home.file(SERVICES).display().to_string())
        ),
        (DatabaseProtocol::MySql, Some(_)) => format!(
            "mysql --defaults-extra-file={} --defaults-group-suffix=_{name}",
            shell(&cx.home.file(OPTIONS).display().to_string())
        ),
        (DatabaseProtocol::MySql, None) => format!("tsh proxy db {name}"),
    };
    cx.show(&value, |out| {
        writeln!(out, "{} is the database that is meant by `{name}` now.\n", chosen.shown())?;
        writeln!(out, "  tsh db connect {name}")?;
        writeln!(out, "  {stock}")
    })?;
    Ok(Exit::Done)
}

/// Prints settings.
///
/// # Errors
/// As [`login`], but for a denial: settings are no secret, and no way in.
pub fn config(cx: &mut Context, args: ConfigArgs) -> Result<Exit, Error> {
    let meant = Meant::on(cx, &args.name, args.meant)?;
    let mysql = meant.mysql_addr()?;
    let chosen = &meant.chosen;
    if args.shape == Some(Shape::Jdbc) {
        // Drivers of the JVM want keys in forms of their own; through a tunnel they need none.
        let port = 10_000 + chosen.protocol.port();
        let settings = Settings::of(chosen, Place::Tunnel(port), &cx.home)?;
        writeln!(cx.out, "{}", settings.jdbc())?;
        writeln!(cx.err, "hint: first: tsh proxy db {} --port {port}", one_line(&chosen.name))?;
        return Ok(Exit::Done);
    }
    let place = match (chosen.protocol, &mysql) {
        (DatabaseProtocol::Postgres, _) => Place::Gateway(&meant.profile.proxy),
        (DatabaseProtocol::MySql, Some(address)) => Place::Gateway(address),
        (DatabaseProtocol::MySql, None) => return Err(no_port(chosen)),
    };
    let settings = Settings::of(chosen, place, &cx.home)?;
    match args.shape {
        Some(Shape::Env) => write!(cx.out, "{}", settings.env())?,
        Some(Shape::Options) => write!(cx.out, "{}", settings.options())?,
        Some(Shape::Service) => write!(cx.out, "{}", settings.service())?,
        Some(Shape::Uri | Shape::Jdbc) => writeln!(cx.out, "{}", settings.uri())?,
        None => cx.show(&settings, |out| {
            let mut lines = vec![
                ("protocol", settings.protocol.as_str().to_owned()),
                ("host", settings.host.clone()),
                ("port", settings.port.to_string()),
                ("user", settings.user.clone()),
            ];
            lines.extend(settings.database.clone().map(|name| ("database", name)));
            if let Some(files) = &settings.tls {
                lines.extend([
                    ("certificate", files.certificate.clone()),
                    ("key", files.key.clone()),
                    ("authorities", files.authorities.clone()),
                ]);
            }
            lines.iter().try_for_each(|(key, value)| writeln!(out, "{key:<12} {}", one_line(value)))
        })?,
    }
    Ok(Exit::Done)
}

fn no_port(chosen: &Chosen) -> Error {
    Error::usage("the server has no port for plain MySQL clients (`mysql_listen` is off)")
        .hint(format!("give them a local one with: tsh proxy db {}", one_line(&chosen.name)))
        .hint(format!("or connect with: tsh db connect {}", one_line(&chosen.name)))
}

/// Forgets a choice, or all.
///
/// # Errors
/// There was none of that name, or the disk refuses.
pub fn logout(cx: &mut Context, args: LogoutArgs) -> Result<Exit, Error> {
    let profile =
        Profile::load(&cx.home)?.ok_or_else(|| Error::not_logged_in("you are not logged in"))?;
    let mut kept = Kept::load(&cx.home, &profile.proxy)?;
    let names: Vec<String> = match &args.name {
        None => kept.names().map(str::to_owned).collect(),
        Some(name) => vec![name.clone()],
    };
    for name in &names {
        if !kept.forget(name) {
            return Err(Error::not_found(format!("nothing was chosen for `{}`", one_line(name)))
                .hint("see the databases with: tsh db ls"));
        }
    }
    kept.save(&cx.home)?;
    cx.show(&names, |out| match names.as_slice() {
        [] => writeln!(out, "Nothing was chosen."),
        names => writeln!(out, "Forgotten: {}", one_line(&names.join(", "))),
    })?;
    Ok(Exit::Done)
}
