//! The relay between a client that is in and its database: one task, both directions.
//!
//! ```text
//!   client ──► up:   [ready][undecided] ──► server      a command is decided on before a byte of it is ready
//!   client ◄── down: [ready][undecided] ◄── server      walked as it comes; all of it is ready at once
//! ```
//!
//! A refused command is answered in its turn: what was passed before it is answered first, and nothing behind it is
//! looked at until then. Nothing is read from a side while [`lane::MOST`] waits for the other one, so a client that
//! does not read stalls its server and nobody else.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::oneshot;
use wire::mysql::{
    Capabilities, Commands, Event, Front, HEADER, Malformed, Outcome, Replies, Shape, put_packet,
};

use super::judge::{Judge, Tag, Verdict};
use super::lane::{self, Lane};
use super::say::{self, Words};
use super::stop::stop;
use super::unrecorded;
use crate::bell::Bell;
use crate::corridor::Ended;
use crate::database::Fault;
use crate::database::mysql::RESTRICT;
use crate::error::Error;
use crate::gate::Cut;
use crate::live::Session;

/// The longest beginning of a packet that waits for its end, in bytes.
const MAX_HELD: usize = 16 * 1024;
/// Commands that were passed and are not answered. No client needs so many on their way; one that sends more waits.
const MAX_PIPELINE: usize = 1024;
/// How long a session waits for its last word to reach the client.
const LAST_WORD_WAIT: Duration = Duration::from_millis(300);
/// Bytes of a client that are read after its session has ended, and thrown away.
const MAX_UNREAD: u64 = 64 * 1024;
/// How long a client that is slow to read has for it, after its session has ended.
const SLOW_READER_WAIT: Duration = Duration::from_secs(5);

/// Why a relay ends.
#[derive(Debug)]
enum End {
    /// The client has left.
    Left,
    /// The server has left.
    Gone,
    /// The server has broken its protocol.
    Garbled(Malformed),
    /// The policy does not let it go on.
    Cut(Cut),
}

/// What is done when everything that was passed has been answered.
#[derive(Debug)]
enum Held {
    /// The command at the front is answered so.
    Refuse(Words),
    /// The server is told again that the session only reads; what follows is looked at when it has heard.
    Restrict,
    /// What follows is looked at.
    Settle,
}

#[derive(Debug)]
pub(super) struct Relay<F, B> {
    session: Arc<Session>,
    front: F,
    back: B,
    up: Lane,
    down: Lane,
    commands: Commands,
    replies: Replies<Tag>,
    judge: Judge,
    /// The connection's number in the database.
    number: u32,
    held: Option<Held>,
    /// Bytes that must be undecided before there is anything to decide.
    wants: usize,
    /// The client sends nothing more.
    left: bool,
    /// The server sends nothing more.
    gone: bool,
    /// The server takes nothing more.
    deaf: bool,
    /// The recording is behind: nothing is taken from the client.
    behind: bool,
    /// A statement of ours is awaited, and so many bytes of its answer are there: they are not the client's.
    aside: Option<usize>,
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

impl<F, B> Relay<F, B>
where
    F: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: AsyncRead + AsyncWrite + Unpin + Send,
{
    /// `capabilities` are those of both legs, with each leg comes what was read of it too early, and `number` is the
    /// connection's in the database.
    pub(super) fn new(
        judge: Judge,
        (front, up): (F, BytesMut),
        (back, down): (B, BytesMut),
        capabilities: Capabilities,
        number: u32,
    ) -> Self {
        Self {
            session: Arc::clone(judge.session()),
            judge,
            front,
            back,
            up: Lane::new(up),
            down: Lane::new(down),
            commands: Commands::default(),
            replies: Replies::new(capabilities),
            number,
            held: None,
            wants: HEADER,
            left: false,
            gone: false,
            deaf: false,
            behind: false,
            aside: None,
            hears: Hears::default(),
        }
    }

    /// Relays until one side leaves, or the session is cut.
    pub(super) async fn run(mut self: Box<Self>, cut: impl Future<Output = Cut> + Send) -> Ended {
        let mut cut = pin!(cut);
        let mut bells = Bells { client: Bell::new(), server: Bell::new() };
        let end = tokio::select! {
            biased;
            cut = &mut cut => End::Cut(cut),
            end = poll_fn(|cx| self.poll(&mut bells, cx)) => end,
        };
        let (ended, word) = match end {
            End::Left => {
                self.judge.statements.finish().await;
                return Ended::Finished;
            }
            End::Cut(cut) => {
                if self.replies.waiting() > 0 {
                    stop(&self.session, self.number);
                }
                let word = say::cut(&cut);
                (Ended::Cut(cut), Some(word))
            }
            End::Garbled(error) => {
                (self.failed(Fault::Malformed(error.to_string().into())), Some(say::garbled()))
            }
            End::Gone if self.replies.waiting() > 0 => {
                (self.failed(Fault::Vanished("an answer")), Some(say::vanished()))
            }
            End::Gone => (Ended::Finished, None),
        };
        if let Some(word) = word {
            self.say(word);
        }
        // The way to the database ends here, whatever the client does.
        let Self { front, down, judge, .. } = *self;
        tokio::join!(part(front, down), judge.statements.finish());
        ended
    }

    fn failed(&self, fault: Fault) -> Ended {
        let target = self.session.caller.target().as_str().into();
        Ended::Failed(Error::Database { target, fault: Box::new(fault) })
    }

    fn poll(&mut self, bells: &mut Bells, cx: &mut Context<'_>) -> Poll<End> {
        self.hears.client |= bells.client.has_rung(cx);
        self.hears.server |= bells.server.has_rung(cx);
        loop {
            match self.turn(bells, cx) {
                Err(end) => return Poll::Ready(end),
                Ok(true) => {}
                Ok(false) => {
                    self.replies.rest();
                    self.up.rest();
                    self.down.rest();
                    return Poll::Pending;
                }
            }
        }
    }

    /// One turn of everything; whether anything moved.
    fn turn(&mut self, bells: &Bells, cx: &mut Context<'_>) -> Result<bool, End> {
        let (mut client, mut server) = (bells.client.context(), bells.server.context());
        self.write_down(cx)?;
        let mut moved = self.hear_client(&mut client)?;
        self.decide();
        if !self.deaf {
            // A server that takes nothing more may still have said why: that is read first.
            match self.up.poll_drain(&mut server, &mut self.back) {
                Ok(drained) => moved |= drained,
                Err(_) => self.deaf = true,
            }
        }
        moved |= self.hear_server(&mut server)?;
        // What was held may be decided on now.
        if self.held.is_some() {
            let ready = self.up.ready;
            self.decide();
            moved |= self.held.is_none() || self.up.ready > ready;
        }
        moved |= self.down.poll_drain(&mut client, &mut self.front).map_err(|_| End::Left)?;
        if self.left && (self.deaf || self.up.is_drained()) {
            return Err(End::Left);
        }
        if self.gone && self.down.is_drained() {
            return Err(End::Gone);
        }
        Ok(moved)
    }

    /// Hands statements to the recording when it is time.
    fn write_down(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        let flushed = self.judge.statements.poll_flush(cx);
        self.behind = flushed.is_pending();
        if let Poll::Ready(Err(broken)) = flushed {
            return Err(End::Cut(unrecorded(&broken)));
        }
        Ok(())
    }

    fn hear_client(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        let most = lane::MOST.max(self.up.ready.saturating_add(self.wants));
        if !self.hears.client || self.left || self.behind || self.up.buf.len() >= most {
            return Ok(false);
        }
        match self.up.poll_fill(cx, &mut self.front) {
            Poll::Pending => {
                self.hears.client = false;
                Ok(false)
            }
            Poll::Ready(Ok(0) | Err(_)) => {
                self.left = true;
                Ok(true)
            }
            Poll::Ready(Ok(_)) => {
                self.session.heard();
                Ok(true)
            }
        }
    }

    /// Decides on what the client has sent, as far as it can be decided on now.
    fn decide(&mut self) {
        loop {
            if self.held.is_some() && !self.release() {
                return;
            }
            if self.behind || self.replies.waiting() >= MAX_PIPELINE {
                return;
            }
            let undecided = self.up.undecided();
            match self.commands.front(undecided) {
                Front::Wants(n) => {
                    self.wants = n;
                    return;
                }
                Front::Rest(n) => {
                    self.commands.taken(undecided, n);
                    self.up.pass(n);
                }
                // Taken out when nothing stands before it.
                Front::Skipped(_) if self.up.ready > 0 => return,
                Front::Skipped(n) => {
                    self.commands.taken(undecided, n);
                    self.up.buf.advance(n);
                }
                Front::Command { payload, len, length, .. } => {
                    let verdict = self.judge.command(payload, length);
                    self.carry_out(verdict, len);
                }
            }
        }
    }

    fn carry_out(&mut self, verdict: Verdict, len: usize) {
        match verdict {
            Verdict::Pass(answer) => {
                self.pass(len);
                if let Some((shape, tag)) = answer {
                    self.replies.expect(shape, tag);
                }
            }
            Verdict::Settle(shape, tag) => {
                self.pass(len);
                self.replies.expect(shape, tag);
                self.held = Some(Held::Settle);
            }
            Verdict::Replace(payload, shape, tag) => {
                // INVARIANT: only commands that were seen whole are replaced, and they are short.
                let behind = self.up.buf.split_off(self.up.ready);
                self.commands.pass(&behind, len);
                put_packet(&mut self.up.buf, 0, &payload);
                self.up.pass_all();
                self.up.buf.extend_from_slice(behind.get(len..).unwrap_or_default());
                self.replies.expect(shape, tag);
            }
            Verdict::Refuse(words) => self.held = Some(Held::Refuse(words)),
        }
    }

    fn pass(&mut self, len: usize) {
        self.commands.pass(self.up.undecided(), len);
        self.up.pass(len);
    }

    /// Does what was held, when its turn has come. Whether there is more to decide.
    fn release(&mut self) -> bool {
        if self.replies.waiting() > 0 || !self.replies.between_packets() || self.up.ready > 0 {
            return false;
        }
        if matches!(self.held, Some(Held::Restrict)) {
            self.restrict();
            return false;
        }
        let Some(Held::Refuse(words)) = self.held.take() else { return true };
        // The whole command goes first: its answer has the next sequence number.
        if self.commands.between()
            && let Front::Command { len, .. } = self.commands.front(&self.up.buf)
        {
            self.commands.skip(&self.up.buf, len);
            self.up.buf.advance(len);
        }
        while let Front::Skipped(n) = self.commands.front(&self.up.buf) {
            self.commands.taken(&self.up.buf, n);
            self.up.buf.advance(n);
        }
        if let (false, Front::Wants(n)) =
            (self.commands.between(), self.commands.front(&self.up.buf))
        {
            self.wants = n;
            self.held = Some(Held::Refuse(words));
            return false;
        }
        put_packet(&mut self.down.buf, self.commands.seq().wrapping_add(1), &words.0);
        self.down.pass_all();
        true
    }

    /// Says what only we say. Nothing is on its way, so the next answer is for us.
    fn restrict(&mut self) {
        let behind = std::mem::take(&mut self.up.buf);
        put_packet(&mut self.up.buf, 0, RESTRICT);
        self.up.pass_all();
        self.up.buf.extend_from_slice(&behind);
        self.replies.expect(Shape::Status, Tag::default());
        self.aside = Some(0);
        self.held = Some(Held::Settle);
    }

    /// Takes the answer to what only we said out of what the client gets.
    ///
    /// # Errors
    /// When the server did not take it: then nobody goes on.
    fn take_aside(&mut self, outcome: &Outcome) -> Result<(), End> {
        let Some(length) = self.aside.take() else { return Ok(()) };
        let rest = self.down.buf.split_off(self.down.seen);
        self.down.truncate(self.down.seen.saturating_sub(length));
        self.down.buf.unsplit(rest);
        match &outcome.error {
            None => Ok(()),
            Some(error) => Err(End::Cut(unrestricted(&error.message))),
        }
    }

    fn hear_server(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        if self.gone || self.down.buf.len() >= lane::MOST {
            return Ok(false);
        }
        if self.hears.server {
            match self.down.poll_fill(cx, &mut self.back) {
                Poll::Pending => self.hears.server = false,
                Poll::Ready(Ok(0) | Err(_)) => {
                    self.gone = true;
                    return Ok(true);
                }
                Poll::Ready(Ok(_)) => {}
            }
        }
        if self.down.unseen().is_empty() {
            return Ok(false);
        }
        self.walk()?;
        Ok(true)
    }

    /// Looks at what the server has sent, and lets it go on.
    fn walk(&mut self) -> Result<(), End> {
        loop {
            let walked = self.replies.walk(self.down.unseen());
            let (n, event) = walked.map_err(End::Garbled)?;
            self.down.seen = self.down.seen.saturating_add(n);
            if let Some(length) = &mut self.aside {
                *length = length.saturating_add(n);
            }
            match event {
                None => break,
                Some(Event::Done(tag, outcome)) => {
                    self.take_aside(&outcome)?;
                    self.judge.answered(tag, &outcome);
                    if self.judge.must_restrict() {
                        self.held = Some(Held::Restrict);
                    }
                }
                Some(Event::File(_)) => self.commands.file(),
                Some(Event::Schema(name)) => self.judge.moved_to(&name).map_err(End::Cut)?,
                Some(Event::Prepared { id, parameters }) => {
                    self.judge.prepared(self.replies.current(), id, parameters);
                }
                Some(Event::Unasked(_)) => {}
            }
        }
        self.let_go();
        Ok(())
    }

    /// Whole packets go on. The beginning of another waits for its end, if that is near: a last word can be said between
    /// packets only.
    fn let_go(&mut self) {
        if self.aside.is_some() {
            return;
        }
        let begun = usize::try_from(self.replies.begun().len).unwrap_or(usize::MAX);
        let back = if begun > MAX_HELD { 0 } else { begun };
        self.down.ready = self.down.ready.max(self.down.seen.saturating_sub(back));
    }

    /// Says a last word where the client awaits one: behind the last whole packet that it gets.
    fn say(&mut self, words: Words) {
        if let Some(seq) = self.make_room() {
            put_packet(&mut self.down.buf, seq, &words.0);
            self.down.pass_all();
        }
    }

    /// Takes back what has not been sent of the packet that the server was sending. The sequence number of a packet in
    /// its place; `None` when its beginning has been sent.
    fn make_room(&mut self) -> Option<u8> {
        let begun = self.replies.begun();
        let whole = self.down.seen.checked_sub(usize::try_from(begun.len).ok()?)?;
        self.down.truncate(whole);
        Some(if begun.len > 0 { begun.seq } else { self.next_seq() })
    }

    /// The sequence number of what comes next. Where no answer is awaited the words are the answer to the client's next
    /// command: clients read them there, and show them.
    fn next_seq(&self) -> u8 {
        if self.replies.waiting() == 0 || self.aside.is_some() {
            1
        } else if self.replies.answering() && !self.commands.in_file() {
            self.replies.seq().wrapping_add(1)
        } else {
            self.commands.seq().wrapping_add(1)
        }
    }
}

/// A session that only reads, and whose server does not keep to it, ends.
fn unrestricted(said: &str) -> Cut {
    Cut {
        code: "not_read_only",
        line: "The database did not make this session read only again.".to_owned(),
        hint: String::new(),
        detail: access::display::shown_short(said, 256).into(),
    }
}

/// Sends what there is to send, and ends the connection to the client. One that is slow to read goes on reading by
/// itself for a while: what it still gets was let through before.
async fn part<F>(mut front: F, mut down: Lane)
where
    F: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (said, heard) = oneshot::channel();
    tokio::spawn(tokio::time::timeout(SLOW_READER_WAIT, async move {
        let sending = poll_fn(|cx| match down.poll_drain(cx, &mut front) {
            Err(error) => Poll::Ready(Err(error)),
            Ok(_) if down.is_drained() => Poll::Ready(Ok(())),
            Ok(_) => Poll::Pending,
        });
        sending.await?;
        front.shutdown().await?;
        // Whoever waits for it has left if this fails.
        let _ = said.send(());
        // Closing a socket with unread bytes resets it, and the word would be lost.
        let mut rest = front.take(MAX_UNREAD);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    }));
    let _ = tokio::time::timeout(LAST_WORD_WAIT, heard).await;
}
