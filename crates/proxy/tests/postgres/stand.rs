//! A whole data plane on loopback with a real PostgreSQL behind it, and places for clients.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use access::identity::Identity;
use access::name::RequestId;
use ca::Authorities;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use proxy::{AskForAccess, Filed, HttpConnection, HttpHandler, Parts, Proxy, Question, Standing};
use serde_json::{Value, json};
use store::{Commit, Store};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::servers::{DATABASE, Postgres};

/// How long anything in a test may take before it counts as hung.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The target's name.
pub(crate) const TARGET: &str = "orders-db";
/// The account in the database that is logged in to by certificate.
pub(crate) const ACCOUNT: &str = "app";

/// The authorities and the server of all tests of this program: a cluster takes seconds to make.
fn shared() -> &'static (Arc<Authorities>, Postgres) {
    static SHARED: OnceLock<(Arc<Authorities>, Postgres)> = OnceLock::new();
    SHARED.get_or_init(|| {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let authorities = Arc::new(Authorities::generate("test", real_now()).unwrap());
        let postgres = Postgres::start(&authorities);
        (authorities, postgres)
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the database checks our certificates by the real clock"
)]
fn real_now() -> Timestamp {
    Timestamp::now()
}

/// A data plane in front of the server.
pub(crate) struct Stand {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) authorities: Arc<Authorities>,
    pub(crate) addr: SocketAddr,
    pub(crate) desk: Arc<Desk>,
    pub(crate) postgres: &'static Postgres,
    ahead: Arc<Mutex<SignedDuration>>,
}

/// Where denied people ask for access: what the daemon gives over the control plane.
#[derive(Default)]
pub(crate) struct Desk {
    pub(crate) asked: Mutex<Vec<Question>>,
    pub(crate) standing: Mutex<Option<String>>,
    pub(crate) filed: tokio::sync::Notify,
}

impl AskForAccess for Desk {
    fn file(&self, question: Question) -> BoxFuture<'_, Result<Filed, String>> {
        Box::pin(async move {
            self.asked.lock().unwrap().push(question);
            self.filed.notify_one();
            Ok(Filed {
                request: RequestId::from_bits(7),
                asked: vec!["bob".into(), "carol".into()],
            })
        })
    }

    fn standing(&self, _request: RequestId) -> BoxFuture<'_, Standing> {
        let line = self.standing.lock().unwrap().clone();
        Box::pin(async move { line.map_or(Standing::Waiting, Standing::Decided) })
    }
}

/// Nothing here speaks HTTP.
struct NoHttp;

impl HttpHandler for NoHttp {
    fn serve(&self, _: HttpConnection) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

impl Stand {
    /// Opens a stand with the target [`TARGET`], and the role `dba` that opens all of it.
    pub(crate) async fn open() -> Self {
        let (authorities, postgres) = tokio::task::spawn_blocking(shared).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let ahead = Arc::new(Mutex::new(SignedDuration::ZERO));
        let ticking = Arc::clone(&ahead);
        let now: proxy::Clock = Arc::new(move || real_now() + *ticking.lock().unwrap());
        let options = store::Options::new("test".parse().unwrap(), Arc::clone(&now));
        let store = Store::open(&dir.path().join("data"), options).await.unwrap();
        let desk = Arc::new(Desk::default());
        let seal = Arc::new(ca::SealKey::generate().unwrap());
        let proxy = Proxy::new(Parts {
            store: store.clone(),
            authorities: Arc::clone(authorities),
            law: Arc::new(store.policy()),
            nodes: Arc::new(proxy::nodes::StoredNodes::new(store.clone(), Arc::clone(&seal))),
            databases: Arc::new(proxy::database::StoredDatabases::new(
                store.clone(),
                Arc::clone(&seal),
            )),
            clusters: Arc::new(proxy::kube::StoredClusters::new(store.clone(), Arc::clone(&seal))),
            apps: Arc::new(proxy::app::StoredApps::new(store.clone())),
            clock: Arc::clone(&now),
            requests: Arc::clone(&desk) as Arc<dyn AskForAccess>,
            archive: archive(&store, &now).await,
            tls: Arc::new(tls(authorities)),
            http: Arc::new(NoHttp),
            public_addr: "gw.example.com:443".into(),
            names: vec!["localhost".into(), "127.0.0.1".into()],
            trusted: Vec::new(),
            slots: proxy::SlotLimits::default(),
            max_sessions: u64::MAX,
        });
        let listener = proxy::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { proxy.serve(listener, std::future::pending()).await });
        let authorities = Arc::clone(authorities);
        let stand = Self { dir, store, authorities, addr, desk, postgres, ahead };
        stand.put("db", TARGET, postgres.spec()).await;
        stand.put_role("dba", json!({})).await;
        stand
    }

    /// Moves the house's clock.
    pub(crate) fn advance(&self, by: SignedDuration) {
        *self.ahead.lock().unwrap() += by;
    }

    /// Writes a document and waits until the policy knows it.
    pub(crate) async fn put(&self, kind: &str, name: &str, spec: Value) {
        let version = if kind == "role" { "v8" } else { "v1" };
        let metadata = json!({"name": name, "labels": {"env": "test"}});
        let document =
            json!({"kind": kind, "version": version, "metadata": metadata, "spec": spec});
        let commit = Commit::new().put(format!("/{kind}/{name}"), document.to_string());
        let revision = self.store.commit(commit).await.unwrap();
        self.store.policy().at_least(revision).await;
    }

    /// Writes the role `name` that opens every database as anyone, with these options.
    pub(crate) async fn put_role(&self, name: &str, options: Value) {
        let allow = json!({"db_labels": {"*": "*"}, "db_users": ["*"], "db_names": ["*"]});
        self.put("role", name, json!({"options": options, "allow": allow})).await;
    }

    /// Makes a user with these roles, and a place for him.
    pub(crate) async fn client(&self, user: &str, roles: &[&str]) -> Client {
        self.put("user", user, json!({"roles": roles})).await;
        let home = self.dir.path().join(format!("home-{user}"));
        std::fs::create_dir_all(&home).unwrap();
        let client = Client { home, addr: self.addr };
        let key = client.file("key.pem");
        client
            .run(
                "openssl",
                &[
                    "genpkey",
                    "-algorithm",
                    "EC",
                    "-pkeyopt",
                    "ec_paramgen_curve:P-256",
                    "-out",
                    &key,
                ],
                b"",
            )
            .await;
        let public = client.run("openssl", &["pkey", "-in", &key, "-pubout"], b"").await;
        let now = real_now();
        let identity = Identity {
            user: user.parse().unwrap(),
            login: access::name::LoginId::from_bits(1),
            expires: now + SignedDuration::from_hours(1),
            mfa: true,
            device: false,
        };
        let signed =
            self.authorities.sign_identity_x509(&identity, &text(&public.stdout), now).unwrap();
        client.write("cert.pem", &signed.pem());
        client.write("ca.pem", &self.authorities.tls_roots_pem());
        client
    }

    /// The events of these codes in the audit log.
    pub(crate) async fn events(&self, code: &str) -> Vec<Value> {
        let query = api::audit::AuditQuery {
            codes: vec![code.to_owned()],
            order: api::audit::AuditOrder::Oldest,
            ..Default::default()
        };
        let page = self.store.audit().query(query).await.unwrap();
        page.events.iter().map(|event| serde_json::to_value(event).unwrap()).collect()
    }

    /// As [`Self::events`], asked again until `enough`: events that are queued are written soon, not at once.
    pub(crate) async fn events_until(
        &self,
        code: &str,
        enough: impl Fn(&[Value]) -> bool,
    ) -> Vec<Value> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let events = self.events(code).await;
            if enough(&events) {
                return events;
            }
            assert!(tokio::time::Instant::now() < deadline, "the events never came: {events:#?}");
            tokio::task::yield_now().await;
        }
    }
}

fn tls(authorities: &Authorities) -> rustls::ServerConfig {
    let ours =
        authorities.server_tls(&["localhost", "*.localhost", "127.0.0.1"], real_now()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    for root in authorities.tls_roots() {
        roots.add(root).unwrap();
    }
    let clients = rustls::server::WebPkiClientVerifier::builder(Arc::new(roots))
        .allow_unauthenticated()
        .build()
        .unwrap();
    let mut config = rustls::ServerConfig::builder()
        .with_client_cert_verifier(clients)
        .with_single_cert(ours.chain, ours.key)
        .unwrap();
    config.alpn_protocols = proxy::PROTOCOLS.iter().map(|name| name.to_vec()).collect();
    config
}

/// Recordings beside the store, sealed for a key that nobody keeps.
async fn archive(store: &Store, clock: &proxy::Clock) -> proxy::record::Archive {
    let recipient = store::recording::RecordingKey::generate().recipient();
    let dir = store.directory().join("recordings");
    let shelf = store::recording::Shelf::open_with(&dir, recipient, 0).unwrap();
    proxy::record::Archive::start(shelf, Arc::new(store.clone()), Arc::clone(clock)).await.unwrap()
}

/// A person's machine.
#[derive(Clone)]
pub(crate) struct Client {
    home: PathBuf,
    addr: SocketAddr,
}

impl Client {
    /// Where the gateway is.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.home.join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.home.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// What libpq is told to reach `database` through the gateway; more may be added.
    pub(crate) fn conninfo(&self, database: &str) -> String {
        format!(
            "host=localhost hostaddr=127.0.0.1 port={} sslmode=verify-full sslrootcert={} sslcert={} sslkey={} user={ACCOUNT} dbname={database}",
            self.addr.port(),
            self.file("ca.pem"),
            self.file("cert.pem"),
            self.file("key.pem"),
        )
    }

    /// What libpq is told to reach the target's database.
    pub(crate) fn here(&self) -> String {
        self.conninfo(&format!("{TARGET}/{DATABASE}"))
    }

    /// A tool with this person's home.
    pub(crate) fn command(&self, tool: &str) -> Command {
        let mut command = Command::new(tool);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin:/usr/lib/postgresql/15/bin")
            .env("HOME", &self.home)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// `psql` at the target, with these arguments.
    pub(crate) fn psql(&self, args: &[&str]) -> Command {
        let mut command = self.command("psql");
        command.args(["-XqAt", "-v", "VERBOSITY=verbose", "-d", &self.here()]).args(args);
        command
    }

    /// Runs SQL with `psql` at the target.
    pub(crate) async fn sql(&self, text: &str) -> Output {
        finish(self.psql(&["-f", "-"]), text.as_bytes()).await
    }

    /// Runs a tool with this input to its end.
    pub(crate) async fn run(&self, tool: &str, args: &[&str], input: &[u8]) -> Output {
        let mut command = self.command(tool);
        command.args(args);
        finish(command, input).await
    }
}

/// Runs a command with this input to its end.
pub(crate) async fn finish(mut command: Command, input: &[u8]) -> Output {
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    tokio::spawn(async move {
        let _ = stdin.write_all(&input).await;
    });
    tokio::time::timeout(PATIENCE, child.wait_with_output())
        .await
        .expect("the client hangs")
        .unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
