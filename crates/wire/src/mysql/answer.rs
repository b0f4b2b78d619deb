//! OK, ERR, EOF, AuthSwitchRequest and AuthMoreData: what a server answers in one packet.

use bytes::{BufMut, BytesMut};

use super::capability::Capabilities;
use super::cursor::{Cursor, Malformed, put_lenenc, put_zero_ended, text};

/// AuthMoreData of `caching_sha2_password`: the password was known, an OK packet follows.
pub const FAST_AUTH_SUCCESS: u8 = 3;

/// First bytes of packets.
pub(super) const OK: u8 = 0x00;
pub(super) const MORE_DATA: u8 = 0x01;
pub(super) const LOCAL_INFILE: u8 = 0xfb;
pub(super) const EOF: u8 = 0xfe;
pub(super) const ERR: u8 = 0xff;

/// An EOF packet has fewer bytes than this; a row that begins with the same byte has more.
pub(super) const EOF_LIMIT: usize = 9;
/// MariaDB's progress report is an error packet with this code, and ends nothing.
pub(super) const PROGRESS: u16 = 0xffff;
/// `SESSION_TRACK_SCHEMA`: the database has changed.
const TRACK_SCHEMA: u8 = 1;

/// Status flags of a connection.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Status(pub u16);

impl Status {
    /// A transaction is open.
    pub const IN_TRANSACTION: Self = Self(0x0001);
    /// Statements commit by themselves.
    pub const AUTOCOMMIT: Self = Self(0x0002);
    /// Another result follows this one.
    pub const MORE_RESULTS: Self = Self(0x0008);
    /// Rows are to be fetched.
    pub const CURSOR_EXISTS: Self = Self(0x0040);
    /// A backslash in a string is nothing special (NO_BACKSLASH_ESCAPES).
    pub const NO_BACKSLASH_ESCAPES: Self = Self(0x0200);
    /// Changes of the session's state follow.
    pub const STATE_CHANGED: Self = Self(0x4000);

    /// Whether all flags of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// An OK packet, as far as it was seen.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Ok<'a> {
    /// Rows affected.
    pub affected: u64,
    /// The last generated id.
    pub last_id: u64,
    /// Status flags.
    pub status: Status,
    /// How many warnings there are.
    pub warnings: u16,
    /// The database that is now the default one, if this statement has changed it and the server says so.
    pub schema: Option<&'a [u8]>,
}

impl<'a> Ok<'a> {
    /// Reads the payload of an OK packet, behind its first byte or with it. The tail may be missing: a relay sees
    /// the head only.
    ///
    /// # Errors
    /// When the numbers break off.
    pub fn read(payload: &'a [u8], capabilities: Capabilities) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(payload);
        cursor.u8("OK")?;
        let affected = cursor.lenenc("affected rows")?;
        let last_id = cursor.lenenc("the last id")?;
        let status = Status(cursor.u16("the status")?);
        let warnings = cursor.u16("warnings")?;
        let mut ok = Self { affected, last_id, status, warnings, schema: None };
        if capabilities.contains(Capabilities::SESSION_TRACK)
            && status.contains(Status::STATE_CHANGED)
        {
            ok.schema = tracked(&mut cursor);
        }
        Result::Ok(ok)
    }
}

/// The database in the changes of a session's state.
fn tracked<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    cursor.lenenc_bytes("the message").ok()?;
    let mut changes = Cursor::new(cursor.lenenc_bytes("state changes").ok()?);
    let mut schema = None;
    while !changes.is_empty() {
        let kind = changes.u8("a state change").ok()?;
        let change = changes.lenenc_bytes("a state change").ok()?;
        if kind == TRACK_SCHEMA {
            schema = Some(Cursor::new(change).lenenc_bytes("the database").ok()?);
        }
    }
    schema
}

/// An ERR packet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServerError {
    /// The vendor's number.
    pub code: u16,
    /// The SQLSTATE; `HY000` where none was said.
    pub state: [u8; 5],
    /// The words, as far as they were seen; what is not UTF-8 is replaced.
    pub message: Box<str>,
}

impl ServerError {
    /// Reads the payload of an ERR packet, its first byte included.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(payload: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(payload);
        if cursor.u8("an error")? != ERR {
            return Err(Malformed { what: "an error", at: 0 });
        }
        let code = cursor.u16("the error's number")?;
        let mut state = *b"HY000";
        if cursor.rest().first() == Some(&b'#') {
            cursor.u8("the SQLSTATE")?;
            state = cursor.array("the SQLSTATE")?;
        }
        let message = String::from_utf8_lossy(cursor.rest()).into();
        Result::Ok(Self { code, state, message })
    }

    /// The SQLSTATE as text.
    #[must_use]
    pub fn sqlstate(&self) -> &str {
        core::str::from_utf8(&self.state).unwrap_or("HY000")
    }
}

/// AuthSwitchRequest: go on with another plugin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AuthSwitch<'a> {
    /// Its name.
    pub plugin: &'a str,
    /// What it begins with; the zero that ends a scramble is taken off.
    pub data: &'a [u8],
}

impl AuthSwitch<'_> {
    /// Writes its payload.
    pub fn put(&self, out: &mut BytesMut) {
        out.put_u8(EOF);
        put_zero_ended(out, self.plugin.as_bytes());
        out.put_slice(self.data);
        out.put_u8(0);
    }
}

/// What a server says while it authenticates a client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer<'a> {
    /// He is in.
    Ok(Ok<'a>),
    /// He is not.
    Error(ServerError),
    /// Another plugin.
    Switch(AuthSwitch<'a>),
    /// More of the plugin's own.
    More(&'a [u8]),
}

impl<'a> Answer<'a> {
    /// Reads the payload of a server's packet during authentication.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn read(payload: &'a [u8], capabilities: Capabilities) -> Result<Self, Malformed> {
        match payload {
            [OK, ..] => Ok::read(payload, capabilities).map(Self::Ok),
            [ERR, ..] => ServerError::read(payload).map(Self::Error),
            [MORE_DATA, data @ ..] => Result::Ok(Self::More(data)),
            // Before there were plugins: the password of 3.23, which nobody may be asked for any more.
            [EOF] => Err(Malformed { what: "a plugin's name", at: 1 }),
            [EOF, rest @ ..] => {
                let mut cursor = Cursor::new(rest);
                let plugin = text(cursor.zero_ended("a plugin's name")?, "a plugin's name", 1)?;
                let data = cursor.rest();
                let data = data.strip_suffix(&[0]).unwrap_or(data);
                Result::Ok(Self::Switch(AuthSwitch { plugin, data }))
            }
            _ => Err(Malformed { what: "an answer to the authentication", at: 0 }),
        }
    }
}

/// Writes the payload of an OK packet with nothing in it but `status`.
pub fn put_ok(out: &mut BytesMut, status: Status) {
    out.put_u8(OK);
    put_lenenc(out, 0);
    put_lenenc(out, 0);
    out.put_u16_le(status.0);
    out.put_u16_le(0);
}

/// Writes the payload of an ERR packet.
pub fn put_error(out: &mut BytesMut, code: u16, state: &[u8; 5], message: &str) {
    out.put_u8(ERR);
    out.put_u16_le(code);
    out.put_u8(b'#');
    out.put_slice(state);
    out.put_slice(message.as_bytes());
}

/// Writes the payload of AuthMoreData.
pub fn put_more_data(out: &mut BytesMut, data: &[u8]) {
    out.put_u8(MORE_DATA);
    out.put_slice(data);
}
