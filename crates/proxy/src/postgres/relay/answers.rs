//! The ledger's other side: what the database answers.

use wire::postgres::back::{self, Back, Fields, Status};

use super::ledger::{Ledger, Owed, What};
use super::watch::Watch;
use crate::database::statements::Outcome;
use crate::postgres::say;

impl<W: Watch> Ledger<W> {
    /// Rows or other bulk of an answer went by.
    pub(super) fn passed(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// The database sends this. What the client is to get instead, if not it.
    pub(super) fn server(&mut self, back: &Back<'_>) -> Option<Vec<u8>> {
        match back {
            Back::Parsed => self.answered(What::Parse),
            Back::Bound => self.answered(What::Bind),
            Back::Closed if self.next() == Some(What::CloseStatement) => {
                self.answered(What::CloseStatement);
            }
            Back::Closed => self.answered(What::ClosePortal),
            Back::Described => self.answered(What::Describe),
            Back::Complete(tag) => self.complete(tag),
            Back::Empty | Back::Suspended => self.ran(),
            Back::CopyIn => self.copies_in(),
            Back::Error(fields) => return self.failed(fields),
            Back::Ready(status) => self.ready(*status),
            Back::Aside
            | Back::Authentication(_)
            | Back::CopyBoth
            | Back::CopyOut
            | Back::Data
            | Back::Key(_)
            | Back::Negotiate => {}
        }
        None
    }

    /// What the next answer is for.
    fn next(&mut self) -> Option<What> {
        // A CopyDone that no copy was there for is read and ignored by the database.
        while self.owed.front().is_some_and(|owed| owed.what == What::CopyEnd) {
            self.owed.pop_front();
        }
        self.owed.front().map(|owed| owed.what)
    }

    fn answered(&mut self, what: What) {
        if self.next() == Some(what) {
            self.owed.pop_front();
            match what {
                What::Parse | What::CloseStatement => self.statements.settle(),
                What::Bind | What::ClosePortal => self.portals.settle(),
                What::Call
                | What::CopyEnd
                | What::Describe
                | What::Execute
                | What::Query
                | What::Sync => {}
            }
        }
    }

    fn complete(&mut self, tag: &[u8]) {
        if let Some(rows) = back::rows(tag) {
            self.rows = Some(self.rows.unwrap_or(0).saturating_add(rows));
        }
        match tag {
            b"DEALLOCATE" => {
                if let Some(name) = self.deallocating.take() {
                    self.statements.forget(&name);
                }
            }
            // After PREPARE a name may stand for another text than the one that was sent with Parse.
            b"DEALLOCATE ALL" | b"DISCARD ALL" | b"PREPARE" => self.statements.forget_all(),
            _ => {}
        }
        self.ran();
    }

    /// A statement has run: all of an Execute, or one of those in a Query.
    fn ran(&mut self) {
        if self.next() == Some(What::Execute) {
            self.settle_head(None, false);
        }
    }

    /// Takes the oldest message off, and writes down what became of it.
    fn settle_head(&mut self, error: Option<(&[u8], &[u8])>, skipped: bool) {
        let Some(owed) = self.owed.pop_front() else { return };
        if let Some(ticket) = owed.ticket {
            let (rows, bytes) = (self.rows.take(), std::mem::take(&mut self.bytes));
            self.watch.done(ticket, Outcome { rows, bytes, error, skipped });
        }
    }

    /// The database waits for data. Until it has the end of them, Sync means nothing to it.
    fn copies_in(&mut self) {
        self.copying = true;
        while let Some(second) = self.owed.get(1).map(|owed| owed.what) {
            match second {
                What::Sync => drop(self.owed.remove(1)),
                What::CopyEnd => {
                    self.owed.remove(1);
                    self.copying = false;
                    break;
                }
                What::Bind
                | What::Call
                | What::ClosePortal
                | What::CloseStatement
                | What::Describe
                | What::Execute
                | What::Parse
                | What::Query => break,
            }
        }
    }

    fn failed(&mut self, fields: &Fields<'_>) -> Option<Vec<u8>> {
        self.copying = false;
        self.fatal = self.fatal || fields.is_fatal();
        let what = self.next();
        let refused = self.owed.front_mut().and_then(|owed| owed.refused.take());
        let error = (fields.sqlstate(), fields.message());
        match what {
            Some(What::Query | What::Call) => {
                // ReadyForQuery follows, and takes the message off; its statement is done now.
                if let Some(ticket) = self.owed.front_mut().and_then(|owed| owed.ticket.take()) {
                    let (rows, bytes) = (self.rows.take(), std::mem::take(&mut self.bytes));
                    self.watch
                        .done(ticket, Outcome { rows, bytes, error: Some(error), skipped: false });
                }
            }
            Some(What::Sync) | None => {}
            Some(
                What::Bind
                | What::ClosePortal
                | What::CloseStatement
                | What::CopyEnd
                | What::Describe
                | What::Execute
                | What::Parse,
            ) => {
                self.undo_head();
                self.settle_head(Some(error), false);
                self.skip();
            }
        }
        let refusal = refused.filter(|_| !fields.is_fatal())?;
        let mut out = Vec::new();
        say::refused_statement(&mut out, &refusal.message, &refusal.detail, &refusal.hint);
        Some(out)
    }

    /// The database skips everything up to a Sync.
    fn skip(&mut self) {
        loop {
            match self.owed.front().map(|owed| owed.what) {
                None => {
                    self.skipping = true;
                    return;
                }
                Some(What::Sync) => return,
                Some(_) => {
                    self.undo_head();
                    self.settle_head(None, true);
                }
            }
        }
    }

    /// The oldest message will not be carried out.
    fn undo_head(&mut self) {
        match self.owed.front().map(|owed| owed.what) {
            Some(What::Parse | What::CloseStatement) => self.statements.abandon(),
            Some(What::Bind | What::ClosePortal) => self.portals.abandon(),
            Some(
                What::Call
                | What::CopyEnd
                | What::Describe
                | What::Execute
                | What::Query
                | What::Sync,
            )
            | None => {}
        }
    }

    fn ready(&mut self, status: Status) {
        (self.status, self.copying) = (status, false);
        // Usually the first is the one; whatever is before it was never answered and never will be.
        let end =
            |owed: &Owed<W::Ticket>| matches!(owed.what, What::Query | What::Call | What::Sync);
        match self.owed.iter().position(end) {
            None => self.skipping = false,
            Some(at) => {
                for _ in 0..at {
                    self.undo_head();
                    self.settle_head(None, true);
                }
                self.settle_head(None, false);
            }
        }
        (self.rows, self.bytes) = (None, 0);
        if status == Status::Idle {
            // Portals end with their transaction.
            self.portals.forget_all();
        }
    }
}
