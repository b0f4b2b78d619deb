//! Forwarded connections: `-L`, `-D`, `-R`, sockets, the agent, X11. Bytes pass; who reached what is in the audit log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use russh::{Channel, ChannelId, ChannelMsg, ChannelOpenFailure, ChannelWriteHalf, client, server};
use serde_json::{Value, json};

use super::channel::CLOSE_GRACE;
use super::link::Link;
use super::pump::{Broken, Flow, Owed, Patience, Sink, pump};
use crate::live::Notice;

/// Where a client wants to be connected from the target.
#[derive(Clone, Debug)]
pub(super) enum Destination {
    /// A TCP address, as the target resolves it.
    Tcp { host: String, port: u32, from: String, from_port: u32 },
    /// A socket in the target's file system.
    Socket(String),
}

impl Destination {
    fn describe(&self) -> Value {
        match self {
            Self::Tcp { host, port, .. } => json!({ "forward": "local", "to": host, "port": port }),
            Self::Socket(path) => json!({ "forward": "local", "socket": path }),
        }
    }
}

/// Connects a client's channel to a destination seen from the target.
pub(super) async fn outwards(
    link: Arc<Link>,
    front: Channel<server::Msg>,
    reply: server::ChannelOpenHandle,
    to: Destination,
) {
    link.session.heard();
    let allowed = link.session.rights().local_forwarding;
    let mut told = to.describe();
    set(&mut told, "refused", (!allowed).into());
    if link.session.audit("ssh.forward", told.clone()).await.is_err() || !allowed {
        return reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
    }
    let Ok(target) = link.target().await else {
        return reply.reject(ChannelOpenFailure::ConnectFailed).await;
    };
    let opened = match to {
        Destination::Tcp { host, port, from, from_port } => {
            target.0.channel_open_direct_tcpip(host, port, from, from_port).await
        }
        Destination::Socket(path) => target.0.channel_open_direct_streamlocal(path).await,
    };
    match opened {
        Ok(back) => {
            reply.accept().await;
            relay(&link, front, back, told).await;
        }
        Err(russh::Error::ChannelOpenFailure(reason)) => reply.reject(reason).await,
        Err(_) => reply.reject(ChannelOpenFailure::ConnectFailed).await,
    }
}

/// Passes bytes of a forwarded connection both ways until it ends.
pub(super) async fn relay(
    link: &Link,
    front: Channel<server::Msg>,
    back: Channel<client::Msg>,
    mut told: Value,
) {
    let (mut front_in, front_out) = front.split();
    let (mut back_in, back_out) = back.split();
    let (sent, received) = (AtomicU64::new(0), AtomicU64::new(0));
    {
        let mut up = Through::new(&front_out, &back_out, &sent, Some(link));
        let mut down = Through::new(&back_out, &front_out, &received, None);
        let mut up = std::pin::pin!(pump(&mut front_in, &mut up, Patience::Limited(CLOSE_GRACE)));
        let mut down =
            std::pin::pin!(pump(&mut back_in, &mut down, Patience::Limited(CLOSE_GRACE)));
        let mut notices = link.session.notices();
        loop {
            tokio::select! {
                _ = &mut up => break,
                _ = &mut down => break,
                changed = notices.changed() => {
                    if changed.is_err() || matches!(&*notices.borrow_and_update(), Notice::End(_)) {
                        break;
                    }
                }
            }
        }
    }
    let _ = back_out.close().await;
    let _ = front_out.close().await;
    set(&mut told, "ended", true.into());
    set(&mut told, "sent", sent.load(Ordering::Relaxed).into());
    set(&mut told, "received", received.load(Ordering::Relaxed).into());
    let _ = link.session.note("ssh.forward", told).await;
}

fn set(object: &mut Value, field: &str, value: Value) {
    if let Value::Object(fields) = object {
        fields.insert(field.to_owned(), value);
    }
}

/// One direction of a forwarded connection.
struct Through<'a, A, B>
where
    A: From<(ChannelId, ChannelMsg)>,
    B: From<(ChannelId, ChannelMsg)>,
{
    from: &'a ChannelWriteHalf<A>,
    to: &'a ChannelWriteHalf<B>,
    owed: Owed,
    count: &'a AtomicU64,
    /// Set where bytes come from the client: they are a sign of life.
    alive: Option<&'a Link>,
}

impl<'a, A, B> Through<'a, A, B>
where
    A: From<(ChannelId, ChannelMsg)>,
    B: From<(ChannelId, ChannelMsg)>,
{
    fn new(
        from: &'a ChannelWriteHalf<A>,
        to: &'a ChannelWriteHalf<B>,
        count: &'a AtomicU64,
        alive: Option<&'a Link>,
    ) -> Self {
        Self { from, to, owed: Owed::default(), count, alive }
    }
}

impl<A, B> Through<'_, A, B>
where
    A: From<(ChannelId, ChannelMsg)> + Send + Sync + 'static,
    B: From<(ChannelId, ChannelMsg)> + Send + Sync + 'static,
{
    async fn data(&mut self, data: Bytes) -> Result<(), Broken> {
        if let Some(link) = self.alive {
            link.session.heard();
        }
        self.to.data_bytes(data.clone()).await.map_err(|_| Broken)?;
        self.count.fetch_add(u64::try_from(data.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.owed.pay(self.from, &data).await
    }
}

impl<A, B> Sink for Through<'_, A, B>
where
    A: From<(ChannelId, ChannelMsg)> + Send + Sync + 'static,
    B: From<(ChannelId, ChannelMsg)> + Send + Sync + 'static,
{
    #[expect(clippy::wildcard_enum_match_arm, reason = "russh's enum may grow")]
    async fn deliver(&mut self, message: ChannelMsg) -> Result<Flow, Broken> {
        match message {
            ChannelMsg::Data { data } => self.data(data).await?,
            ChannelMsg::Eof => self.to.eof().await.map_err(|_| Broken)?,
            ChannelMsg::Close => return Ok(Flow::Stop),
            // Nothing else is sent on a forwarded connection.
            _ => {}
        }
        Ok(Flow::Go)
    }
}
