//! The first packets with a client: our greeting, TLS, his response, and the answer his plugin expects.
//!
//! Who is there is proven by the client certificate alone. What a password plugin says is heard out, because clients
//! insist on saying it, and is not looked at: it is never asked for in the clear and never kept.

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use wire::mysql::{
    AuthSwitch, Capabilities, FAST_AUTH_SUCCESS, Greeting, MAX_HANDSHAKE, Response, SCRAMBLE,
    Status, Vendor, plugin, put_more_data, put_packet, take,
};

use super::say::Words;
use crate::error::Error;

/// The collation of the greeting, `utf8mb4_general_ci`: both vendors have it under this number.
const COLLATION: u8 = 45;

/// Packets of a handshake, one after the other.
#[derive(Debug)]
pub(super) struct Packets<S> {
    pub(super) stream: S,
    /// What was read and is no packet yet.
    pub(super) ahead: BytesMut,
    /// The sequence number of the next packet, whoever sends it.
    seq: u8,
}

/// What a client has said of himself and his connection.
#[derive(Clone, Debug)]
pub(super) struct Wishes {
    pub(super) capabilities: Capabilities,
    pub(super) max_packet: u32,
    pub(super) collation: u8,
    pub(super) user: Box<str>,
    pub(super) database: Option<Box<str>>,
    pub(super) attributes: Bytes,
    /// The client's software, as it says.
    pub(super) client: Box<str>,
    plugin: Option<Box<str>>,
    answered: bool,
}

/// What a greeting says that differs from one to the next.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    pub(super) version: Box<str>,
    pub(super) number: u32,
    pub(super) scramble: [u8; SCRAMBLE],
}

impl Opening {
    /// The greeting. TLS is offered where it is not there yet; what only MariaDB has is offered where it is known that
    /// the server is one.
    pub(super) fn greeting(&self, tls: Capabilities) -> Greeting {
        let mut capabilities = Capabilities::PASSED.union(tls);
        if Vendor::of(&self.version) == Vendor::MariaDb {
            capabilities =
                capabilities.without(Capabilities::MYSQL).union(Capabilities::PASSED_MARIADB);
        }
        Greeting {
            version: self.version.clone(),
            connection: self.number,
            scramble: self.scramble,
            capabilities,
            collation: COLLATION,
            status: Status::AUTOCOMMIT.0,
            // Every client has it built in or begins with its own, and is then told to go on with that.
            plugin: plugin::NATIVE.into(),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Packets<S> {
    pub(super) fn new(stream: S, ahead: BytesMut, seq: u8) -> Self {
        Self { stream, ahead, seq }
    }

    /// The next packet's payload.
    ///
    /// # Errors
    /// When the client leaves, or sends what no handshake has.
    pub(super) async fn read(&mut self) -> Result<BytesMut, Error> {
        loop {
            match take(&self.ahead, MAX_HANDSHAKE) {
                Ok(Some(packet)) => {
                    let (len, seq) = (packet.len, packet.seq);
                    self.seq = seq.wrapping_add(1);
                    let mut packet = self.ahead.split_to(len);
                    packet.advance(wire::mysql::HEADER);
                    return Ok(packet);
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(%error, "no handshake of MySQL");
                    return Err(Error::Left);
                }
            }
            self.ahead.reserve(512);
            let read = self.stream.read_buf(&mut self.ahead).await;
            if read.map_err(|_| Error::Left)? == 0 {
                return Err(Error::Left);
            }
        }
    }

    /// Sends a packet.
    ///
    /// # Errors
    /// When the client has left.
    pub(super) async fn write(&mut self, payload: &[u8]) -> Result<(), Error> {
        let mut out = BytesMut::with_capacity(payload.len().saturating_add(wire::mysql::HEADER));
        self.seq = put_packet(&mut out, self.seq, payload);
        self.stream.write_all(&out).await.map_err(|_| Error::Left)?;
        self.stream.flush().await.map_err(|_| Error::Left)
    }

    /// Sends the greeting.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub(super) async fn greet(&mut self, greeting: &Greeting) -> Result<(), Error> {
        let mut payload = BytesMut::with_capacity(128);
        greeting.put(&mut payload);
        self.write(&payload).await
    }

    /// Reads what the client answers to the greeting.
    ///
    /// # Errors
    /// When it is no answer to it.
    pub(super) async fn wishes(&mut self) -> Result<Wishes, Error> {
        let payload = self.read().await?;
        let response = Response::read(&payload).map_err(|error| {
            tracing::debug!(%error, "no response to a greeting");
            Error::Left
        })?;
        Ok(Wishes {
            capabilities: response.capabilities,
            max_packet: response.max_packet,
            collation: response.collation,
            user: response.user.into(),
            database: response.database.map(Into::into),
            attributes: Bytes::copy_from_slice(response.attributes.raw()),
            client: software(&response),
            plugin: response.plugin.map(Into::into),
            answered: !matches!(response.answer, [] | [0]),
        })
    }

    /// Hears the client's plugin out, up to where it waits for the OK packet.
    ///
    /// # Errors
    /// When the client leaves.
    pub(super) async fn hear_out(
        &mut self,
        wishes: &Wishes,
        scramble: &[u8; SCRAMBLE],
    ) -> Result<(), Error> {
        let mut answered = wishes.answered;
        let Some(named) = wishes.plugin.as_deref() else { return Ok(()) };
        if named != plugin::NATIVE {
            // It has not seen a scramble of its own: clients of MySQL 8 wait for one even without a password.
            let mut payload = BytesMut::new();
            AuthSwitch { plugin: named, data: scramble }.put(&mut payload);
            self.write(&payload).await?;
            let answer = self.read().await?;
            answered = !matches!(&*answer, [] | [0]);
        }
        if named == plugin::CACHING_SHA2 && answered {
            let mut payload = BytesMut::new();
            put_more_data(&mut payload, &[FAST_AUTH_SUCCESS]);
            self.write(&payload).await?;
        }
        Ok(())
    }

    /// Says a last word, and sees that it arrives.
    pub(super) async fn part(self, Words(payload): Words)
    where
        S: Send,
    {
        let mut out = BytesMut::with_capacity(payload.len().saturating_add(wire::mysql::HEADER));
        put_packet(&mut out, self.seq, &payload);
        let _: Option<()> = crate::route::part(self.stream, &out).await;
    }
}

/// `mysql 8.0.39`, as the client's attributes say.
fn software(response: &Response<'_>) -> Box<str> {
    let attribute = |names: [&str; 2]| names.iter().find_map(|name| response.attributes.get(name));
    let name = attribute(["program_name", "_client_name"]).unwrap_or("mysql client");
    let text = match attribute(["_client_version", "_connector_version"]) {
        Some(version) => format!("{name} {version}"),
        None => name.to_owned(),
    };
    access::display::shown_short(&text, 128).into()
}
