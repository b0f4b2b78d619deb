//! The packets before the first frame: what a client may begin with (section 53.7, "StartupMessage", "SSLRequest",
//! "GSSENCRequest", "CancelRequest").
//!
//! ```text
//!   length u32 (itself included) · code u32 · the rest
//! ```

use core::fmt;

use super::{string, u32_of};

/// The longest first packet, in bytes, its length included (PostgreSQL's `MAX_STARTUP_PACKET_LENGTH`).
pub const MAX_PACKET: usize = 10_000;
/// The most parameters of a start-up message.
pub const MAX_PARAMETERS: usize = 128;
/// SSLRequest, whole.
pub const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// GSSENCRequest, whole.
pub const GSS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30];
/// The lengths of a cancel key's secret: four bytes in protocol 3.0, up to 256 since 3.2.
pub const SECRET: core::ops::RangeInclusive<usize> = 4..=256;
/// The highest minor version of protocol 3 that is known here.
pub const NEWEST_MINOR: u16 = 2;
/// What the names of protocol options begin with.
pub const OPTION_PREFIX: &str = "_pq_.";

const CANCEL: u32 = 80_877_102;
const SSL: u32 = 80_877_103;
const GSS: u32 = 80_877_104;

/// What a client begins with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Opening {
    /// It asks for TLS: one byte answers, `S` or `N`.
    Ssl,
    /// It asks for GSSAPI encryption: one byte answers, `G` or `N`.
    Gss,
    /// It asks to cancel what another connection does. There is no answer.
    Cancel(CancelKey),
    /// It wants a session.
    Startup(Startup),
}

/// Names a backend, and proves the right to cancel what it does.
#[derive(Clone, Eq, PartialEq)]
pub struct CancelKey {
    /// The backend's process, as it said.
    pub process: u32,
    /// Compare it in constant time.
    pub secret: Box<[u8]>,
}

impl fmt::Debug for CancelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelKey").field("process", &self.process).field("secret", &"***").finish()
    }
}

impl CancelKey {
    /// The CancelRequest that carries this key.
    #[must_use]
    pub fn request(&self) -> Vec<u8> {
        let mut packet = Vec::with_capacity(self.secret.len().saturating_add(12));
        let length = u32::try_from(self.secret.len().saturating_add(12)).unwrap_or(u32::MAX);
        packet.extend_from_slice(&length.to_be_bytes());
        packet.extend_from_slice(&CANCEL.to_be_bytes());
        packet.extend_from_slice(&self.process.to_be_bytes());
        packet.extend_from_slice(&self.secret);
        packet
    }
}

/// A StartupMessage. Values may be anything a client likes: its `Debug` shows the names only.
#[derive(Clone, Eq, PartialEq)]
pub struct Startup {
    /// The minor version of protocol 3 that is asked for.
    pub minor: u16,
    parameters: Parameters,
}

/// Names and values in the client's order.
type Parameters = Vec<(Box<str>, Box<str>)>;

impl fmt::Debug for Startup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.parameters.iter().map(|(name, _)| &**name).collect();
        f.debug_struct("Startup").field("minor", &self.minor).field("names", &names).finish()
    }
}

impl Startup {
    /// A start-up message of protocol 3.0 for `user` and `database`.
    #[must_use]
    pub fn new(user: &str, database: &str) -> Self {
        let parameters = vec![("user".into(), user.into()), ("database".into(), database.into())];
        Self { minor: 0, parameters }
    }

    /// The value of a parameter. Of several the last counts, as PostgreSQL has it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().rfind(|(n, _)| &**n == name).map(|(_, value)| &**value)
    }

    /// Gives a parameter this value and no other.
    pub fn set(&mut self, name: &str, value: &str) {
        self.parameters.retain(|(n, _)| &**n != name);
        self.parameters.push((name.into(), value.into()));
    }

    /// Takes a parameter away.
    pub fn remove(&mut self, name: &str) {
        self.parameters.retain(|(n, _)| &**n != name);
    }

    /// All parameters in the client's order.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The database user.
    #[must_use]
    pub fn user(&self) -> &str {
        self.get("user").unwrap_or_default()
    }

    /// The database: the user's name where none is named, as PostgreSQL has it.
    #[must_use]
    pub fn database(&self) -> &str {
        self.get("database").filter(|name| !name.is_empty()).unwrap_or_else(|| self.user())
    }

    /// Whether a replication connection is asked for: any value but a false one (PostgreSQL's `parse_bool`).
    #[must_use]
    pub fn wants_replication(&self) -> bool {
        self.get("replication").is_some_and(|value| {
            !["0", "f", "fa", "fal", "fals", "false", "n", "no", "of", "off"]
                .contains(&value.to_ascii_lowercase().as_str())
        })
    }

    /// The message as bytes.
    #[must_use]
    pub fn packet(&self) -> Vec<u8> {
        let mut packet = vec![0; 4];
        packet.extend_from_slice(&[0, 3]);
        packet.extend_from_slice(&self.minor.to_be_bytes());
        for (name, value) in &self.parameters {
            for text in [name, value] {
                packet.extend_from_slice(text.as_bytes());
                packet.push(0);
            }
        }
        packet.push(0);
        let length = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        if let Some(place) = packet.first_chunk_mut::<4>() {
            *place = length.to_be_bytes();
        }
        packet
    }
}

/// Why a first packet was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StartupError {
    /// A length that no first packet has.
    #[error("the first packet claims a length of {0} bytes; {MAX_PACKET} are the most")]
    Length(u32),
    /// A code or a major version we do not know.
    #[error("unsupported frontend protocol {major}.{minor}: 3.0 to 3.{NEWEST_MINOR} are spoken")]
    Version {
        /// The upper half of the code.
        major: u16,
        /// The lower half.
        minor: u16,
    },
    /// A request for encryption that is longer than one.
    #[error("a request for encryption has a body")]
    Request,
    /// A cancel key that is too short or too long.
    #[error("a cancel key has {0} bytes of secret; 4 to 256 are possible")]
    Secret(usize),
    /// No end, or bytes after it.
    #[error("the start-up message does not end with a zero byte")]
    End,
    /// The bytes at this offset are no UTF-8.
    #[error("the start-up message is not UTF-8 at offset {0}")]
    Text(usize),
    /// More than [`MAX_PARAMETERS`].
    #[error("the start-up message has more than {MAX_PARAMETERS} parameters")]
    Many,
    /// No `user`.
    #[error("the start-up message names no user")]
    NoUser,
}

impl StartupError {
    /// Whether the packet is so far from any of PostgreSQL's that its sender does not speak it: one who asks for
    /// another version should be told which are spoken, anyone else should not be answered.
    #[must_use]
    pub const fn is_foreign(self) -> bool {
        match self {
            Self::Length(_) => true,
            Self::Version { major, .. } => major > 4,
            Self::Request
            | Self::Secret(_)
            | Self::End
            | Self::Text(_)
            | Self::Many
            | Self::NoUser => false,
        }
    }
}

/// Reads the packet at the beginning of `bytes`. `None` means that its end has not been seen yet; otherwise what it
/// says and the number of bytes it took.
///
/// # Errors
/// See [`StartupError`]; nothing more need be read after one.
pub fn parse(bytes: &[u8]) -> Result<Option<(Opening, usize)>, StartupError> {
    let mut rest = bytes;
    let Some(claimed) = u32_of(&mut rest) else { return Ok(None) };
    let length = usize::try_from(claimed).unwrap_or(usize::MAX);
    if !(8..=MAX_PACKET).contains(&length) {
        return Err(StartupError::Length(claimed));
    }
    let Some(code) = u32_of(&mut rest) else { return Ok(None) };
    let body = bytes.get(8..length);
    let opening = match code {
        SSL | GSS if length != 8 => return Err(StartupError::Request),
        SSL => Opening::Ssl,
        GSS => Opening::Gss,
        CANCEL => {
            let secret = length.saturating_sub(12);
            if length < 12 || !SECRET.contains(&secret) {
                return Err(StartupError::Secret(secret));
            }
            let Some((process, secret)) = body.and_then(|body| body.split_first_chunk()) else {
                return Ok(None);
            };
            Opening::Cancel(CancelKey {
                process: u32::from_be_bytes(*process),
                secret: secret.into(),
            })
        }
        _ => {
            let [a, b, c, d] = code.to_be_bytes();
            let (major, minor) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            if major != 3 {
                return Err(StartupError::Version { major, minor });
            }
            let Some(body) = body else { return Ok(None) };
            Opening::Startup(Startup { minor, parameters: parameters(body)? })
        }
    };
    Ok(Some((opening, length)))
}

fn parameters(body: &[u8]) -> Result<Parameters, StartupError> {
    let mut rest = body;
    let mut parameters = Parameters::new();
    loop {
        let name = text(body, &mut rest)?;
        if name.is_empty() {
            break;
        }
        if parameters.len() >= MAX_PARAMETERS {
            return Err(StartupError::Many);
        }
        let value = text(body, &mut rest)?;
        parameters.push((name.into(), value.into()));
    }
    if !rest.is_empty() {
        return Err(StartupError::End);
    }
    let named = parameters.iter().any(|(name, value)| &**name == "user" && !value.is_empty());
    if named { Ok(parameters) } else { Err(StartupError::NoUser) }
}

fn text<'a>(body: &[u8], rest: &mut &'a [u8]) -> Result<&'a str, StartupError> {
    let begin = body.len().saturating_sub(rest.len());
    let bytes = string(rest).ok_or(StartupError::End)?;
    core::str::from_utf8(bytes)
        .map_err(|e| StartupError::Text(begin.saturating_add(e.valid_up_to()).saturating_add(8)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn startup() -> Startup {
        let mut startup = Startup::new("app", "orders");
        startup.set("application_name", "psql");
        startup
    }

    #[test]
    fn every_opening_is_read_as_it_was_written_whatever_follows_and_wherever_it_is_cut() {
        let short = CancelKey { process: 7, secret: Box::new([1, 2, 3, 4]) };
        let long = CancelKey { process: u32::MAX, secret: vec![9; 256].into() };
        for (mut bytes, meaning) in [
            (SSL_REQUEST.to_vec(), Opening::Ssl),
            (GSS_REQUEST.to_vec(), Opening::Gss),
            (short.request(), Opening::Cancel(short)),
            (long.request(), Opening::Cancel(long)),
            (startup().packet(), Opening::Startup(startup())),
        ] {
            let length = bytes.len();
            bytes.extend_from_slice(b"Q\0\0\0\x05\0");
            assert_eq!(parse(&bytes), Ok(Some((meaning, length))));
            for end in 0..length {
                assert_eq!(parse(&bytes[..end]), Ok(None), "cut at {end}");
            }
        }
    }

    #[test]
    fn a_database_that_is_not_named_is_the_users() {
        let mut startup = startup();
        assert_eq!((startup.user(), startup.database()), ("app", "orders"));
        startup.remove("database");
        assert_eq!(startup.database(), "app");
        startup.set("database", "");
        assert_eq!(startup.database(), "app");
    }

    #[test]
    fn replication_is_anything_but_a_false_value() {
        for (value, wanted) in [
            ("true", true),
            ("database", true),
            ("1", true),
            ("", true),
            ("off", false),
            ("No", false),
        ] {
            let mut startup = startup();
            assert!(!startup.wants_replication());
            startup.set("replication", value);
            assert_eq!(startup.wants_replication(), wanted, "{value}");
        }
    }

    fn packet(code: u32, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 8).unwrap();
        [&length.to_be_bytes()[..], &code.to_be_bytes(), body].concat()
    }

    #[test]
    fn what_is_wrong_is_said() {
        const V3: u32 = 3 << 16;
        let many = [&b"user\0a\0"[..], &b"a\0b\0".repeat(MAX_PARAMETERS), b"\0"].concat();
        for (bytes, error) in [
            (vec![0xff; 8], StartupError::Length(u32::MAX)),
            (vec![0, 0, 0, 7], StartupError::Length(7)),
            (packet(2 << 16, b""), StartupError::Version { major: 2, minor: 0 }),
            (packet(SSL, b"x"), StartupError::Request),
            (packet(CANCEL, b""), StartupError::Secret(0)),
            (packet(CANCEL, b"pid3"), StartupError::Secret(0)),
            (packet(CANCEL, b"\0\0\0\x01abc"), StartupError::Secret(3)),
            (packet(CANCEL, &[0; 261]), StartupError::Secret(257)),
            (packet(V3, b"user\0app"), StartupError::End),
            (packet(V3, b"user\0app\0\0x"), StartupError::End),
            (packet(V3, b"user\0a\xff\0\0"), StartupError::Text(14)),
            (packet(V3, b"database\0app\0\0"), StartupError::NoUser),
            (packet(V3, b""), StartupError::End),
            (packet(V3, &many), StartupError::Many),
        ] {
            assert_eq!(parse(&bytes), Err(error), "{bytes:?}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let key = CancelKey { process: 7, secret: Box::new(*b"hunter2!") };
        assert_eq!(format!("{key:?}"), "CancelKey { process: 7, secret: \"***\" }");
        let mut startup = startup();
        startup.set("options", "hunter2");
        assert!(!format!("{startup:?}").contains("hunter2"));
    }
}
