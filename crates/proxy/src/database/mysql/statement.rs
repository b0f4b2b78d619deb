//! Statements of our own, by the text protocol (MySQL Source Code Documentation, "COM_QUERY").

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::mysql::{ServerError as WireError, Vendor, put_packet, take};

use super::MyLeg;
use super::login::{malformed, server_error};
use crate::database::{Fault, Leg, tls};

const STEP: &str = "a statement of our own";
const COM_QUERY: u8 = 3;
/// Packets that an answer to a statement of ours may have, and bytes of one.
const MAX_PACKETS: usize = 10_000;
const MAX_PACKET: usize = 64 * 1024;

/// A connection for statements of our own. It has no capability but the protocol's own: every result ends with EOF.
#[derive(Debug)]
pub(in crate::database) struct Statements {
    leg: Leg,
    buffer: BytesMut,
    vendor: Vendor,
}

impl Statements {
    pub(in crate::database) fn begin(leg: MyLeg) -> Self {
        Self { leg: leg.leg, buffer: leg.ahead, vendor: leg.greeting.vendor() }
    }

    pub(in crate::database) const fn vendor(&self) -> Vendor {
        self.vendor
    }

    /// Runs one statement; the first column of its rows, without nulls.
    pub(in crate::database) async fn run(&mut self, text: &str) -> Result<Vec<String>, Fault> {
        let mut out = BytesMut::new();
        put_packet(&mut out, 0, &[&[COM_QUERY], text.as_bytes()].concat());
        let sent = async {
            self.leg.write_all(&out).await?;
            self.leg.flush().await
        };
        sent.await.map_err(|error| tls::broke(STEP, error))?;
        let (mut values, mut ends) = (Vec::new(), 0);
        for number in 0..MAX_PACKETS {
            let packet = self.next().await?;
            match packet.first() {
                Some(0xff) => {
                    return Err(server_error(&WireError::read(&packet).map_err(malformed)?));
                }
                Some(0x00) if number == 0 => return Ok(values),
                // The columns end with one EOF, the rows with another.
                Some(0xfe) if packet.len() < 9 => {
                    ends += 1;
                    if ends == 2 {
                        return Ok(values);
                    }
                }
                _ if ends == 1 => values.extend(first_column(&packet)?),
                _ => {}
            }
        }
        Err(Fault::Malformed("it answers with too many rows".into()))
    }

    async fn next(&mut self) -> Result<Bytes, Fault> {
        loop {
            let found = take(&self.buffer, MAX_PACKET);
            let found = found.map_err(|error| Fault::Malformed(error.to_string().into()))?;
            if let Some(packet) = found {
                let (len, head) = (packet.len, packet.len - packet.payload.len());
                return Ok(self.buffer.split_to(len).split_off(head).freeze());
            }
            match self.leg.read_buf(&mut self.buffer).await {
                Ok(0) => return Err(Fault::Vanished(STEP)),
                Ok(_) => {}
                Err(error) => return Err(tls::broke(STEP, error)),
            }
        }
    }
}

/// The first value of a row; nothing when it is null.
fn first_column(row: &[u8]) -> Result<Option<String>, Fault> {
    let bad = || Fault::Malformed("a row breaks off".into());
    let (length, rest) = match row {
        [0xfb, ..] => return Ok(None),
        [0xfc, low, high, rest @ ..] => (u16::from_le_bytes([*low, *high]).into(), rest),
        [length @ 0..=0xfa, rest @ ..] => (usize::from(*length), rest),
        _ => return Err(bad()),
    };
    let value = rest.get(..length).ok_or_else(bad)?;
    Ok(Some(String::from_utf8_lossy(value).into_owned()))
}
