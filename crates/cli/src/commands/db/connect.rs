//! `tsh db connect`: psql, or the client of MariaDB or MySQL.
//!
//! psql goes to the daemon itself, with the login's certificate. MySQL's clients go through a socket of this process: that
//! works without a port of their own on the server, and with either vendor's options.

use std::io::{self, Write};
use std::net::{IpAddr, ToSocketAddrs};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;

use api::database::DatabaseProtocol;
use tokio::signal::unix::{SignalKind, signal};

use super::{Meant, MeantArgs};
use crate::context::Context;
use crate::database::choice::Chosen;
use crate::database::settings::{Place, Settings};
use crate::database::tunnel::{Entrance, Tunnel};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::one_line;

/// Connect with psql, mariadb or mysql
///
/// With --reason, psql waits at the door where access has to be approved first, and goes on when it is.
///
///     tsh db connect orders
///     tsh db connect orders --db-user app --db-name shop -- -c 'select 1'
///     tsh db connect orders --reason "ticket #1234"
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ConnectArgs {
    /// The database, as `tsh db ls` shows it
    name: String,
    #[command(flatten)]
    meant: MeantArgs,
    /// Ask for access at the door with this reason, and wait for the answer (PostgreSQL)
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Words for the client itself
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

/// Becomes the client, or runs it.
///
/// # Errors
/// Denied, no such database, a choice that is open, or there is no such client on this machine.
pub fn run(cx: &mut Context, args: ConnectArgs) -> Result<Exit, Error> {
    let meant = Meant::on(cx, &args.name, args.meant)?;
    match (meant.chosen.protocol, args.reason) {
        (DatabaseProtocol::Postgres, Some(reason)) => {
            psql(cx, &meant, Some(&reason), args.arguments)
        }
        (DatabaseProtocol::Postgres, None) => {
            meant.chosen.admitted(&meant.api)?;
            psql(cx, &meant, None, args.arguments)
        }
        (DatabaseProtocol::MySql, reason) => {
            let admitted = meant.chosen.admitted(&meant.api);
            match (admitted, reason) {
                (Err(error), Some(_)) => {
                    Err(error
                        .hint("clients of MySQL cannot wait at the door: ask first, then connect"))
                }
                (admitted, _) => {
                    admitted?;
                    mysql(cx, &meant.chosen, args.arguments)
                }
            }
        }
    }
}

fn psql(
    cx: &mut Context,
    meant: &Meant,
    reason: Option<&str>,
    arguments: Vec<String>,
) -> Result<Exit, Error> {
    let settings = Settings::of(&meant.chosen, Place::Gateway(&meant.profile.proxy), &cx.home)?;
    let mut command = Command::new("psql");
    // Whatever else points somewhere would win over, or mix with, what is meant.
    for name in
        ["PGSERVICE", "PGHOSTADDR", "PGPASSWORD", "PGREQUIREPEER", "PGSSLCRL", "PGSSLCRLDIR"]
    {
        command.env_remove(name);
    }
    command.envs(settings.libpq().into_iter().map(|(_, name, value)| (name, value)));
    let address = (settings.host.as_str(), settings.port).to_socket_addrs();
    let address = address.ok().and_then(|mut all| all.next()).map(|address| address.ip());
    if let Some(host) = by_host_name(&settings.host, address, &meant.chosen) {
        command.envs(host);
    }
    if let Some(reason) = reason {
        let before = cx.env("PGOPTIONS").map(|options| options + " ").unwrap_or_default();
        command.env("PGOPTIONS", format!("{before}-c countersign.reason={}", escaped(reason)));
    }
    command.args(arguments);
    cx.out.flush()?;
    let error = command.exec();
    Err(missing("psql", "postgresql-client", &meant.chosen, error))
}

/// The target as a host name below the server's, where there can be one: then `\c OTHER` of psql stays on the target. The
/// server's `address` is looked up here, so that no name server has to know the names of targets.
fn by_host_name(
    host: &str,
    address: Option<IpAddr>,
    chosen: &Chosen,
) -> Option<[(&'static str, String); 3]> {
    if host.parse::<IpAddr>().is_ok() || !host.contains('.') || chosen.name.contains('.') {
        return None;
    }
    Some([
        ("PGHOST", format!("{}.{host}", chosen.name)),
        ("PGHOSTADDR", address?.to_string()),
        ("PGDATABASE", chosen.database.clone().unwrap_or_default()),
    ])
}

/// A word of `PGOPTIONS`: PostgreSQL splits at white space, and takes what follows a backslash as it is.
fn escaped(word: &str) -> String {
    let special = |c: char| c.is_ascii_whitespace() || c == '\\';
    word.chars().fold(String::new(), |mut text, c| {
        if special(c) {
            text.push('\\');
        }
        text.push(c);
        text
    })
}

fn mysql(cx: &mut Context, chosen: &Chosen, arguments: Vec<String>) -> Result<Exit, Error> {
    let cannot = |error: io::Error| Error::internal("cannot open a tunnel").because(error);
    // Made for its owner only (0700), so the socket in it is his alone.
    let dir = tempfile::Builder::new().prefix("tsh-db-").tempdir().map_err(cannot)?;
    let socket = dir.path().join("socket");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
    let (entrance, mut interrupted) = {
        let _within = runtime.enter();
        // The client's to answer: it ends a statement, not this process.
        (Entrance::socket(&socket)?, signal(SignalKind::interrupt()).map_err(cannot)?)
    };
    let tunnel = Arc::new(Tunnel::new(&cx.home, chosen.protocol, &chosen.name));
    // Ends with the process; what goes wrong, the client is told and shows.
    let _thread = std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::join!(tunnel.serve(entrance, |_| (), std::future::pending()), async {
                while interrupted.recv().await.is_some() {}
            })
        })
    });
    cx.out.flush()?;
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    // TLS is between here and the server. `mysql` may be either vendor's, and each passes over the other's word.
    let clients: [(&str, &[&str]); 2] = [
        ("mariadb", &["--skip-ssl"]),
        ("mysql", &["--loose-skip-ssl", "--loose-ssl-mode=DISABLED"]),
    ];
    for (program, clear) in clients {
        let mut command = Command::new(program);
        command
            .arg("--protocol=socket")
            .arg(format!("--socket={}", socket.display()))
            .arg(format!("--user={}", chosen.user))
            .args(clear);
        if let Some(database) = &chosen.database {
            command.arg(format!("--database={database}"));
        }
        match command.args(&arguments).status() {
            Ok(status) if status.success() => return Ok(Exit::Done),
            Ok(_) => return Ok(Exit::Internal),
            Err(error) => last = error,
        }
    }
    Err(missing("mariadb or mysql", "mariadb-client", chosen, last))
}

fn missing(program: &str, package: &str, chosen: &Chosen, error: io::Error) -> Error {
    let hint = if error.kind() == io::ErrorKind::NotFound {
        format!("install it, on Debian with: apt-get install {package}")
    } else {
        "see that it can be run".to_owned()
    };
    Error::internal(format!("cannot start {program}"))
        .because(error)
        .hint(hint)
        .hint(format!("or use any other client through: tsh proxy db {}", one_line(&chosen.name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_is_a_host_name_where_the_server_has_a_domain() {
        let chosen = |name: &str| Chosen {
            name: name.to_owned(),
            protocol: DatabaseProtocol::Postgres,
            user: "app".to_owned(),
            database: Some("shop".to_owned()),
        };
        let address = Some(IpAddr::from([192, 0, 2, 7]));
        let host = by_host_name("gw.example.com", address, &chosen("orders")).unwrap();
        let told = host.map(|(name, value)| format!("{name}={value}"));
        assert_eq!(
            told,
            ["PGHOST=orders.gw.example.com", "PGHOSTADDR=192.0.2.7", "PGDATABASE=shop"]
        );
        // An address has nothing below it, a name without a domain no certificate for what is below it, and a wildcard
        // is one label: then the target stands in the database's name.
        assert!(by_host_name("192.0.2.7", address, &chosen("orders")).is_none());
        assert!(by_host_name("localhost", address, &chosen("orders")).is_none());
        assert!(by_host_name("gw.example.com", address, &chosen("orders.eu")).is_none());
        // What cannot be looked up here is psql's to say.
        assert!(by_host_name("gw.example.com", None, &chosen("orders")).is_none());
    }

    #[test]
    fn a_reason_stays_one_word_of_the_options() {
        assert_eq!(escaped(r"ticket #1234 \o/"), r"ticket\ #1234\ \\o/");
    }
}
