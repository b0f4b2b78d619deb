//! Bodies on their way: streamed as they come, counted, and never held.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};

use super::calls::Open;
use super::site::Loan;
use super::visit::Visit;

/// How long a client may take between two pieces of a request's body.
const STALL: Duration = Duration::from_mins(2);

/// A request's body, from the client to the application.
pub(crate) struct Upload {
    body: Incoming,
    /// Shared with the call it belongs to; none for a body that is empty.
    seen: Option<Arc<Seen>>,
    /// Runs while a piece is awaited.
    stall: Option<Pin<Box<Sleep>>>,
}

/// How much of a body came, and whose visit that keeps alive.
#[derive(Debug)]
pub(super) struct Seen {
    visit: Arc<Visit>,
    bytes: AtomicU64,
}

impl Seen {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Upload {
    /// A body to be counted, and where it is.
    pub(super) fn new(body: Incoming, visit: &Arc<Visit>) -> (Self, Option<Arc<Seen>>) {
        let seen = (!body.is_end_stream())
            .then(|| Arc::new(Seen { visit: Arc::clone(visit), bytes: AtomicU64::new(0) }));
        (Self { body, seen: seen.clone(), stall: None }, seen)
    }
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload").finish_non_exhaustive()
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Body for Upload {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                this.stall = None;
                if let (Some(Ok(frame)), Some(seen)) = (&frame, &this.seen) {
                    let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
                    seen.bytes.fetch_add(bytes, Ordering::Relaxed);
                    seen.visit.session.heard();
                }
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => {
                let stall = this.stall.get_or_insert_with(|| {
                    Box::pin(tokio::time::sleep_until(Instant::now() + STALL))
                });
                ready!(stall.as_mut().poll(cx));
                let slow = io::Error::new(io::ErrorKind::TimedOut, "the client stopped sending");
                Poll::Ready(Some(Err(slow.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body, to the client.
#[derive(Debug)]
pub(super) enum Download {
    /// Of our own.
    Own(Option<Bytes>),
    /// From the application.
    Passed(Box<Passed>),
    /// Of our own, piece by piece.
    Told(mpsc::Receiver<Bytes>),
}

/// An application's body that is passed on.
#[derive(Debug)]
pub(super) struct Passed {
    body: Incoming,
    call: Open,
    loan: Option<Loan>,
}

impl Download {
    /// A text of our own.
    pub(super) fn of(text: impl Into<Bytes>) -> Self {
        Self::Own(Some(text.into()))
    }

    /// An application's body, the record of the call it answers, and the connection it comes by.
    pub(super) fn passed(body: Incoming, call: Open, loan: Option<Loan>) -> Self {
        if body.is_end_stream() {
            call.done();
            if let Some(loan) = loan {
                loan.give_back();
            }
            return Self::Own(None);
        }
        Self::Passed(Box::new(Passed { body, call, loan }))
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        match &mut *self {
            Self::Own(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::Told(pieces) => {
                pieces.poll_recv(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
            }
            Self::Passed(passed) => {
                let frame = ready!(Pin::new(&mut passed.body).poll_frame(cx));
                match &frame {
                    Some(Ok(frame)) => {
                        passed.call.sent(frame.data_ref().map_or(0, |data| data.len() as u64));
                    }
                    Some(Err(_)) => passed.call.fail("target_protocol"),
                    None => {}
                }
                if frame.is_none() || passed.body.is_end_stream() {
                    passed.call.finish();
                    if let Some(loan) = passed.loan.take() {
                        loan.give_back();
                    }
                }
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(text) => text.is_none(),
            Self::Passed(passed) => passed.body.is_end_stream(),
            Self::Told(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(text) => {
                SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64))
            }
            Self::Passed(passed) => passed.body.size_hint(),
            Self::Told(_) => SizeHint::default(),
        }
    }
}
