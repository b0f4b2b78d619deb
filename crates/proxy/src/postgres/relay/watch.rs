//! What the relay needs of whoever judges statements and writes them down.

use std::task::{Context, Poll};

use wire::postgres::front::{Bind, Format, Text};

use crate::database::statements::{self, Outcome, Prepared, Refusal, Statements, Ticket, Values};
use crate::record::Broken;

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

    /// Hands over what is due. While it is pending nothing may be taken from the client.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>>;

    /// Bytes that are kept of a text.
    fn weight(prepared: &Self::Prepared) -> usize;

    /// Bytes that are kept of values.
    fn weight_of(values: &Self::Values) -> usize;
}

impl Watch for Statements {
    type Prepared = Prepared;
    type Ticket = Ticket;
    type Values = Values;

    fn judge(&mut self, text: Text<'_>) -> Result<Prepared, Refusal> {
        Self::judge(self, statements::Text { bytes: text.bytes, length: text.length })
    }

    fn judge_again(&mut self, prepared: &Prepared) -> Result<(), Refusal> {
        Self::judge_again(self, prepared)
    }

    fn keep(&mut self, bind: &Bind<'_>) -> Option<Values> {
        let mut bound = bind.values().peekable();
        bound.peek()?;
        let mut values = self.values()?;
        for value in bound {
            match (value.bytes, value.format) {
                (None, _) => values.null(),
                (Some(bytes), Format::Text) => values.text(bytes, value.length),
                (Some(bytes), Format::Binary) => values.binary(bytes, value.length),
            }
        }
        Some(values)
    }

    fn sent(&mut self, prepared: &Prepared, values: Option<&Values>) -> Ticket {
        Self::sent(self, prepared, values)
    }

    fn done(&mut self, ticket: Ticket, outcome: Outcome<'_>) {
        Self::done(self, ticket, outcome);
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        Self::poll_flush(self, cx)
    }

    fn weight(prepared: &Prepared) -> usize {
        prepared.weight()
    }

    fn weight_of(values: &Values) -> usize {
        values.weight()
    }
}
