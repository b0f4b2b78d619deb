//! PostgreSQL: TLS by SSLRequest, start-up and authentication, up to and including AuthenticationOk
//! (PostgreSQL documentation, 55.2.1).

use std::sync::Arc;

use bytes::BytesMut;
use wire::postgres::{CancelKey, Startup};

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
/// `startup` goes to the server as it is: the door has put the user and the database in that the session was
/// admitted for.
///
/// # Errors
/// [`Error::Unreachable`], or [`Error::Database`] with what went wrong.
pub(crate) async fn connect(
    session: &Arc<Session>,
    database: &Database,
    startup: &Startup,
) -> Result<PgLeg, Error> {
    let _ = (session, database, startup);
    todo!()
}

/// Asks the server to cancel what a session's connection is doing (55.2.9). `key` is the one that the
/// server gave that connection.
///
/// # Errors
/// As [`connect`]. The server never says whether it did anything.
pub(crate) async fn cancel(
    session: &Arc<Session>,
    database: &Database,
    key: &CancelKey,
) -> Result<(), Error> {
    let _ = (session, database, key);
    todo!()
}
