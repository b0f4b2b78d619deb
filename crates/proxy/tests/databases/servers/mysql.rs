//! MySQL 9, out of a directory with a Debian that packs it: `PEERS` names it, `make test-peers` makes it.

use std::path::PathBuf;

use ca::Authorities;

use super::certificate::Certificate;
use super::process::{Server, run};
use super::{DATABASE, PASSWORD};
use crate::reserved::Reserved;

/// A running MySQL, with the accounts `app` and `admin` (certificate) and `sha2` (password).
pub(crate) struct MySql {
    server: Server,
    root: PathBuf,
    /// Its directory, as it sees it.
    inside: String,
    ca: String,
}

fn words(line: &[&str]) -> Vec<String> {
    line.iter().map(|word| (*word).to_owned()).collect()
}

impl MySql {
    /// Starts one that trusts the database authority of `clients`.
    pub(crate) fn start(clients: &Authorities) -> Self {
        let root = std::env::var_os("PEERS").expect("PEERS names a Debian with mysql-server");
        let root = PathBuf::from(root);
        let shown = root.to_str().unwrap().to_owned();
        let made = tempfile::Builder::new().prefix("cs-db-").tempdir_in(root.join("tmp")).unwrap();
        let dir = made.keep();
        let inside = format!("/{}", dir.strip_prefix(&root).unwrap().display());
        let certificate = Certificate::new();
        let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).unwrap();
        write("server.crt", &certificate.chain);
        write("server.key", &certificate.key);
        write("clients.crt", &clients.database_roots_pem());
        let port = Reserved::port();
        let number = port.number();
        let d = &inside;
        write(
            "my.cnf",
            &format!(
                "[mysqld]\nuser=mysql\ndatadir={d}/data\nsocket={d}/socket\npid-file={d}/pid\nport={number}\n\
                 bind-address=127.0.0.1\nmysqlx=OFF\nskip-name-resolve\nskip-log-bin\nssl-cert={d}/server.crt\n\
                 ssl-key={d}/server.key\nssl-ca={d}/clients.crt\ninnodb-flush-log-at-trx-commit=0\n\
                 innodb-buffer-pool-size=32M\nperformance-schema=OFF\nlocal-infile=1\n"
            ),
        );
        run(&words(&["chroot", &shown, "chown", "-R", "mysql", d]));
        let defaults = format!("--defaults-file={d}/my.cnf");
        let mysqld = ["chroot", &shown, "/usr/sbin/mysqld", &defaults];
        run(&words(&[&mysqld[..], &["--initialize-insecure"]].concat()));
        let ready = "mysqld: ready for connections";
        let server = Server::start(dir, port, "KILL", &words(&mysqld), ready);
        let mysql = Self { server, root, inside, ca: certificate.ca };
        mysql.sql("mysql", &accounts());
        mysql
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn addr(&self) -> String {
        self.server.port.address().to_string()
    }

    /// The authority of its certificate.
    pub(crate) fn ca_pem(&self) -> &str {
        &self.ca
    }

    /// Runs SQL as root over the server's socket; what it prints, without headings, tabs between columns.
    pub(crate) fn sql(&self, database: &str, text: &str) -> String {
        let socket = format!("{}/socket", self.inside);
        let line = [
            "chroot",
            self.root.to_str().unwrap(),
            "mysql",
            "--no-defaults",
            "-u",
            "root",
            "--socket",
            &socket,
            "--batch",
            "--skip-column-names",
            "-D",
            database,
            "-e",
            text,
        ];
        let out = run(&words(&line));
        String::from_utf8(out.stdout).unwrap().trim_end().to_owned()
    }
}

fn accounts() -> String {
    let password = PASSWORD.replace('\'', "''");
    format!(
        "CREATE DATABASE {DATABASE}; CREATE USER app@'%' REQUIRE SUBJECT '/CN=app'; \
         CREATE USER admin@'%' REQUIRE SUBJECT '/CN=admin'; GRANT ALL ON *.* TO admin@'%' WITH GRANT OPTION; \
         CREATE USER sha2@'%' IDENTIFIED WITH caching_sha2_password BY '{password}'; \
         GRANT ALL ON {DATABASE}.* TO app@'%', sha2@'%'"
    )
}
