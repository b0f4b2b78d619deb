//! Connections to API servers: few, shared by everyone, used again.
//!
//! A lane is one connection when the server speaks HTTP/2, and as many as are needed when it does not. Watches keep
//! their place in a lane for hours, so a lane that is full is joined by another one: nobody waits behind them.
//!
//! What becomes a byte stream needs HTTP/1.1 and a connection of its own, so it is asked for on a lane apart.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use access::name::TargetName;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response, Uri, header};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use zeroize::Zeroizing;

use super::cluster::{Cluster, ClusterAuth, ClusterError, Clusters};
use crate::database;
use crate::error::Error;
use crate::http::Body;
use crate::listen::keep_alive;

/// How long TCP and TLS may take.
const DIAL_WAIT: Duration = Duration::from_secs(10);
/// Requests in one lane at once. API servers take 250 streams on a connection.
const LANE: usize = 100;
/// Lanes to one cluster at most.
const MAX_LANES: usize = 64;
/// Bytes that may be on their way in one stream, unread.
const WINDOW: u32 = 256 * 1024;
/// Bytes that may be on their way in all streams of a lane: a reader that stalls holds back nobody else.
const LANE_WINDOW: u32 = WINDOW * LANE as u32;
/// How often a server is asked whether it is still there, and how long it may take to answer.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_WAIT: Duration = Duration::from_secs(20);
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(90);
/// How long a token is taken from memory before its file is read again. Kubernetes renews them minutes before their end.
const TOKEN_AGE: Duration = Duration::from_secs(60);

/// The ways to all clusters.
#[derive(Debug)]
pub(crate) struct Upstreams {
    clusters: Arc<dyn Clusters>,
    known: Mutex<BTreeMap<TargetName, Arc<Upstream>>>,
}

/// The way to one cluster.
pub(super) struct Upstream {
    cluster: Cluster,
    lanes: Mutex<Vec<Arc<Lane>>>,
    /// Speaks HTTP/2 where the server does.
    dialer: Dialer,
    /// Speaks HTTP/1.1 alone.
    upgrading: Client<Dialer, Body>,
    token: tokio::sync::Mutex<Option<(Instant, HeaderValue)>>,
}

struct Lane {
    client: Client<Dialer, Body>,
    open: AtomicUsize,
}

/// A place in a lane, free again when dropped.
pub(super) struct Seat(Arc<Lane>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Upstreams {
    pub(crate) fn new(clusters: Arc<dyn Clusters>) -> Self {
        Self { clusters, known: Mutex::default() }
    }

    /// The way to this cluster, as its record is now.
    ///
    /// # Errors
    /// [`Error::Record`] when its record cannot be read or used.
    pub(super) async fn of(&self, name: &TargetName) -> Result<Arc<Upstream>, Error> {
        let failed = |error| Error::Record(name.as_str().into(), Box::new(error));
        let Some(cluster) = self.clusters.cluster(name).await.map_err(failed)? else {
            self.known().remove(name);
            return Err(failed(ClusterError::Gone));
        };
        if let Some(known) = self.known().get(name)
            && known.cluster.version == cluster.version
        {
            return Ok(Arc::clone(known));
        }
        let made = Arc::new(Upstream::new(cluster).map_err(failed)?);
        self.known().insert(name.clone(), Arc::clone(&made));
        Ok(made)
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<TargetName, Arc<Upstream>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("cluster", &self.cluster.name).finish_non_exhaustive()
    }
}

impl Upstream {
    fn new(cluster: Cluster) -> Result<Self, ClusterError> {
        let dialer = Dialer::new(&cluster, &[b"h2", b"http/1.1"])?;
        let upgrading = client(Dialer::new(&cluster, &[b"http/1.1"])?);
        Ok(Self { cluster, lanes: Mutex::default(), dialer, upgrading, token: Default::default() })
    }

    /// Sends a request whose URI is a path and a query.
    ///
    /// # Errors
    /// No connection, or it broke before the answer began.
    pub(super) async fn send(
        &self,
        mut request: Request<Body>,
    ) -> Result<(Response<Incoming>, Seat), Error> {
        self.address(&mut request).await?;
        let seat = self.seat().ok_or_else(|| self.failed("too many requests are under way"))?;
        let answer = seat.0.client.request(request).await.map_err(|error| self.failed(error))?;
        Ok((answer, seat))
    }

    /// As [`Self::send`], for a request that asks to become a byte stream.
    pub(super) async fn upgrade(
        &self,
        mut request: Request<Body>,
    ) -> Result<Response<Incoming>, Error> {
        self.address(&mut request).await?;
        self.upgrading.request(request).await.map_err(|error| self.failed(error))
    }

    /// Puts the server's address before the path, and our proof into the headers.
    async fn address(&self, request: &mut Request<Body>) -> Result<(), Error> {
        let server = self.cluster.server.clone().into_parts();
        let asked = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let base = self.cluster.server.path().trim_end_matches('/');
        let uri = Uri::builder()
            .scheme(http::uri::Scheme::HTTPS)
            .authority(server.authority.ok_or_else(|| self.failed("the record has no address"))?)
            .path_and_query(format!("{base}{asked}"));
        *request.uri_mut() = uri.build().map_err(|error| self.failed(error))?;
        if let Some(token) = self.token().await? {
            request.headers_mut().insert(header::AUTHORIZATION, token);
        }
        Ok(())
    }

    async fn token(&self) -> Result<Option<HeaderValue>, Error> {
        let read = match &self.cluster.auth {
            ClusterAuth::Certificate { .. } => return Ok(None),
            ClusterAuth::Token(token) => return self.bearer(token).map(Some),
            ClusterAuth::TokenFile(file) => file,
        };
        let mut kept = self.token.lock().await;
        if let Some((at, token)) = &*kept
            && at.elapsed() < TOKEN_AGE
        {
            return Ok(Some(token.clone()));
        }
        let record = |error| Error::Record(self.cluster.name.as_str().into(), Box::new(error));
        let text = tokio::fs::read_to_string(read).await;
        let text = Zeroizing::new(text.map_err(|error| record(ClusterError::NoPod(error)))?);
        let token = self.bearer(text.trim())?;
        *kept = Some((Instant::now(), token.clone()));
        Ok(Some(token))
    }

    fn bearer(&self, token: &str) -> Result<HeaderValue, Error> {
        let text = Zeroizing::new(format!("Bearer {token}"));
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| self.failed("the token holds what no header can"))?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn seat(&self) -> Option<Seat> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        // Counted up under the lock alone, so a lane never holds more than it may.
        let free = lanes.iter().find(|lane| lane.open.load(Ordering::Acquire) < LANE);
        let lane = match free {
            Some(lane) => Arc::clone(lane),
            None if lanes.len() >= MAX_LANES => return None,
            None => {
                let client = client(self.dialer.clone());
                let lane = Arc::new(Lane { client, open: AtomicUsize::new(0) });
                lanes.push(Arc::clone(&lane));
                lane
            }
        };
        lane.open.fetch_add(1, Ordering::AcqRel);
        Some(Seat(lane))
    }

    fn failed(&self, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        let source = io::Error::other(why);
        Error::Unreachable { target: self.cluster.name.as_str().into(), source }
    }
}

fn client(dialer: Dialer) -> Client<Dialer, Body> {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(LANE)
        .http2_initial_stream_window_size(WINDOW)
        .http2_initial_connection_window_size(LANE_WINDOW)
        .http2_keep_alive_interval(PING_EVERY)
        .http2_keep_alive_timeout(PING_WAIT)
        .http2_keep_alive_while_idle(true)
        .build(dialer)
}

/// Opens connections to one API server.
#[derive(Clone)]
pub(super) struct Dialer {
    address: Arc<str>,
    name: ServerName<'static>,
    tls: TlsConnector,
}

impl Dialer {
    fn new(cluster: &Cluster, alpn: &[&[u8]]) -> Result<Self, ClusterError> {
        let setup = |error: &dyn fmt::Display| ClusterError::Tls(error.to_string().into());
        let host = cluster.server.host().ok_or(ClusterError::Server)?;
        let port = cluster.server.port_u16().unwrap_or(443);
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = cluster.tls.server_name.as_deref().unwrap_or(bare).to_owned();
        let name = ServerName::try_from(name).map_err(|error| setup(&error))?;
        let check = database::verifier(&cluster.tls).map_err(|error| setup(&error))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| setup(&error))?
            .dangerous()
            .with_custom_certificate_verifier(check);
        let mut config = match &cluster.auth {
            ClusterAuth::Certificate { chain, key } => builder
                .with_client_auth_cert(chain.clone(), key.clone_key())
                .map_err(|error| setup(&error))?,
            ClusterAuth::Token(_) | ClusterAuth::TokenFile(_) => builder.with_no_client_auth(),
        };
        config.alpn_protocols = alpn.iter().map(|word| word.to_vec()).collect();
        let tls = TlsConnector::from(Arc::new(config));
        Ok(Self { address: format!("{host}:{port}").into(), name, tls })
    }

    async fn dial(self) -> io::Result<TokioIo<Line>> {
        let dialling = async {
            let socket = TcpStream::connect(&*self.address).await?;
            // Refused only by sockets that are already gone.
            let _ = socket.set_nodelay(true);
            keep_alive(&socket);
            self.tls.connect(self.name, socket).await
        };
        let dialled = tokio::time::timeout(DIAL_WAIT, dialling).await;
        let stream = dialled.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        Ok(TokioIo::new(Line(stream)))
    }
}

impl tower::Service<Uri> for Dialer {
    type Response = TokioIo<Line>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<TokioIo<Line>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().dial())
    }
}

/// A connection to an API server.
pub(super) struct Line(TlsStream<TcpStream>);

impl Connection for Line {
    fn connected(&self) -> Connected {
        let connected = Connected::new();
        match self.0.get_ref().1.alpn_protocol() {
            Some(b"h2") => connected.negotiated_h2(),
            Some(_) | None => connected,
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}
