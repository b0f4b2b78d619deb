//! A data plane on loopback with MySQL's port, in front of a real MariaDB.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use access::identity::Identity;
use access::name::RequestId;
use ca::Authorities;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use proxy::{
    AskForAccess, Filed, HttpConnection, HttpHandler, Parts, Proxy, Question, SlotLimits, Standing,
};
use serde_json::{Value, json};
use store::{Commit, Store};
use tokio::process::Command;

use crate::servers::{DATABASE, MariaDb};

/// How long anything in a test may take before it counts as hung.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A data plane, its target `orders`, and a place for clients.
pub(crate) struct Stand {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) authorities: Arc<Authorities>,
    /// MySQL's port.
    pub(crate) addr: SocketAddr,
    /// The one port.
    pub(crate) main: SocketAddr,
    pub(crate) clock: TestClock,
    pub(crate) server: MariaDb,
}

/// The real clock.
#[derive(Clone, Default)]
pub(crate) struct TestClock(Arc<Mutex<SignedDuration>>);

impl TestClock {
    pub(crate) fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "the server checks certificates by the real clock"
        )]
        let real = Timestamp::now();
        real + *self.0.lock().unwrap()
    }
}

/// Nobody is asked by this door.
struct Nobody;

impl AskForAccess for Nobody {
    fn file(&self, _: Question) -> BoxFuture<'_, Result<Filed, String>> {
        Box::pin(async { Err("nobody is here".into()) })
    }

    fn standing(&self, _: RequestId) -> BoxFuture<'_, Standing> {
        Box::pin(async { Standing::Waiting })
    }
}

impl HttpHandler for Nobody {
    fn serve(&self, _: HttpConnection) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

impl Stand {
    /// Opens a stand with the database target `orders`, and the role `dba` that opens it for `app`.
    pub(crate) async fn open() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let clock = TestClock::default();
        let authorities = Arc::new(Authorities::generate("test", clock.now()).unwrap());
        let server = MariaDb::start(&authorities);
        let ticking = clock.clone();
        let now: proxy::Clock = Arc::new(move || ticking.now());
        let options = store::Options::new("test".parse().unwrap(), Arc::clone(&now));
        let store = Store::open(&dir.path().join("data"), options).await.unwrap();
        let seal = Arc::new(ca::SealKey::generate().unwrap());
        let recordings = store::recording::Shelf::open_with(
            &store.directory().join("recordings"),
            store::recording::RecordingKey::generate().recipient(),
            0,
        );
        let archive = proxy::record::Archive::start(
            recordings.unwrap(),
            Arc::new(store.clone()),
            Arc::clone(&now),
        );
        let proxy = Proxy::new(Parts {
            store: store.clone(),
            authorities: Arc::clone(&authorities),
            law: Arc::new(store.policy()),
            nodes: Arc::new(proxy::nodes::StoredNodes::new(store.clone(), Arc::clone(&seal))),
            databases: Arc::new(proxy::database::StoredDatabases::new(
                store.clone(),
                Arc::clone(&seal),
            )),
            clusters: Arc::new(proxy::kube::StoredClusters::new(store.clone(), Arc::clone(&seal))),
            apps: Arc::new(proxy::app::StoredApps::new(store.clone())),
            clock: Arc::clone(&now),
            requests: Arc::new(Nobody),
            archive: archive.await.unwrap(),
            tls: Arc::new(tls(&authorities, clock.now())),
            http: Arc::new(Nobody),
            public_addr: "gw.example.com:443".into(),
            names: vec!["gw.example.com".into()],
            trusted: Vec::new(),
            slots: SlotLimits::default(),
            max_sessions: 1000,
        });
        let (addr, main) = (listen(&proxy, Port::MySql), listen(&proxy, Port::One));
        let spec = server.spec();
        let stand = Self { dir, store, authorities, addr, main, clock, server };
        stand.put("db", "orders", spec).await;
        stand.put_role("dba", json!({}), json!(["*"])).await;
        stand
    }

    /// Writes a document and waits until the policy knows it.
    pub(crate) async fn put(&self, kind: &str, name: &str, spec: Value) {
        let version = if kind == "role" { "v8" } else { "v1" };
        let document = json!({"kind": kind, "version": version, "metadata": {"name": name, "labels": {"env": "test"}}, "spec": spec});
        let commit = Commit::new().put(format!("/{kind}/{name}"), document.to_string());
        let revision = self.store.commit(commit).await.unwrap();
        self.store.policy().at_least(revision).await;
    }

    /// Writes a role that opens every database server for `app` and these databases, with these options.
    pub(crate) async fn put_role(&self, name: &str, options: Value, databases: Value) {
        let spec = json!({
            "options": options,
            "allow": {"db_users": ["app"], "db_names": databases, "db_labels": {"*": "*"}}
        });
        self.put("role", name, spec).await;
    }

    /// Makes a user with these roles, and a client of his.
    pub(crate) async fn client(&self, user: &str, roles: &[&str]) -> Client {
        self.put("user", user, json!({"roles": roles})).await;
        let now = self.clock.now();
        let identity = Identity {
            user: user.parse().unwrap(),
            login: access::name::LoginId::from_bits(1),
            expires: now + SignedDuration::from_hours(1),
            mfa: true,
            device: false,
        };
        let home = self.dir.path().join(format!("home-{user}"));
        std::fs::create_dir_all(&home).unwrap();
        let openssl = |args: &[&str]| {
            let mut command = std::process::Command::new("openssl");
            let out = command.args(args).current_dir(&home).output().unwrap();
            assert!(out.status.success(), "{}", text(&out.stderr));
            text(&out.stdout)
        };
        openssl(&[
            "genpkey",
            "-algorithm",
            "EC",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-out",
            "key",
        ]);
        let public = openssl(&["pkey", "-in", "key", "-pubout"]);
        let signed = self.authorities.sign_identity_x509(&identity, &public, now).unwrap();
        std::fs::write(home.join("cert"), signed.pem()).unwrap();
        Client { home, port: self.addr.port(), roots: self.authorities.tls_roots() }
    }

    /// The events of this code, asked for again until there are `enough`: events that are queued are written soon, not
    /// at once.
    pub(crate) async fn events_until(
        &self,
        code: &str,
        enough: impl Fn(&[Value]) -> bool,
    ) -> Vec<Value> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let query = api::audit::AuditQuery {
                codes: vec![code.to_owned()],
                order: api::audit::AuditOrder::Oldest,
                ..Default::default()
            };
            let page = self.store.audit().query(query).await.unwrap();
            let events: Vec<_> =
                page.events.iter().map(|event| serde_json::to_value(event).unwrap()).collect();
            if enough(&events) {
                return events;
            }
            assert!(tokio::time::Instant::now() < deadline, "the events never came: {events:#?}");
            tokio::task::yield_now().await;
        }
    }
}

enum Port {
    MySql,
    One,
}

fn listen(proxy: &Proxy, port: Port) -> SocketAddr {
    let listener = proxy::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = listener.local_addr().unwrap();
    let proxy = proxy.clone();
    tokio::spawn(async move {
        match port {
            Port::MySql => proxy.serve_mysql(listener, std::future::pending()).await,
            Port::One => proxy.serve(listener, std::future::pending()).await,
        }
    });
    addr
}

/// TLS as the daemon has it: a certificate of ours, and whatever client certificate of ours is shown.
fn tls(authorities: &Authorities, now: Timestamp) -> rustls::ServerConfig {
    let ours = authorities.server_tls(&["gw.example.com", "orders.gw.example.com"], now).unwrap();
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

/// A person's machine.
pub(crate) struct Client {
    pub(crate) home: PathBuf,
    pub(crate) port: u16,
    /// The authorities of our own certificate.
    pub(crate) roots: Vec<rustls::pki_types::CertificateDer<'static>>,
}

impl Client {
    /// The `mariadb` client with this person's certificate.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("mariadb");
        command.args(["--no-defaults", "--protocol=tcp", "-h", "127.0.0.1", "-P"]);
        command.arg(self.port.to_string());
        command.arg(format!("--ssl-cert={}", self.home.join("cert").display()));
        command.arg(format!("--ssl-key={}", self.home.join("key").display()));
        command.args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("HOME", &self.home).kill_on_drop(true);
        command
    }

    /// Runs SQL as `app@orders` in the database that is there, without headings.
    pub(crate) async fn sql(&self, text: &str) -> Output {
        self.run(&["-u", "app@orders", "-D", DATABASE, "--batch", "-N", "-e", text]).await
    }

    /// Runs the client with these arguments to its end.
    pub(crate) async fn run(&self, args: &[&str]) -> Output {
        let child = self.command(args).spawn().unwrap();
        let ended = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
        ended.expect("the client hangs").unwrap()
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What it printed, when it went well.
pub(crate) fn printed(out: &Output) -> String {
    assert!(out.status.success(), "{}{}", text(&out.stdout), text(&out.stderr));
    text(&out.stdout).trim_end().to_owned()
}
