//! The relay: one task moves both directions of a session, buffer by buffer.
//!
//! ```text
//!   client ──► up ──► walk: judge, ledger ──► database
//!   client ◄── down ◄── walk: ledger, our key for theirs ◄── database
//! ```
//!
//! Nothing is decoded that need not be, nothing is copied that may stay where it is, and a side that does not read
//! stops the other one. Cutting ends it at a frame's end, with the reason.

mod answers;
mod ledger;
mod names;
#[cfg(test)]
mod tests;
mod tube;
mod watch;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use wire::postgres::Malformed;
use wire::postgres::back::{self, Back};
use wire::postgres::front::{self, Front};
use wire::postgres::{CancelKey, write};

use super::cancel::Issued;
use super::{Guest, say};
use crate::bell::{Bell, Seldom};
use crate::corridor::Ended;
use crate::database::postgres::PgLeg;
use crate::database::statements::Statements;
use crate::database::{Database, Fault, Protocol};
use crate::error::Error;
use crate::gate::Cut;
use crate::live::{Notice, Session};
use crate::record::Broken;
use ledger::{Ledger, Verdict};
use tube::{Look, Tube};
use watch::Watch;

/// How long a client may take to be told why it ends.
const PARTING_WAIT: Duration = Duration::from_millis(400);
/// Bytes of a client's that are thrown away at once after it was told why it ends.
const UNHEARD: usize = 16 * 1024;
/// Turns of one session before other tasks of the thread get theirs.
const MAX_TURNS: usize = 32;

/// Both directions of a session between `C` and `S`. See the module.
struct Relay<C, S, W: Watch, K> {
    client: C,
    server: S,
    up: Tube,
    down: Tube,
    ledger: Ledger<W>,
    /// Gives the client's key for the database's.
    exchange: K,
    /// Frames of our own for the client, to be said between two of the database's.
    unsaid: Vec<u8>,
    /// The client has said that it leaves, or is gone.
    left: bool,
    /// The database has closed the connection.
    lost: bool,
    /// The database takes nothing more.
    broken: bool,
    /// The client's messages wait until some of them are answered.
    waits: bool,
    hears: Hears,
}

/// Which side may have something to say: those that have rung and were not heard out.
#[derive(Debug, Default)]
struct Hears {
    client: bool,
    server: bool,
}

/// What wakes a relay.
#[derive(Debug)]
struct Bells {
    client: Bell,
    server: Bell,
}

impl Bells {
    fn new() -> Self {
        Self { client: Bell::new(), server: Bell::new() }
    }
}

/// Why a relay ended by itself.
#[derive(Debug)]
enum Over {
    /// The client has left.
    Left,
    /// The database has closed the connection.
    Lost,
    /// The client broke the protocol.
    BadClient(Malformed),
    /// The database broke the protocol.
    BadServer(Malformed),
    /// What is done can no longer be written down.
    Unwritten(Broken),
}

impl<C, S, W, K> Relay<C, S, W, K>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
    W: Watch,
    K: FnMut(CancelKey) -> CancelKey,
{
    /// Moves what can be moved. `heard` is called when the client has said something.
    fn poll(
        &mut self,
        bells: &mut Bells,
        heard: &mut impl FnMut(),
        cx: &mut Context<'_>,
    ) -> Poll<Over> {
        self.hears.client |= bells.client.has_rung(cx);
        self.hears.server |= bells.server.has_rung(cx);
        for _ in 0..MAX_TURNS {
            let mut moved = false;
            let behind = match self.ledger.watch.poll_flush(cx) {
                Poll::Ready(Ok(())) => false,
                Poll::Ready(Err(broken)) => return Poll::Ready(Over::Unwritten(broken)),
                Poll::Pending => true,
            };
            if let Some(over) = self.poll_down(bells, &mut moved) {
                return Poll::Ready(over);
            }
            if let Some(over) = self.poll_up(bells, behind, &mut moved, heard) {
                return Poll::Ready(over);
            }
            if !moved {
                self.up.rest();
                self.down.rest();
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// From the database to the client.
    fn poll_down(&mut self, bells: &Bells, moved: &mut bool) -> Option<Over> {
        while self.hears.server && !self.lost && self.down.has_room() {
            match self.down.poll_read(&mut self.server, &mut bells.server.context()) {
                Poll::Pending => self.hears.server = false,
                Poll::Ready(Ok(0) | Err(_)) => self.lost = true,
                Poll::Ready(Ok(_)) => {
                    *moved = true;
                    if let Err(error) = self.walk_down() {
                        return Some(Over::BadServer(error));
                    }
                }
            }
        }
        if !self.unsaid.is_empty() && self.down.is_between_frames() {
            self.down.say(&std::mem::take(&mut self.unsaid));
        }
        match self.down.poll_drain(&mut self.client, moved, &mut bells.client.context()) {
            Poll::Ready(Err(_)) => Some(Over::Left),
            Poll::Ready(Ok(())) if self.lost && self.left => Some(Over::Left),
            Poll::Ready(Ok(())) if self.lost => Some(Over::Lost),
            Poll::Ready(Ok(())) | Poll::Pending => None,
        }
    }

    /// From the client to the database. While the recording is `behind`, nothing more is taken from him.
    fn poll_up(
        &mut self,
        bells: &Bells,
        behind: bool,
        moved: &mut bool,
        heard: &mut impl FnMut(),
    ) -> Option<Over> {
        if self.broken {
            return Some(if self.left { Over::Left } else { Over::Lost });
        }
        if self.waits
            && !behind
            && let Err(error) = self.walk_up()
        {
            return Some(Over::BadClient(error));
        }
        while self.hears.client && !self.left && !self.waits && !behind && self.up.has_room() {
            match self.up.poll_read(&mut self.client, &mut bells.client.context()) {
                Poll::Pending => self.hears.client = false,
                Poll::Ready(Ok(0) | Err(_)) => self.left = true,
                Poll::Ready(Ok(_)) => {
                    *moved = true;
                    heard();
                    if let Err(error) = self.walk_up() {
                        return Some(Over::BadClient(error));
                    }
                }
            }
        }
        match self.up.poll_drain(&mut self.server, moved, &mut bells.server.context()) {
            Poll::Ready(Err(_)) => {
                // What the database still has to say, perhaps why, is passed on first.
                (self.broken, *moved) = (true, true);
                None
            }
            Poll::Ready(Ok(())) if self.left && !self.waits => Some(Over::Left),
            Poll::Ready(Ok(())) | Poll::Pending => None,
        }
    }

    fn walk_down(&mut self) -> Result<(), Malformed> {
        let Self { down, ledger, exchange, .. } = self;
        down.walk(back::hold, |frame| {
            if matches!(frame.kind, b'D' | b'd') {
                ledger.passed(frame.body.len().saturating_add(frame.rest));
                return Ok(Look::Pass);
            }
            let kind = frame.kind;
            let back = back::parse(frame)?;
            match &back {
                Back::Key(theirs) => {
                    let mut out = Vec::new();
                    write::backend_key(&mut out, &exchange(theirs.clone()));
                    Ok(Look::Instead(out))
                }
                // Replication is not asked for, and authentication is over.
                Back::CopyBoth | Back::Authentication(_) => Err(Malformed::Kind { kind }),
                // It was negotiated with the client before.
                Back::Negotiate => Ok(Look::Instead(Vec::new())),
                Back::Aside
                | Back::Bound
                | Back::Closed
                | Back::Complete(_)
                | Back::CopyIn
                | Back::CopyOut
                | Back::Data
                | Back::Described
                | Back::Empty
                | Back::Error(_)
                | Back::Parsed
                | Back::Ready(_)
                | Back::Suspended => Ok(ledger.server(&back).map_or(Look::Pass, Look::Instead)),
            }
        })
    }

    fn walk_up(&mut self) -> Result<(), Malformed> {
        let Self { up, ledger, waits, left, .. } = self;
        *waits = false;
        up.walk(front::hold, |frame| {
            let front = front::parse(frame)?;
            match ledger.client(front) {
                Verdict::Pass => {
                    *left = *left || front == Front::Terminate;
                    Ok(Look::Pass)
                }
                Verdict::StandIn(bytes) => Ok(Look::Instead(bytes)),
                Verdict::Wait => {
                    *waits = true;
                    Ok(Look::Wait)
                }
            }
        })
    }

    /// Runs until one side ends it, or `cut` does.
    async fn go(
        &mut self,
        session: &Session,
        mut cut: impl Future<Output = Cut> + Unpin,
    ) -> Result<Over, Cut> {
        // What was read before the relay began.
        if let Err(error) = self.walk_down() {
            return Ok(Over::BadServer(error));
        }
        if let Err(error) = self.walk_up() {
            return Ok(Over::BadClient(error));
        }
        let mut notices = session.notices();
        let mut bells = Bells::new();
        loop {
            let mut noticed = Seldom::new(notices.changed());
            tokio::select! {
                biased;
                over = poll_fn(|cx| self.poll(&mut bells, &mut || session.heard(), cx)) => return Ok(over),
                cut = &mut cut => return Err(cut),
                Ok(()) = &mut noticed => {
                    drop(noticed);
                    if let Notice::Warning(line) = &*notices.borrow_and_update() {
                        say::warning(&mut self.unsaid, line);
                    }
                }
            }
        }
    }

    /// Says `word` at the next end of a frame, and closes.
    async fn part(&mut self, word: &[u8]) -> io::Result<()> {
        let mut missing = self.down.cut();
        self.down.say(word_unless(missing, word));
        poll_fn(|cx| self.down.poll_drain(&mut self.client, &mut false, cx)).await?;
        // The rest of a frame of which the client has a part.
        let mut piece = vec![0; missing.min(tube::BATCH)];
        while missing > 0 {
            let most = piece.len().min(missing);
            let Some(space) = piece.get_mut(..most) else { break };
            let read = self.server.read(space).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.client.write_all(piece.get(..read).unwrap_or_default()).await?;
            missing = missing.saturating_sub(read);
            if missing == 0 {
                self.client.write_all(word).await?;
            }
        }
        self.client.flush().await?;
        self.client.shutdown().await?;
        // A connection that is closed with bytes unread is reset, and the word could be lost on its way.
        let mut unheard = vec![0; UNHEARD];
        while !self.left && self.client.read(&mut unheard).await? > 0 {}
        Ok(())
    }
}

/// The word, if nothing has to come before it.
fn word_unless(missing: usize, word: &[u8]) -> &[u8] {
    if missing == 0 { word } else { &[] }
}

/// Relays between the client and the database until one of them ends it, or it is cut.
pub(super) async fn run(
    mut guest: Guest,
    session: Arc<Session>,
    database: Database,
    leg: PgLeg,
    mut cut: Pin<&mut (impl Future<Output = Cut> + Send)>,
) -> Ended {
    let statements = match Statements::begin(&session, Protocol::Postgres).await {
        Ok(statements) => statements,
        Err(broken) => {
            let cut = Cut::unwritten(broken);
            guest.part(|out| say::cut(out, &cut)).await;
            return Ended::Cut(cut);
        }
    };
    let database = Arc::new(database);
    let issued = OnceLock::<Issued>::new();
    let (welcome, minor, severer) = (guest.welcome(), guest.minor, guest.severer);
    let mut relay = Relay {
        client: guest.stream,
        server: leg.leg,
        up: Tube::new(Vec::new(), &guest.ahead),
        down: Tube::new(welcome, &leg.ahead),
        ledger: Ledger::new(statements),
        exchange: |theirs| {
            let cancels = &session.house.cancels;
            issued.get_or_init(|| cancels.issue(minor, theirs, &database, &session)).key.clone()
        },
        unsaid: Vec::new(),
        left: false,
        lost: false,
        broken: false,
        waits: false,
        hears: Hears::default(),
    };
    drop((guest.ahead, leg.ahead, guest.startup));
    let over = relay.go(&session, &mut cut).await;
    let mut word = Vec::new();
    let ended = match over {
        Ok(Over::Left) => Ended::Finished,
        Ok(Over::Lost) => {
            if !relay.ledger.fatal {
                say::lost(&mut word);
            }
            failed(&session, Fault::Vanished("the session"))
        }
        Ok(Over::BadServer(error)) => {
            say::lost(&mut word);
            failed(&session, Fault::Malformed(error.to_string().into()))
        }
        Ok(Over::Unwritten(broken)) => {
            let cut = Cut::unwritten(broken);
            say::cut(&mut word, &cut);
            Ended::Cut(cut)
        }
        Ok(Over::BadClient(error)) => {
            say::malformed(&mut word, error);
            Ended::Failed(Error::Malformed(error))
        }
        Err(cut) => {
            say::cut(&mut word, &cut);
            if let Some(issued) = issued.get().filter(|_| relay.ledger.is_busy()) {
                // What he has begun must not go on without him.
                issued.cancel();
            }
            Ended::Cut(cut)
        }
    };
    // Whether he hears it is up to him; he is gone after it.
    let _ = tokio::time::timeout(PARTING_WAIT, relay.part(&word)).await;
    severer.sever();
    relay.ledger.watch.finish().await;
    ended
}

fn failed(session: &Session, fault: Fault) -> Ended {
    let target = session.caller.target().as_str().into();
    Ended::Failed(Error::Database { target, fault: Box::new(fault) })
}
