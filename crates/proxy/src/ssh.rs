//! The SSH door.
//!
//! On its front it is an SSH server that shows a host certificate for whatever target was named and takes identity
//! certificates; on its back it is an SSH client with a fresh key and a certificate of its own for each connection.
//! Between them channels are relayed one by one, each asked about and each written down.

mod back;
mod channel;
mod forward;
mod front;
pub(crate) mod hosts;
mod jump;
mod link;
mod overhear;
mod pump;
mod refuse;
pub(crate) mod upstream;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use access::ask::Ask;
use access::identity::{Identity, Lapsed};
use access::name::TargetName;
use russh::server::RunningSession;
use russh::{Disconnect, server};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};

use crate::House;
use crate::corridor::{self, Door, Ended};
use crate::error::Error;
use crate::gate::{Caller, Cut, Refused};
use crate::listen::{Severer, Slot};
use crate::live::{Notice, Session};
use front::{Front, Step, Verdict};
use link::{Link, Reach};
use overhear::{Overheard, Software};

/// How long a client may take from its first byte to its proof of who it is.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(60);
/// How long a client may think about the reason.
const REASON_WAIT: Duration = Duration::from_mins(10);
/// How long the channels of a cut session have to say so.
const CUT_WAIT: Duration = Duration::from_millis(500);
/// How long a client may take to leave after it was disconnected.
const LEAVE_WAIT: Duration = Duration::from_millis(300);
/// How long a refused client may stay connected.
const REFUSED_WAIT: Duration = Duration::from_secs(30);
/// The least time in which a person can have read the question, beyond the way there and back. An answer that comes
/// sooner came from a program without a terminal, which has shown nobody anything.
const READING: Duration = Duration::from_millis(500);
/// Characters of an account's name that whoever connected made up, in the audit log.
const MAX_SHOWN: usize = 128;
/// The question to someone who could ask for access.
const REASON_PROMPT: &str = "Reason (empty to leave): ";

/// How a connection came to this door.
#[derive(Debug)]
pub(crate) struct Approach {
    /// Where from.
    pub(crate) peer: SocketAddr,
    /// The target that was named before SSH began.
    pub(crate) target: Option<String>,
    /// Cuts the connection, whatever it is doing.
    pub(crate) severer: Option<Severer>,
    /// Its place among the strangers.
    pub(crate) slot: Option<Slot>,
}

impl Approach {
    /// The account and the target that someone wants who says that he is called `name`; `None` of who jumps.
    fn wanted<'a>(&'a self, name: &'a str) -> Option<(&'a str, &'a str)> {
        match &self.target {
            Some(target) => Some((name, target)),
            None => name.rsplit_once('@'),
        }
    }
}

/// Serves one SSH connection.
pub(crate) async fn serve<S>(house: Arc<House>, stream: S, approach: Approach) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let door = SshDoor { house: Arc::clone(&house), stream: Some(stream), approach };
    corridor::serve(&house, door).await
}

struct SshDoor<S> {
    house: Arc<House>,
    stream: Option<S>,
    approach: Approach,
}

/// A client who has proven who he is.
struct Guest {
    running: RunningSession<Front>,
    steps: mpsc::Receiver<Step>,
    verdict: oneshot::Sender<Verdict>,
    askable: Option<Duration>,
    /// He has read all that there is to say.
    told: bool,
}

impl Guest {
    /// Says something and waits for what the client does with it.
    async fn ask(&mut self, say: Verdict, wait: Duration) -> Result<String, Error> {
        let (closed, _) = oneshot::channel();
        let verdict = std::mem::replace(&mut self.verdict, closed);
        verdict.send(say).map_err(|_| Error::Left)?;
        match tokio::time::timeout(wait, self.steps.recv()).await {
            Err(_) => Err(Error::Slow),
            Ok(Some(Step::Answered { text, verdict })) => {
                self.verdict = verdict;
                Ok(text)
            }
            Ok(Some(Step::Arrived { .. }) | None) => Err(Error::Left),
        }
    }
}

impl<S> Door for SshDoor<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Guest = Guest;

    async fn greet(&mut self) -> Result<Option<(Guest, Caller)>, Error> {
        let Some(stream) = self.stream.take() else { return Ok(None) };
        let peer = self.approach.peer;
        let config = self.house.hosts.config(self.approach.target.as_deref(), self.house.now())?;
        let (to_corridor, mut steps) = mpsc::channel(1);
        let front = Front::new(Arc::clone(&self.house), peer, to_corridor);
        let software = Software::default();
        let stream = Overheard::new(stream, software.clone());
        let arrival = async {
            let running = server::run_stream(config, stream, front).await.map_err(Error::Guest)?;
            let step = steps.recv().await;
            Ok::<_, Error>((running, step))
        };
        let (running, step) = match tokio::time::timeout(HANDSHAKE_WAIT, arrival).await {
            Ok(arrived) => arrived?,
            Err(_) => {
                self.sever();
                return Err(Error::Slow);
            }
        };
        let Some(Step::Arrived { who, name, askable, verdict }) = step else {
            return Err(Error::Left);
        };
        let guest = Guest { running, steps, verdict, askable, told: false };
        let identity = match who {
            Ok(identity) => identity,
            Err(lapsed) => {
                self.turn_away(guest, &lapsed, &name).await?;
                return Ok(None);
            }
        };
        // From here on he is no stranger.
        self.approach.slot = None;
        let Some((login, target)) = self.approach.wanted(&name) else {
            return self.let_jump(guest.running, guest.verdict, identity).await;
        };
        match (login.parse(), target.parse()) {
            (Ok(login), Ok(target)) => {
                let client = software.name();
                let caller = Caller { identity, ask: Ask::ssh(target, login), peer, client };
                Ok(Some((guest, caller)))
            }
            _ => {
                // No target and no account has such a name: it is refused like every unknown one.
                let refused = Refused::no_access(&format!("{login}@{target}"));
                let event = store::recording::NewEvent::new("session.refused", self.house.now())
                    .user(&identity.user)
                    .login(identity.login)
                    .with("code", "invalid_name")
                    .with("peer", peer.to_string());
                self.house.audit(vec![event]).await?;
                self.refuse(guest, &refused).await;
                Ok(None)
            }
        }
    }

    async fn offer(
        &mut self,
        guest: &mut Guest,
        refused: &Refused,
    ) -> Result<Option<String>, Error> {
        let Some(distance) = guest.askable else { return Ok(None) };
        let mut words = refused.text();
        if let Some(wish) = &refused.wish
            && !wish.approvers.is_empty()
        {
            words.push_str(&format!(
                "You can ask for it now; asked would be: {}.\n",
                wish.approvers.join(", ")
            ));
        }
        let asked = self.house.now();
        let reason = guest.ask(Verdict::Ask { words, prompt: REASON_PROMPT }, REASON_WAIT).await?;
        // A clock that is set back meanwhile makes us say it once more.
        let took = Duration::try_from(self.house.now().duration_since(asked)).unwrap_or_default();
        guest.told = reason.is_empty() && took >= distance.saturating_add(READING);
        Ok((!reason.is_empty()).then_some(reason))
    }

    async fn tell(&mut self, guest: &mut Guest, words: &str) -> Result<(), Error> {
        guest.ask(Verdict::Wait { words: words.to_owned() }, HANDSHAKE_WAIT).await.map(drop)
    }

    async fn refuse(&mut self, guest: Guest, refused: &Refused) {
        self.refuse_guest(guest, refused).await;
    }

    async fn serve(
        &mut self,
        guest: Guest,
        session: Arc<Session>,
        cut: impl Future<Output = Cut> + Send,
    ) -> Ended {
        let link = Arc::new(Link::new(Arc::clone(&session)));
        if guest.verdict.send(Verdict::Enter(Arc::clone(&link))).is_err() {
            return Ended::Failed(Error::Left);
        }
        let ended = self.relay(&link, guest.running, cut).await;
        // INVARIANT: the link holds the connection to the target, whose loop holds the link: this ends both.
        link.set_reach(Reach::Gone("The session has ended.".into()));
        ended
    }
}

impl<S> SshDoor<S> {
    /// Connects to the target and waits for the end, while channels relay.
    async fn relay(
        &self,
        link: &Arc<Link>,
        mut running: RunningSession<Front>,
        cut: impl Future<Output = Cut> + Send,
    ) -> Ended {
        let session = &link.session;
        let handle = running.handle();
        let mut cut = std::pin::pin!(cut);
        // The client hears that he is in while the way to the target is being made.
        let connected = {
            // On the heap, and freed when it is done: otherwise every idle session keeps room for its handshake.
            let mut connecting = Box::pin(upstream::connect(link));
            tokio::select! {
                connected = &mut connecting => connected,
                _ = &mut running => return Ended::Finished,
                cut = &mut cut => return self.cut(session, running, handle, cut).await,
            }
        };
        let failed = match connected {
            Ok(target) => {
                link.set_reach(Reach::Ready(target));
                None
            }
            Err(error) => {
                link.fail(&error);
                Some(error)
            }
        };
        match failed {
            None => tokio::select! {
                _ = &mut running => Ended::Finished,
                () = link.lost() => {
                    // Channels see their ends by themselves; then there is nothing left to stay for.
                    self.dismiss(&mut running, &handle, CUT_WAIT, "the connection to the target was lost").await;
                    Ended::Finished
                }
                cut = &mut cut => self.cut(session, running, handle, cut).await,
            },
            Some(error) => {
                self.dismiss(&mut running, &handle, REFUSED_WAIT, error.public()).await;
                Ended::Failed(error)
            }
        }
    }
}

impl<S> SshDoor<S> {
    fn sever(&self) {
        if let Some(severer) = &self.approach.severer {
            severer.sever();
        }
    }

    /// Lets him in, to be told no.
    async fn refuse_guest(&self, guest: Guest, refused: &Refused) {
        let text = if guest.told { String::new() } else { refused.text() };
        if guest.verdict.send(Verdict::Refuse(text.into())).is_err() {
            return;
        }
        let mut running = guest.running;
        let handle = running.handle();
        self.dismiss(&mut running, &handle, REFUSED_WAIT, "Access denied").await;
    }

    /// Says why in every channel, then ends the connection.
    async fn cut(
        &self,
        session: &Session,
        mut running: RunningSession<Front>,
        handle: server::Handle,
        cut: Cut,
    ) -> Ended {
        session.tell(Notice::End(cut.line.as_str().into()));
        // Channels say it and close; a client without channels, or one that does not read, is not waited for.
        self.dismiss(&mut running, &handle, CUT_WAIT, &cut.line).await;
        Ended::Cut(cut)
    }

    /// Gives the client `wait` to leave by himself, then tells him to, then cuts him off.
    async fn dismiss(
        &self,
        running: &mut RunningSession<Front>,
        handle: &server::Handle,
        wait: Duration,
        why: &str,
    ) {
        if tokio::time::timeout(wait, &mut *running).await.is_ok() {
            return;
        }
        let _ = handle.disconnect(Disconnect::ByApplication, why.to_owned(), String::new()).await;
        if tokio::time::timeout(LEAVE_WAIT, running).await.is_err() {
            self.sever();
        }
    }

    /// Tells someone whose certificate does not hold at this moment that it is so. He keeps his place among the
    /// strangers, and nothing is opened for him: who jumps is told by the first target that he names.
    async fn turn_away(&mut self, guest: Guest, lapsed: &Lapsed, name: &str) -> Result<(), Error> {
        let now = self.house.now();
        let refused = Refused::lapsed(lapsed, now);
        let Some((account, target)) = self.approach.wanted(name) else {
            let verdict = Verdict::JumpToRefusal(refused.text().into());
            guest.verdict.send(verdict).map_err(|_| Error::Left)?;
            let mut running = guest.running;
            let handle = running.handle();
            self.dismiss(&mut running, &handle, REFUSED_WAIT, "Access denied").await;
            return Ok(());
        };
        let event = store::recording::NewEvent::new("session.refused", now)
            .user(&lapsed.user)
            .login(lapsed.login)
            .with("code", &*refused.code)
            .with("detail", &*refused.detail)
            .with("account", access::display::shown_short(account, MAX_SHOWN).into_owned())
            .with("peer", self.approach.peer.to_string());
        let event = match target.parse::<TargetName>() {
            Ok(target) => event.target(&target),
            Err(_) => event,
        };
        self.house.audit(vec![event]).await?;
        self.refuse_guest(guest, &refused).await;
        Ok(())
    }

    /// He named no target: he may reach targets through this connection, and each asks again who he is.
    async fn let_jump<G>(
        &mut self,
        mut running: RunningSession<Front>,
        verdict: oneshot::Sender<Verdict>,
        identity: Identity,
    ) -> Result<Option<G>, Error> {
        verdict.send(Verdict::Jump).map_err(|_| Error::Left)?;
        let (handle, gate) = (running.handle(), &self.house.gate);
        let mut policy = gate.changed();
        // Who is locked out already is told so by the first target that he names.
        let mut wait = REFUSED_WAIT;
        loop {
            policy.mark_unchanged();
            if !gate.welcomes(&identity, self.house.now()) {
                self.dismiss(&mut running, &handle, wait, "Your access was withdrawn.").await;
                return Ok(None);
            }
            // The sessions inside say why they end, and then there is nothing left to stay for.
            wait = CUT_WAIT.saturating_add(LEAVE_WAIT);
            tokio::select! {
                _ = &mut running => return Ok(None),
                () = self.house.closing.cancelled() => {
                    self.dismiss(&mut running, &handle, wait, "The gateway is shutting down.").await;
                    return Ok(None);
                }
                changed = policy.changed() => {
                    if changed.is_err() {
                        self.dismiss(&mut running, &handle, wait, "The gateway is shutting down.").await;
                        return Ok(None);
                    }
                }
            }
        }
    }
}
