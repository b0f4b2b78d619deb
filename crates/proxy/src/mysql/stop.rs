//! Ending a statement in the database when its session is cut.
//!
//! A server notices that nobody listens any more when it has something to say, and a long statement says nothing until it
//! is done. So its connection is ended from a second one, as its own user, who may always do that.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::mysql::{Capabilities, put_packet, take};

use crate::database;
use crate::database::mysql::{MyWanted, connect};
use crate::error::Error;
use crate::live::Session;

/// How long it may take, beyond the time in which a database is dialled.
const STOP_WAIT: Duration = Duration::from_secs(10);
/// The longest answer to it.
const MAX_ANSWER: usize = 4096;

/// Ends connection `number` of the session's database, beside whatever else goes on.
pub(super) fn stop(session: &Arc<Session>, number: u32) {
    let session = Arc::clone(session);
    tokio::spawn(async move {
        let stopped = tokio::time::timeout(STOP_WAIT, kill(&session, number)).await;
        if !matches!(stopped, Ok(Ok(()))) {
            tracing::warn!(session = %session.id, "a statement of a session that was cut may still run in its database");
        }
    });
}

async fn kill(session: &Arc<Session>, number: u32) -> Result<(), Error> {
    let database = database::of(session).await?;
    let wanted = MyWanted {
        user: session.caller.account().into(),
        db: None,
        capabilities: Capabilities::PASSED.without(Capabilities::LOCAL_FILES),
        charset: 45,
        max_packet: 1 << 24,
        attributes: Bytes::new(),
    };
    let mut connection = connect(session, &database, &wanted).await?;
    let mut out = BytesMut::new();
    put_packet(&mut out, 0, format!("\x03KILL CONNECTION {number}").as_bytes());
    connection.leg.write_all(&out).await.map_err(|_| Error::Left)?;
    connection.leg.flush().await.map_err(|_| Error::Left)?;
    // Whatever it answers, it has been heard: a connection that is gone already is an error there.
    while let Ok(None) = take(&connection.ahead, MAX_ANSWER) {
        let read = connection.leg.read_buf(&mut connection.ahead).await;
        if read.map_err(|_| Error::Left)? == 0 {
            return Err(Error::Left);
        }
    }
    Ok(())
}
