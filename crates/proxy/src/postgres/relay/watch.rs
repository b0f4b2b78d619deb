//! What the relay needs of whoever judges statements and writes them down.

use std::sync::Arc;

use wire::postgres::front::{Bind, Text};

use crate::live::Session;

/// Judges statements before they are passed on, and writes down what became of them.
pub(super) trait Watch: Send {
    /// A text that was judged, to be run later, perhaps often.
    type Prepared: Clone + Send;
    /// A statement that was passed on and not answered yet.
    type Ticket: Send;
    /// The values of a Bind message, as they are kept.
    type Values: Send;

    /// A text that is to be run or prepared.
    fn judge(&mut self, text: Text<'_>) -> Result<Self::Prepared, Refusal>;

    /// Whether a text that was judged before may still be run: the policy may have changed.
    fn judge_again(&mut self, prepared: &Self::Prepared) -> Result<(), Refusal>;

    /// Keeps the values of a Bind message, if they are wanted.
    fn keep(&mut self, bind: &Bind<'_>) -> Option<Self::Values>;

    /// A statement is passed on.
    fn sent(&mut self, prepared: &Self::Prepared, values: Option<&Self::Values>) -> Self::Ticket;

    /// A statement was answered.
    fn done(&mut self, ticket: Self::Ticket, outcome: Outcome<'_>);

    /// Bytes that are kept of a text and of values.
    fn weight(prepared: &Self::Prepared) -> usize;
    /// As [`Self::weight`].
    fn weight_of(values: &Self::Values) -> usize;
}

/// Why a statement is not passed on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Refusal {
    /// In a line.
    pub(super) message: String,
    /// More about it.
    pub(super) detail: String,
    /// What to do.
    pub(super) hint: String,
}

/// What became of a statement.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Outcome<'a> {
    /// Rows, as the database counts them.
    pub(super) rows: Option<u64>,
    /// Bytes of the answer.
    pub(super) bytes: u64,
    /// SQLSTATE and message, when it failed.
    pub(super) error: Option<(&'a [u8], &'a [u8])>,
    /// It was never run: something before it failed.
    pub(super) skipped: bool,
}

/// Passes everything on, and nothing at all once the policy of the session is about statements: it cannot judge.
#[derive(Debug)]
pub(super) struct Unread(pub(super) Arc<Session>);

impl Watch for Unread {
    type Prepared = ();
    type Ticket = ();
    type Values = ();

    fn judge(&mut self, _: Text<'_>) -> Result<(), Refusal> {
        self.judge_again(&())
    }

    fn judge_again(&mut self, (): &()) -> Result<(), Refusal> {
        if self.0.rights().terms.allow_every_statement() {
            return Ok(());
        }
        Err(Refusal {
            message: "This gateway cannot judge statements".to_owned(),
            detail: "Your roles allow some kinds of statements only.".to_owned(),
            hint: String::new(),
        })
    }

    fn keep(&mut self, _: &Bind<'_>) -> Option<()> {
        None
    }

    fn sent(&mut self, (): &(), _: Option<&()>) {}

    fn done(&mut self, (): (), _: Outcome<'_>) {}

    fn weight((): &()) -> usize {
        0
    }

    fn weight_of((): &()) -> usize {
        0
    }
}
