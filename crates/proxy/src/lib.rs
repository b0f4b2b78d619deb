//! proxy: the data plane.
//!
//! ```text
//!   listen ──► route ──► a door's greeting ──► gate ──► corridor ──► relay ⇄ record
//! ```
//!
//! One listener tells apart what clients speak ([`Proxy::serve`]); TLS connections that carry HTTP are handed to an
//! [`HttpHandler`]; every other one goes through a door (`ssh`) into the corridor, which is the only way to a target.
//! Nothing here writes policy, requests or users: it watches the store, and asks for access through [`AskForAccess`].

pub mod app;
mod bell;
mod corridor;
pub mod database;
mod error;
pub mod gate;
mod http;
pub mod kube;
mod listen;
mod live;
mod mysql;
pub mod nodes;
mod postgres;
pub mod record;
mod registry;
#[cfg(test)]
#[path = "../tests/ports/reserved.rs"]
mod reserved;
mod route;
mod ssh;

use std::sync::Arc;
use std::time::Duration;

use access::name::RequestId;
use ca::Authorities;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use store::Store;
use store::recording::NewEvent;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use error::{Error, Side};
pub use gate::{Caller, Holdings, Law, Refused, Wish};
pub use http::{Body, BodyError, HttpDoors};
pub use listen::{BindError, SlotLimits, bind};
pub use route::{HttpConnection, HttpHandler, PROTOCOLS, Stream};

/// Reads the daemon's clock.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Events that wait to be written, over all sessions. When so many wait, sessions wait.
const MAX_QUEUED_EVENTS: usize = 4096;
/// Events that are written in one commit at most.
const MAX_BATCH: usize = 512;

/// What someone at a door asks for.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who asks.
    pub caller: Caller,
    /// What would open the door.
    pub wish: Wish,
    /// Why he needs it.
    pub reason: String,
}

/// A request that was filed at a door.
#[derive(Clone, Debug)]
pub struct Filed {
    /// Its id.
    pub request: RequestId,
    /// Who was asked.
    pub asked: Vec<String>,
}

/// Where a request stands, for someone who waits at a door.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Standing {
    /// Not decided, or approved and about to be in force.
    Waiting,
    /// It will not open the door; a line for people: `Denied by carol: use the replica.`
    Decided(String),
}

/// Files requests for people at a door. Implemented over `control`, which this crate does not know.
pub trait AskForAccess: Send + Sync {
    /// Files a request in the name of the caller.
    ///
    /// An error is the sentence for the one who asked.
    fn file(&self, question: Question) -> BoxFuture<'_, Result<Filed, String>>;

    /// Where a request stands.
    fn standing(&self, request: RequestId) -> BoxFuture<'_, Standing>;
}

/// What a [`Proxy`] is made of.
pub struct Parts {
    /// The store: events, live sessions.
    pub store: Store,
    /// The certificate authorities.
    pub authorities: Arc<Authorities>,
    /// The policy.
    pub law: Arc<dyn Law>,
    /// The SSH targets.
    pub nodes: Arc<dyn nodes::Nodes>,
    /// The databases.
    pub databases: Arc<dyn database::Databases>,
    /// The Kubernetes clusters.
    pub clusters: Arc<dyn kube::Clusters>,
    /// The applications.
    pub apps: Arc<dyn app::Apps>,
    /// The clock.
    pub clock: Clock,
    /// Where people at a door ask for access.
    pub requests: Arc<dyn AskForAccess>,
    /// Recordings.
    pub archive: record::Archive,
    /// TLS for everything that is not raw SSH. Client certificates are asked for by this configuration and checked here.
    pub tls: Arc<dyn TlsSource>,
    /// Serves HTTP inside TLS.
    pub http: Arc<dyn HttpHandler>,
    /// Where people reach the house, as `host:port`: browsers are sent there to log in.
    pub public_addr: String,
    /// The host names and addresses under which this house itself is reached.
    pub names: Vec<String>,
    /// Load balancers that may send a PROXY protocol header.
    pub trusted: Vec<Network>,
    /// Limits of connections that have not proven who they are.
    pub slots: SlotLimits,
    /// Sessions that may be open at once.
    pub max_sessions: u64,
}

/// The TLS configuration of the moment: authorities rotate while the house is open.
pub trait TlsSource: Send + Sync {
    /// For the next connection.
    fn current(self: Arc<Self>) -> Arc<rustls::ServerConfig>;
}

/// One that never changes.
impl TlsSource for rustls::ServerConfig {
    fn current(self: Arc<Self>) -> Arc<rustls::ServerConfig> {
        self
    }
}

/// A network of trusted load balancers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Network {
    /// Any address in it.
    pub address: std::net::IpAddr,
    /// How many leading bits count.
    pub bits: u8,
}

impl Network {
    /// Whether `address` is in it.
    #[must_use]
    pub fn contains(&self, address: std::net::IpAddr) -> bool {
        use std::net::IpAddr::{V4, V6};
        let same = |ours: u128, theirs: u128, width: u32| {
            let cut = width.saturating_sub(u32::from(self.bits));
            ours.checked_shr(cut).unwrap_or(0) == theirs.checked_shr(cut).unwrap_or(0)
        };
        match (self.address.to_canonical(), address.to_canonical()) {
            (V4(ours), V4(theirs)) => same(ours.to_bits().into(), theirs.to_bits().into(), 32),
            (V6(ours), V6(theirs)) => same(ours.to_bits(), theirs.to_bits(), 128),
            (V4(_), V6(_)) | (V6(_), V4(_)) => false,
        }
    }
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("names", &self.names).finish_non_exhaustive()
    }
}

/// What all connections share.
pub(crate) struct House {
    pub(crate) authorities: Arc<Authorities>,
    pub(crate) gate: gate::Gate,
    pub(crate) nodes: Arc<dyn nodes::Nodes>,
    pub(crate) databases: Arc<dyn database::Databases>,
    /// The ways to Kubernetes clusters.
    pub(crate) clusters: kube::Upstreams,
    pub(crate) apps: Arc<dyn app::Apps>,
    /// Who is at which application.
    pub(crate) visits: app::Visits,
    pub(crate) made: database::provision::MadeUsers,
    pub(crate) requests: Arc<dyn AskForAccess>,
    pub(crate) archive: record::Archive,
    pub(crate) tls: Arc<dyn TlsSource>,
    pub(crate) http: Arc<dyn HttpHandler>,
    pub(crate) trusted: Vec<Network>,
    pub(crate) slots: listen::Slots,
    pub(crate) lanes: listen::Lanes,
    pub(crate) hosts: ssh::hosts::Hosts,
    /// Where people reach the house, as `host:port`.
    pub(crate) public_addr: String,
    /// The names under which this house itself is reached.
    pub(crate) names: Vec<String>,
    /// The connection numbers that MySQL's clients are greeted with.
    pub(crate) numbers: mysql::Numbers,
    /// The versions that MySQL's clients are greeted with.
    pub(crate) versions: mysql::Versions,
    /// Who may cancel what in PostgreSQL databases.
    pub(crate) cancels: postgres::Cancels,
    pub(crate) upstream: Arc<russh::client::Config>,
    pub(crate) upstream_pinned: Arc<russh::client::Config>,
    pub(crate) counts: live::Counts,
    pub(crate) registry: registry::Registry,
    /// Cancelled when the house closes: every session is cut.
    pub(crate) closing: CancellationToken,
    /// Counts sessions that have not been closed.
    pub(crate) open: TaskTracker,
    store: Store,
    clock: Clock,
    events: mpsc::Sender<NewEvent>,
    audit_lost: watch::Receiver<u64>,
}

impl std::fmt::Debug for House {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("House").finish_non_exhaustive()
    }
}

impl House {
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Writes events; they are durable when this returns.
    pub(crate) async fn audit(&self, events: Vec<NewEvent>) -> Result<(), Error> {
        self.store.record(events).await.map_err(|e| Error::Audit(Box::new(e)))
    }

    /// Queues an event to be written soon, in order. When one is lost all sessions end: see [`Self::audit_lost`].
    pub(crate) async fn note(&self, event: NewEvent) -> Result<(), Error> {
        self.events.send(event).await.map_err(|e| Error::Audit(Box::new(e)))
    }

    /// Changes when queued events could not be written.
    pub(crate) fn audit_lost(&self) -> watch::Receiver<u64> {
        self.audit_lost.clone()
    }
}

/// Writes queued events in batches, until the last session is gone.
async fn write_events(store: Store, mut queue: mpsc::Receiver<NewEvent>, lost: watch::Sender<u64>) {
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        if let Err(error) = store.record(std::mem::take(&mut batch)).await {
            tracing::error!(%error, count, "audit events were lost; all sessions are ended");
            lost.send_modify(|n| *n = n.saturating_add(count));
        }
    }
}

/// The data plane. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Proxy {
    house: Arc<House>,
}

impl Proxy {
    /// Puts the parts together. Needs a running tokio runtime.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts {
            store,
            authorities,
            law,
            nodes,
            databases,
            clusters,
            apps,
            clock,
            requests,
            archive,
            tls,
            http,
            public_addr,
            names,
            trusted,
            slots,
            max_sessions,
        } = parts;
        let (events, queue) = mpsc::channel(MAX_QUEUED_EVENTS);
        let (lost, audit_lost) = watch::channel(0);
        tokio::spawn(write_events(store.clone(), queue, lost));
        let made = database::provision::MadeUsers::new(
            store.clone(),
            Arc::clone(&databases),
            Arc::clone(&authorities),
        );
        let house = House {
            hosts: ssh::hosts::Hosts::new(Arc::clone(&authorities), names.clone()),
            public_addr,
            names,
            numbers: mysql::Numbers::default(),
            versions: mysql::Versions::default(),
            cancels: postgres::Cancels::default(),
            upstream: ssh::upstream::config(ssh::upstream::Trust::Authority),
            upstream_pinned: ssh::upstream::config(ssh::upstream::Trust::Keys),
            gate: gate::Gate::new(law),
            slots: listen::Slots::new(slots),
            lanes: listen::Lanes::start(),
            counts: live::Counts::new(max_sessions),
            registry: registry::Registry::new(store.clone()),
            closing: CancellationToken::new(),
            open: TaskTracker::new(),
            authorities,
            nodes,
            made,
            databases,
            clusters: kube::Upstreams::new(clusters),
            apps,
            visits: app::Visits::default(),
            requests,
            archive,
            tls,
            http,
            trusted,
            store,
            clock,
            events,
            audit_lost,
        };
        let house = Arc::new(house);
        tokio::spawn(database::provision::tidy(Arc::downgrade(&house)));
        Self { house }
    }

    /// Cuts every session, and waits until all are closed, at most `within`.
    pub async fn close(&self, within: Duration) {
        self.house.closing.cancel();
        self.house.open.close();
        if tokio::time::timeout(within, self.house.open.wait()).await.is_err() {
            tracing::warn!(sessions = self.sessions(), "some sessions did not end in time");
        }
    }

    /// How many sessions are open in this process.
    #[must_use]
    pub fn sessions(&self) -> u64 {
        self.house.counts.total()
    }

    /// Accepts connections until `shutdown` is ready.
    ///
    /// # Errors
    /// When the listener fails for good.
    pub async fn serve(
        &self,
        listener: tokio::net::TcpListener,
        shutdown: impl Future<Output = ()> + Send,
    ) -> std::io::Result<()> {
        let house = Arc::clone(&self.house);
        listen::accept(Arc::clone(&house), listener, shutdown, move |wire, peer, slot| {
            route::route(Arc::clone(&house), wire, peer, slot)
        })
        .await
    }

    /// Accepts connections of MySQL's clients until `shutdown` is ready. They need a port of their own: in this protocol
    /// the server speaks first, so nothing could be told from a client's first bytes.
    ///
    /// # Errors
    /// When the listener fails for good.
    pub async fn serve_mysql(
        &self,
        listener: tokio::net::TcpListener,
        shutdown: impl Future<Output = ()> + Send,
    ) -> std::io::Result<()> {
        let house = Arc::clone(&self.house);
        listen::accept(Arc::clone(&house), listener, shutdown, move |wire, peer, slot| {
            route::mysql(Arc::clone(&house), wire, peer, slot)
        })
        .await
    }
}
