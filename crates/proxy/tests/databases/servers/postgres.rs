//! PostgreSQL, as Debian packs it: the newest version that is installed; with the feature `peers` also the one out of a
//! directory with a newer Debian: `PEERS` names it, `make test-peers` makes it.

use std::path::{Path, PathBuf};

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
        Self::at(&Place(None), clients)
    }

    /// Starts the one of the newer Debian.
    #[cfg(feature = "peers")]
    pub(crate) fn newest(clients: &Authorities) -> Self {
        let root = std::env::var_os("PEERS").expect("PEERS names a Debian with postgresql");
        Self::at(&Place(Some(root.into())), &clients.database_roots_pem())
    }

    fn at(place: &Place, clients: &str) -> Self {
        let bin = place.programs();
        let dir = place.directory();
        let inside = place.inside(&dir);
        let data = format!("{inside}/data");
        run(&place.line(&[
            &format!("{bin}/initdb"),
            "--pgdata",
            &data,
            "--username=postgres",
            "--auth=trust",
            "--no-sync",
            "--no-instructions",
            "--encoding=UTF8",
            "--locale=C",
        ]));
        let certificate = Certificate::new();
        let write = |name: &str, text: &str| file(&dir.join("data").join(name), text, ACCOUNT);
        write("server.crt", &certificate.chain);
        write("server.key", &certificate.key);
        write("clients.crt", clients);
        write("pg_hba.conf", HBA);
        let port = Reserved::port();
        write("postgresql.conf", &settings(port.number(), &inside));
        place.give(&dir);
        let command = place.line(&[&format!("{bin}/postgres"), "-D", &data]);
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

/// Where a server's programs are: here, or below a directory with another Debian.
struct Place(Option<PathBuf>);

impl Place {
    /// The directory of its programs, which Debian keeps off the path; as the server sees it.
    fn programs(&self) -> String {
        let root = self.0.as_deref().unwrap_or(Path::new("/"));
        let versions = std::fs::read_dir(root.join("usr/lib/postgresql"));
        let versions = versions.expect("postgresql is installed");
        let numbers =
            versions.filter_map(|one| one.unwrap().file_name().to_str()?.parse::<u32>().ok());
        format!("/usr/lib/postgresql/{}/bin", numbers.max().expect("postgresql is installed"))
    }

    /// A new directory for its files.
    fn directory(&self) -> PathBuf {
        let Some(root) = &self.0 else { return directory(ACCOUNT) };
        let made = tempfile::Builder::new().prefix("cs-db-").tempdir_in(root.join("tmp"));
        let dir = made.unwrap().keep();
        self.give(&dir);
        dir
    }

    /// A path of ours as the server sees it.
    fn inside(&self, path: &Path) -> String {
        match &self.0 {
            None => path.display().to_string(),
            Some(root) => format!("/{}", path.strip_prefix(root).unwrap().display()),
        }
    }

    /// A command line that runs there, as the server's account.
    fn line(&self, command: &[&str]) -> Vec<String> {
        let Some(root) = &self.0 else { return run_as(ACCOUNT, command) };
        let user = format!("--userspec={ACCOUNT}:{ACCOUNT}");
        let chroot = ["chroot", &user, root.to_str().unwrap()];
        chroot.iter().chain(command).map(|word| (*word).to_owned()).collect()
    }

    /// Gives files to the account, whose number may be another one there.
    fn give(&self, dir: &Path) {
        if let Some(root) = &self.0 {
            let line =
                ["chroot", root.to_str().unwrap(), "chown", "-R", ACCOUNT, &self.inside(dir)];
            run(&line.map(str::to_owned));
        }
    }
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
         fsync = off\nshared_buffers = 16MB\nlogging_collector = off\ndynamic_shared_memory_type = mmap\nlog_destination = stderr\nlog_connections = on\n\
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
