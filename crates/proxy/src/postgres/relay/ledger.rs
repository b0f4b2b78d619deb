//! What the database owes answers for, in order, and what the client is about to make it do.
//!
//! **A refused statement.** The database does not see it. It gets a stand-in that fails in every state, at the very
//! place in the stream: an unparsable text for Query and Parse, a portal that nobody has for Execute, a function that
//! does not exist for FunctionCall. Its error is exchanged for ours on the way back. So everything around a refusal
//! is PostgreSQL's own behaviour: an open transaction fails and only its end is taken, an implicit transaction of a
//! pipeline is rolled back, messages up to Sync are skipped, and ReadyForQuery comes when and as it should.
//!
//! **Who answers what** (PostgreSQL documentation, 54.2.3 and 54.2.4): each extended message has one answer, Query
//! and FunctionCall end with ReadyForQuery, an error in the extended protocol skips to the next Sync, and while data is
//! copied in, Sync means nothing. When answers do not fit, the ledger catches up at the next ReadyForQuery; judging
//! never depends on it.

use std::collections::VecDeque;

use wire::postgres::back::Status;
use wire::postgres::front::{Bind, Front, Text, What as Named};
use wire::postgres::write;

use super::names::Names;
use super::watch::Watch;
use crate::database::statements::Refusal;

/// Messages that may be unanswered before the client is not read any more. A database answers before so many: its
/// output buffer of 8 KiB holds fewer answers (PostgreSQL's `PQ_SEND_BUFFER_SIZE`, five bytes an answer).
const MAX_OWED: usize = 4096;
/// What stands in for a refused text: no SQL. It can be read in the database's own log.
const STAND_IN: &str = "countersign refused this statement";

/// The ledger. See the module.
#[derive(Debug)]
pub(super) struct Ledger<W: Watch> {
    pub(super) watch: W,
    pub(super) owed: VecDeque<Owed<W::Ticket>>,
    pub(super) statements: Names<W::Prepared>,
    pub(super) portals: Names<Portal<W>>,
    pub(super) status: Status,
    /// The database skips what comes until a Sync that was not sent yet.
    pub(super) skipping: bool,
    /// A stand-in was sent in this batch: the database will skip what follows it.
    refusing: bool,
    /// The database takes copied data.
    pub(super) copying: bool,
    /// Rows and bytes of the answer that is coming in.
    pub(super) rows: Option<u64>,
    pub(super) bytes: u64,
    /// The name that SQL is taking away.
    pub(super) deallocating: Option<Box<[u8]>>,
    /// Whether the database has said that it ends the session.
    pub(super) fatal: bool,
}

pub(super) struct Portal<W: Watch> {
    prepared: W::Prepared,
    values: Option<W::Values>,
}

impl<W: Watch> std::fmt::Debug for Portal<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Portal")
    }
}

/// A message that is not answered yet.
#[derive(Debug)]
pub(super) struct Owed<T> {
    pub(super) what: What,
    /// The statement that it runs, as it was written down.
    pub(super) ticket: Option<T>,
    /// A stand-in was sent, and this is what the client is told.
    pub(super) refused: Option<Box<Refusal>>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum What {
    Query,
    Call,
    Parse,
    Bind,
    Describe,
    Execute,
    CloseStatement,
    ClosePortal,
    Sync,
    /// CopyDone or CopyFail that may have come before CopyInResponse; nothing answers it.
    CopyEnd,
}

/// What becomes of a client's message.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// It is passed on.
    Pass,
    /// This is passed on instead.
    StandIn(Vec<u8>),
    /// Too much is unanswered: it waits.
    Wait,
}

impl<W: Watch> Ledger<W> {
    pub(super) fn new(watch: W) -> Self {
        Self {
            watch,
            owed: VecDeque::new(),
            statements: Names::default(),
            portals: Names::default(),
            status: Status::Idle,
            skipping: false,
            refusing: false,
            copying: false,
            rows: None,
            bytes: 0,
            deallocating: None,
            fatal: false,
        }
    }

    /// Whether the database has something to do.
    pub(super) fn is_busy(&self) -> bool {
        !self.owed.is_empty() || self.copying
    }

    /// The client sends this.
    pub(super) fn client(&mut self, front: Front<'_>) -> Verdict {
        if self.owed.len() >= MAX_OWED {
            return Verdict::Wait;
        }
        match front {
            Front::Query(text) => self.query(text),
            Front::Parse { name, text } => self.parse(name, text),
            Front::Bind(bind) => self.bind(bind),
            Front::Execute { portal } => self.execute(portal),
            Front::Call(function) => self.call(function),
            Front::Describe(_) => self.plain(What::Describe),
            Front::Close { what, name } => self.close(what, name),
            Front::Sync => {
                if !self.copying {
                    (self.skipping, self.refusing) = (false, false);
                    self.owe(What::Sync, None, None);
                }
                Verdict::Pass
            }
            Front::CopyDone | Front::CopyFail => {
                if !std::mem::take(&mut self.copying) && !self.owed.is_empty() {
                    self.owe(What::CopyEnd, None, None);
                }
                Verdict::Pass
            }
            Front::Flush | Front::CopyData | Front::Terminate => Verdict::Pass,
        }
    }

    fn owe(&mut self, what: What, ticket: Option<W::Ticket>, refused: Option<Box<Refusal>>) {
        self.owed.push_back(Owed { what, ticket, refused });
    }

    /// A message that asks for an answer and does nothing.
    fn plain(&mut self, what: What) -> Verdict {
        if !self.skipping {
            self.owe(what, None, None);
        }
        Verdict::Pass
    }

    /// A stand-in is sent for a message of this kind.
    fn refuse(
        &mut self,
        what: What,
        refusal: Refusal,
        stand_in: impl FnOnce(&mut Vec<u8>),
    ) -> Verdict {
        self.refusing |= !matches!(what, What::Query | What::Call);
        if !self.skipping {
            self.owe(what, None, Some(Box::new(refusal)));
        }
        let mut out = Vec::new();
        stand_in(&mut out);
        Verdict::StandIn(out)
    }

    /// Remembers the name that `DEALLOCATE [PREPARE] name` takes away when it is run.
    fn deallocates(&mut self, text: Text<'_>) {
        const VERB: &[u8] = b"DEALLOCATE";
        let text = text.bytes.trim_ascii();
        if !text.get(..VERB.len()).is_some_and(|verb| verb.eq_ignore_ascii_case(VERB)) {
            return;
        }
        let mut words = text.split(|byte| byte.is_ascii_whitespace() || *byte == b';');
        if let Some(name) = words.rfind(|word| !word.is_empty()) {
            let quoted = name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\""));
            let folded = name.to_ascii_lowercase();
            self.deallocating = Some(quoted.map_or(folded, <[u8]>::to_vec).into());
        }
    }

    /// A message about something whose making was refused in this batch. It is skipped; nobody need judge it.
    fn moot(&mut self, what: What, stand_in: impl FnOnce(&mut Vec<u8>)) -> Verdict {
        let mut out = Vec::new();
        stand_in(&mut out);
        self.plain(what);
        Verdict::StandIn(out)
    }

    fn query(&mut self, text: Text<'_>) -> Verdict {
        self.deallocates(text);
        match self.watch.judge(text) {
            Err(refusal) => self.refuse(What::Query, refusal, |out| write::query(out, STAND_IN)),
            Ok(prepared) => {
                if !self.skipping {
                    let ticket = self.watch.sent(&prepared, None);
                    self.owe(What::Query, Some(ticket), None);
                }
                Verdict::Pass
            }
        }
    }

    fn parse(&mut self, name: &[u8], text: Text<'_>) -> Verdict {
        self.deallocates(text);
        match self.watch.judge(text) {
            Err(refusal) => {
                if !self.skipping {
                    self.statements.close(name);
                }
                self.refuse(What::Parse, refusal, |out| write::parse(out, name, STAND_IN))
            }
            Ok(prepared) => {
                if !self.skipping {
                    let weight = W::weight(&prepared);
                    self.statements.define(name, prepared, weight);
                }
                self.plain(What::Parse)
            }
        }
    }

    fn bind(&mut self, bind: Bind<'_>) -> Verdict {
        let prepared = match self.statements.get(bind.statement) {
            Some(prepared) => Ok(prepared.clone()),
            None if self.refusing => {
                if !self.skipping {
                    self.portals.close(bind.portal);
                }
                return self.moot(What::Bind, |out| write::bind(out, "", STAND_IN));
            }
            // One that was prepared by SQL, or one of too many, is known by its name.
            None => self.by_name("EXECUTE", bind.statement),
        };
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(refusal) => {
                if !self.skipping {
                    self.portals.close(bind.portal);
                }
                return self.refuse(What::Bind, refusal, |out| write::bind(out, "", STAND_IN));
            }
        };
        if !self.skipping {
            let values = self.watch.keep(&bind);
            let weight = values.as_ref().map_or(0, W::weight_of);
            self.portals.define(bind.portal, Portal { prepared, values }, weight);
        }
        self.plain(What::Bind)
    }

    /// A statement of our own wording, for something that has only a name.
    fn by_name(&mut self, verb: &str, name: &[u8]) -> Result<W::Prepared, Refusal> {
        let name = String::from_utf8_lossy(name).replace('"', "\"\"");
        let text = format!("{verb} \"{name}\"");
        self.watch.judge(Text::whole(text.as_bytes()))
    }

    fn execute(&mut self, name: &[u8]) -> Verdict {
        let judged = match self.portals.get(name) {
            Some(portal) => self.watch.judge_again(&portal.prepared).map(|()| None),
            None if self.refusing => {
                return self.moot(What::Execute, |out| write::execute(out, STAND_IN));
            }
            // A cursor that was declared by SQL is a portal too.
            None => self.by_name("FETCH ALL FROM", name).map(Some),
        };
        let other = match judged {
            Ok(other) => other,
            Err(refusal) => {
                return self.refuse(What::Execute, refusal, |out| write::execute(out, STAND_IN));
            }
        };
        if !self.skipping {
            let ticket = match (&other, self.portals.get(name)) {
                (Some(prepared), _) => Some(self.watch.sent(prepared, None)),
                (None, Some(portal)) => {
                    Some(self.watch.sent(&portal.prepared, portal.values.as_ref()))
                }
                (None, None) => None,
            };
            self.owe(What::Execute, ticket, None);
        }
        Verdict::Pass
    }

    fn call(&mut self, function: u32) -> Verdict {
        // Which function has this number only the database knows, so it may be any.
        let text = format!("CALL function_{function}()");
        match self.watch.judge(Text::whole(text.as_bytes())) {
            Err(refusal) => self.refuse(What::Call, refusal, |out| write::call(out, 0)),
            Ok(prepared) => {
                if !self.skipping {
                    let ticket = self.watch.sent(&prepared, None);
                    self.owe(What::Call, Some(ticket), None);
                }
                Verdict::Pass
            }
        }
    }

    fn close(&mut self, what: Named, name: &[u8]) -> Verdict {
        match what {
            Named::Statement => {
                if !self.skipping {
                    self.statements.close(name);
                }
                self.plain(What::CloseStatement)
            }
            Named::Portal => {
                if !self.skipping {
                    self.portals.close(name);
                }
                self.plain(What::ClosePortal)
            }
        }
    }
}
