//! A whole data plane on loopback, and places for clients.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use access::identity::Identity;
use access::name::{LoginId, RequestId};
use ca::Authorities;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use proxy::{AskForAccess, Filed, HttpConnection, HttpHandler, Parts, Proxy, Question, Standing};
use serde_json::{Value, json};
use store::{Commit, Store};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// How long anything in a test may take before it counts as hung.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The application's name, and the host name it is reached by.
pub(crate) const APP: &str = "wiki";
pub(crate) const HOST: &str = "wiki.gw.example.com";

fn authorities() -> Arc<Authorities> {
    static SHARED: OnceLock<Arc<Authorities>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        Arc::new(Authorities::generate("test", real_now()).unwrap())
    });
    Arc::clone(shared)
}

#[expect(clippy::disallowed_methods, reason = "curl checks our certificates by the real clock")]
fn real_now() -> Timestamp {
    Timestamp::now()
}

/// A data plane.
pub(crate) struct Stand {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) authorities: Arc<Authorities>,
    pub(crate) addr: SocketAddr,
    pub(crate) desk: Arc<Desk>,
    ahead: Arc<Mutex<SignedDuration>>,
}

/// Where denied people ask for access: what the daemon gives over the control plane.
#[derive(Default)]
pub(crate) struct Desk {
    pub(crate) asked: Mutex<Vec<Question>>,
    pub(crate) standing: Mutex<Option<String>>,
}

impl AskForAccess for Desk {
    fn file(&self, question: Question) -> BoxFuture<'_, Result<Filed, String>> {
        Box::pin(async move {
            self.asked.lock().unwrap().push(question);
            let asked = vec!["bob".into(), "carol".into()];
            Ok(Filed { request: RequestId::from_bits(7), asked })
        })
    }

    fn standing(&self, _request: RequestId) -> BoxFuture<'_, Standing> {
        let line = self.standing.lock().unwrap().clone();
        Box::pin(async move { line.map_or(Standing::Waiting, Standing::Decided) })
    }
}

/// The house itself has nothing to say here.
struct NoHttp;

impl HttpHandler for NoHttp {
    fn serve(&self, _: HttpConnection) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

impl Stand {
    /// Opens a stand in front of the application at `uri`, and the role `reader` that opens it.
    pub(crate) async fn before(uri: &str) -> Self {
        let stand = Self::open().await;
        stand.put("app", APP, json!({ "uri": uri })).await;
        stand.put_role("reader", json!({})).await;
        stand
    }

    async fn open() -> Self {
        let authorities = authorities();
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
            authorities: Arc::clone(&authorities),
            law: Arc::new(store.policy()),
            nodes: Arc::new(proxy::nodes::StoredNodes::new(store.clone(), Arc::clone(&seal))),
            databases: Arc::new(proxy::database::StoredDatabases::new(
                store.clone(),
                Arc::clone(&seal),
            )),
            clusters: Arc::new(proxy::kube::StoredClusters::new(store.clone(), seal)),
            apps: Arc::new(proxy::app::StoredApps::new(store.clone())),
            clock: Arc::clone(&now),
            requests: Arc::clone(&desk) as Arc<dyn AskForAccess>,
            archive: archive(&store, &now).await,
            tls: Arc::new(tls(&authorities)),
            http: Arc::new(NoHttp),
            public_addr: "gw.example.com:443".into(),
            names: vec!["gw.example.com".into(), "127.0.0.1".into()],
            trusted: Vec::new(),
            slots: proxy::SlotLimits::default(),
            max_sessions: u64::MAX,
        });
        let listener = proxy::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { proxy.serve(listener, std::future::pending()).await });
        Self { dir, store, authorities, addr, desk, ahead }
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

    /// Writes the role `name` that opens every application, with more conditions.
    pub(crate) async fn put_role(&self, name: &str, more: Value) {
        let mut allow = json!({"app_labels": {"*": "*"}});
        if let (Value::Object(allow), Value::Object(more)) = (&mut allow, more) {
            allow.extend(more);
        }
        self.put("role", name, json!({ "allow": allow })).await;
    }

    /// Makes a user with these roles, and a place for him.
    pub(crate) async fn client(&self, user: &str, roles: &[&str]) -> Client {
        let traits = json!({"team": ["night", "day"]});
        self.put("user", user, json!({"roles": roles, "traits": traits})).await;
        let home = self.dir.path().join(format!("home-{user}"));
        std::fs::create_dir_all(&home).unwrap();
        let client = Client { home, addr: self.addr };
        let key = client.file("key.pem");
        let made =
            ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &key];
        client.run("openssl", &made, b"").await;
        let public = client.run("openssl", &["pkey", "-in", &key, "-pubout"], b"").await;
        let now = real_now();
        let identity = self.identity(user);
        let signed =
            self.authorities.sign_identity_x509(&identity, &text(&public.stdout), now).unwrap();
        client.write("cert.pem", &signed.pem());
        client.write("ca.pem", &self.authorities.tls_roots_pem());
        client
    }

    /// Who a user is for the next hour.
    pub(crate) fn identity(&self, user: &str) -> Identity {
        Identity {
            user: user.parse().unwrap(),
            login: LoginId::from_bits(1),
            expires: real_now() + SignedDuration::from_hours(1),
            mfa: true,
            device: false,
        }
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

    /// As [`Self::events`], asked again until there are some: events that are queued are written soon, not at once.
    pub(crate) async fn events_soon(&self, code: &str) -> Vec<Value> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let events = self.events(code).await;
            if !events.is_empty() {
                return events;
            }
            assert!(tokio::time::Instant::now() < deadline, "`{code}` never came");
            tokio::task::yield_now().await;
        }
    }
}

fn tls(authorities: &Authorities) -> rustls::ServerConfig {
    let ours = authorities
        .server_tls(&["gw.example.com", "*.gw.example.com", "127.0.0.1"], real_now())
        .unwrap();
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
    pub(crate) addr: SocketAddr,
}

impl Client {
    pub(crate) fn file(&self, name: &str) -> String {
        self.home.join(name).display().to_string()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.home.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The address of `path` at the application.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{HOST}:{}{path}", self.addr.port())
    }

    /// `curl` with this person's certificate, with these arguments.
    pub(crate) fn curl(&self, args: &[&str]) -> Command {
        let (cert, key) = (self.file("cert.pem"), self.file("key.pem"));
        let mut command = self.curl_as_nobody(&["--cert", &cert, "--key", &key]);
        command.args(args);
        command
    }

    /// `curl` that shows no certificate.
    pub(crate) fn curl_as_nobody(&self, args: &[&str]) -> Command {
        let mut command = self.command("curl");
        let (ca, at) = (self.file("ca.pem"), format!("*:{}:127.0.0.1", self.addr.port()));
        command.args(["-sS", "--max-time", "50", "--cacert", &ca, "--resolve", &at]).args(args);
        command
    }

    /// What the application answers to a GET.
    pub(crate) async fn get(&self, path: &str) -> Said {
        said(self.curl(&["-i", &self.url(path)])).await
    }

    pub(crate) fn command(&self, tool: &str) -> Command {
        let mut command = Command::new(tool);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
            .env("HOME", &self.home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, tool: &str, args: &[&str], input: &[u8]) -> Output {
        let mut command = self.command(tool);
        command.args(args);
        finish(command, input).await
    }
}

/// An answer, as `curl -i` shows it.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Said {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (own, value) = line.split_once(':')?;
            own.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs `curl -i` to its end.
pub(crate) async fn said(command: Command) -> Said {
    let output = finish(command, b"").await;
    let all = text(&output.stdout);
    let (head, body) =
        all.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{all} {}", text(&output.stderr)));
    let status = head.split(' ').nth(1).unwrap().trim().parse().unwrap();
    Said { status, head: head.to_owned(), body: body.to_owned() }
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
