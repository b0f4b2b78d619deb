//! The newest PostgreSQL and its own clients, out of a directory with a newer Debian (`make test-peers`).

use std::path::{Path, PathBuf};

use crate::servers::{DATABASE, Postgres};
use crate::stand::{Client, Stand, finish, text};

/// A directory in the other Debian, removed with the test.
fn inside(root: &Path) -> tempfile::TempDir {
    tempfile::Builder::new().prefix("cs-client-").tempdir_in(root.join("tmp")).unwrap()
}

/// `psql` of the other Debian, with a person's certificate, at `newest` by this host name.
fn psql(alice: &Client, root: &Path, home: &Path, more: &str) -> tokio::process::Command {
    for name in ["ca.pem", "cert.pem", "key.pem"] {
        std::fs::copy(alice.file(name), home.join(name)).unwrap();
    }
    let at = format!("/{}", home.strip_prefix(root).unwrap().display());
    let info = format!(
        "host=newest.localhost hostaddr=127.0.0.1 port={} sslmode=verify-full sslrootcert={at}/ca.pem \
         sslcert={at}/cert.pem sslkey={at}/key.pem user=app dbname={DATABASE} {more}",
        alice.addr().port()
    );
    let mut command = alice.command("chroot");
    command.arg(root).args(["psql", "-XqAt", "-v", "VERBOSITY=verbose", "-d", &info, "-f", "-"]);
    command.env("PATH", "/usr/sbin:/usr/bin:/bin");
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn libpq_of_today_speaks_tls_at_once_and_protocol_3_2() {
    let root = PathBuf::from(std::env::var_os("PEERS").expect("PEERS names a Debian with psql"));
    let stand = Stand::open().await;
    let authorities = std::sync::Arc::clone(&stand.authorities);
    let starting = tokio::task::spawn_blocking(move || Postgres::newest(&authorities));
    let server = starting.await.unwrap();
    stand.put("db", "newest", server.spec()).await;
    let alice = stand.client("alice", &["dba"]).await;
    let home = inside(&root);
    let asked = b"select current_user, ssl from pg_stat_ssl where pid = pg_backend_pid();\n\
        select 'bound ' || $1::int + 1 \\bind 41 \\g\nselect 1/0;\n";
    for more in [
        "sslnegotiation=direct",
        "sslnegotiation=direct max_protocol_version=3.2",
        "sslnegotiation=postgres min_protocol_version=3.2 max_protocol_version=3.2",
    ] {
        let out = finish(psql(&alice, &root, home.path(), more), asked).await;
        let said = text(&out.stderr);
        assert_eq!(text(&out.stdout), "app|t\nbound 42\n", "{more}: {said}");
        assert!(said.contains("22012"), "{more}: the database's own error: {said}");
    }
    let version = server.sql("postgres", "show server_version_num");
    assert!(version.parse::<u32>().unwrap() >= 170_000, "{version}");

    // Who may not come in is told why, by TLS at once too.
    let carol = stand.client("carol", &[]).await;
    let out = finish(psql(&carol, &root, home.path(), "sslnegotiation=direct"), asked).await;
    assert_eq!(out.status.code(), Some(2));
    let said = text(&out.stderr);
    assert!(said.contains("Access denied") && !said.contains("app|t"), "{said}");
}
