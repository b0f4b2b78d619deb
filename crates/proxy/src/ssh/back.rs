//! The connection to the target, as its client: is it the right host, and what does it open back to us.

use std::sync::Arc;

use ca::Authorities;
use jiff::Timestamp;
use russh::keys::PublicKey;
use russh::keys::PublicKeyOrCertificate;
use russh::{Channel, ChannelOpenFailure, client};
use serde_json::json;

use super::forward;
use super::link::{Forward, Link};
use crate::nodes::HostTrust;

/// Answers for the connection to one target.
pub(super) struct Back {
    pub(super) link: Arc<Link>,
    pub(super) authorities: Arc<Authorities>,
    pub(super) trust: HostTrust,
    pub(super) now: Timestamp,
}

impl Back {
    fn knows(&self, shown: &PublicKeyOrCertificate) -> bool {
        match (shown, &self.trust) {
            (PublicKeyOrCertificate::Certificate(certificate), HostTrust::Authority) => self
                .authorities
                .verify_host(certificate, self.link.session.caller.target().as_str(), self.now)
                .is_ok(),
            (PublicKeyOrCertificate::PublicKey { key, .. }, HostTrust::Keys(pinned)) => {
                pinned.iter().any(|one| one.key_data() == key.key_data())
            }
            // A certificate of a host whose key is pinned: the key in it is what counts.
            (PublicKeyOrCertificate::Certificate(certificate), HostTrust::Keys(pinned)) => {
                let key = PublicKey::new(certificate.public_key().clone(), "");
                pinned.iter().any(|one| one.key_data() == key.key_data())
            }
            (PublicKeyOrCertificate::PublicKey { .. }, HostTrust::Authority) => false,
        }
    }
}

impl client::Handler for Back {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        Ok(self.knows(shown))
    }

    async fn disconnected(
        &mut self,
        reason: client::DisconnectReason<russh::Error>,
    ) -> Result<(), russh::Error> {
        tracing::debug!(session = %self.link.session.id, ?reason, "the connection to the target has ended");
        self.link.set_lost();
        Ok(())
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        back: Channel<client::Msg>,
        address: &str,
        port: u32,
        from: &str,
        from_port: u32,
        reply: client::ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), russh::Error> {
        if !self.link.forward_allowed(&Forward::Port(port)) {
            reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
            return Ok(());
        }
        let (link, address, from) = (Arc::clone(&self.link), address.to_owned(), from.to_owned());
        let told =
            json!({ "forward": "remote", "port": port, "from": from, "from_port": from_port });
        tokio::spawn(async move {
            let opened = match link.front() {
                Some(front) => {
                    front.channel_open_forwarded_tcpip(address, port, from, from_port).await
                }
                None => Err(russh::Error::Disconnect),
            };
            backwards(link, back, reply, opened, told).await;
        });
        Ok(())
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        back: Channel<client::Msg>,
        path: &str,
        reply: client::ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), russh::Error> {
        if !self.link.forward_allowed(&Forward::Socket(path.to_owned())) {
            reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
            return Ok(());
        }
        let (link, path) = (Arc::clone(&self.link), path.to_owned());
        let told = json!({ "forward": "remote", "socket": path });
        tokio::spawn(async move {
            let opened = match link.front() {
                Some(front) => front.channel_open_forwarded_streamlocal(path).await,
                None => Err(russh::Error::Disconnect),
            };
            backwards(link, back, reply, opened, told).await;
        });
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        back: Channel<client::Msg>,
        reply: client::ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), russh::Error> {
        if !self.link.agent_allowed() {
            reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
            return Ok(());
        }
        let link = Arc::clone(&self.link);
        tokio::spawn(async move {
            let opened = match link.front() {
                Some(front) => front.channel_open_agent().await,
                None => Err(russh::Error::Disconnect),
            };
            backwards(link, back, reply, opened, json!({ "forward": "agent" })).await;
        });
        Ok(())
    }

    async fn server_channel_open_x11(
        &mut self,
        back: Channel<client::Msg>,
        from: &str,
        from_port: u32,
        reply: client::ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), russh::Error> {
        if !self.link.x11_allowed() {
            reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
            return Ok(());
        }
        let (link, from) = (Arc::clone(&self.link), from.to_owned());
        tokio::spawn(async move {
            let opened = match link.front() {
                Some(front) => front.channel_open_x11(from, from_port).await,
                None => Err(russh::Error::Disconnect),
            };
            backwards(link, back, reply, opened, json!({ "forward": "x11" })).await;
        });
        Ok(())
    }
}

/// A channel that the target opens back to the client, once the client has answered.
async fn backwards(
    link: Arc<Link>,
    back: Channel<client::Msg>,
    reply: client::ChannelOpenHandle,
    opened: Result<Channel<russh::server::Msg>, russh::Error>,
    told: serde_json::Value,
) {
    match opened {
        Ok(front) => {
            if link.session.audit("ssh.forward", told.clone()).await.is_err() {
                reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
                let _ = front.close().await;
                return;
            }
            reply.accept().await;
            forward::relay(&link, front, back, told).await;
        }
        Err(russh::Error::ChannelOpenFailure(reason)) => reply.reject(reason).await,
        Err(_) => reply.reject(ChannelOpenFailure::ConnectFailed).await,
    }
}
