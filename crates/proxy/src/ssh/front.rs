//! The connection from the client, as its server: who is there, and what he does once he is in.
//!
//! ```text
//!   none ─► keyboard-interactive? ─► publickey (identity certificate) ─► the corridor decides
//!             │ answered with nothing            ├─► enter
//!             │ and remembered: he can           ├─► refuse: let in, refused in the channel
//!             ▼ be asked                         └─► ask: keyboard-interactive again, "Reason:"
//! ```
//!
//! Whose certificate is ours and good but for the time is heard too: nothing can be decided for him, so he is let in to
//! be told so, in the channel, and for nothing else. Any other certificate fails without a word.
//!
//! Callbacks run in the connection's only loop, so they never wait for a target; only authentication waits, for the
//! corridor's verdict, when there is nothing else to do on the connection.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use access::identity::{Identity, Lapsed};
use russh::keys::Certificate;
use russh::server::{Auth, ChannelOpenHandle, Msg, Response, Session};
use russh::{Channel, ChannelId, ChannelOpenFailure, MethodKind, MethodSet, server};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::channel::{self, EX_NOPERM};
use super::forward::{self, Destination};
use super::jump;
use super::link::{Forward, Link};
use super::refuse::refuse_channel;
use crate::House;

/// The longest reason that is taken (the law, §3).
const MAX_REASON: usize = 4096;
/// How long the target may take to answer a request for a remote forward.
const FORWARD_WAIT: Duration = Duration::from_secs(10);

/// What the client did in its handshake, for the corridor to answer.
#[derive(Debug)]
pub(super) enum Step {
    /// He has proven who he is, and wants in. Whose certificate does not hold at this moment is heard, to be told so.
    Arrived {
        who: Result<Identity, Lapsed>,
        /// The user name of the SSH protocol: what he wants to be on the target.
        name: String,
        /// That he can be asked something, and how long the way to him and back is.
        askable: Option<Duration>,
        verdict: oneshot::Sender<Verdict>,
    },
    /// He has answered a question, or is still there while he waits.
    Answered { text: String, verdict: oneshot::Sender<Verdict> },
}

/// What the corridor says to a step.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Come in.
    Enter(Arc<Link>),
    /// Come in, to be told no.
    Refuse(Arc<str>),
    /// Answer a question, after reading this.
    Ask { words: String, prompt: &'static str },
    /// Read this and wait.
    Wait { words: String },
    /// Be a jump host for him.
    Jump,
    /// Let him jump once: what he finds there tells him no as well, in a channel that can say it.
    JumpToRefusal(Arc<str>),
}

/// Where the client stands.
enum Stage {
    /// Not known yet.
    Stranger,
    /// Being asked.
    Asked { words: String, prompt: &'static str },
    /// Let in.
    In(Arc<Link>),
    /// Let in to be refused.
    Out(Arc<str>),
    /// He jumps to targets over this connection.
    Jumping,
    /// Let in to be refused, after one jump.
    LastJump(Arc<str>),
}

/// Answers for the connection from one client.
pub(super) struct Front {
    house: Arc<House>,
    peer: SocketAddr,
    steps: mpsc::Sender<Step>,
    stage: Stage,
    /// When he was asked nothing, to see whether he can be asked.
    probed: Option<Instant>,
    /// He tried keyboard-interactive before his key, so he can be asked; his program answered after so long.
    askable: Option<Duration>,
}

impl Front {
    pub(super) fn new(house: Arc<House>, peer: SocketAddr, steps: mpsc::Sender<Step>) -> Self {
        Self { house, peer, steps, stage: Stage::Stranger, probed: None, askable: None }
    }

    /// Gives a step to the corridor and does as it says.
    async fn step(&mut self, step: Step, verdict: oneshot::Receiver<Verdict>) -> Auth {
        if self.steps.send(step).await.is_err() {
            return Auth::reject();
        }
        match verdict.await {
            Ok(Verdict::Enter(link)) => {
                self.stage = Stage::In(link);
                Auth::Accept
            }
            Ok(Verdict::Refuse(text)) => {
                self.stage = Stage::Out(text);
                Auth::Accept
            }
            Ok(Verdict::Jump) => {
                self.stage = Stage::Jumping;
                Auth::Accept
            }
            Ok(Verdict::JumpToRefusal(text)) => {
                self.stage = Stage::LastJump(text);
                Auth::Accept
            }
            Ok(Verdict::Ask { words, prompt }) => {
                self.stage = Stage::Asked { words, prompt };
                only(MethodKind::KeyboardInteractive, true)
            }
            Ok(Verdict::Wait { words }) => questions(words, Cow::Borrowed(&[])),
            Err(_) => Auth::reject(),
        }
    }

    /// The link, when the client is in.
    fn link(&self) -> Option<&Arc<Link>> {
        match &self.stage {
            Stage::In(link) => Some(link),
            Stage::Asked { .. }
            | Stage::Jumping
            | Stage::LastJump(_)
            | Stage::Out(_)
            | Stage::Stranger => None,
        }
    }

    async fn outwards(&self, channel: Channel<Msg>, reply: ChannelOpenHandle, to: Destination) {
        match self.link() {
            Some(link) => {
                tokio::spawn(forward::outwards(Arc::clone(link), channel, reply, to));
            }
            None => reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await,
        }
    }

    /// Whether the client may have this remote forward; in the audit log either way.
    async fn may_forward(link: &Link, told: serde_json::Value) -> bool {
        link.session.heard();
        let allowed = link.session.rights().remote_forwarding;
        let mut told = told;
        if let serde_json::Value::Object(fields) = &mut told {
            fields.insert("refused".into(), (!allowed).into());
        }
        link.session.audit("ssh.forward", told).await.is_ok() && allowed
    }
}

/// Goes on with one method only.
fn only(method: MethodKind, partial_success: bool) -> Auth {
    Auth::Reject { proceed_with_methods: Some(MethodSet::from(&[method][..])), partial_success }
}

fn questions(words: String, prompts: Cow<'static, [(Cow<'static, str>, bool)]>) -> Auth {
    Auth::Partial { name: Cow::Borrowed(""), instructions: Cow::Owned(words), prompts }
}

impl server::Handler for Front {
    type Error = russh::Error;

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        match (&self.stage, response) {
            // The first try, before any key. OpenSSH gives the method up when a try ends without a question, so it gets
            // an empty one, which it answers by itself; then it goes on with its key.
            (Stage::Stranger, None) => {
                self.probed = Some(Instant::now());
                Ok(questions(String::new(), Cow::Borrowed(&[])))
            }
            (Stage::Stranger, Some(_)) => {
                self.askable = self.probed.map(|probed| probed.elapsed());
                Ok(only(MethodKind::PublicKey, false))
            }
            (Stage::Asked { words, prompt }, None) => {
                Ok(questions(words.clone(), Cow::Owned(vec![(Cow::Borrowed(*prompt), true)])))
            }
            (Stage::Asked { .. }, Some(mut response)) => {
                let bytes = response.next().unwrap_or_default();
                let text = String::from_utf8_lossy(bytes.get(..MAX_REASON).unwrap_or(&bytes))
                    .trim()
                    .to_owned();
                let (verdict, answer) = oneshot::channel();
                Ok(self.step(Step::Answered { text, verdict }, answer).await)
            }
            (Stage::In(_) | Stage::Jumping | Stage::LastJump(_) | Stage::Out(_), _) => {
                Ok(Auth::reject())
            }
        }
    }

    async fn auth_publickey_offered(
        &mut self,
        _user: &str,
        _offer: server::PublicKeyOffer<'_>,
    ) -> Result<Auth, russh::Error> {
        Ok(Auth::Accept)
    }

    async fn auth_openssh_certificate(
        &mut self,
        user: &str,
        certificate: &Certificate,
    ) -> Result<Auth, russh::Error> {
        if !matches!(self.stage, Stage::Stranger) {
            return Ok(Auth::reject());
        }
        let (now, authorities) = (self.house.now(), &self.house.authorities);
        let who = match authorities.verify_identity_ssh(certificate, now) {
            Ok(identity) => Ok(identity),
            Err(error) => match authorities.lapsed_identity_ssh(certificate, now) {
                Some(lapsed) => Err(lapsed),
                None => {
                    tracing::debug!(peer = %self.peer, %error, "an identity certificate was not accepted");
                    return Ok(Auth::reject());
                }
            },
        };
        let (verdict, answer) = oneshot::channel();
        let (name, askable) = (user.to_owned(), self.askable);
        Ok(self.step(Step::Arrived { who, name, askable, verdict }, answer).await)
    }

    async fn auth_succeeded(&mut self, session: &mut Session) -> Result<(), russh::Error> {
        if let Some(link) = self.link() {
            link.set_front(session.handle());
        }
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        match &self.stage {
            Stage::In(link) => {
                link.session.heard();
                match link.enter() {
                    Some(ticket) => {
                        reply.accept().await;
                        tokio::spawn(channel::run(Arc::clone(link), channel, ticket));
                    }
                    None => reply.reject(ChannelOpenFailure::ResourceShortage).await,
                }
            }
            Stage::LastJump(text) | Stage::Out(text) => {
                let text = Arc::clone(text);
                reply.accept().await;
                tokio::spawn(async move { refuse_channel(channel, &text, EX_NOPERM).await });
            }
            Stage::Jumping => {
                reply.accept().await;
                tokio::spawn(async move {
                    let text = "This is a gateway. Name a target: ssh -J user@gateway login@target";
                    refuse_channel(channel, text, EX_NOPERM).await;
                });
            }
            Stage::Asked { .. } | Stage::Stranger => {
                reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
            }
        }
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        from: &str,
        from_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        let last = match &self.stage {
            Stage::LastJump(text) => Some(Stage::Out(Arc::clone(text))),
            Stage::Asked { .. }
            | Stage::In(_)
            | Stage::Jumping
            | Stage::Out(_)
            | Stage::Stranger => None,
        };
        if last.is_some() || matches!(self.stage, Stage::Jumping) {
            if let Some(refused) = last {
                self.stage = refused;
            }
            reply.accept().await;
            jump::start(Arc::clone(&self.house), self.peer, host.to_owned(), channel);
            return Ok(());
        }
        let to = Destination::Tcp { host: host.into(), port, from: from.into(), from_port };
        self.outwards(channel, reply, to).await;
        Ok(())
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        channel: Channel<Msg>,
        path: &str,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.outwards(channel, reply, Destination::Socket(path.into())).await;
        Ok(())
    }

    async fn agent_request(
        &mut self,
        _channel: ChannelId,
        _session: &mut Session,
    ) -> Result<bool, russh::Error> {
        // The channel's queue carries the request on, and writes it down.
        Ok(self.link().is_some_and(|link| link.session.rights().forward_agent))
    }

    async fn tcpip_forward(
        &mut self,
        address: &str,
        port: &mut u32,
        _session: &mut Session,
    ) -> Result<bool, russh::Error> {
        let Some(link) = self.link() else { return Ok(false) };
        let told = json!({ "forward": "remote", "asked": true, "bind": address, "port": *port });
        if !Self::may_forward(link, told).await {
            return Ok(false);
        }
        let asked = async {
            let target = link.target().await.ok()?;
            target.0.tcpip_forward(address, *port).await.ok()
        };
        let Ok(Some(given)) = tokio::time::timeout(FORWARD_WAIT, asked).await else {
            return Ok(false);
        };
        if *port == 0 {
            *port = given;
        }
        link.add_forward(Forward::Port(*port));
        Ok(true)
    }

    async fn cancel_tcpip_forward(
        &mut self,
        address: &str,
        port: u32,
        _session: &mut Session,
    ) -> Result<bool, russh::Error> {
        let Some(link) = self.link() else { return Ok(false) };
        link.remove_forward(&Forward::Port(port));
        let asked = async {
            let target = link.target().await.ok()?;
            target.0.cancel_tcpip_forward(address, port).await.ok()
        };
        Ok(matches!(tokio::time::timeout(FORWARD_WAIT, asked).await, Ok(Some(_))))
    }

    async fn streamlocal_forward(
        &mut self,
        path: &str,
        _session: &mut Session,
    ) -> Result<bool, russh::Error> {
        let Some(link) = self.link() else { return Ok(false) };
        let told = json!({ "forward": "remote", "asked": true, "socket": path });
        if !Self::may_forward(link, told).await {
            return Ok(false);
        }
        let asked = async {
            let target = link.target().await.ok()?;
            target.0.streamlocal_forward(path).await.ok()
        };
        let Ok(Some(_)) = tokio::time::timeout(FORWARD_WAIT, asked).await else { return Ok(false) };
        link.add_forward(Forward::Socket(path.to_owned()));
        Ok(true)
    }

    async fn cancel_streamlocal_forward(
        &mut self,
        path: &str,
        _session: &mut Session,
    ) -> Result<bool, russh::Error> {
        let Some(link) = self.link() else { return Ok(false) };
        link.remove_forward(&Forward::Socket(path.to_owned()));
        let asked = async {
            let target = link.target().await.ok()?;
            target.0.cancel_streamlocal_forward(path).await.ok()
        };
        Ok(matches!(tokio::time::timeout(FORWARD_WAIT, asked).await, Ok(Some(_))))
    }
}
