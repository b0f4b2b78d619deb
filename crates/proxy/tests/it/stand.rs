//! A whole data plane on loopback: a real sshd as the target, a real store and real authorities, and stock clients.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
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
use russh::keys::{Algorithm, PrivateKey};
use serde_json::{Value, json};
use store::{Commit, Store};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

#[path = "../ports/reserved.rs"]
mod reserved;
pub(crate) use reserved::Reserved;

/// How long anything in a test may take before it counts as hung.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The account on the target: the one the tests run as.
pub(crate) const LOGIN: &str = "root";

/// A data plane, its target, and a place for clients.
pub(crate) struct Stand {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) authorities: Arc<Authorities>,
    pub(crate) proxy: Proxy,
    pub(crate) addr: SocketAddr,
    pub(crate) clock: TestClock,
    pub(crate) desk: Arc<Desk>,
    pub(crate) seal: Arc<ca::SealKey>,
    /// Whom the HTTP handler was given.
    pub(crate) visitors: Visitors,
    /// The address of the target's sshd.
    pub(crate) sshd: String,
    _sshd: Child,
    _port: Reserved,
}

/// The real clock, moved by the test.
#[derive(Clone, Default)]
pub(crate) struct TestClock(Arc<Mutex<SignedDuration>>);

impl TestClock {
    pub(crate) fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "sshd checks our certificates by the real clock"
        )]
        let real = Timestamp::now();
        real + *self.0.lock().unwrap()
    }

    pub(crate) fn advance(&self, by: SignedDuration) {
        *self.0.lock().unwrap() += by;
    }
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

/// Who came over HTTP: from where, and who his certificate says he is.
pub(crate) type Visitors = Arc<Mutex<Vec<(SocketAddr, Option<Identity>)>>>;

/// Answers each connection's first request with `hello`.
struct Greeter(Visitors);

impl HttpHandler for Greeter {
    fn serve(&self, mut connection: HttpConnection) -> BoxFuture<'static, ()> {
        self.0.lock().unwrap().push((connection.peer, connection.identity.take()));
        Box::pin(async move {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                if connection.stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                    return;
                }
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
            let _ = connection.stream.write_all(answer).await;
            let _ = connection.stream.shutdown().await;
        })
    }
}

/// What a stand may have otherwise.
#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) slots: SlotLimits,
    /// Sessions that may be open at once; all that come, if it says nothing.
    pub(crate) sessions: Option<u64>,
    /// Balancers that may say where a connection came from.
    pub(crate) trusted: Vec<proxy::Network>,
    /// Bytes of disk that recordings must leave free.
    pub(crate) reserve: u64,
}

impl Stand {
    /// Opens a stand with one target, `db-box`, and the role `dba` that opens it for `root` with all options on.
    pub(crate) async fn open() -> Self {
        Self::open_with(Setup::default()).await
    }

    pub(crate) async fn open_with(setup: Setup) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let clock = TestClock::default();
        let authorities = Arc::new(Authorities::generate("test", clock.now()).unwrap());
        let (sshd, port) = sshd(dir.path(), &authorities, clock.now()).await;
        let ticking = clock.clone();
        let now: proxy::Clock = Arc::new(move || ticking.now());
        let store = Store::open(
            &dir.path().join("data"),
            store::Options::new("test".parse().unwrap(), Arc::clone(&now)),
        )
        .await
        .unwrap();
        let tls = tls(&authorities, clock.now());
        let visitors = Visitors::default();
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
            clusters: Arc::new(proxy::kube::StoredClusters::new(store.clone(), Arc::clone(&seal))),
            apps: Arc::new(proxy::app::StoredApps::new(store.clone())),
            clock: Arc::clone(&now),
            requests: Arc::clone(&desk) as Arc<dyn AskForAccess>,
            archive: archive(&store, &now, setup.reserve).await,
            tls: Arc::new(tls),
            http: Arc::new(Greeter(Arc::clone(&visitors))),
            public_addr: "gw.example.com:443".into(),
            names: vec!["127.0.0.1".into(), "[127.0.0.1]".into()],
            trusted: setup.trusted,
            slots: setup.slots,
            max_sessions: setup.sessions.unwrap_or(u64::MAX),
        });
        let listener = proxy::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let addr = listener.local_addr().unwrap();
        let serving = proxy.clone();
        tokio::spawn(async move { serving.serve(listener, std::future::pending()).await });
        let stand = Self {
            dir,
            store,
            authorities,
            proxy,
            addr,
            clock,
            desk,
            seal,
            visitors,
            sshd: port.address().to_string(),
            _sshd: sshd,
            _port: port,
        };
        stand.put("node", "db-box", json!({"addr": stand.sshd})).await;
        stand.put_role("dba", json!({})).await;
        stand
    }

    /// Writes a document and waits until the policy knows it.
    pub(crate) async fn put(&self, kind: &str, name: &str, spec: Value) {
        let document = json!({"kind": kind, "version": version(kind), "metadata": {"name": name, "labels": {"env": "test"}}, "spec": spec});
        let commit = Commit::new().put(format!("/{kind}/{name}"), document.to_string());
        let revision = self.store.commit(commit).await.unwrap();
        self.store.policy().at_least(revision).await;
    }

    pub(crate) async fn remove(&self, kind: &str, name: &str) {
        let revision =
            self.store.commit(Commit::new().delete(format!("/{kind}/{name}"))).await.unwrap();
        self.store.policy().at_least(revision).await;
    }

    /// Writes the role `name` that opens every node for [`LOGIN`], with these options.
    pub(crate) async fn put_role(&self, name: &str, options: Value) {
        let spec = json!({
            "options": options,
            "allow": {"logins": [LOGIN], "node_labels": {"*": "*"}}
        });
        self.put("role", name, spec).await;
    }

    /// Makes a user with these roles, and a client of his.
    pub(crate) async fn client(&self, user: &str, roles: &[&str]) -> Client {
        self.put("user", user, json!({"roles": roles})).await;
        self.stranger(user, &self.authorities, SignedDuration::from_hours(1)).await
    }

    /// A client with a certificate of any authorities, for so long.
    pub(crate) async fn stranger(
        &self,
        user: &str,
        by: &Authorities,
        life: SignedDuration,
    ) -> Client {
        let now = self.clock.now();
        let identity = Identity {
            user: user.parse().unwrap(),
            login: access::name::LoginId::from_bits(1),
            expires: now + life,
            mfa: true,
            device: false,
        };
        let home = self.dir.path().join(format!("home-{user}"));
        std::fs::create_dir_all(&home).unwrap();
        let key =
            PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap();
        let certificate = by.sign_identity_ssh(&identity, key.public_key(), now).unwrap();
        write(&home.join("id"), &key.to_openssh(Default::default()).unwrap(), 0o600);
        write(&home.join("id-cert.pub"), &certificate.to_openssh().unwrap(), 0o600);
        write(&home.join("known_hosts"), &self.authorities.known_hosts("*").unwrap(), 0o600);
        let mut ports = BTreeMap::new();
        for target in ["db-box", "no-such-box"] {
            ports.insert(target, self.routed(target).await);
        }
        let mut config = String::new();
        for (target, port) in ports {
            config.push_str(&format!(
                "Host {target}\n  HostName 127.0.0.1\n  HostKeyAlias {target}\n  Port {port}\n"
            ));
        }
        config.push_str(&format!(
            "Host gw\n  HostName 127.0.0.1\n  HostKeyAlias 127.0.0.1\n  Port {}\n  User {user}\n",
            self.addr.port()
        ));
        config.push_str(&format!(
            "Host *\n  User {LOGIN}\n  IdentityFile {home}/id\n  CertificateFile {home}/id-cert.pub\n  IdentitiesOnly yes\n  \
             IdentityAgent none\n  UserKnownHostsFile {home}/known_hosts\n  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n  \
             PreferredAuthentications keyboard-interactive,publickey\n\n  \
             Ciphers aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com\n",
            home = home.display()
        ));
        write(&home.join("config"), &config, 0o600);
        Client { home }
    }

    /// A port on which connections begin with the routing line for `target`, as `tsh proxy ssh` sends it.
    async fn routed(&self, target: &str) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (line, addr) = (wire::route::ssh_line(target), self.addr);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let line = line.clone();
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(addr).await?;
                    let _ = (near.set_nodelay(true), far.set_nodelay(true));
                    far.write_all(line.as_bytes()).await?;
                    tokio::io::copy_bidirectional(&mut near, &mut far).await
                });
            }
        });
        port
    }

    /// Seals the key or the password with which `node` is logged in to.
    pub(crate) async fn seal(&self, node: &str, secret: &[u8]) {
        let at = format!("node/{node}");
        let sealed = self.seal.seal(secret, &at).unwrap();
        self.store.secrets().save(&at, sealed, store::Absent).await.unwrap();
    }

    /// A file of the target's sshd.
    pub(crate) fn of_sshd(&self, file: &str) -> PathBuf {
        self.dir.path().join("sshd").join(file)
    }

    /// The events of these codes in the audit log, once everything committed has been moved there.
    pub(crate) async fn events(&self, code: &str) -> Vec<Value> {
        let query = api::audit::AuditQuery {
            codes: vec![code.to_owned()],
            order: api::audit::AuditOrder::Oldest,
            ..Default::default()
        };
        let page = self.store.audit().query(query).await.unwrap();
        page.events.iter().map(|event| serde_json::to_value(event).unwrap()).collect()
    }
}

impl Stand {
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

fn version(kind: &str) -> &'static str {
    match kind {
        "role" => "v8",
        _ => "v1",
    }
}

/// TLS as the daemon has it: a certificate of ours, and whatever client certificate of ours is shown.
fn tls(authorities: &Authorities, now: Timestamp) -> rustls::ServerConfig {
    let ours = authorities.server_tls(&["127.0.0.1"], now).unwrap();
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
async fn archive(store: &Store, clock: &proxy::Clock, reserve: u64) -> proxy::record::Archive {
    let recipient = store::recording::RecordingKey::generate().recipient();
    let dir = store.directory().join("recordings");
    let shelf = store::recording::Shelf::open_with(&dir, recipient, reserve).unwrap();
    proxy::record::Archive::start(shelf, Arc::new(store.clone()), Arc::clone(clock)).await.unwrap()
}

/// A person's machine.
pub(crate) struct Client {
    pub(crate) home: PathBuf,
}

impl Client {
    /// One of the OpenSSH tools with this person's configuration.
    pub(crate) fn command(&self, tool: &str) -> Command {
        let mut command = Command::new(tool);
        if tool == "ssh" || tool == "scp" || tool == "sftp" {
            command.arg("-F").arg(self.home.join("config"));
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command.env("HOME", &self.home).env_remove("SSH_AUTH_SOCK");
        command
    }

    /// Runs `ssh` with these arguments to its end.
    pub(crate) async fn ssh(&self, args: &[&str]) -> Output {
        self.run("ssh", args, b"").await
    }

    /// Runs a tool with this input to its end.
    pub(crate) async fn run(&self, tool: &str, args: &[&str], input: &[u8]) -> Output {
        let mut command = self.command(tool);
        command.args(args).stdin(Stdio::piped());
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
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Starts a real sshd that trusts our user authority and shows a host certificate of ours.
async fn sshd(dir: &Path, authorities: &Authorities, now: Timestamp) -> (Child, Reserved) {
    let dir = dir.join("sshd");
    std::fs::create_dir_all(&dir).unwrap();
    let key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap();
    let certificate = authorities
        .sign_host(&["db-box"], key.public_key(), now + SignedDuration::from_hours(24), now)
        .unwrap();
    write(&dir.join("host"), &key.to_openssh(Default::default()).unwrap(), 0o600);
    write(&dir.join("host-cert.pub"), &certificate.to_openssh().unwrap(), 0o600);
    write(&dir.join("user_ca"), &authorities.trusted_user_ca_keys().unwrap(), 0o600);
    let (reserved, d) = (Reserved::port(), dir.display());
    let port = reserved.number();
    let config = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {d}/host\nHostCertificate {d}/host-cert.pub\nTrustedUserCAKeys {d}/user_ca\n\
         PermitRootLogin yes\nUsePAM no\nStrictModes no\nPidFile none\nPasswordAuthentication no\nAuthorizedKeysFile {d}/authorized\n\
         Subsystem sftp internal-sftp\nAcceptEnv LANG TEST_*\nAllowAgentForwarding yes\nAllowTcpForwarding yes\nAllowStreamLocalForwarding yes\n\
         MaxStartups 200\nMaxSessions 100\nLogLevel VERBOSE\n"
    );
    write(&dir.join("config"), &config, 0o600);
    let _ = std::fs::create_dir_all("/run/sshd");
    let mut child = Command::new("/usr/sbin/sshd")
        .args(["-D", "-e", "-f"])
        .arg(dir.join("config"))
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("sshd is installed: apt-get install openssh-server");
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    loop {
        let line = lines.next_line().await.unwrap().expect("sshd starts");
        if line.contains("Server listening") {
            break;
        }
    }
    let log = std::env::var_os("SSHD_LOG").is_some();
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            if log {
                println!("sshd: {line}");
            }
        }
    });
    (child, reserved)
}

pub(crate) fn write(path: &Path, text: &str, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
