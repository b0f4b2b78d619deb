//! The PostgreSQL door.
//!
//! ```text
//!   knock ──► TLS ──► greet ──► (offer, tell) ──► connect ──► relay, one task, both directions
//!   SSLRequest        start-up packet: user,      the database's    frames are looked at where they lie
//!   in the clear      database, target            log-in is not     and passed on as they are
//!                                                 this room's
//! ```
//!
//! On its front it is a server that believes identity certificates and nothing else; no password is asked for.
//! On its back it is a client that the database lets in as the user the permit names ([`crate::database`]).
//! A session is never in the clear; a cancel request may be, since stock clients send it so.
//!
//! Deliberately absent: replication, GSSAPI encryption, and anything that decodes a row.

mod cancel;
mod greet;
mod knock;
mod reason;
mod relay;
mod say;

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::FutureExt as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::server::TlsStream;
use wire::postgres::Startup;
use wire::postgres::write;

use crate::House;
use crate::corridor::{self, Door, Ended};
use crate::database;
use crate::error::Error;
use crate::gate::{Caller, Cut, Refused};
use crate::listen::{Severer, Wire};
use crate::live::Session;
use crate::route::{Secured, part};

pub(crate) use cancel::Cancels;
pub(crate) use knock::knock;

/// How long a client may take from the end of the TLS handshake to the end of its start-up packet.
const GREETING_WAIT: Duration = Duration::from_secs(60);
/// How long words to a waiting client may take to be written.
const TELL_WAIT: Duration = Duration::from_secs(10);
/// Bytes that a client may send before it is let in.
const MAX_EARLY: usize = 64 * 1024;

/// Serves one connection that speaks PostgreSQL inside TLS.
pub(crate) async fn serve(house: Arc<House>, secured: Secured) -> Result<(), Error> {
    let door = PgDoor { house: Arc::clone(&house), secured: Some(secured) };
    corridor::serve(&house, door).await
}

struct PgDoor {
    house: Arc<House>,
    secured: Option<Secured>,
}

/// A client who has proven who he is.
struct Guest {
    stream: Box<TlsStream<Wire>>,
    severer: Severer,
    /// What he asked for, as the database is to get it.
    startup: Startup,
    /// The minor version of protocol 3 that is spoken with him.
    minor: u16,
    /// What he sent after his start-up packet.
    ahead: BytesMut,
    /// What is to be said before anything else: NegotiateProtocolVersion.
    unsaid: Vec<u8>,
    /// Whether he was told that he is in.
    welcomed: bool,
    /// Why he needs access, if he said so in advance.
    reason: Option<String>,
}

impl Guest {
    /// What comes before the first frame after authentication. Clients take notices only after it.
    fn welcome(&mut self) -> Vec<u8> {
        let mut out = std::mem::take(&mut self.unsaid);
        if !self.welcomed {
            self.welcomed = true;
            write::authentication_ok(&mut out);
        }
        out
    }

    /// Says a last word and leaves.
    async fn part(mut self, word: impl FnOnce(&mut Vec<u8>)) {
        let mut out = std::mem::take(&mut self.unsaid);
        word(&mut out);
        let _: Option<()> = part(self.stream, &out).await;
        self.severer.sever();
    }
}

impl Door for PgDoor {
    type Guest = Guest;

    async fn greet(&mut self) -> Result<Option<(Guest, Caller)>, Error> {
        let Some(secured) = self.secured.take() else { return Ok(None) };
        // On the heap, and freed when it is done: a session lives for hours, its greeting does not.
        Box::pin(greet::greet(&self.house, secured)).await
    }

    /// A PostgreSQL client cannot be asked anything; he may have said his reason in advance.
    async fn offer(&mut self, guest: &mut Guest, _: &Refused) -> Result<Option<String>, Error> {
        Ok(guest.reason.take())
    }

    async fn tell(&mut self, guest: &mut Guest, words: &str) -> Result<(), Error> {
        if !words.is_empty() {
            let mut out = guest.welcome();
            say::notices(&mut out, words);
            let told = async {
                guest.stream.write_all(&out).await?;
                guest.stream.flush().await
            };
            match tokio::time::timeout(TELL_WAIT, told).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(Error::Left),
                Err(_) => return Err(Error::Slow),
            }
        }
        // He says nothing while he waits, except that he goes.
        let Guest { stream, ahead, .. } = guest;
        match stream.read_buf(ahead).now_or_never() {
            None => Ok(()),
            Some(Ok(n)) if n > 0 && ahead.len() <= MAX_EARLY && !ahead.starts_with(b"X") => Ok(()),
            Some(_) => Err(Error::Left),
        }
    }

    async fn refuse(&mut self, guest: Guest, refused: &Refused) {
        guest.part(|out| say::refused(out, refused)).await;
    }

    async fn serve(
        &mut self,
        mut guest: Guest,
        session: Arc<Session>,
        cut: impl Future<Output = Cut> + Send,
    ) -> Ended {
        let mut cut = std::pin::pin!(cut);
        // On the heap, and freed when it is done: an idle session keeps no room for its handshake.
        let connected = {
            let mut connecting = Box::pin(connect(&session, &guest.startup));
            tokio::select! {
                connected = &mut connecting => connected,
                left = leaves(&mut guest.stream, &mut guest.ahead) => match left {
                    Left => return Ended::Finished,
                },
                cut = &mut cut => {
                    drop(connecting);
                    guest.part(|out| say::cut(out, &cut)).await;
                    return Ended::Cut(cut);
                }
            }
        };
        match connected {
            Ok((database, leg)) => relay::run(guest, session, database, leg, cut).await,
            Err(error) => {
                guest.part(|out| say::failed(out, &error)).await;
                Ended::Failed(error)
            }
        }
    }
}

/// The client has gone.
struct Left;

/// Returns when the client goes, or says more than it may before it is let in.
async fn leaves(stream: &mut TlsStream<Wire>, ahead: &mut BytesMut) -> Left {
    while ahead.len() <= MAX_EARLY {
        match stream.read_buf(ahead).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    Left
}

async fn connect(
    session: &Arc<Session>,
    startup: &Startup,
) -> Result<(database::Database, database::postgres::PgLeg), Error> {
    let database = database::of(session).await?;
    let leg = database::postgres::connect(session, &database, startup).await?;
    Ok((database, leg))
}
