//! What becomes of each command: passed on as it is, passed on otherwise, or answered by us.
//!
//! Nothing here waits. Every decision is the policy's: a statement is asked about by its text, another database by the
//! same question that opened the session, with the other name.

use std::sync::Arc;

use access::ask::Ask;
use access::statement::{StatementClass, StatementClasses};
use bytes::{BufMut, BytesMut};
use wire::mysql::{Command, Outcome, Shape, script};

use super::numbers::Numbers;
use super::say::{self, Words};
use crate::gate::{Caller, Cut, Refused};
use crate::live::Session;

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
#[derive(Debug)]
pub(super) enum Tag {
    /// Another database is the default one now.
    Chose(Box<str>),
    /// Nothing.
    Other,
}

#[derive(Debug)]
pub(super) struct Judge {
    session: Arc<Session>,
    numbers: Numbers,
}

impl Judge {
    pub(super) fn new(session: Arc<Session>) -> Self {
        let numbers = session.house.numbers.clone();
        Self { session, numbers }
    }

    /// Decides on a command; `whole` says whether all of it was seen.
    pub(super) fn command(&mut self, payload: &[u8], whole: bool) -> Verdict {
        let Ok(command) = Command::read(payload) else {
            return Verdict::Refuse(say::malformed());
        };
        match command {
            Command::Query(text) => self.query(text, whole),
            Command::Prepare(text) => match self.text(text, whole) {
                Ok(None) => pass(&command, Tag::Other),
                Ok(Some(_)) => Verdict::Refuse(say::unprepared()),
                Err(words) => Verdict::Refuse(words),
            },
            Command::InitDb(name) => {
                let name = String::from_utf8_lossy(name);
                match self.choose(&name) {
                    Ok(()) => Verdict::Settle(Shape::Status, Tag::Chose(name.into())),
                    Err(words) => Verdict::Refuse(words),
                }
            }
            Command::ProcessKill(number) => self.kill(number),
            Command::FieldList(_) => self.as_text("SHOW COLUMNS FROM it", &command),
            Command::ProcessInfo => self.as_text("SHOW PROCESSLIST", &command),
            Command::Refresh(_) => self.as_text("FLUSH STATUS", &command),
            Command::Debug => self.as_text("FLUSH LOGS", &command),
            Command::Shutdown => self.as_text("SHUTDOWN", &command),
            // The policy may have changed since it was prepared.
            Command::BulkExecute(..) | Command::Execute(..) => self.as_text("EXECUTE it", &command),
            Command::Close(_)
            | Command::Fetch(_)
            | Command::LongData(..)
            | Command::Ping
            | Command::Quit
            | Command::ResetConnection
            | Command::ResetStatement(_)
            | Command::SetOption(_)
            | Command::Statistics => pass(&command, Tag::Other),
            Command::ChangeUser => Verdict::Refuse(say::change_user()),
            Command::Replication(name) => Verdict::Refuse(say::replication(name)),
            Command::Unknown(code) => Verdict::Refuse(say::unknown(code)),
        }
    }

    fn query(&mut self, text: &[u8], whole: bool) -> Verdict {
        let chosen = match self.text(text, whole) {
            Ok(chosen) => chosen,
            Err(words) => return Verdict::Refuse(words),
        };
        if let Some(name) = chosen {
            return Verdict::Settle(Shape::Results, Tag::Chose(name));
        }
        if let Some(replaced) = self.renumbered(text) {
            let mut payload = BytesMut::with_capacity(replaced.len().saturating_add(1));
            payload.put_u8(3);
            payload.put_slice(replaced.as_bytes());
            return Verdict::Replace(payload, Shape::Results, Tag::Other);
        }
        Verdict::Pass(Some((Shape::Results, Tag::Other)))
    }

    /// Whether a text may be said. The database it chooses last, if it chooses one.
    fn text(&self, text: &[u8], whole: bool) -> Result<Option<Box<str>>, Words> {
        let rights = self.session.rights();
        if !rights.terms.allow_every_statement() {
            // Until texts are classified nobody knows what any does.
            let classes = StatementClasses::of(StatementClass::Unknown);
            if !rights.terms.allow_statement(classes) {
                let why = if whole { "is not understood" } else { "is too long to be judged" };
                return Err(say::statement(&format!("Access denied\nThis statement {why}.")));
            }
        }
        let mut chosen = None;
        if script::may_use(text) {
            for name in script::uses(&String::from_utf8_lossy(text)) {
                self.choose(name)?;
                chosen = Some(name.into());
            }
        }
        Ok(chosen)
    }

    /// A command that is a statement in another form.
    fn as_text(&self, text: &str, command: &Command<'_>) -> Verdict {
        match self.text(text.as_bytes(), true) {
            Ok(_) => pass(command, Tag::Other),
            Err(words) => Verdict::Refuse(words),
        }
    }

    /// Whether another database may be chosen.
    fn choose(&self, name: &str) -> Result<(), Words> {
        self.admits(name).map_err(|refused| say::database(&refused))
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

    fn kill(&self, number: u32) -> Verdict {
        if let Err(words) = self.text(format!("KILL {number}").as_bytes(), true) {
            return Verdict::Refuse(words);
        }
        match self.behind(number.into()) {
            None => Verdict::Pass(Some((Shape::Status, Tag::Other))),
            Some(server) => {
                let mut payload = BytesMut::with_capacity(5);
                payload.put_u8(0x0c);
                payload.put_u32_le(server);
                Verdict::Replace(payload, Shape::Status, Tag::Other)
            }
        }
    }

    fn behind(&self, number: u64) -> Option<u32> {
        let caller = &self.session.caller;
        self.numbers.behind(number, caller.target(), &caller.identity.user)
    }

    /// The text of a `KILL` with the server's number in place of ours.
    fn renumbered(&self, text: &[u8]) -> Option<String> {
        // Short, and not a word of it that is not ASCII.
        let text = text.get(..).filter(|text| text.len() <= MAX_KILL)?;
        let text = std::str::from_utf8(text).ok()?;
        let (number, place) = script::killed(text)?;
        let server = self.behind(number)?.to_string();
        let mut text = text.to_owned();
        text.replace_range(place, &server);
        Some(text)
    }

    /// A command has been answered.
    pub(super) fn answered(&mut self, tag: Tag, outcome: Outcome) {
        match tag {
            Tag::Chose(name) if outcome.error.is_none() => self.turn_to(&name),
            Tag::Chose(_) | Tag::Other => {}
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

/// The longest text that is looked at as a `KILL`, in bytes.
const MAX_KILL: usize = 128;

fn pass(command: &Command<'_>, tag: Tag) -> Verdict {
    Verdict::Pass(command.shape().map(|shape| (shape, tag)))
}
