//! Inside TLS: who is there, what he speaks, and which target he named on the way.

use std::net::SocketAddr;
use std::sync::Arc;

use access::identity::{Identity, Lapsed};
use access::name::TargetName;
use bytes::{Buf, BytesMut};
use tokio::io::AsyncReadExt;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use wire::route::{MAX_LINE, Route};

use super::{HttpConnection, Sorted, part};
use crate::House;
use crate::app::Named;
use crate::http::{HttpDoors, Visitor};
use crate::listen::{Severer, Slot, Wire};
use crate::postgres;

/// ALPN of PostgreSQL inside TLS (PostgreSQL documentation, 55.2.11).
const POSTGRES: &[u8] = b"postgresql";
/// ALPN of a connection that begins with a routing line.
const ROUTED: &[u8] = b"x-countersign";
/// ALPN of HTTP/2 (RFC 9113, section 3.2).
const HTTP_2: &[u8] = b"h2";
/// ALPN of HTTP/1.1 (RFC 7301, section 6).
const HTTP_1: &[u8] = b"http/1.1";

/// What the one port speaks inside TLS (ALPN, RFC 7301), as its TLS configuration must offer it. A client that
/// names none of them is not served; one that names nothing speaks HTTP.
pub const PROTOCOLS: [&[u8]; 4] = [HTTP_2, HTTP_1, POSTGRES, ROUTED];

/// A TLS connection for a door of databases.
#[derive(Debug)]
pub(crate) struct Secured {
    /// The connection.
    pub(crate) stream: Box<TlsStream<Wire>>,
    /// Clear bytes that were read ahead of it.
    pub(crate) ahead: BytesMut,
    /// Who is there, if a certificate of ours that is still good was shown.
    pub(crate) identity: Option<Identity>,
    /// Whom the certificate names, if it is ours and good but for the time. Only to be told so.
    pub(crate) lapsed: Option<Lapsed>,
    /// Where from.
    pub(crate) peer: SocketAddr,
    /// The target that was named by the routing line, or by the host name that TLS asked for.
    pub(crate) target: Option<Box<str>>,
    /// Cuts the connection, whatever it is doing.
    pub(crate) severer: Severer,
    /// Its place among the strangers.
    pub(crate) slot: Option<Slot>,
}

/// What a connection is known to speak before its TLS begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Known {
    /// Nothing: ALPN says.
    Nothing,
    /// PostgreSQL: TLS was asked for with its SSLRequest.
    Postgres,
}

/// Takes a connection into TLS: one that begins with it, or one that knocks first as PostgreSQL clients do.
pub(super) async fn enter(
    house: &Arc<House>,
    known: Known,
    wire: Wire,
    peer: SocketAddr,
    slot: Option<Slot>,
) -> Option<Sorted> {
    match known {
        Known::Nothing => secure(house, wire, peer, slot, known).await,
        Known::Postgres => {
            let wire = postgres::knock(house, wire, peer).await?;
            secure(house, wire, peer, slot, known).await
        }
    }
}

/// The TLS handshake, and what the connection speaks inside.
async fn secure(
    house: &Arc<House>,
    wire: Wire,
    peer: SocketAddr,
    slot: Option<Slot>,
    known: Known,
) -> Option<Sorted> {
    let secured = shake_hands(house, wire, peer, slot).await?;
    let spoken = secured.stream.get_ref().1.alpn_protocol();
    let app = tls_app(house, &secured);
    let (http2, routed) = (spoken == Some(HTTP_2), spoken == Some(ROUTED));
    if !routed && known == Known::Nothing && spoken != Some(POSTGRES) {
        if let Some(app) = app {
            let secured = Box::new(secured);
            return Some(Sorted::App { app, named: Named::Host, secured });
        }
        let Secured { stream, identity, lapsed, slot, .. } = secured;
        let visitor = Visitor { peer, identity: identity.clone(), lapsed: lapsed.clone() };
        let doors = HttpDoors::new(Arc::clone(house), visitor);
        let connection = HttpConnection { stream, peer, identity, lapsed, http2, doors };
        return Some(Sorted::Http { connection: Box::new(connection), slot });
    }
    if routed { by_line(secured).await } else { Some(Sorted::Postgres(Box::new(secured))) }
}

/// The TLS handshake, who is there, and the target that the host name asks for.
pub(super) async fn shake_hands(
    house: &House,
    wire: Wire,
    peer: SocketAddr,
    slot: Option<Slot>,
) -> Option<Secured> {
    let severer = wire.severer();
    let acceptor = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), wire);
    let handshake = match acceptor.await {
        Ok(start) => start.into_stream(Arc::clone(&house.tls).current()).await,
        Err(error) => Err(error),
    };
    let stream = match handshake {
        Ok(stream) => stream,
        Err(error) => {
            tracing::debug!(%peer, %error, "TLS handshake failed");
            return None;
        }
    };
    let (_, tls) = stream.get_ref();
    let (authorities, now) = (&house.authorities, house.now());
    let (mut identity, mut lapsed) = (None, None);
    if let Some(der) = tls.peer_certificates().and_then(|chain| chain.first()) {
        match authorities.verify_identity_x509(der, now) {
            Ok(known) => identity = Some(known),
            // He may still log in again over this connection; he is nobody until then.
            Err(error) => {
                tracing::debug!(%peer, %error, "a client certificate was not accepted");
                lapsed = authorities.lapsed_identity_x509(der, now);
            }
        }
    }
    let target = tls.server_name().and_then(|asked| target_in(asked, &house.names));
    let stream = Box::new(stream);
    Some(Secured { stream, ahead: BytesMut::new(), identity, lapsed, peer, target, severer, slot })
}

/// The application that TLS's host name leads to.
fn tls_app(house: &House, secured: &Secured) -> Option<TargetName> {
    house.app_at(secured.stream.get_ref().1.server_name()?)
}

/// The target that a host name asks for: `orders` in `orders.gw.example.com` of the house `gw.example.com`.
pub(crate) fn target_in(asked: &str, own: &[String]) -> Option<Box<str>> {
    own.iter().find_map(|own| {
        let target = asked.strip_suffix(own.as_str())?.strip_suffix('.')?;
        (!target.is_empty() && !target.contains('.')).then(|| target.into())
    })
}

/// Reads the routing line.
async fn by_line(mut secured: Secured) -> Option<Sorted> {
    loop {
        match wire::route::parse(&secured.ahead) {
            Ok(Some((route, length))) => {
                secured.ahead.advance(length);
                return match route {
                    Route::App { target } => match target.parse() {
                        Ok(app) => Some(Sorted::App {
                            app,
                            named: Named::Line,
                            secured: Box::new(secured),
                        }),
                        Err(_) => {
                            let no = b"countersign: that is no name of an application\r\n";
                            part(secured.stream, no).await
                        }
                    },
                    Route::Postgres { target } => {
                        secured.target = Some(target.into());
                        Some(Sorted::Postgres(Box::new(secured)))
                    }
                    Route::MySql { target } => {
                        secured.target = Some(target.into());
                        Some(Sorted::MySql(Box::new(secured)))
                    }
                    Route::Ssh { .. } => {
                        let no = b"countersign: this protocol is not spoken inside TLS\r\n";
                        part(secured.stream, no).await
                    }
                };
            }
            Ok(None) => {}
            Err(error) => {
                let no = format!("countersign: {error}\r\n");
                return part(secured.stream, no.as_bytes()).await;
            }
        }
        // Read with what may follow at once; the line's own limit ends this.
        secured.ahead.reserve(MAX_LINE);
        if secured.stream.read_buf(&mut secured.ahead).await.ok()? == 0 {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_label_before_a_name_of_the_house_is_a_target() {
        let own = ["gw.example.com".to_owned(), "127.0.0.1".to_owned()];
        for (asked, target) in [
            ("orders.gw.example.com", Some("orders")),
            ("gw.example.com", None),
            (".gw.example.com", None),
            ("a.b.gw.example.com", None),
            ("ordersgw.example.com", None),
            ("orders.example.com", None),
        ] {
            assert_eq!(target_in(asked, &own).as_deref(), target, "{asked}");
        }
    }
}
