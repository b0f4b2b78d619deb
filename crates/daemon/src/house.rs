//! The house: every room built from its parts, started in order, stopped in reverse.
//!
//! ```text
//!   configuration ──► store ──► keys ──► control ──► proxy ──► port, admin socket, diagnostics
//! ```
//!
//! Sockets open last, when everything behind them stands; they close first.

use crate::ask::Desk;
use crate::config::Config;
use crate::metrics::{self, Calls};
use crate::retention::Retention;
use crate::{admin, declared, diag, http, keys, tls};
use access::name::ClusterName;
use anyhow::Context as _;
use control::{Caller, Control};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use proxy::nodes::StoredNodes;
use proxy::{HttpConnection, HttpHandler, Proxy, SlotLimits};
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use store::recording::Shelf;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Where administrators on this host connect, inside the data directory.
pub const ADMIN_SOCKET: &str = "admin.sock";
/// How often the port's certificate is made anew.
const RENEW_EVERY: Duration = Duration::from_secs(24 * 3600);
/// How long sessions may take to end when the daemon stops.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Open files below which a house cannot serve many people at once: a session takes about four.
const FEW_FILES: u64 = 16_384;

/// Reads the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The machine's clock: the one place where it is read.
#[must_use]
pub fn system_clock() -> Clock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else is given")]
    Arc::new(Timestamp::now)
}

/// Runs the daemon until it is told to stop (SIGTERM or SIGINT).
///
/// # Errors
/// What could not be opened, with what to do about it.
pub async fn run(config: Config) -> anyhow::Result<()> {
    raise_open_files();
    let stop = CancellationToken::new();
    let signals = tokio::spawn(signalled(stop.clone()));
    let ended = serve(config, system_clock(), stop).await;
    signals.abort();
    ended
}

/// Runs the daemon with this clock until `stop` is cancelled.
///
/// # Errors
/// As [`run`].
pub async fn serve(config: Config, clock: Clock, stop: CancellationToken) -> anyhow::Result<()> {
    tls::install_provider();
    // The port first: if it is taken there is nothing to undo.
    let listener = proxy::bind(config.listen)?;
    let bound = |address, what| proxy::bind(address).context(what);
    let mysql = config.mysql.map(|address| bound(address, MYSQL_PORT)).transpose()?;
    let diag = config.diag.map(|address| bound(address, DIAG_PORT)).transpose()?;
    let config = config.listening(
        listener.local_addr()?,
        mysql.as_ref().map(TcpListener::local_addr).transpose()?,
        diag.as_ref().map(TcpListener::local_addr).transpose()?,
    );
    let house = House::build(&config, &clock, stop.clone()).await?;
    let admin = admin::bind(&config.data_dir.join(ADMIN_SOCKET))?;

    let tasks = TaskTracker::new();
    if let Some(listener) = diag {
        let diagnostics = diag::Diagnostics {
            registry: Arc::clone(&house.registry),
            ready: house.readiness(stop.clone()),
        };
        tasks.spawn(diagnose(listener, diag::router(diagnostics), stop.clone()));
    }
    tasks.spawn(admin::serve(admin, house.control.router(), stop.clone()));
    let retention = Retention {
        store: house.store.clone(),
        shelf: house.shelf.clone(),
        keep: config.keep_recordings,
    };
    tasks.spawn(retention.run(Arc::clone(&clock), stop.clone()));
    tasks.spawn(house.clone().keep_fresh(clock, stop.clone()));
    house.greet(&config)?;

    let served = house.accept(listener, mysql, &stop).await;
    stop.cancel();
    house.proxy.close(STOP_WITHIN).await;
    tasks.close();
    if tokio::time::timeout(STOP_WITHIN, tasks.wait()).await.is_err() {
        tracing::warn!("some tasks did not end in time");
    }
    house.close().await?;
    served
}

/// What [`proxy::bind`] could not bind.
const MYSQL_PORT: &str = "the port of MySQL clients (mysql_listen)";
const DIAG_PORT: &str = "the address for health and metrics (diag_listen)";

/// The rooms, put together.
#[derive(Clone, Debug)]
struct House {
    store: Store,
    control: Control,
    proxy: Proxy,
    certificate: Arc<tls::Certificate>,
    authorities: Arc<ca::Authorities>,
    archive: proxy::record::Archive,
    shelf: Shelf,
    registry: Arc<Registry>,
}

impl House {
    async fn build(
        config: &Config,
        clock: &Clock,
        stop: CancellationToken,
    ) -> anyhow::Result<Self> {
        let cluster: ClusterName =
            config.cluster.parse().context("cannot use the cluster's name")?;
        let store =
            Store::open(&config.data_dir, store::Options::new(cluster, Arc::clone(clock))).await?;
        let seal = Arc::new(keys::seal_key(config, &store).await?);
        let now = clock();
        let authorities = keys::authorities(&store, &seal, &config.cluster, now).await?;
        store.audit().sign_with(Arc::new(keys::Signer(authorities.checkpoint())))?;
        let (shelf, recording_key) = keys::shelf(&store, &seal).await?;
        let archive = proxy::record::Archive::start(
            shelf.clone(),
            Arc::new(store.clone()),
            Arc::clone(clock),
        )
        .await?;

        let mut registry = Registry::default();
        let calls = Calls::default();
        calls.register(&mut registry);
        let control = Control::new(control::Parts {
            store: store.clone(),
            authorities: Arc::clone(&authorities),
            seal: Arc::clone(&seal),
            clock: Arc::clone(clock),
            cluster: config.cluster.clone(),
            public_addr: config.public_addr.to_string(),
            mysql_addr: config.mysql_addr().map(|address| address.to_string()),
            shelf: shelf.clone(),
            recording_key,
            limits: control::http::Limits::default(),
            meter: Arc::new(calls),
        });
        declared::databases(&control, config.databases_file.as_deref()).await?;
        let names = names(config);
        let certificate = tls::Certificate::new(Arc::clone(&authorities), certified(&names), now)?;
        certificate.serve_apps(store.policy());
        let proxy = Proxy::new(proxy::Parts {
            store: store.clone(),
            authorities: Arc::clone(&authorities),
            law: Arc::new(store.policy()),
            nodes: Arc::new(StoredNodes::new(store.clone(), Arc::clone(&seal))),
            databases: Arc::new(proxy::database::StoredDatabases::new(
                store.clone(),
                Arc::clone(&seal),
            )),
            clusters: Arc::new(proxy::kube::StoredClusters::new(store.clone(), seal)),
            apps: Arc::new(proxy::app::StoredApps::new(store.clone())),
            clock: Arc::clone(clock),
            requests: Arc::new(Desk(control.clone())),
            archive: archive.clone(),
            tls: tls::Port::new(
                Arc::clone(&authorities),
                Arc::clone(&certificate),
                Arc::clone(clock),
            )?,
            http: Arc::new(Api { router: crate::web::around(control.router()), stop }),
            public_addr: config.public_addr.to_string(),
            names,
            trusted: config
                .proxy_protocol_from
                .iter()
                .map(|net| proxy::Network { address: net.addr(), bits: net.prefix_len() })
                .collect(),
            slots: slots(config),
            max_sessions: u64::try_from(config.limits.sessions).unwrap_or(u64::MAX),
        });
        metrics::sessions(&proxy, config.limits.sessions, &mut registry);
        Ok(Self {
            store,
            control,
            proxy,
            certificate,
            authorities,
            archive,
            shelf,
            registry: Arc::new(registry),
        })
    }

    /// Serves the ports until `stop`. When one fails the other is closed with it: half a house is noticed later.
    async fn accept(
        &self,
        listener: TcpListener,
        mysql: Option<TcpListener>,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let one = async {
            let served = self.proxy.serve(listener, stop.clone().cancelled_owned()).await;
            stop.cancel();
            served.context("the port failed")
        };
        let Some(mysql) = mysql else { return one.await };
        let other = async {
            let served = self.proxy.serve_mysql(mysql, stop.clone().cancelled_owned()).await;
            stop.cancel();
            served.context("the port of MySQL clients failed")
        };
        let (one, other) = tokio::join!(one, other);
        one.and(other)
    }

    /// Whether sessions are accepted, and if not, why.
    fn readiness(&self, stop: CancellationToken) -> diag::Readiness {
        let (policy, archive) = (self.store.policy(), self.archive.clone());
        Arc::new(move || match policy.fault() {
            _ if stop.is_cancelled() => Err("stopping".to_owned()),
            Some(fault) => Err(fault.to_string()),
            None if !archive.is_healthy() => Err("recordings cannot be written".to_owned()),
            None => Ok(()),
        })
    }

    /// Says that the house is open: an operator reads it, and scripts wait for the line with `ready`.
    fn greet(&self, config: &Config) -> anyhow::Result<()> {
        let pin = self.authorities.pins().first().map(ToString::to_string).unwrap_or_default();
        let text = format!(
            "countersign {version}, cluster {cluster}\n  pin     {pin}\n  data    {data}\n  diag    {diag}\n  mysql   {mysql}\n  login   tsh login --proxy {public} --user NAME\nready on {listen}\n",
            version = env!("CARGO_PKG_VERSION"),
            cluster = config.cluster,
            data = config.data_dir.display(),
            diag = or_off(config.diag),
            mysql = or_off(config.mysql),
            public = config.public_addr,
            listen = config.listen,
        );
        let mut out = std::io::stdout();
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .context("cannot write to standard output")
    }

    /// Renews the port's certificate until `stop`.
    async fn keep_fresh(self, clock: Clock, stop: CancellationToken) {
        let mut renew = tokio::time::interval(RENEW_EVERY);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = renew.tick() => {
                    if let Err(error) = self.certificate.renew(clock()) {
                        tracing::error!(error = %format!("{error:#}"), "the port's certificate could not be renewed");
                    }
                }
            }
        }
    }

    /// Ends what is left, in reverse: recordings, then the store.
    async fn close(self) -> anyhow::Result<()> {
        self.archive.flush().await;
        self.store.close().await.context("cannot close the store")
    }
}

/// How many strangers may be connected.
fn slots(config: &Config) -> SlotLimits {
    SlotLimits {
        total: config.limits.unauthenticated,
        per_address: config.limits.unauthenticated_per_address,
    }
}

/// The API on TLS connections.
struct Api {
    router: axum::Router,
    stop: CancellationToken,
}

impl HttpHandler for Api {
    fn serve(&self, connection: HttpConnection) -> BoxFuture<'static, ()> {
        let caller = match connection.identity {
            Some(identity) => Caller::User(identity),
            None => Caller::Anonymous {
                peer: Some(connection.peer.ip()),
                lapsed: connection.lapsed.map(Box::new),
            },
        };
        let (router, stop) = (self.router.clone(), self.stop.clone());
        Box::pin(http::serve(connection.stream, Some(connection.doors), router, caller, stop))
    }
}

/// Takes as many open files as the kernel lets us have: each connection and each recording is one.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // `None` is no limit at all.
    let Some(before) = current else { return };
    let now = match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files could not be raised");
            Some(before)
        }
    };
    match now {
        Some(files) if files < FEW_FILES => tracing::warn!(
            files,
            wanted = FEW_FILES,
            "few files may be open at once, so few people can be served: raise the hard limit (`LimitNOFILE=` of the service, `ulimit -Hn`)"
        ),
        Some(_) | None => {}
    }
}

/// The names this house is reached by: what people type, and the loopback names.
fn names(config: &Config) -> Vec<String> {
    let mut names = vec![config.public_addr.host.clone()];
    let listening = config.listen.ip();
    if !listening.is_unspecified() {
        names.push(listening.to_string());
    }
    names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// The names of the port's certificate: each by itself, and every target of it. A client that checks names and says its
/// target as a host name (`orders.gw.example.com`) connects to one of the latter.
fn certified(names: &[String]) -> Vec<String> {
    let domains = names
        .iter()
        .filter(|name| name.contains('.') && name.parse::<std::net::IpAddr>().is_err())
        .map(|name| format!("*.{name}"));
    names.iter().cloned().chain(domains).collect()
}

fn or_off(address: Option<SocketAddr>) -> String {
    address.map_or_else(|| "off".to_owned(), |address| address.to_string())
}

async fn diagnose(listener: TcpListener, router: axum::Router, stop: CancellationToken) {
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!(%error, "the diagnostic address failed");
    }
}

async fn signalled(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be caught; stop with SIGKILL");
        return;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    tracing::info!("stopping");
    stop.cancel();
}
