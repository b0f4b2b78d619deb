//! PostgreSQL: TLS by SSLRequest, start-up and authentication, up to and including AuthenticationOk
//! (PostgreSQL documentation, section 53.2).

mod login;
mod scram;
mod statement;

use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::postgres::startup::SSL_REQUEST;
use wire::postgres::{CancelKey, Startup};

use super::dial::{Errand, dial, in_time};
use super::{Database, Fault, Leg, Protocol, TlsMode, provision, tls};
use crate::error::Error;
use crate::listen::Wire;
use crate::live::Session;

pub(super) use statement::Statements;

/// What PostgreSQL is called in TLS (ALPN; section 53.12).
const ALPN: &[u8] = b"postgresql";

/// A connection to PostgreSQL after AuthenticationOk.
#[derive(Debug)]
pub(crate) struct PgLeg {
    /// The connection.
    pub(crate) leg: Leg,
    /// What the server has sent beside the authentication, for the relay to read first: notices and
    /// NegotiateProtocolVersion that came before AuthenticationOk, then whatever was read after it
    /// (ParameterStatus, BackendKeyData, ReadyForQuery ...). It may be empty, and end within a message.
    pub(crate) ahead: BytesMut,
}

/// Connects `session` to `database` and logs in.
///
/// `startup` goes to the server as it is: the door has put the user and the database in that the session was
/// admitted for. A session that no role lets write is told so to the server too: what its functions do only the
/// server knows.
///
/// # Errors
/// [`Error::Unreachable`], or [`Error::Database`] with what went wrong.
pub(crate) async fn connect(
    session: &Arc<Session>,
    database: &Database,
    startup: &Startup,
) -> Result<PgLeg, Error> {
    provision::enter(session, database).await?;
    let errand = Errand::of(session);
    if !session.rights().terms.is_read_only() {
        return open(&errand, database, startup).await;
    }
    // A parameter of its own: it counts more than one in `options`, and RESET comes back to it.
    let mut startup = startup.clone();
    startup.set("default_transaction_read_only", "on");
    open(&errand, database, &startup).await
}

/// As [`connect`], on any errand.
pub(super) async fn open(
    errand: &Errand<'_>,
    database: &Database,
    startup: &Startup,
) -> Result<PgLeg, Error> {
    let socket = begin(errand, database).await?;
    in_time(errand, "the log-in", async {
        let leg = encrypt(errand, database, socket).await?;
        login::log_in(errand, database, leg, startup).await
    })
    .await
}

/// Asks the server to cancel what a session's connection is doing (section 53.2.9). `key` is the one that the
/// server gave that connection. It goes the way the session's own log-in went: encrypted, to a server that was checked.
///
/// # Errors
/// As [`connect`]. The server never says whether it did anything.
pub(crate) async fn cancel(
    session: &Arc<Session>,
    database: &Database,
    key: &CancelKey,
) -> Result<(), Error> {
    stop(&Errand::of(session), database, key).await
}

/// As [`cancel`], on any errand.
pub(super) async fn stop(
    errand: &Errand<'_>,
    database: &Database,
    key: &CancelKey,
) -> Result<(), Error> {
    let socket = begin(errand, database).await?;
    in_time(errand, "the cancel request", async {
        let step = "the cancel request";
        let mut leg = encrypt(errand, database, socket).await?;
        leg.write_all(&key.request()).await.map_err(|error| tls::broke(step, error))?;
        leg.flush().await.map_err(|error| tls::broke(step, error))?;
        // The server closes once it has sent the signal. Before that, a close of ours could overtake the request.
        let mut end = [0];
        let _ = leg.read(&mut end).await;
        Ok(())
    })
    .await
}

async fn begin(errand: &Errand<'_>, database: &Database) -> Result<Wire, Error> {
    if database.protocol != Protocol::Postgres {
        return Err(errand.failed(Fault::Protocol(database.protocol.as_str())));
    }
    dial(errand, database).await
}

/// Asks for TLS, and shakes hands (section 53.2.10).
async fn encrypt(errand: &Errand<'_>, database: &Database, mut socket: Wire) -> Result<Leg, Fault> {
    let step = "the SSLRequest";
    if database.tls.mode == TlsMode::Off {
        return Ok(Leg::Plain(socket));
    }
    socket.write_all(&SSL_REQUEST).await.map_err(|error| tls::broke(step, error))?;
    // One byte and no more: what somebody may have put behind it in the clear must not be read as the server's word.
    match socket.read_u8().await.map_err(|error| tls::broke(step, error))? {
        b'S' => {
            let stream = tls::handshake(errand, database, socket, &[ALPN]).await?;
            Ok(Leg::Tls(Box::new(stream)))
        }
        b'N' => Err(Fault::NoTls),
        // An error in the clear is not believed: anybody on the way could have written it.
        b'E' => Err(Fault::Malformed("it answered the SSLRequest with an error".into())),
        byte => {
            let byte = char::from(byte).escape_default();
            Err(Fault::Malformed(format!("it answered the SSLRequest with `{byte}`").into()))
        }
    }
}
