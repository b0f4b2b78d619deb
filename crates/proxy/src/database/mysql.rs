//! MySQL and MariaDB: greeting, TLS, authentication, up to and including the OK packet
//! (MySQL Source Code Documentation, "Connection Phase"; MariaDB Knowledge Base, "Connecting").

mod ed25519;
mod login;
mod plugin;
mod statement;

use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wire::mysql::{
    Capabilities, Greeting, MAX_HANDSHAKE, ServerError as WireError, put_packet, take,
};

use super::dial::{Errand, dial, in_time};
use super::{Database, Fault, Leg, Protocol, provision, tls};
use crate::error::Error;
use crate::live::Session;

pub(super) use statement::Statements;

/// COM_QUERY: this session's transactions only read, from the next one on, the one of a single statement too.
pub(crate) const RESTRICT: &[u8] = b"\x03SET SESSION TRANSACTION READ ONLY";

/// What the client wants of the connection: what goes into our HandshakeResponse41.
#[derive(Clone, Debug)]
pub(crate) struct MyWanted {
    /// The user in the database.
    pub(crate) user: Box<str>,
    /// The database to begin with.
    pub(crate) db: Option<Box<str>>,
    /// The capabilities that the client has; those of TLS, authentication and attributes are ours to set.
    pub(crate) capabilities: Capabilities,
    /// The client's collation; an id that the server's vendor does not know is replaced.
    pub(crate) charset: u8,
    /// The largest packet the client takes.
    pub(crate) max_packet: u32,
    /// Connection attributes, as [`wire::mysql::Attributes::raw`] has them.
    pub(crate) attributes: Bytes,
}

/// A connection to MySQL or MariaDB after the OK packet. The next sequence number is 0.
#[derive(Debug)]
pub(crate) struct MyLeg {
    /// The connection.
    pub(crate) leg: Leg,
    /// What was read after the OK packet: empty with every server that keeps to the protocol.
    pub(crate) ahead: BytesMut,
    /// What the server said first: version, connection id, capabilities.
    pub(crate) greeting: Greeting,
    /// The capabilities in force: those wanted that the server has too.
    pub(crate) capabilities: Capabilities,
    /// The payload of the OK packet.
    pub(crate) ok: Bytes,
}

/// Connects `session` to `database` and logs in.
///
/// # Errors
/// [`Error::Unreachable`], or [`Error::Database`] with what went wrong.
pub(crate) async fn connect(
    session: &Arc<Session>,
    database: &Database,
    wanted: &MyWanted,
) -> Result<MyLeg, Error> {
    provision::enter(session, database).await?;
    let errand = Errand::of(session);
    let mut leg = open(&errand, database, wanted).await?;
    if session.rights().terms.is_read_only() {
        in_time(&errand, "the first statement", restrict(&mut leg)).await?;
    }
    Ok(leg)
}

/// Tells the server that the session only reads: what its functions do only the server knows.
async fn restrict(leg: &mut MyLeg) -> Result<(), Fault> {
    let step = "the first statement";
    let broke = |error| tls::broke(step, error);
    let mut out = BytesMut::new();
    put_packet(&mut out, 0, RESTRICT);
    leg.leg.write_all(&out).await.map_err(broke)?;
    leg.leg.flush().await.map_err(broke)?;
    loop {
        let found = take(&leg.ahead, MAX_HANDSHAKE);
        let found = found.map_err(|error| Fault::Malformed(error.to_string().into()))?;
        if let Some(packet) = found {
            let refused = match packet.payload.first() {
                Some(0x00) => None,
                Some(0xff) => Some(WireError::read(packet.payload).map_err(login::malformed)?),
                _ => return Err(Fault::Malformed("it answers with what was not asked for".into())),
            };
            let refused = refused.map(|error| login::server_error(&error));
            let len = packet.len;
            leg.ahead.advance(len);
            return refused.map_or(Ok(()), Err);
        }
        if leg.leg.read_buf(&mut leg.ahead).await.map_err(broke)? == 0 {
            return Err(Fault::Vanished(step));
        }
    }
}

/// As [`connect`], on any errand.
pub(super) async fn open(
    errand: &Errand<'_>,
    database: &Database,
    wanted: &MyWanted,
) -> Result<MyLeg, Error> {
    if database.protocol != Protocol::MySql {
        return Err(errand.failed(Fault::Protocol(database.protocol.as_str())));
    }
    let socket = dial(errand, database).await?;
    in_time(errand, "the log-in", login::log_in(errand, database, socket, wanted)).await
}
