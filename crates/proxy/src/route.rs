//! Which door a connection goes to, by its first bytes.

mod ahead;
mod mysql;
mod secured;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use access::identity::{Identity, Lapsed};
use access::name::TargetName;
use bytes::{Buf, BytesMut};
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use wire::proxy_protocol;
use wire::route::{MAX_LINE, Route};
use wire::sniff::{First, sniff};

use crate::House;
use crate::app::Named;
use crate::error::{Error, Side};
use crate::http::HttpDoors;
use crate::listen::{Slot, Wire};
use crate::postgres;
use crate::ssh::{self, Approach};

use secured::Known;

pub(crate) use ahead::Ahead;
pub(crate) use mysql::mysql;
pub use secured::PROTOCOLS;
pub(crate) use secured::{Secured, target_in};

/// How long a client may take to show what it speaks, and to finish a TLS handshake.
const FIRST_BYTES_WAIT: Duration = Duration::from_secs(15);
/// How long a client may take to read a last word, and how many of his bytes are read meanwhile.
const PARTING_WAIT: Duration = Duration::from_secs(2);
const MAX_LAST_BYTES: u64 = 64 * 1024;
/// The most bytes that are read before the protocol is known: two headers and a line.
const MAX_AHEAD: usize = 2048;
/// To who speaks HTTP in the clear.
const HTTP_NO: &[u8] = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n\r\nThis port speaks HTTPS. Use https://\n";
/// To who names a database in the clear.
const ROUTE_NO: &[u8] = b"countersign: databases and applications are reached inside TLS: use tsh proxy db, tsh proxy app\r\n";

/// A byte stream of any kind.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A TLS connection that carries HTTP.
pub struct HttpConnection {
    /// The clear bytes.
    pub stream: Box<dyn Stream>,
    /// Where it came from.
    pub peer: SocketAddr,
    /// Who the client certificate says is there, if one was shown that is ours and still good.
    pub identity: Option<Identity>,
    /// Whom it names, if it is ours and good but for the time. Only to be told so.
    pub lapsed: Option<Lapsed>,
    /// Whether the client chose HTTP/2 (ALPN `h2`).
    pub http2: bool,
    /// Where its requests for targets go.
    pub doors: HttpDoors,
}

impl std::fmt::Debug for HttpConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpConnection")
            .field("peer", &self.peer)
            .field("http2", &self.http2)
            .finish_non_exhaustive()
    }
}

/// Serves HTTP. Given by the daemon: the proxy does not know the control plane.
pub trait HttpHandler: Send + Sync {
    /// Serves one connection to its end.
    fn serve(&self, connection: HttpConnection) -> BoxFuture<'static, ()>;
}

/// Takes a fresh connection to its door.
pub(crate) async fn route(house: Arc<House>, wire: Wire, peer: SocketAddr, slot: Option<Slot>) {
    let severer = wire.severer();
    // On the heap, and freed when it is done: a session lives for hours, its first bytes do not.
    let sorting = Box::pin(sort(&house, wire, peer, slot));
    let sorted = tokio::time::timeout(FIRST_BYTES_WAIT, sorting).await;
    // Each door on the heap too: whichever it is, the task has no room for the largest of them.
    match sorted {
        Ok(Some(Sorted::Ssh { wire, approach })) => {
            let peer = approach.peer;
            let approach = Approach { severer: Some(severer), ..approach };
            log_end(peer, &Box::pin(ssh::serve(house, wire, approach)).await);
        }
        Ok(Some(Sorted::MySql(secured))) => {
            let peer = secured.peer;
            log_end(peer, &Box::pin(crate::mysql::serve(house, *secured, None)).await);
        }
        Ok(Some(Sorted::Postgres(secured))) => {
            let peer = secured.peer;
            log_end(peer, &Box::pin(postgres::serve(house, *secured)).await);
        }
        Ok(Some(Sorted::App { app, named, secured })) => {
            crate::app::serve(house, app, named, *secured).await;
        }
        Ok(Some(Sorted::Http { connection, slot })) => {
            // Whoever is nobody still stays one of the strangers, whatever he does over TLS.
            let _slot = slot.filter(|_| connection.identity.is_none());
            house.lanes.aside(house.http.serve(*connection)).await;
        }
        Ok(None) => {}
        Err(_) => tracing::debug!(%peer, "no protocol was spoken in time"),
    }
}

enum Sorted {
    Ssh { wire: Wire, approach: Approach },
    App { app: TargetName, named: Named, secured: Box<Secured> },
    Http { connection: Box<HttpConnection>, slot: Option<Slot> },
    MySql(Box<Secured>),
    Postgres(Box<Secured>),
}

/// Logs how a connection ended, if that is worth it.
pub(crate) fn log_end(peer: SocketAddr, served: &Result<(), Error>) {
    if let Err(error) = served {
        match error.side() {
            Side::Client => {
                tracing::debug!(%peer, code = error.code(), %error, "connection not served");
            }
            Side::House => {
                tracing::error!(%peer, code = error.code(), error = ?error, "connection failed");
            }
            Side::Target => {
                tracing::warn!(%peer, code = error.code(), error = ?error, "target failed");
            }
        }
    }
}

/// Reads until the protocol is known, and does what comes before a door.
async fn sort(
    house: &Arc<House>,
    mut wire: Wire,
    mut peer: SocketAddr,
    mut slot: Option<Slot>,
) -> Option<Sorted> {
    let mut ahead = BytesMut::with_capacity(MAX_LINE);
    let mut target = None;
    let may_name_source = is_trusted(house, peer.ip());
    let mut named = false;
    loop {
        match sniff(&ahead) {
            First::More if ahead.len() < MAX_AHEAD => {}
            First::Ssh => {
                let wire = wire.with_ahead(ahead.freeze());
                return Some(Sorted::Ssh {
                    wire,
                    approach: Approach { peer, target, severer: None, slot },
                });
            }
            first @ (First::Postgres | First::Tls) if target.is_none() => {
                let wire = wire.with_ahead(ahead.freeze());
                let known = if first == First::Tls { Known::Nothing } else { Known::Postgres };
                return secured::enter(house, known, wire, peer, slot).await;
            }
            First::Route if target.is_none() => match wire::route::parse(&ahead) {
                Ok(Some((Route::Ssh { target: name }, len))) => {
                    target = Some(name);
                    ahead.advance(len);
                    continue;
                }
                Ok(Some((Route::App { .. } | Route::Postgres { .. } | Route::MySql { .. }, _))) => {
                    return part(wire, ROUTE_NO).await;
                }
                Ok(None) => {}
                Err(error) => {
                    return part(wire, format!("countersign: {error}\r\n").as_bytes()).await;
                }
            },
            First::ProxyHeader if may_name_source && !named => {
                match proxy_protocol::parse(&ahead) {
                    Ok(Some(header)) => {
                        named = true;
                        ahead.advance(header.len);
                        if let Some(source) = header.source {
                            peer = source;
                        }
                        slot = Some(house.slots.take(peer.ip(), wire.severer())?);
                        continue;
                    }
                    Ok(None) => {}
                    Err(error) => {
                        tracing::warn!(%peer, %error, "a balancer sent a bad PROXY protocol header");
                        return None;
                    }
                }
            }
            First::Http => {
                return part(wire, HTTP_NO).await;
            }
            First::More
            | First::Postgres
            | First::ProxyHeader
            | First::Route
            | First::Tls
            | First::Unknown => {
                tracing::debug!(%peer, "unknown protocol");
                return None;
            }
        }
        // A target was named and nothing follows yet: some SSH clients wait for our identification string first.
        if target.is_some() && ahead.is_empty() {
            return Some(Sorted::Ssh {
                wire,
                approach: Approach { peer, target, severer: None, slot },
            });
        }
        if slot.is_none() && !may_name_source {
            return None;
        }
        if wire.read_buf(&mut ahead).await.ok()? == 0 {
            return None;
        }
    }
}

fn is_trusted(house: &House, address: IpAddr) -> bool {
    house.trusted.iter().any(|network| network.contains(address))
}

/// Says a last word. What the client has sent meanwhile is read first: closing a socket with unread bytes resets it,
/// and the word would be lost.
pub(crate) async fn part<S: Stream, N>(mut stream: S, word: &[u8]) -> Option<N> {
    let parting = async {
        let _ = stream.write_all(word).await;
        let _ = stream.shutdown().await;
        let mut rest = stream.take(MAX_LAST_BYTES);
        let _ = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
    };
    let _ = tokio::time::timeout(PARTING_WAIT, parting).await;
    None
}
