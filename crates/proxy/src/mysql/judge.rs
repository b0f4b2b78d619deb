//! What becomes of each command: passed on as it is, passed on otherwise, or answered by us; and what is written down.
//!
//! Nothing here waits. Every decision is the policy's: a statement is asked about by its text, another database by the
//! same question that opened the session, with the other name. A prepared statement is asked about again each time it
//! runs, since the policy may have changed, and one that was not prepared here does not run.

use std::sync::Arc;

use access::ask::Ask;
use bytes::{BufMut, BytesMut};
use wire::mysql::{Command, Outcome, Shape, script};

use super::numbers::Numbers;
use super::prepared::{Known, Shelf};
use super::say::{self, Words};
use crate::database::statements::{self, Prepared, Statements, Text, Ticket, Values};
use crate::gate::{Caller, Cut, Refused};
use crate::live::Session;

/// The longest text that is looked at as a `KILL`, in bytes.
const MAX_KILL: usize = 128;

/// What becomes of a command.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It goes on as it is.
    Pass(Option<(Shape, Tag)>),
    /// It goes on as it is, and what follows is decided on when it is answered.
    Settle(Shape, Tag),
    /// This goes on in its place.
    Replace(BytesMut, Shape, Tag),
    /// It goes nowhere, and this is its answer.
    Refuse(Words),
}

/// What is remembered of a command until it is answered.
#[derive(Debug, Default)]
pub(super) struct Tag {
    /// A statement, as it was written down.
    ticket: Option<Ticket>,
    then: Then,
}

/// What its answer changes.
#[derive(Debug, Default)]
enum Then {
    /// Another database is the default one.
    Chose(Box<str>),
    /// Nothing.
    #[default]
    Nothing,
    /// This is prepared, under the id in the answer.
    Prepared(Prepared),
    /// Nothing is prepared any more.
    Reset,
}

#[derive(Debug)]
pub(super) struct Judge {
    session: Arc<Session>,
    numbers: Numbers,
    pub(super) statements: Statements,
    shelf: Shelf,
    /// The connection was reset, and with it what the server was told of it.
    was_reset: bool,
}

impl Judge {
    pub(super) fn new(session: Arc<Session>, statements: Statements) -> Self {
        let numbers = session.house.numbers.clone();
        Self { session, numbers, statements, shelf: Shelf::default(), was_reset: false }
    }

    pub(super) const fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Decides on a command of which `payload` was seen; it has `length` bytes in all, or more.
    pub(super) fn command(&mut self, payload: &[u8], length: usize) -> Verdict {
        let Ok(command) = Command::read(payload) else {
            return Verdict::Refuse(say::malformed());
        };
        let decided = match command {
            Command::Query(bytes) => self.query(Text { bytes, length: length.saturating_sub(1) }),
            Command::Prepare(bytes) => {
                self.prepare(Text { bytes, length: length.saturating_sub(1) })
            }
            Command::InitDb(name) => self.init_db(name),
            Command::Execute(id, rest) => {
                self.run(id, Shape::Results, |known, values| known.read(rest, values))
            }
            Command::BulkExecute(id, rest) => {
                let unseen = length.saturating_sub(payload.len());
                self.run(id, Shape::Results, |known, values| known.read_bulk(rest, unseen, values))
            }
            // More rows of what was run: asked about like running it, and written down like it.
            Command::Fetch(id) => self.run(id, Shape::Rows, |_, _| ()),
            Command::LongData(id, parameter) => {
                self.shelf.in_parts(id, parameter);
                Ok(pass(&command, Tag::default()))
            }
            Command::Close(id) => {
                self.shelf.forget(id);
                Ok(pass(&command, Tag::default()))
            }
            Command::ResetStatement(id) => {
                self.shelf.reset(id);
                Ok(pass(&command, Tag::default()))
            }
            Command::ResetConnection => {
                Ok(Verdict::Settle(Shape::Status, Tag { ticket: None, then: Then::Reset }))
            }
            Command::ProcessKill(number) => self.kill(number),
            Command::FieldList(_) => {
                // Asked by clients for each table that there is, to complete names: not worth writing down.
                let asked = self.statements.judge(Text::whole(b"SHOW COLUMNS FROM t"));
                asked.map(|_| pass(&command, Tag::default())).map_err(|no| say::statement(&no))
            }
            Command::ProcessInfo => self.as_text("SHOW PROCESSLIST", &command),
            Command::Refresh(_) => self.as_text("FLUSH TABLES", &command),
            Command::Debug => self.as_text("FLUSH LOGS", &command),
            Command::Shutdown => self.as_text("SHUTDOWN", &command),
            Command::Ping | Command::Quit | Command::SetOption(_) | Command::Statistics => {
                Ok(pass(&command, Tag::default()))
            }
            Command::ChangeUser => Err(say::change_user()),
            Command::Replication(name) => Err(say::replication(name)),
            Command::Unknown(code) => Err(say::unknown(code)),
        };
        decided.unwrap_or_else(Verdict::Refuse)
    }

    fn query(&mut self, text: Text<'_>) -> Result<Verdict, Words> {
        let chosen = self.chosen(text.bytes)?;
        let judged = self.judge(text)?;
        let ticket = Some(self.statements.sent(&judged, None));
        if let Some(name) = chosen {
            return Ok(Verdict::Settle(Shape::Results, Tag { ticket, then: Then::Chose(name) }));
        }
        let tag = Tag { ticket, then: Then::Nothing };
        let Some(replaced) = self.renumbered(text.bytes) else {
            return Ok(Verdict::Pass(Some((Shape::Results, tag))));
        };
        let mut payload = BytesMut::with_capacity(replaced.len().saturating_add(1));
        payload.put_u8(3);
        payload.put_slice(replaced.as_bytes());
        Ok(Verdict::Replace(payload, Shape::Results, tag))
    }

    fn prepare(&mut self, text: Text<'_>) -> Result<Verdict, Words> {
        if self.chosen(text.bytes)?.is_some() {
            return Err(say::unprepared());
        }
        let judged = self.judge(text)?;
        if !self.shelf.has_room_for(&judged) {
            return Err(say::too_many_prepared());
        }
        // Some clients execute what they have just prepared without waiting for its id.
        let then = Then::Prepared(judged);
        Ok(Verdict::Settle(Shape::Prepared, Tag { ticket: None, then }))
    }

    /// A prepared statement runs; `read` finds the values that it runs with.
    fn run(
        &mut self,
        id: u32,
        shape: Shape,
        read: impl FnOnce(&mut Known, Option<&mut Values>),
    ) -> Result<Verdict, Words> {
        let known = self.shelf.get(id).ok_or_else(|| say::not_prepared(id))?;
        self.statements.judge_again(&known.text).map_err(|no| say::statement(&no))?;
        let mut values = self.statements.values();
        read(known, values.as_mut());
        let ticket = Some(self.statements.sent(&known.text, values.as_ref()));
        Ok(Verdict::Pass(Some((shape, Tag { ticket, then: Then::Nothing }))))
    }

    fn init_db(&mut self, name: &[u8]) -> Result<Verdict, Words> {
        let name = String::from_utf8_lossy(name);
        let text = format!("USE `{name}`");
        self.choose(&name, text.as_bytes())?;
        let judged = self.judge(Text::whole(text.as_bytes()))?;
        let ticket = Some(self.statements.sent(&judged, None));
        Ok(Verdict::Settle(Shape::Status, Tag { ticket, then: Then::Chose(name.into()) }))
    }

    fn judge(&mut self, text: Text<'_>) -> Result<Prepared, Words> {
        self.statements.judge(text).map_err(|no| say::statement(&no))
    }

    /// A command that is a statement in another form.
    fn as_text(&mut self, text: &str, command: &Command<'_>) -> Result<Verdict, Words> {
        let judged = self.judge(Text::whole(text.as_bytes()))?;
        let ticket = Some(self.statements.sent(&judged, None));
        Ok(pass(command, Tag { ticket, then: Then::Nothing }))
    }

    /// The database that a text chooses last, if it chooses one and he may use all that it chooses.
    fn chosen(&mut self, text: &[u8]) -> Result<Option<Box<str>>, Words> {
        let mut chosen = None;
        if script::may_use(text) {
            for name in script::uses(&String::from_utf8_lossy(text)) {
                self.choose(name, text)?;
                chosen = Some(name.into());
            }
        }
        Ok(chosen)
    }

    /// Whether another database may be chosen by `text`.
    fn choose(&mut self, name: &str, text: &[u8]) -> Result<(), Words> {
        self.admits(name).map_err(|refused| {
            self.statements.forbid(Text::whole(text), "database");
            say::database(&refused)
        })
    }

    fn ask(&self, name: &str) -> Ask {
        let caller = &self.session.caller;
        Ask::db(caller.target().clone(), caller.account(), Some(name))
    }

    fn admits(&self, name: &str) -> Result<(), Refused> {
        let session = &self.session;
        let caller = Caller { ask: self.ask(name), ..session.caller.clone() };
        session.house.gate.still(&caller, session.id, session.now()).map(drop)
    }

    fn kill(&mut self, number: u32) -> Result<Verdict, Words> {
        let judged = self.judge(Text::whole(format!("KILL {number}").as_bytes()))?;
        let ticket = Some(self.statements.sent(&judged, None));
        let tag = Tag { ticket, then: Then::Nothing };
        let Some(server) = self.behind(number.into()) else {
            return Ok(Verdict::Pass(Some((Shape::Status, tag))));
        };
        let mut payload = BytesMut::with_capacity(5);
        payload.put_u8(0x0c);
        payload.put_u32_le(server);
        Ok(Verdict::Replace(payload, Shape::Status, tag))
    }

    fn behind(&self, number: u64) -> Option<u32> {
        let caller = &self.session.caller;
        self.numbers.behind(number, caller.target(), &caller.identity.user)
    }

    /// The text of a `KILL` with the server's number in place of ours.
    fn renumbered(&self, text: &[u8]) -> Option<String> {
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= MAX_KILL)?;
        let (number, place) = script::killed(text)?;
        let server = self.behind(number)?.to_string();
        let mut text = text.to_owned();
        text.replace_range(place, &server);
        Some(text)
    }

    /// A command has been answered.
    pub(super) fn answered(&mut self, tag: Tag, outcome: &Outcome) {
        if let Some(ticket) = tag.ticket {
            let error = outcome.error.as_ref();
            let rows = outcome.rows.saturating_add(outcome.affected);
            self.statements.done(
                ticket,
                statements::Outcome {
                    rows: error.is_none().then_some(rows),
                    bytes: outcome.bytes,
                    error: error.map(|error| (&error.state[..], error.message.as_bytes())),
                    skipped: false,
                },
            );
        }
        match tag.then {
            Then::Chose(name) if outcome.error.is_none() => self.turn_to(&name),
            Then::Reset if outcome.error.is_none() => {
                self.shelf = Shelf::default();
                self.was_reset = true;
            }
            Then::Chose(_) | Then::Nothing | Then::Prepared(_) | Then::Reset => {}
        }
    }

    /// Whether the server has to be told again that the session only reads. Says so once.
    pub(super) fn must_restrict(&mut self) -> bool {
        std::mem::take(&mut self.was_reset) && self.session.rights().terms.is_read_only()
    }

    /// The statement that `tag` was for is prepared.
    pub(super) fn prepared(&mut self, tag: Option<&Tag>, id: u32, parameters: u16) {
        if let Some(Tag { then: Then::Prepared(text), .. }) = tag {
            self.shelf.put(id, Known::new(text.clone(), parameters));
        }
    }

    /// The server says which database is the default one now.
    ///
    /// # Errors
    /// When he may not use it: the session must end.
    pub(super) fn moved_to(&self, name: &str) -> Result<(), Cut> {
        if self.session.asking().ask.action == self.ask(name).action {
            return Ok(());
        }
        self.admits(name).map_err(|refused| Cut {
            code: "other_database",
            line: refused.text(),
            hint: String::new(),
            detail: refused.detail.clone(),
        })?;
        self.turn_to(name);
        Ok(())
    }

    fn turn_to(&self, name: &str) {
        self.session.turn_to(self.ask(name));
    }
}

fn pass(command: &Command<'_>, tag: Tag) -> Verdict {
    Verdict::Pass(command.shape().map(|shape| (shape, tag)))
}
