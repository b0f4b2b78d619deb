//! Before TLS: what a stock client says first (PostgreSQL documentation, 55.2.10 and 55.2.11).

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::postgres::startup::{self, MAX_PACKET, Opening};

use super::{cancel, say};
use crate::House;
use crate::listen::Wire;
use crate::route::part;

/// How often a client may ask for encryption that it does not get.
const MAX_REQUESTS: usize = 2;

/// Answers until the client begins TLS; the connection as it is then. `None` when it was served, or refused.
///
/// The caller limits how long it takes.
pub(crate) async fn knock(house: &Arc<House>, mut wire: Wire, peer: SocketAddr) -> Option<Wire> {
    let mut ahead = BytesMut::with_capacity(64);
    for _ in 0..=MAX_REQUESTS {
        let opening = loop {
            match startup::parse(&ahead) {
                Ok(Some((opening, length))) => {
                    ahead.advance(length);
                    break opening;
                }
                Ok(None) if ahead.len() < MAX_PACKET => {}
                Ok(None) => return None,
                Err(error) => {
                    let mut out = Vec::new();
                    say::malformed_startup(&mut out, error);
                    return part(wire, &out).await;
                }
            }
            if wire.read_buf(&mut ahead).await.ok()? == 0 {
                return None;
            }
        };
        match opening {
            Opening::Ssl => {
                // What was read already belongs to the handshake: nothing that came in the clear is ever taken for
                // something that came inside TLS.
                wire.write_all(b"S").await.ok()?;
                return Some(wire.with_ahead(ahead.freeze()));
            }
            Opening::Gss => wire.write_all(b"N").await.ok()?,
            Opening::Cancel(key) => {
                cancel::serve(house, &key, None, peer).await;
                return None;
            }
            Opening::Startup(_) => {
                let mut out = Vec::new();
                say::clear_text(&mut out);
                return part(wire, &out).await;
            }
        }
    }
    None
}
