//! MariaDB 10.11, as Debian packs it.

use std::fs::File;
use std::path::{Path, PathBuf};

use ca::Authorities;

use super::certificate::Certificate;
use super::process::{Server, directory, file, is_root, run, run_as};
use super::{DATABASE, PASSWORD};
use crate::reserved::Reserved;

const ACCOUNT: &str = "mysql";

/// Settings of the files, which the server must be started with as they were made.
const FILES: &str = "\
[mysqld]
innodb_log_file_size=4M
innodb_data_file_path=ibdata1:4M:autoextend
innodb_temp_data_file_path=ibtmp1:4M:autoextend
innodb_undo_tablespaces=0
innodb_buffer_pool_size=16M
innodb_flush_method=nosync
innodb_flush_log_at_trx_commit=0
aria_log_file_size=8M
performance_schema=OFF
skip-log-bin
";

/// A running MariaDB.
pub(crate) struct MariaDb {
    server: Server,
    ca: String,
}

impl MariaDb {
    /// Starts one that trusts the database authority of `clients`.
    pub(crate) fn start(clients: &Authorities) -> Self {
        Self::trusting(&clients.database_roots_pem())
    }

    /// Starts one that trusts the authorities `clients`, in PEM.
    pub(crate) fn trusting(clients: &str) -> Self {
        let dir = directory(ACCOUNT);
        let data = dir.join("data");
        let copy = ["cp", "-a", "--reflink=auto"].map(str::to_owned);
        let from_to = [template().to_str().unwrap().to_owned(), data.to_str().unwrap().to_owned()];
        run(&[&copy[..], &from_to[..]].concat());
        let certificate = Certificate::new();
        let write = |name: &str, text: &str| file(&dir.join(name), text, ACCOUNT);
        write("server.crt", &certificate.chain);
        write("server.key", &certificate.key);
        write("clients.crt", clients);
        let port = Reserved::port();
        let number = port.number();
        let d = dir.to_str().unwrap();
        write(
            "my.cnf",
            &format!(
                "{FILES}datadir={d}/data\nsocket={d}/socket\nport={number}\nbind-address=127.0.0.1\nskip-name-resolve\n\
                 ssl-cert={d}/server.crt\nssl-key={d}/server.key\nssl-ca={d}/clients.crt\n\
                 plugin-load-add=auth_ed25519\nmax_connections=60\nlocal-infile=1\n"
            ),
        );
        let command =
            run_as(ACCOUNT, &["mariadbd", &format!("--defaults-file={d}/my.cnf"), "--console"]);
        let server = Server::start(dir, port, "KILL", &command, "mariadbd: ready for connections");
        let mariadb = Self { server, ca: certificate.ca };
        mariadb.sql("mysql", &accounts(clients, &mariadb.server.dir));
        mariadb
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn addr(&self) -> String {
        self.server.port.address().to_string()
    }

    /// The authority of its certificate.
    pub(crate) fn ca_pem(&self) -> &str {
        &self.ca
    }

    /// The `spec` of a database document for it, with log-in by certificate.
    pub(crate) fn spec(&self) -> serde_json::Value {
        serde_json::json!({
            "protocol": "mysql",
            "uri": self.addr(),
            "tls": { "ca_cert": self.ca },
            "admin_user": { "name": "admin" },
        })
    }

    /// Runs SQL as root over the server's socket; what it prints, without headings, tabs between columns.
    pub(crate) fn sql(&self, database: &str, text: &str) -> String {
        let socket = self.server.dir.join("socket");
        let line = [
            "mariadb",
            "--no-defaults",
            "-u",
            "root",
            "--socket",
            socket.to_str().unwrap(),
            "--batch",
            "--skip-column-names",
            "-D",
            database,
            "-e",
            text,
        ];
        let out = run(&line.map(str::to_owned));
        String::from_utf8(out.stdout).unwrap().trim_end().to_owned()
    }
}

/// The files of an empty server, kept beside the test's program. They take seconds to make, so they are made once: by the
/// first test that wants them, of whichever program, while the others wait.
fn template() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let kept = program.parent().unwrap().join("mariadb-empty");
    let path = kept.with_extension("lock");
    let lock = File::options().create(true).append(true).open(&path);
    let lock = lock.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // Let go when the file is closed, also by a test that fails.
    lock.lock().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if !kept.exists() {
        make_template(&kept);
    }
    kept
}

fn make_template(kept: &Path) {
    let dir = directory(ACCOUNT);
    let defaults = dir.join("my.cnf");
    file(&defaults, FILES, ACCOUNT);
    let data = dir.join("data");
    let mut line = vec![
        "mariadb-install-db".to_owned(),
        format!("--defaults-file={}", defaults.display()),
        format!("--datadir={}", data.display()),
        "--auth-root-authentication-method=normal".to_owned(),
        "--skip-test-db".to_owned(),
        "--skip-name-resolve".to_owned(),
    ];
    if is_root() {
        line.push(format!("--user={ACCOUNT}"));
    }
    run(&line);
    // Whole or not at all: what a killed test left half is under another name, and is made anew.
    let beside = kept.with_extension("new");
    if beside.exists() {
        std::fs::remove_dir_all(&beside).unwrap();
    }
    let copy = ["cp", "-a"].map(str::to_owned);
    let from_to = [&data, &beside].map(|path| path.to_str().unwrap().to_owned());
    run(&[copy, from_to].concat());
    std::fs::rename(&beside, kept).unwrap_or_else(|error| panic!("{}: {error}", kept.display()));
    std::fs::remove_dir_all(&dir).unwrap();
}

fn accounts(authority: &str, dir: &Path) -> String {
    let password = PASSWORD.replace('\'', "''");
    let issuer = issuer(authority, dir);
    let by_certificate = |user: &str| {
        format!(
            "CREATE USER {user}@'%' IDENTIFIED VIA mysql_native_password USING '' \
             REQUIRE SUBJECT '/CN={user}' AND ISSUER '{issuer}';"
        )
    };
    format!(
        "CREATE DATABASE {DATABASE}; {} GRANT ALL ON {DATABASE}.* TO app@'%'; \
         {} GRANT ALL ON *.* TO admin@'%' WITH GRANT OPTION; \
         CREATE USER native@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('{password}'); \
         GRANT ALL ON {DATABASE}.* TO native@'%'; \
         CREATE USER ed25519@'%' IDENTIFIED VIA ed25519 USING PASSWORD('{password}'); \
         GRANT ALL ON {DATABASE}.* TO ed25519@'%';",
        by_certificate("app"),
        by_certificate("admin"),
    )
}

/// An authority's name as `REQUIRE ISSUER` wants it: `/O=.../CN=...`.
fn issuer(pem: &str, dir: &Path) -> String {
    let path = dir.join("issuer.crt");
    std::fs::write(&path, pem).unwrap();
    let line = ["openssl", "x509", "-noout", "-subject", "-nameopt", "compat", "-in"];
    let mut line: Vec<String> = line.map(str::to_owned).into();
    line.push(path.to_str().unwrap().to_owned());
    let said = String::from_utf8(run(&line).stdout).unwrap();
    said.trim().strip_prefix("subject=").unwrap().trim().to_owned()
}
