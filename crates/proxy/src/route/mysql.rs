//! MySQL's own port: the server speaks first, and then everything is inside TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use tokio::io::AsyncReadExt;
use wire::proxy_protocol;

use super::secured::{Secured, shake_hands};
use super::{FIRST_BYTES_WAIT, MAX_LINE, is_trusted, log_end};
use crate::House;
use crate::listen::{Slot, Wire};
use crate::mysql::{self, Greeted};

/// Takes a fresh connection on MySQL's own port to its door.
pub(crate) async fn mysql(house: Arc<House>, wire: Wire, peer: SocketAddr, slot: Option<Slot>) {
    // On the heap, and freed when it is done: a session lives for hours, its first bytes do not.
    let greeting = Box::pin(greet(&house, wire, peer, slot));
    match tokio::time::timeout(FIRST_BYTES_WAIT, greeting).await {
        Ok(Some((secured, greeted))) => {
            let peer = secured.peer;
            log_end(peer, &Box::pin(mysql::serve(house, secured, Some(greeted))).await);
        }
        Ok(None) => {}
        Err(_) => tracing::debug!(%peer, "a MySQL client did not answer the greeting in time"),
    }
}

async fn greet(
    house: &House,
    wire: Wire,
    peer: SocketAddr,
    slot: Option<Slot>,
) -> Option<(Secured, Greeted)> {
    let (wire, peer, slot) = match slot {
        Some(slot) => (wire, peer, slot),
        None if is_trusted(house, peer.ip()) => behind_balancer(house, wire, peer).await?,
        None => return None,
    };
    let (wire, greeted) = mysql::knock(house, wire, peer).await?;
    Some((shake_hands(house, wire, peer, Some(slot)).await?, greeted))
}

/// Reads the PROXY protocol header of a balancer. On this port it must send one: we speak first, and cannot wait to see
/// whether it does.
async fn behind_balancer(
    house: &House,
    mut wire: Wire,
    peer: SocketAddr,
) -> Option<(Wire, SocketAddr, Slot)> {
    let mut ahead = BytesMut::with_capacity(MAX_LINE);
    loop {
        match proxy_protocol::parse(&ahead) {
            Ok(Some(header)) => {
                ahead.advance(header.len);
                let peer = header.source.unwrap_or(peer);
                let slot = house.slots.take(peer.ip(), wire.severer())?;
                return Some((wire.with_ahead(ahead.freeze()), peer, slot));
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%peer, %error, "a balancer sent a bad PROXY protocol header");
                return None;
            }
        }
        if wire.read_buf(&mut ahead).await.ok()? == 0 {
            return None;
        }
    }
}
