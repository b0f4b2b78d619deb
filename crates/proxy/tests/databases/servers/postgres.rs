//! PostgreSQL, as Debian packs it: the newest version that is installed.

use ca::Authorities;

use super::certificate::Certificate;
use super::process::{Server, directory, file, run, run_as};
use super::{DATABASE, PASSWORD};
use crate::reserved::Reserved;

const ACCOUNT: &str = "postgres";

/// A running PostgreSQL.
pub(crate) struct Postgres {
    server: Server,
    ca: String,
}

impl Postgres {
    /// Starts one that trusts the database authority of `clients`.
    pub(crate) fn start(clients: &Authorities) -> Self {
        Self::trusting(&clients.database_roots_pem())
    }

    /// Starts one that trusts the authorities `clients`, in PEM.
    pub(crate) fn trusting(clients: &str) -> Self {
        let bin = programs();
        let dir = directory(ACCOUNT);
        let data = dir.join("data");
        let data = data.to_str().unwrap();
        run(&run_as(
            ACCOUNT,
            &[
                &format!("{bin}/initdb"),
                "--pgdata",
                data,
                "--username=postgres",
                "--auth=trust",
                "--no-sync",
                "--no-instructions",
                "--encoding=UTF8",
                "--locale=C",
            ],
        ));
        let certificate = Certificate::new();
        let write = |name: &str, text: &str| file(&dir.join("data").join(name), text, ACCOUNT);
        write("server.crt", &certificate.chain);
        write("server.key", &certificate.key);
        write("clients.crt", clients);
        write("pg_hba.conf", HBA);
        let port = Reserved::port();
        write("postgresql.conf", &settings(port.number(), dir.to_str().unwrap()));
        let command = run_as(ACCOUNT, &[&format!("{bin}/postgres"), "-D", data]);
        let ready = "database system is ready to accept connections";
        let server = Server::start(dir, port, "QUIT", &command, ready);
        let postgres = Self { server, ca: certificate.ca };
        postgres.sql("postgres", &format!("CREATE DATABASE {DATABASE}"));
        postgres.sql(DATABASE, &accounts());
        postgres
    }

    /// Trusts these authorities, in PEM, from the next connection on.
    pub(crate) fn trust(&self, clients: &str) {
        file(&self.server.dir.join("data/clients.crt"), clients, ACCOUNT);
        // A connection is a process of its own, which knows what had been read when it was made.
        let read = || self.sql("postgres", "select pg_conf_load_time()");
        let before = read();
        self.sql("postgres", "select pg_reload_conf()");
        while read() == before {}
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
            "protocol": "postgres",
            "uri": self.addr(),
            "tls": { "ca_cert": self.ca },
            "admin_user": { "name": "admin" },
        })
    }

    /// Runs SQL as the superuser over the server's socket; what it prints, unaligned and without headings.
    pub(crate) fn sql(&self, database: &str, text: &str) -> String {
        let port = self.server.port.number().to_string();
        let line = [
            "psql",
            "-h",
            self.server.dir.to_str().unwrap(),
            "-p",
            &port,
            "-U",
            "postgres",
            "-d",
            database,
            "-XqAt",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            text,
        ];
        let out = run(&line.map(str::to_owned));
        String::from_utf8(out.stdout).unwrap().trim_end().to_owned()
    }
}

/// The directory of its programs, which Debian keeps off the path.
fn programs() -> String {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("postgresql is installed");
    let numbers = versions.filter_map(|one| one.unwrap().file_name().to_str()?.parse::<u32>().ok());
    format!("/usr/lib/postgresql/{}/bin", numbers.max().expect("postgresql is installed"))
}

/// Who may come, and how: the superuser over the socket; others over TCP, by certificate or by their own password.
const HBA: &str = "\
local all postgres trust
hostssl all scram 127.0.0.1/32 scram-sha-256
host all md5 127.0.0.1/32 md5
host all clear 127.0.0.1/32 password
host all plain_scram 127.0.0.1/32 scram-sha-256
hostssl all all 127.0.0.1/32 cert
";

fn settings(port: u16, sockets: &str) -> String {
    format!(
        "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{sockets}'\nmax_connections = 60\n\
         ssl = on\nssl_cert_file = 'server.crt'\nssl_key_file = 'server.key'\nssl_ca_file = 'clients.crt'\n\
         fsync = off\nshared_buffers = 16MB\nlogging_collector = off\nlog_destination = stderr\nlog_connections = on\n\
         lc_messages = 'C'\n"
    )
}

fn accounts() -> String {
    let password = PASSWORD.replace('\'', "''");
    format!(
        "GRANT ALL ON SCHEMA public TO PUBLIC;
         CREATE ROLE app LOGIN;
         CREATE ROLE admin LOGIN CREATEROLE;
         SET password_encryption = 'scram-sha-256';
         CREATE ROLE scram LOGIN PASSWORD '{password}';
         CREATE ROLE plain_scram LOGIN PASSWORD '{password}';
         CREATE ROLE clear LOGIN PASSWORD '{password}';
         SET password_encryption = 'md5';
         CREATE ROLE md5 LOGIN PASSWORD '{password}';"
    )
    .replace("\n", " ")
}
