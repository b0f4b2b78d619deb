//! What a client has to be told to reach a database, in the words of each kind of client.

use std::fmt::Write as _;

use api::database::DatabaseProtocol;
use serde::Serialize;

use super::choice::Chosen;
use crate::error::Error;
use crate::home::Home;
use crate::profile::{TLS_AUTHORITIES, TLS_CERTIFICATE, TLS_KEY};

/// Where a client connects to.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// The daemon itself, `host:port`, with TLS and the login's certificate.
    Gateway(&'a str),
    /// The local end of a tunnel, which needs neither.
    Tunnel(u16),
}

/// Everything a client needs to know. JSON and YAML show it as it is.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Settings {
    /// The target's name.
    pub name: String,
    /// What it speaks.
    pub protocol: DatabaseProtocol,
    /// The host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The user, as the client says it there: it may name the target too.
    pub user: String,
    /// The database, as the client says it there: it may name the target too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// Certificate, key and authorities; nothing through a tunnel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Files>,
}

/// The files of a TLS client. They are the login's own: a new login writes them anew.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Files {
    /// The certificate, in PEM.
    pub certificate: String,
    /// Its key, in PEM.
    pub key: String,
    /// The authorities that sign the server's certificate, in PEM.
    pub authorities: String,
}

impl Files {
    fn of(home: &Home) -> Self {
        let path = |name| home.file(name).display().to_string();
        Self {
            certificate: path(TLS_CERTIFICATE),
            key: path(TLS_KEY),
            authorities: path(TLS_AUTHORITIES),
        }
    }
}

impl Settings {
    /// For `chosen` at `place`.
    ///
    /// # Errors
    /// The place is no address, or the home has a path that no client's file can hold.
    pub fn of(chosen: &Chosen, place: Place<'_>, home: &Home) -> Result<Self, Error> {
        let (name, user, database) = (&chosen.name, &chosen.user, &chosen.database);
        let (host, port, user, database, tls) = match place {
            Place::Tunnel(port) => {
                ("127.0.0.1".to_owned(), port, user.clone(), database.clone(), None)
            }
            Place::Gateway(address) => {
                let (host, port) = address
                    .rsplit_once(':')
                    .and_then(|(host, port)| Some((host, port.parse().ok()?)))
                    .ok_or_else(|| Error::internal(format!("`{address}` is no address")))?;
                let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                // The target goes where the protocol has room for it (the daemon takes it off again).
                let (user, database) = match chosen.protocol {
                    DatabaseProtocol::Postgres => {
                        let database = database.as_deref().unwrap_or_default();
                        (user.clone(), Some(format!("{name}/{database}")))
                    }
                    DatabaseProtocol::MySql => (format!("{user}@{name}"), database.clone()),
                };
                let files = Files::of(home);
                if [&files.certificate, &files.key, &files.authorities]
                    .iter()
                    .any(|path| path.chars().any(char::is_control))
                {
                    return Err(Error::usage(format!(
                        "the path of `{}` has a control character",
                        crate::output::one_line(&home.path().display().to_string())
                    )));
                }
                (host, port, user, database, Some(files))
            }
        };
        let (name, protocol) = (name.clone(), chosen.protocol);
        Ok(Self { name, protocol, host, port, user, database, tls })
    }

    /// The parameters of libpq (PostgreSQL documentation, 34.1.2), with the environment variable of each.
    #[must_use]
    pub fn libpq(&self) -> Vec<(&'static str, &'static str, String)> {
        let mut all = vec![
            ("host", "PGHOST", self.host.clone()),
            ("port", "PGPORT", self.port.to_string()),
            ("user", "PGUSER", self.user.clone()),
            ("dbname", "PGDATABASE", self.database.clone().unwrap_or_default()),
        ];
        match &self.tls {
            None => all.push(("sslmode", "PGSSLMODE", "disable".to_owned())),
            Some(files) => all.extend([
                ("sslmode", "PGSSLMODE", "verify-full".to_owned()),
                ("sslcert", "PGSSLCERT", files.certificate.clone()),
                ("sslkey", "PGSSLKEY", files.key.clone()),
                ("sslrootcert", "PGSSLROOTCERT", files.authorities.clone()),
            ]),
        }
        // Kerberos is not spoken; asking for it costs a round trip.
        all.push(("gssencmode", "PGGSSENCMODE", "disable".to_owned()));
        all
    }

    /// A section of a `pg_service.conf` (PostgreSQL documentation, 34.17).
    #[must_use]
    pub fn service(&self) -> String {
        let lines = self.libpq().into_iter().map(|(key, _, value)| format!("{key}={value}\n"));
        format!("[{}]\n{}", self.name, lines.collect::<String>())
    }

    /// Groups of an option file for clients of MySQL and MariaDB, for `--defaults-group-suffix=_NAME`. MariaDB has to
    /// be told to check the server's certificate, in a group that only it reads; MySQL does with an authority to check by.
    #[must_use]
    pub fn options(&self) -> String {
        let mut text = format!(
            "[client_{}]\nprotocol=tcp\nhost={}\nport={}\nuser={}\n",
            self.name,
            option(&self.host),
            self.port,
            option(&self.user)
        );
        if let Some(files) = &self.tls {
            let _written = write!(
                text,
                "ssl-ca={}\nssl-cert={}\nssl-key={}\n[client-mariadb_{}]\nssl-verify-server-cert\n",
                option(&files.authorities),
                option(&files.certificate),
                option(&files.key),
                self.name
            );
        }
        if let Some(database) = &self.database {
            // Not in `[client]`: mysqldump and others know no such option.
            let _written = write!(text, "[mysql_{}]\ndatabase={}\n", self.name, option(database));
        }
        text
    }

    /// A URI, as drivers take it.
    #[must_use]
    pub fn uri(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        let (user, port) = (percent(&self.user), self.port);
        let database = self.database.as_deref().map(percent).unwrap_or_default();
        let scheme = match self.protocol {
            DatabaseProtocol::Postgres => "postgresql",
            DatabaseProtocol::MySql => "mysql",
        };
        let query: Vec<String> = match (self.protocol, &self.tls) {
            (DatabaseProtocol::Postgres, None) => vec!["sslmode=disable".to_owned()],
            (DatabaseProtocol::Postgres, Some(_)) => self
                .libpq()
                .iter()
                .filter(|(key, ..)| key.starts_with("ssl"))
                .map(|(key, _, value)| format!("{key}={}", percent(value)))
                .collect(),
            (DatabaseProtocol::MySql, None) => Vec::new(),
            (DatabaseProtocol::MySql, Some(files)) => [
                ("ssl-mode", "VERIFY_IDENTITY"),
                ("ssl-ca", &files.authorities),
                ("ssl-cert", &files.certificate),
                ("ssl-key", &files.key),
            ]
            .iter()
            .map(|(key, value)| format!("{key}={}", percent(value)))
            .collect(),
        };
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        format!("{scheme}://{user}@{host}:{port}/{database}{query}")
    }

    /// A JDBC address. Only through a tunnel: the drivers want keys in forms of their own.
    #[must_use]
    pub fn jdbc(&self) -> String {
        let database = self.database.as_deref().map(percent).unwrap_or_default();
        let (scheme, off) = match self.protocol {
            DatabaseProtocol::Postgres => ("postgresql", "sslmode=disable"),
            DatabaseProtocol::MySql => ("mysql", "sslMode=DISABLED"),
        };
        let user = percent(&self.user);
        format!("jdbc:{scheme}://{}:{}/{database}?user={user}&{off}", self.host, self.port)
    }

    /// Lines for a shell.
    #[must_use]
    pub fn env(&self) -> String {
        let line = |key: &str, value: &str| format!("export {key}={}\n", shell(value));
        match self.protocol {
            DatabaseProtocol::Postgres => {
                self.libpq().iter().map(|(_, key, value)| line(key, value)).collect()
            }
            // These clients read neither user nor certificate from the environment.
            DatabaseProtocol::MySql => {
                line("MYSQL_HOST", &self.host) + &line("MYSQL_TCP_PORT", &self.port.to_string())
            }
        }
    }
}

/// A word for a POSIX shell.
#[must_use]
pub fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A value of an option file (MySQL's documentation, "Using Option Files": quotes, and a backslash before what is special).
fn option(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', r"\\").replace('"', "\\\""))
}

/// Percent-encoded but for the unreserved characters (RFC 3986, section 2.3).
fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut written, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                written.push(char::from(byte));
            }
            _ => {
                let _written = write!(written, "%{byte:02X}");
            }
        }
        written
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn settings(protocol: DatabaseProtocol, place: Place<'_>) -> Settings {
        let chosen = Chosen {
            name: "orders".into(),
            protocol,
            user: "it's app".into(),
            database: Some("shop".into()),
        };
        Settings::of(&chosen, place, &Home::at(Path::new("/h/.tsh"))).unwrap()
    }

    #[test]
    fn each_client_is_told_in_its_own_words() {
        let gateway = Place::Gateway("gw.example.com:443");
        let postgres = settings(DatabaseProtocol::Postgres, gateway);
        expect_test::expect![[r"
            [orders]
            host=gw.example.com
            port=443
            user=it's app
            dbname=orders/shop
            sslmode=verify-full
            sslcert=/h/.tsh/identity.crt
            sslkey=/h/.tsh/identity.key
            sslrootcert=/h/.tsh/ca.pem
            gssencmode=disable
        "]]
        .assert_eq(&postgres.service());
        expect_test::expect!["postgresql://it%27s%20app@gw.example.com:443/orders%2Fshop?sslmode=verify-full&sslcert=%2Fh%2F.tsh%2Fidentity.crt&sslkey=%2Fh%2F.tsh%2Fidentity.key&sslrootcert=%2Fh%2F.tsh%2Fca.pem"]
            .assert_eq(&postgres.uri());
        assert!(postgres.env().contains("export PGUSER='it'\\''s app'\n"), "{}", postgres.env());

        let mysql = settings(DatabaseProtocol::MySql, gateway);
        expect_test::expect![[r#"
            [client_orders]
            protocol=tcp
            host="gw.example.com"
            port=443
            user="it's app@orders"
            ssl-ca="/h/.tsh/ca.pem"
            ssl-cert="/h/.tsh/identity.crt"
            ssl-key="/h/.tsh/identity.key"
            [client-mariadb_orders]
            ssl-verify-server-cert
            [mysql_orders]
            database="shop"
        "#]]
        .assert_eq(&mysql.options());
    }

    #[test]
    fn a_tunnel_needs_nothing_but_a_port() {
        let postgres = settings(DatabaseProtocol::Postgres, Place::Tunnel(15432));
        expect_test::expect![
            "jdbc:postgresql://127.0.0.1:15432/shop?user=it%27s%20app&sslmode=disable"
        ]
        .assert_eq(&postgres.jdbc());
        expect_test::expect!["postgresql://it%27s%20app@127.0.0.1:15432/shop?sslmode=disable"]
            .assert_eq(&postgres.uri());
        let mysql = settings(DatabaseProtocol::MySql, Place::Tunnel(13306));
        expect_test::expect![
            "jdbc:mysql://127.0.0.1:13306/shop?user=it%27s%20app&sslMode=DISABLED"
        ]
        .assert_eq(&mysql.jdbc());
        expect_test::expect!["mysql://it%27s%20app@127.0.0.1:13306/shop"].assert_eq(&mysql.uri());
    }

    #[test]
    fn a_home_cannot_add_a_line_to_a_file() {
        let chosen = Chosen {
            name: "orders".into(),
            protocol: DatabaseProtocol::Postgres,
            user: "app".into(),
            database: None,
        };
        let home = Home::at(Path::new("/h\nhost=evil"));
        assert!(Settings::of(&chosen, Place::Gateway("gw:443"), &home).is_err());
    }
}
