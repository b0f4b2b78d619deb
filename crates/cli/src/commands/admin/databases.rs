//! `tctl db`: database servers.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use api::database::{
    DatabaseAdmin, DatabaseAuth, DatabaseAuthMethod, DatabaseDocument, DatabaseProtocol,
    DatabaseSpec, DatabaseTls, DatabaseTlsMode, DatabaseTrust,
};
use api::document::{Kind, Metadata, Written};
use api::endpoints::documents::{DATABASE_CREATE, DATABASE_LIST, DATABASE_TRUST};
use serde::Serialize;

use super::{MOST, documents, pair};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{Output, one_line};
use crate::table::{Column, Table};

/// Database servers.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Add a database server, and print what it needs to trust us
    ///
    ///     tctl db add orders --protocol postgres --uri db-1:5432 --labels env=prod --ca db-ca.pem
    ///     tctl db add wiki --protocol mysql --uri db-2:3306 --password-stdin app < password
    #[command(verbatim_doc_comment)]
    Add(AddArgs),
    /// List database servers
    ///
    ///     tctl db ls
    #[command(verbatim_doc_comment)]
    Ls,
    /// Remove a database server, and the passwords sealed for it
    ///
    ///     tctl db rm orders
    #[command(verbatim_doc_comment)]
    Rm {
        /// Its name
        name: String,
    },
    /// Print again what a database server needs to trust us
    ///
    ///     tctl db trust orders --user app
    #[command(verbatim_doc_comment)]
    Trust {
        /// Its name
        name: String,
        /// For which database user
        #[arg(long, value_name = "USER", default_value = "USER", hide_default_value = true)]
        user: String,
    },
}

/// Arguments of `tctl db add`.
#[derive(clap::Args, Debug)]
pub struct AddArgs {
    /// The name that people type
    name: String,
    /// What it speaks: postgres, or mysql (MariaDB too)
    #[arg(long, value_parser = protocol)]
    protocol: DatabaseProtocol,
    /// Where it listens; without a port, the usual one
    #[arg(long, value_name = "HOST[:PORT]")]
    uri: String,
    /// Labels, matched by roles
    #[arg(long, visible_alias = "label", value_delimiter = ',', value_name = "KEY=VALUE", value_parser = pair)]
    labels: Vec<(String, String)>,
    /// What its certificate may be signed by, in PEM [default: the system's authorities]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// What is checked of its certificate: verify-full, verify-ca, insecure, or off for no TLS [default: verify-full]
    #[arg(long, value_name = "MODE", value_parser = tls_mode)]
    tls_mode: Option<DatabaseTlsMode>,
    /// The name its certificate must have [default: the host of --uri]
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
    /// Log in there as this user with a password, read from standard input; it is sealed in the store
    #[arg(long, value_name = "USER")]
    password_stdin: Option<String>,
    /// The account that makes users on demand; it logs in by certificate
    #[arg(long, value_name = "USER")]
    admin_user: Option<String>,
}

fn protocol(text: &str) -> Result<DatabaseProtocol, &'static str> {
    match text {
        "postgres" | "postgresql" => Ok(DatabaseProtocol::Postgres),
        "mysql" | "mariadb" => Ok(DatabaseProtocol::MySql),
        _ => Err("expected postgres or mysql"),
    }
}

fn tls_mode(text: &str) -> Result<DatabaseTlsMode, &'static str> {
    match text {
        "verify-full" => Ok(DatabaseTlsMode::VerifyFull),
        "verify-ca" => Ok(DatabaseTlsMode::VerifyCa),
        "insecure" => Ok(DatabaseTlsMode::Insecure),
        "off" => Ok(DatabaseTlsMode::Off),
        _ => Err("expected verify-full, verify-ca, insecure or off"),
    }
}

#[derive(Serialize)]
struct Added {
    #[serde(flatten)]
    written: Written,
    trust: DatabaseTrust,
}

/// Runs one of them.
///
/// # Errors
/// The server refuses or cannot be asked.
pub fn run(cx: &mut Context, command: Command) -> Result<Exit, Error> {
    match command {
        Command::Add(args) => add(cx, args),
        Command::Ls => list(cx),
        Command::Rm { name } => documents::remove(cx, Kind::Db, &name),
        Command::Trust { name, user } => {
            let trust: DatabaseTrust = cx.api()?.read(&DATABASE_TRUST, &[&name], &[])?;
            cx.show(&trust, |out| page(out, &trust, &user))?;
            Ok(Exit::Done)
        }
    }
}

fn add(cx: &mut Context, args: AddArgs) -> Result<Exit, Error> {
    // Whatever is read from this machine is read before anything is written there.
    let ca_cert = args.ca.as_deref().map(read).transpose()?;
    let auth = auth(cx, args.password_stdin)?;
    let by_certificate = auth.method == DatabaseAuthMethod::Certificate;
    let admin_user = args.admin_user.map(|name| DatabaseAdmin {
        name,
        method: DatabaseAuthMethod::Certificate,
        password: None,
    });
    let uri = with_port(args.uri, args.protocol);
    let tls = DatabaseTls {
        mode: args.tls_mode.unwrap_or_default(),
        server_name: args.server_name,
        ca_cert,
    };
    let document = DatabaseDocument {
        kind: "db".to_owned(),
        version: "v1".to_owned(),
        metadata: Metadata {
            name: args.name.clone(),
            labels: args.labels.into_iter().collect::<BTreeMap<_, _>>(),
            ..Metadata::default()
        },
        spec: DatabaseSpec {
            protocol: args.protocol,
            uri,
            tls,
            auth,
            admin_user,
            server_version: None,
        },
    };
    let api = cx.api()?;
    let written: Written = api.tell(&DATABASE_CREATE, &[], &document).map_err(|error| {
        error.hint_on(
            Exit::Conflict,
            format!("change it with: tctl edit db/{}", one_line(&args.name)),
        )
    })?;
    let trust: DatabaseTrust = api.read(&DATABASE_TRUST, &[&args.name], &[])?;
    let added = Added { written, trust };
    cx.show(&added, |out| {
        writeln!(out, "Added database {}.", one_line(&added.written.name))?;
        if by_certificate {
            writeln!(out)?;
            page(out, &added.trust, "USER")?;
        }
        Ok(())
    })?;
    for warning in &added.written.warnings {
        writeln!(cx.err, "warning: {}", one_line(&warning.to_string()))?;
    }
    Ok(Exit::Done)
}

/// How the proxy shall log in there.
fn auth(cx: &mut Context, user: Option<String>) -> Result<DatabaseAuth, Error> {
    let Some(user) = user else { return Ok(DatabaseAuth::default()) };
    let password =
        cx.read_line()?.ok_or_else(|| Error::usage("there is no password on standard input"))?;
    let passwords = [(user, password)].into();
    let method = DatabaseAuthMethod::Password;
    Ok(DatabaseAuth { method, passwords, ..DatabaseAuth::default() })
}

/// The address with the usual port, where it has none.
fn with_port(uri: String, protocol: DatabaseProtocol) -> String {
    let ported = uri.rsplit_once(':').is_some_and(|(host, port)| {
        !port.ends_with(']') && (!host.contains(':') || host.ends_with(']'))
    });
    let bare_v6 = uri.parse::<std::net::Ipv6Addr>().is_ok();
    match (ported, bare_v6) {
        (true, _) => uri,
        (false, true) => format!("[{uri}]:{}", protocol.port()),
        (false, false) => format!("{uri}:{}", protocol.port()),
    }
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path)
        .map_err(|error| Error::usage(format!("cannot read `{}`", path.display())).because(error))
}

fn page(out: &mut Output, trust: &DatabaseTrust, user: &str) -> io::Result<()> {
    writeln!(out, "On the server, a file countersign_db_ca.pem with these lines:\n")?;
    write!(out, "{}", trust.client_ca)?;
    writeln!(
        out,
        "\nin its configuration (PostgreSQL looks for the file in its data directory):\n"
    )?;
    // Who reads this writes it into files and statements: nothing in a name may end a quote there.
    let plain = |c: char| c.is_alphanumeric() || "_-.@$".contains(c);
    let user = if user.chars().all(plain) { user } else { "USER" };
    for line in &trust.config {
        writeln!(out, "  {}", one_line(&line.replace("USER", user)))?;
    }
    writeln!(out, "\nand once for each database user:\n")?;
    for line in &trust.user {
        writeln!(out, "  {}", one_line(&line.replace("USER", user)))?;
    }
    Ok(())
}

fn list(cx: &mut Context) -> Result<Exit, Error> {
    let databases: Vec<DatabaseDocument> = cx.api()?.list(&DATABASE_LIST, &[], &[], MOST)?;
    let mut table = Table::new(
        &["Database", "Protocol", "Address", "TLS", "Log In By", "Labels"].map(Column::new),
    );
    for database in &databases {
        let spec = &database.spec;
        let tls = match spec.tls.mode {
            DatabaseTlsMode::VerifyFull => "verify-full",
            DatabaseTlsMode::VerifyCa => "verify-ca",
            DatabaseTlsMode::Insecure => "insecure",
            DatabaseTlsMode::Off => "off",
        };
        let method = match spec.auth.method {
            DatabaseAuthMethod::Certificate => "certificate",
            DatabaseAuthMethod::Password => "password",
        };
        let labels: Vec<String> =
            database.metadata.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let (name, protocol) = (&database.metadata.name, spec.protocol.as_str());
        table.row([name, protocol, &spec.uri, tls, method, &labels.join(",")]);
    }
    cx.show(&databases, |out| table.write(out))?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_port_gets_the_usual_one() {
        for (given, whole) in [
            ("db-1", "db-1:5432"),
            ("db-1:6432", "db-1:6432"),
            ("::1", "[::1]:5432"),
            ("[::1]", "[::1]:5432"),
            ("[::1]:6432", "[::1]:6432"),
        ] {
            assert_eq!(with_port(given.to_owned(), DatabaseProtocol::Postgres), whole);
        }
    }

    #[test]
    fn the_page_of_trust_names_the_user_and_nothing_that_ends_a_quote() {
        let trust = DatabaseTrust {
            protocol: DatabaseProtocol::Postgres,
            client_ca: "-----BEGIN CERTIFICATE-----\n".into(),
            config: vec!["hostssl all USER all cert".into()],
            user: vec!["CREATE ROLE \"USER\" LOGIN;".into()],
        };
        let shown = crate::commands::tests::text(|out| page(out, &trust, "app"));
        expect_test::expect![[r#"
            On the server, a file countersign_db_ca.pem with these lines:

            -----BEGIN CERTIFICATE-----

            in its configuration (PostgreSQL looks for the file in its data directory):

              hostssl all app all cert

            and once for each database user:

              CREATE ROLE "app" LOGIN;
        "#]]
        .assert_eq(&shown);
        let evil = crate::commands::tests::text(|out| page(out, &trust, "x\" SUPERUSER"));
        assert!(evil.contains("CREATE ROLE \"USER\" LOGIN;"), "{evil}");
    }
}
