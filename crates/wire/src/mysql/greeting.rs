//! HandshakeV10: the server's first packet.

use bytes::{BufMut, BytesMut};

use super::capability::Capabilities;
use super::cursor::{Cursor, Malformed, put_zero_ended, text};

/// Bytes of a scramble.
pub const SCRAMBLE: usize = 20;

/// Whose server it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Vendor {
    /// MariaDB.
    MariaDb,
    /// MySQL, and whatever speaks like it.
    MySql,
}

impl Vendor {
    /// Told by the version's text: MariaDB's has its name in it.
    #[must_use]
    pub fn of(version: &str) -> Self {
        if version.contains("MariaDB") { Self::MariaDb } else { Self::MySql }
    }
}

/// The server's greeting.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Greeting {
    /// The server's version, as text. MariaDB's may begin with `5.5.5-`, for old replicas.
    pub version: Box<str>,
    /// The connection's id, for `KILL`; what [`connection_id()`] says is the truth where it differs.
    ///
    /// [`connection_id()`]: https://dev.mysql.com/doc/refman/8.0/en/information-functions.html#function_connection-id
    pub connection: u32,
    /// What the password is mixed with.
    pub scramble: [u8; SCRAMBLE],
    /// What the server can do.
    pub capabilities: Capabilities,
    /// The server's default collation, its low byte.
    pub collation: u8,
    /// Status flags.
    pub status: u16,
    /// The authentication plugin it begins with.
    pub plugin: Box<str>,
}

impl Greeting {
    /// Reads the payload of a server's first packet. An ERR packet in its place is not read here: see
    /// [`Answer::read`](super::Answer::read).
    ///
    /// # Errors
    /// When it is not a greeting of protocol 10 and version 4.1 or later.
    pub fn read(payload: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(payload);
        if cursor.u8("the protocol version")? != 10 {
            return Err(Malformed { what: "protocol version 10", at: 0 });
        }
        let version = text(cursor.zero_ended("the server's version")?, "the server's version", 1)?;
        let connection = cursor.u32("the connection id")?;
        let mut scramble = [0; SCRAMBLE];
        let (first, second) = scramble.split_at_mut(8);
        first.copy_from_slice(cursor.take(8, "the scramble")?);
        cursor.u8("the filler")?;
        let low = cursor.u16("capabilities")?;
        let collation = cursor.u8("the collation")?;
        let status = cursor.u16("the status")?;
        let middle = cursor.u16("capabilities")?;
        let length = cursor.u8("the scramble's length")?;
        cursor.take(6, "the filler")?;
        let reserved = cursor.u32("the filler")?;
        let low = u32::from(low) | u32::from(middle) << 16;
        let mut capabilities = Capabilities::from_halves(low, 0);
        if !capabilities.contains(Capabilities::MYSQL) {
            capabilities = Capabilities::from_halves(low, reserved);
        }
        if !capabilities.contains(Capabilities::PROTOCOL_41.union(Capabilities::SECURE_CONNECTION))
        {
            return Err(cursor.malformed("a server of version 4.1 or later"));
        }
        // The second part has 13 bytes or more, of which the last is zero.
        let rest = usize::from(length).saturating_sub(8).max(13);
        let part = cursor.take(rest, "the scramble")?;
        second.copy_from_slice(part.get(..12).unwrap_or_default());
        let plugin = if capabilities.contains(Capabilities::PLUGIN_AUTH) {
            text(cursor.until_zero(), "the plugin's name", 0)?
        } else {
            super::plugin::NATIVE
        };
        Ok(Self {
            version: version.into(),
            connection,
            scramble,
            capabilities,
            collation,
            status,
            plugin: plugin.into(),
        })
    }

    /// Writes its payload.
    pub fn put(&self, out: &mut BytesMut) {
        let low = self.capabilities.low().to_le_bytes();
        let (first, second) = self.scramble.split_at(8);
        out.put_u8(10);
        put_zero_ended(out, self.version.as_bytes());
        out.put_u32_le(self.connection);
        out.put_slice(first);
        out.put_u8(0);
        out.put_slice(low.get(..2).unwrap_or_default());
        out.put_u8(self.collation);
        out.put_u16_le(self.status);
        out.put_slice(low.get(2..).unwrap_or_default());
        out.put_u8(SCRAMBLE as u8 + 1);
        out.put_bytes(0, 6);
        out.put_u32_le(if self.capabilities.contains(Capabilities::MYSQL) {
            0
        } else {
            self.capabilities.high()
        });
        out.put_slice(second);
        out.put_u8(0);
        put_zero_ended(out, self.plugin.as_bytes());
    }

    /// Whose server it is.
    #[must_use]
    pub fn vendor(&self) -> Vendor {
        Vendor::of(&self.version)
    }
}

/// The collation to ask a server of `vendor` for when a client asked for `id`: MySQL 8's default, 255
/// (`utf8mb4_0900_ai_ci`), is unknown to MariaDB, which would take the connection's text for latin1.
#[must_use]
pub const fn collation_for(vendor: Vendor, id: u8) -> u8 {
    match (vendor, id) {
        (Vendor::MariaDb, 255) => 45,
        (Vendor::MariaDb | Vendor::MySql, id) => id,
    }
}
