//! The way to the target: dial, check who answers, log in with a credential of our own.

use std::sync::Arc;
use std::time::Duration;

use access::ask::Action;
use ca::{Allowed, UpstreamPlan};
use russh::client::{self, AuthResult, Handle};
use russh::keys::{Algorithm, PrivateKey, PrivateKeyWithHashAlg};
use russh::{SshId, keys};
use tokio::net::TcpStream;

use super::back::Back;
use super::hosts::{preferred, preferred_upstream};
use super::link::{Link, Target};
use super::pump::{MAX_PACKET, WINDOW};
use crate::error::Error;
use crate::listen::Wire;
use crate::nodes::{HostTrust, Node, NodeLogin};

/// How long dialling, and the handshake after it, may take each.
const CONNECT_WAIT: Duration = Duration::from_secs(10);

/// What a target shows to prove itself.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trust {
    /// A certificate of our host authority.
    Authority,
    /// A key we know.
    Keys,
}

/// The configuration of the client side, shared by all connections.
pub(crate) fn config(trust: Trust) -> Arc<client::Config> {
    let preferred = match trust {
        Trust::Authority => preferred_upstream(),
        Trust::Keys => preferred(),
    };
    Arc::new(client::Config {
        client_id: SshId::Standard("SSH-2.0-countersign".into()),
        window_size: WINDOW,
        maximum_packet_size: MAX_PACKET,
        window_by_consumption: true,
        channel_buffer_size: 256,
        preferred,
        keepalive_interval: Some(Duration::from_secs(30)),
        keepalive_max: 4,
        nodelay: true,
        ..client::Config::default()
    })
}

/// Connects `link` to its target.
pub(super) async fn connect(link: &Arc<Link>) -> Result<Target, Error> {
    let session = &link.session;
    let name = session.caller.target();
    let target: Box<str> = name.as_str().into();
    let node = session.house.nodes.node(name).await;
    let node = node
        .and_then(|node| node.ok_or(crate::nodes::NodeError::Gone))
        .map_err(|e| Error::Record(target.clone(), Box::new(e)))?;
    let dialled = tokio::time::timeout(CONNECT_WAIT, TcpStream::connect(&*node.addr)).await;
    let socket = dialled
        .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
        .map_err(|source| Error::Unreachable { target: target.clone(), source })?;
    let greeted = tokio::time::timeout(CONNECT_WAIT, greet(link, &node, Wire::new(socket))).await;
    greeted.unwrap_or_else(|_| {
        let source = std::io::ErrorKind::TimedOut.into();
        Err(Error::Unreachable { target, source })
    })
}

/// The SSH handshake with the target.
async fn greet(link: &Arc<Link>, node: &Node, wire: Wire) -> Result<Target, Error> {
    let session = &link.session;
    let house = &session.house;
    let target: Box<str> = session.caller.target().as_str().into();
    let back = Back {
        link: Arc::clone(link),
        authorities: Arc::clone(&house.authorities),
        trust: node.trust.clone(),
        now: house.now(),
    };
    let config = match &node.trust {
        HostTrust::Authority => Arc::clone(&house.upstream),
        HostTrust::Keys(_) => Arc::clone(&house.upstream_pinned),
    };
    let connected = client::connect_stream(config, wire, back).await;
    let mut handle = connected.map_err(|source| {
        // Our own check says `UnknownKey`; a host without a certificate has no algorithm that we take.
        if matches!(source, russh::Error::UnknownKey | russh::Error::NoCommonAlgo { .. }) {
            Error::Imposter(target.clone())
        } else {
            Error::Target { target: target.clone(), source }
        }
    })?;
    let done = log_in(link, node, &mut handle).await?;
    match done {
        AuthResult::Success => Ok(Target(Arc::new(handle))),
        AuthResult::Failure { .. } => {
            Err(Error::LoginRefused { target, login: session.caller.account().into() })
        }
    }
}

async fn log_in(link: &Link, node: &Node, handle: &mut Handle<Back>) -> Result<AuthResult, Error> {
    let caller = &link.session.caller;
    let login = caller.account();
    let done = match &node.login {
        NodeLogin::Certificate => {
            let (key, certificate) = credential(link)?;
            handle.authenticate_openssh_cert(login, Arc::new(key), certificate).await
        }
        NodeLogin::Key(key) => {
            // RFC 8332: SHA-1 signatures are refused by every current sshd.
            let rsa = matches!(key.algorithm(), Algorithm::Rsa { .. });
            let hash = rsa.then_some(keys::HashAlg::Sha512);
            handle
                .authenticate_publickey(login, PrivateKeyWithHashAlg::new(Arc::clone(key), hash))
                .await
        }
        NodeLogin::Password(password) => {
            handle.authenticate_password(login, password.as_str()).await
        }
    };
    done.map_err(|source| Error::Target { target: caller.target().as_str().into(), source })
}

/// A fresh key, and a certificate for it that is good for this login, for minutes.
fn credential(link: &Link) -> Result<(PrivateKey, keys::Certificate), Error> {
    let session = &link.session;
    let rights = session.rights();
    let key = PrivateKey::random(&mut keys::key::safe_rng(), Algorithm::Ed25519).map_err(|_| {
        Error::Sign {
            what: "a key for the target",
            source: ca::SignError::Crypto("no random key".into()),
        }
    })?;
    let Action::Ssh { login } = &session.caller.ask.action else {
        // Only the SSH door comes here, and it asks for nothing else.
        return Err(Error::LoginRefused {
            target: session.caller.target().as_str().into(),
            login: session.caller.account().into(),
        });
    };
    let plan = UpstreamPlan {
        login: login.clone(),
        user: session.caller.identity.user.clone(),
        session: session.id,
        request: rights.requests.first().copied(),
        allowed: Allowed {
            agent_forwarding: rights.forward_agent,
            port_forwarding: rights.local_forwarding || rights.remote_forwarding,
            pty: true,
            user_rc: true,
            x11_forwarding: rights.x11_forwarding,
        },
        until: rights.until,
    };
    let certificate = session
        .house
        .authorities
        .sign_upstream_ssh(&plan, key.public_key(), session.now())
        .map_err(|source| Error::Sign { what: "a certificate for the target", source })?;
    Ok((key, certificate))
}
