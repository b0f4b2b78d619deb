//! Jumps: `ssh -J alice@gateway root@db-box`. The outer connection carries inner ones, each to a target by its name,
//! each with a handshake and a decision of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use russh::server::Msg;
use russh::{Channel, ChannelMsg, ChannelWriteHalf};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};

use super::channel::CLOSE_GRACE;
use super::pump::{Broken, Flow, Owed, Patience, Sink, pump};
use super::{Approach, serve};
use crate::House;
use crate::route::log_end;

/// Bytes between the outer channel and the inner connection, per direction.
const BETWEEN: usize = 64 * 1024;

/// Serves the SSH connection to the target `host` that comes in `channel`.
pub(super) fn start(house: Arc<House>, peer: SocketAddr, host: String, channel: Channel<Msg>) {
    let (inner, outer) = tokio::io::duplex(BETWEEN);
    tokio::spawn(async move {
        let approach = Approach { peer, target: Some(host), severer: None, slot: None };
        // Boxed: an inner connection's task must not contain an outer one's.
        let served = Box::pin(serve(house, inner, approach)).await;
        log_end(peer, &served);
    });
    tokio::spawn(carry(channel, outer));
}

/// Carries bytes between a channel and the stream of the connection inside it.
async fn carry(channel: Channel<Msg>, stream: DuplexStream) {
    let (mut source, sink) = channel.split();
    let (reader, writer) = tokio::io::split(stream);
    let mut inwards = Inwards { from: &sink, to: writer, owed: Owed::default() };
    tokio::select! {
        // The client closed the channel, or the inner connection takes no more.
        _ = pump(&mut source, &mut inwards, Patience::Limited(CLOSE_GRACE)) => {}
        // The inner connection has ended.
        _ = outwards(reader, &sink) => {}
    }
    let _ = sink.eof().await;
    let _ = sink.close().await;
}

struct Inwards<'a> {
    from: &'a ChannelWriteHalf<Msg>,
    to: WriteHalf<DuplexStream>,
    owed: Owed,
}

impl Sink for Inwards<'_> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "russh's enum may grow")]
    async fn deliver(&mut self, message: ChannelMsg) -> Result<Flow, Broken> {
        match message {
            ChannelMsg::Data { data } => {
                self.to.write_all(&data).await.map_err(|_| Broken)?;
                self.owed.pay(self.from, &data).await?;
            }
            ChannelMsg::Eof => self.to.shutdown().await.map_err(|_| Broken)?,
            ChannelMsg::Close => return Ok(Flow::Stop),
            // Nothing else is sent on such a channel.
            _ => {}
        }
        Ok(Flow::Go)
    }
}

async fn outwards(
    mut from: ReadHalf<DuplexStream>,
    to: &ChannelWriteHalf<Msg>,
) -> Result<(), Broken> {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(BETWEEN / 2);
        if from.read_buf(&mut buffer).await.map_err(|_| Broken)? == 0 {
            return Ok(());
        }
        let bytes: Bytes = buffer.split().freeze();
        to.data_bytes(bytes).await.map_err(|_| Broken)?;
    }
}
