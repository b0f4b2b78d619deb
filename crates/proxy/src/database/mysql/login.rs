//! Greeting, TLS, response, and the plugins' conversation (MySQL Source Code Documentation, "Connection Phase").

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use wire::mysql::{
    Answer, Attributes, Capabilities, FAST_AUTH_SUCCESS, Greeting, MAX_HANDSHAKE, Malformed,
    Response, ServerError as WireError, collation_for, put_packet, take,
};

use super::plugin::{Plugin, encrypted};
use super::{MyLeg, MyWanted};
use crate::database::dial::Errand;
use crate::database::guard::{Guard, VERIFIED};
use crate::database::{Database, DbLogin, Fault, Leg, ServerError, TlsMode, tls};
use crate::listen::Wire;

const STEP: &str = "the log-in";

/// Packets of the server after our response, before it says OK. The longest way that is known has four.
const MAX_PACKETS: usize = 16;
/// AuthMoreData of `caching_sha2_password`: the whole authentication is needed.
const FULL_AUTHENTICATION: u8 = 4;
/// Asks `caching_sha2_password` for the server's key.
const KEY_PLEASE: u8 = 2;

/// What we set by ourselves, whatever the client wants.
const OURS: Capabilities = Capabilities::PROTOCOL_41
    .union(Capabilities::SECURE_CONNECTION)
    .union(Capabilities::PLUGIN_AUTH)
    .union(Capabilities::PLUGIN_AUTH_LENENC);
/// What never is on this leg: TLS is asked for where the target's record says so, and nothing is compressed.
const NEVER: Capabilities =
    Capabilities::SSL.union(Capabilities::COMPRESS).union(Capabilities::ZSTD);

/// Packets on a stream: how the server's are numbered, and what was read ahead.
struct Packets<S> {
    stream: S,
    buffer: BytesMut,
    /// The number of the next packet, whoever sends it.
    seq: u8,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Packets<S> {
    async fn next(&mut self) -> Result<Bytes, Fault> {
        loop {
            let found = take(&self.buffer, MAX_HANDSHAKE);
            let found = found.map_err(|error| Fault::Malformed(error.to_string().into()))?;
            if let Some(packet) = found {
                let (seq, len, head) = (packet.seq, packet.len, packet.len - packet.payload.len());
                if seq != self.seq {
                    return Err(Fault::Malformed("a packet is out of sequence".into()));
                }
                self.seq = seq.wrapping_add(1);
                let mut whole = self.buffer.split_to(len);
                whole.advance(head);
                return Ok(whole.freeze());
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) => return Err(Fault::Vanished(STEP)),
                Ok(_) => {}
                Err(error) => return Err(tls::broke(STEP, error)),
            }
        }
    }

    async fn send(&mut self, payload: &[u8]) -> Result<(), Fault> {
        let mut out = BytesMut::with_capacity(payload.len().saturating_add(4));
        self.seq = put_packet(&mut out, self.seq, payload);
        let sent = async {
            self.stream.write_all(&out).await?;
            self.stream.flush().await
        };
        sent.await.map_err(|error| tls::broke(STEP, error))
    }
}

pub(super) fn malformed(error: Malformed) -> Fault {
    Fault::Malformed(error.to_string().into())
}

pub(super) fn server_error(error: &WireError) -> Fault {
    Fault::Server(Box::new(ServerError {
        sqlstate: error.sqlstate().into(),
        number: error.code,
        message: error.message.clone(),
        detail: None,
        hint: None,
    }))
}

/// Greets, encrypts, and logs in.
pub(super) async fn log_in(
    errand: &Errand<'_>,
    database: &Database,
    socket: Wire,
    wanted: &MyWanted,
) -> Result<MyLeg, Fault> {
    let mut packets = Packets { stream: socket, buffer: BytesMut::with_capacity(1024), seq: 0 };
    let first = packets.next().await?;
    if first.first() == Some(&0xff) {
        return Err(server_error(&WireError::read(&first).map_err(malformed)?));
    }
    let greeting = Greeting::read(&first).map_err(malformed)?;
    // What follows the greeting in the clear must not be taken for what was said inside TLS.
    if !packets.buffer.is_empty() {
        return Err(Fault::Malformed("it talks on after its greeting".into()));
    }
    let capabilities = agreed(&greeting, wanted);
    let mut response = Response {
        capabilities,
        max_packet: wanted.max_packet,
        collation: collation_for(greeting.vendor(), wanted.charset),
        user: &wanted.user,
        answer: &[],
        database: wanted.db.as_deref(),
        plugin: None,
        attributes: Attributes::new(&wanted.attributes),
    };
    let leg = encrypt(errand, database, packets, &greeting, &mut response).await?;
    let guard = Guard::of(database, &leg.stream);
    let mut talk = Talk { packets: leg, login: &database.login, guard, capabilities };
    let ok = talk.authenticate(&greeting, response).await?;
    let Packets { stream: leg, buffer: ahead, .. } = talk.packets;
    Ok(MyLeg { leg, ahead, greeting, capabilities, ok })
}

/// What both sides can do.
fn agreed(greeting: &Greeting, wanted: &MyWanted) -> Capabilities {
    let flag = |has: bool, flag| if has { flag } else { Capabilities::NONE };
    let with_db = flag(wanted.db.is_some(), Capabilities::CONNECT_WITH_DB);
    let both = wanted.capabilities.without(Capabilities::CONNECT_WITH_DB).union(with_db);
    // A MySQL that does not see this flag may take us for something older; a MariaDB leaves it out itself.
    let both = both.union(Capabilities::MYSQL).union(OURS).without(NEVER);
    both.intersection(greeting.capabilities)
}

/// Asks for TLS, and shakes hands.
async fn encrypt(
    errand: &Errand<'_>,
    database: &Database,
    mut packets: Packets<Wire>,
    greeting: &Greeting,
    response: &mut Response<'_>,
) -> Result<Packets<Leg>, Fault> {
    if database.tls.mode == TlsMode::Off {
        let Packets { stream, buffer, seq } = packets;
        return Ok(Packets { stream: Leg::Plain(stream), buffer, seq });
    }
    if !greeting.capabilities.contains(Capabilities::SSL) {
        return Err(Fault::NoTls);
    }
    response.capabilities = response.capabilities.union(Capabilities::SSL);
    let mut request = BytesMut::new();
    response.put_ssl_request(&mut request);
    packets.send(&request).await?;
    let stream = tls::handshake(errand, database, packets.stream, &[]).await?;
    Ok(Packets { stream: Leg::Tls(Box::new(stream)), buffer: packets.buffer, seq: packets.seq })
}

/// One log-in.
struct Talk<'a> {
    packets: Packets<Leg>,
    login: &'a DbLogin,
    guard: Guard,
    capabilities: Capabilities,
}

impl Talk<'_> {
    /// Sends the response and answers until the server says OK; the payload of its OK packet.
    async fn authenticate(
        &mut self,
        greeting: &Greeting,
        mut response: Response<'_>,
    ) -> Result<Bytes, Fault> {
        // The server begins with its default plugin; which one the user has, it says later.
        let begun = match Plugin::of(&greeting.plugin) {
            Some(Plugin::Clear | Plugin::Sha256) | None => Plugin::Native,
            Some(plugin) => plugin,
        };
        let (mut current, mut challenge) = (begun, greeting.scramble.to_vec());
        let answer = self.answer(begun, &challenge)?;
        response.answer = &answer;
        response.plugin = Some(begun.name());
        let mut payload = BytesMut::new();
        response.put(&mut payload);
        self.packets.send(&payload).await?;
        for _ in 0..MAX_PACKETS {
            let packet = self.packets.next().await?;
            match Answer::read(&packet, self.capabilities).map_err(malformed)? {
                Answer::Ok(_) => return Ok(packet),
                Answer::Error(error) => return Err(server_error(&error)),
                Answer::Switch(switch) => {
                    current = Plugin::of(switch.plugin).ok_or_else(|| {
                        let name = access::display::shown_short(switch.plugin, 64);
                        Fault::Method(name.into())
                    })?;
                    challenge = switch.data.to_vec();
                    let answer = self.answer(current, &challenge)?;
                    self.packets.send(&answer).await?;
                }
                Answer::More(data) => self.more(current, &challenge, data).await?,
            }
        }
        Err(Fault::Malformed("it talks and does not finish the log-in".into()))
    }

    /// The first answer to a plugin. Whoever is known by his certificate has no password: the answer is empty.
    fn answer(
        &self,
        plugin: Plugin,
        challenge: &[u8],
    ) -> Result<zeroize::Zeroizing<Vec<u8>>, Fault> {
        match self.login {
            DbLogin::Password(password) => plugin.answer(password, challenge, self.guard),
            DbLogin::Certificate => Ok(zeroize::Zeroizing::new(Vec::new())),
        }
    }

    /// The further conversation of the two plugins that have one.
    async fn more(&mut self, plugin: Plugin, challenge: &[u8], data: &[u8]) -> Result<(), Fault> {
        let speaks = matches!(plugin, Plugin::CachingSha2 | Plugin::Sha256);
        let DbLogin::Password(password) = self.login else {
            return Err(Fault::NoPassword(plugin.name()));
        };
        match data {
            [FAST_AUTH_SUCCESS] if plugin == Plugin::CachingSha2 => Ok(()),
            [FULL_AUTHENTICATION] if plugin == Plugin::CachingSha2 => match &self.packets.stream {
                Leg::Tls(_) => {
                    let clear = zeroize::Zeroizing::new(plugin.clear(password, self.guard)?);
                    self.packets.send(&clear).await
                }
                Leg::Plain(_) => self.packets.send(&[KEY_PLEASE]).await,
            },
            pem if speaks && pem.starts_with(b"-----BEGIN ") => {
                // Inside TLS the key would be a stranger's as the connection is; in the clear the record allows it.
                let is_open = matches!(self.guard, Guard::Waived | Guard::Open);
                if matches!(self.packets.stream, Leg::Tls(_)) && is_open {
                    return Err(Fault::Unsafe { method: plugin.name(), needs: VERIFIED });
                }
                let encrypted = encrypted(password, challenge, pem)?;
                self.packets.send(&encrypted).await
            }
            _ => Err(Fault::Malformed("it goes on with something its plugin does not have".into())),
        }
    }
}
