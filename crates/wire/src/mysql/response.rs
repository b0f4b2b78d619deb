//! SSLRequest and HandshakeResponse41: the client's first packets.

use bytes::{BufMut, BytesMut};

use super::capability::Capabilities;
use super::cursor::{Cursor, Malformed, put_lenenc, put_lenenc_bytes, put_zero_ended, text};

/// Bytes of the part that SSLRequest and the response share.
const PREFIX: usize = 32;

/// The client's answer to the greeting. Its `Debug` does not show what may have been made of a password.
#[derive(Clone, Eq, PartialEq)]
pub struct Response<'a> {
    /// What the client chose of what the server can do.
    pub capabilities: Capabilities,
    /// The longest packet the client takes, in bytes.
    pub max_packet: u32,
    /// The collation of the connection, its low byte.
    pub collation: u8,
    /// The database account.
    pub user: &'a str,
    /// The answer of the authentication plugin.
    pub answer: &'a [u8],
    /// The database to begin in.
    pub database: Option<&'a str>,
    /// The plugin that made the answer.
    pub plugin: Option<&'a str>,
    /// What the client says of itself.
    pub attributes: Attributes<'a>,
}

impl core::fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Response")
            .field("capabilities", &self.capabilities)
            .field("max_packet", &self.max_packet)
            .field("collation", &self.collation)
            .field("user", &self.user)
            .field("answer", &"***")
            .field("database", &self.database)
            .field("plugin", &self.plugin)
            .finish_non_exhaustive()
    }
}

/// Names and values that a client says of itself: `program_name`, `_client_version`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    /// Attributes as they stand in a packet, behind their length in bytes.
    #[must_use]
    pub const fn new(raw: &'a [u8]) -> Self {
        Self(raw)
    }

    /// As they stand in a packet, behind their length in bytes.
    #[must_use]
    pub const fn raw(self) -> &'a [u8] {
        self.0
    }

    /// Each; ends early where they are malformed.
    pub fn iter(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let mut cursor = Cursor::new(self.0);
        core::iter::from_fn(move || {
            let name = cursor.lenenc_bytes("a name").ok()?;
            Some((name, cursor.lenenc_bytes("a value").ok()?))
        })
    }

    /// The value of `name`, if it is text.
    #[must_use]
    pub fn get(self, name: &str) -> Option<&'a str> {
        let (_, value) = self.iter().find(|(key, _)| *key == name.as_bytes())?;
        core::str::from_utf8(value).ok()
    }
}

/// Whether the payload of a client's first packet is an SSLRequest: TLS follows in the next byte.
#[must_use]
pub fn ssl_request(payload: &[u8]) -> Option<Capabilities> {
    if payload.len() != PREFIX {
        return None;
    }
    let (capabilities, ..) = prefix(&mut Cursor::new(payload)).ok()?;
    capabilities.contains(Capabilities::SSL).then_some(capabilities)
}

fn prefix(cursor: &mut Cursor<'_>) -> Result<(Capabilities, u32, u8), Malformed> {
    let low = cursor.u32("capabilities")?;
    let max_packet = cursor.u32("the longest packet")?;
    let collation = cursor.u8("the collation")?;
    cursor.take(19, "the filler")?;
    let high = cursor.u32("the filler")?;
    let mut capabilities = Capabilities::from_halves(low, 0);
    if !capabilities.contains(Capabilities::MYSQL) {
        capabilities = Capabilities::from_halves(low, high);
    }
    if !capabilities.contains(Capabilities::PROTOCOL_41) {
        return Err(Malformed { what: "a client of version 4.1 or later", at: 0 });
    }
    Ok((capabilities, max_packet, collation))
}

impl<'a> Response<'a> {
    /// Reads the payload of a HandshakeResponse41.
    ///
    /// # Errors
    /// When it is none, or breaks off.
    pub fn read(payload: &'a [u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(payload);
        let (capabilities, max_packet, collation) = prefix(&mut cursor)?;
        let has = |flag| capabilities.contains(flag);
        let user = text(cursor.zero_ended("the user")?, "the user", PREFIX)?;
        let answer = if has(Capabilities::PLUGIN_AUTH_LENENC) {
            cursor.lenenc_bytes("the authentication answer")?
        } else if has(Capabilities::SECURE_CONNECTION) {
            let len = cursor.u8("the authentication answer")?;
            cursor.take(len.into(), "the authentication answer")?
        } else {
            cursor.zero_ended("the authentication answer")?
        };
        let mut name = |flag, what| {
            (has(flag) && !cursor.is_empty())
                .then(|| text(cursor.until_zero(), what, PREFIX))
                .transpose()
        };
        let database = name(Capabilities::CONNECT_WITH_DB, "the database")?;
        let plugin = name(Capabilities::PLUGIN_AUTH, "the plugin's name")?;
        let attributes = if has(Capabilities::CONNECT_ATTRS) && !cursor.is_empty() {
            Attributes(cursor.lenenc_bytes("connection attributes")?)
        } else {
            Attributes::default()
        };
        let database = database.filter(|name| !name.is_empty());
        Ok(Self { capabilities, max_packet, collation, user, answer, database, plugin, attributes })
    }

    fn put_prefix(&self, out: &mut BytesMut) {
        out.put_u32_le(self.capabilities.low());
        out.put_u32_le(self.max_packet);
        out.put_u8(self.collation);
        out.put_bytes(0, 19);
        out.put_u32_le(if self.capabilities.contains(Capabilities::MYSQL) {
            0
        } else {
            self.capabilities.high()
        });
    }

    /// Writes the payload of the SSLRequest that goes before it. [`Capabilities::SSL`] must be among the capabilities.
    pub fn put_ssl_request(&self, out: &mut BytesMut) {
        self.put_prefix(out);
    }

    /// Writes its payload. What the capabilities say is there is there: a database and a plugin that are `None` are
    /// written as empty names.
    pub fn put(&self, out: &mut BytesMut) {
        let has = |flag| self.capabilities.contains(flag);
        self.put_prefix(out);
        put_zero_ended(out, self.user.as_bytes());
        if has(Capabilities::PLUGIN_AUTH_LENENC) {
            put_lenenc_bytes(out, self.answer);
        } else if has(Capabilities::SECURE_CONNECTION) {
            let answer = self.answer.get(..255).unwrap_or(self.answer);
            out.put_u8(answer.len() as u8);
            out.put_slice(answer);
        } else {
            put_zero_ended(out, self.answer);
        }
        if has(Capabilities::CONNECT_WITH_DB) {
            put_zero_ended(out, self.database.unwrap_or_default().as_bytes());
        }
        if has(Capabilities::PLUGIN_AUTH) {
            put_zero_ended(out, self.plugin.unwrap_or_default().as_bytes());
        }
        if has(Capabilities::CONNECT_ATTRS) {
            put_lenenc(out, self.attributes.0.len() as u64);
            out.put_slice(self.attributes.0);
        }
    }
}
