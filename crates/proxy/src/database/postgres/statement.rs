//! Statements of our own, by the simple protocol (PostgreSQL documentation, section 53.2.3).

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::postgres::walk::{HEADER, Walker};
use wire::postgres::{Malformed, write};

use super::PgLeg;
use super::login::{malformed, server_error};
use crate::database::{Fault, Leg, ServerError, tls};

const STEP: &str = "a statement of our own";
/// Rows that an answer to a statement of ours may have, and bytes of one message of it.
const MAX_ROWS: usize = 10_000;
const MAX_MESSAGE: u32 = 64 * 1024;

/// A connection for statements of our own. When one fails the server rolls its transaction back; drop the connection.
#[derive(Debug)]
pub(in crate::database) struct Statements {
    leg: Leg,
    buffer: BytesMut,
}

impl Statements {
    /// Waits until the server is ready.
    pub(in crate::database) async fn begin(leg: PgLeg) -> Result<Self, Fault> {
        let mut begun = Self { leg: leg.leg, buffer: leg.ahead };
        begun.answer().await?;
        Ok(begun)
    }

    /// Runs `text`, which may be several statements; the first column of all rows, without nulls.
    pub(in crate::database) async fn run(&mut self, text: &str) -> Result<Vec<String>, Fault> {
        let mut out = Vec::new();
        write::query(&mut out, text);
        let sent = async {
            self.leg.write_all(&out).await?;
            self.leg.flush().await
        };
        sent.await.map_err(|error| tls::broke(STEP, error))?;
        self.answer().await
    }

    /// Reads until the server is ready again.
    async fn answer(&mut self) -> Result<Vec<String>, Fault> {
        let (mut values, mut failed) = (Vec::new(), None::<ServerError>);
        loop {
            let (kind, frame) = self.next().await?;
            let body = frame.get(HEADER..).unwrap_or_default();
            match kind {
                b'D' if values.len() < MAX_ROWS => values.extend(first_column(body)?),
                b'D' => return Err(Fault::Malformed("it answers with too many rows".into())),
                b'E' => {
                    let error = server_error(body);
                    // After a fatal error nothing follows, not even that it is ready.
                    failed.get_or_insert(error);
                }
                b'Z' => {
                    return match failed {
                        Some(error) => Err(Fault::Server(Box::new(error))),
                        None => Ok(values),
                    };
                }
                _ => {}
            }
        }
    }

    async fn next(&mut self) -> Result<(u8, BytesMut), Fault> {
        loop {
            if let Some((&[kind, a, b, c, d], _)) = self.buffer.split_first_chunk::<HEADER>() {
                let length = u32::from_be_bytes([a, b, c, d]);
                if length > MAX_MESSAGE {
                    return Err(malformed(Malformed::Length { kind, length }));
                }
            }
            let mut rest = &*self.buffer;
            let found = Walker::new().next(&mut rest, |_| usize::MAX).map_err(malformed)?;
            if let Some((kind, len)) = found.map(|frame| (frame.kind, frame.taken())) {
                return Ok((kind, self.buffer.split_to(len)));
            }
            match self.leg.read_buf(&mut self.buffer).await {
                Ok(0) => return Err(Fault::Vanished(STEP)),
                Ok(_) => {}
                Err(error) => return Err(tls::broke(STEP, error)),
            }
        }
    }
}

/// The first value of a DataRow; nothing when it is null.
fn first_column(body: &[u8]) -> Result<Option<String>, Fault> {
    let bad = || malformed(Malformed::Body { kind: b'D', what: "a value breaks off" });
    let (_, rest) = body.split_first_chunk::<2>().ok_or_else(bad)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(bad)?;
    // -1 is null.
    let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else { return Ok(None) };
    let value = rest.get(..length).ok_or_else(bad)?;
    Ok(Some(String::from_utf8_lossy(value).into_owned()))
}
