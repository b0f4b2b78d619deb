//! PostgreSQL: TLS by SSLRequest, start-up and authentication, up to and including AuthenticationOk
//! (PostgreSQL documentation, 55.2.1).

use std::sync::Arc;

use bytes::BytesMut;

use super::{Database, Leg};
use crate::error::Error;
use crate::live::Session;

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
/// `startup` is the whole StartupMessage as the server is to get it, with its length word: the door has put the
/// user and the database in that the session was admitted for.
///
/// # Errors
/// [`Error::Unreachable`], or [`Error::Database`] with what went wrong.
pub(crate) async fn connect(
    session: &Arc<Session>,
    database: &Database,
    startup: &[u8],
) -> Result<PgLeg, Error> {
    let _ = (session, database, startup);
    todo!()
}

/// Asks the server to cancel what a session's connection is doing (55.2.9). `request` is the whole CancelRequest,
/// with the key that the server gave that connection.
///
/// # Errors
/// As [`connect`]. The server never says whether it did anything.
pub(crate) async fn cancel(
    session: &Arc<Session>,
    database: &Database,
    request: &[u8],
) -> Result<(), Error> {
    let _ = (session, database, request);
    todo!()
}
