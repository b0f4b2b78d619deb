//! The client/server protocol of MySQL and MariaDB, as a relay needs it.
//!
//! ```text
//!   frame       3-byte length, sequence number, payload; a payload of 2^24-1 bytes is continued in the next frame
//!   greeting, response, answer    the handshake: HandshakeV10, SSLRequest, HandshakeResponse41, OK, ERR, AuthSwitch
//!   command     what a client sends, one packet each, told apart by its first byte
//!   reply       what a server answers, walked in place: rows are counted, never decoded
//!   execute     the values of a prepared statement's execution
//! ```
//!
//! Written by hand and not over `mysql_common`: that crate decodes each packet into values of its own, and brings
//! serde, randomness and decompression with it, which this crate must not have. A relay passes rows on as they came;
//! it looks at the head of a packet and at nothing else, so a packet cut at any byte costs a small buffer and a packet
//! in one piece costs nothing.
//!
//! Sources: MySQL's "Client/Server Protocol" (MySQL Source Code Documentation) and MariaDB's "Clients & Servers Protocol"
//! (MariaDB Knowledge Base); both vendors' servers where these are silent.

mod answer;
mod capability;
mod command;
mod cursor;
mod execute;
mod frame;
mod greeting;
mod reply;
mod response;
pub mod script;
#[cfg(test)]
mod tests;

pub use answer::{
    Answer, AuthSwitch, FAST_AUTH_SUCCESS, Ok as OkPacket, ServerError, Status, put_error,
    put_more_data, put_ok,
};
pub use capability::Capabilities;
pub use command::{Command, Commands, Front, MAX_TEXT, MAX_VALUES, Shape};
pub use cursor::Malformed;
pub use execute::{Parameters, Value};
pub use frame::{HEADER, Header, MAX_FRAME, Packet, TooLong, put_packet, take};
pub use greeting::{Greeting, SCRAMBLE, Vendor, collation_for};
pub use reply::{Begun, Event, Outcome, Replies};
pub use response::{Attributes, Response, ssl_request};

/// The longest packet of a handshake, in bytes: names, an answer and connection attributes. A client that sends
/// more before it is known gets no further.
pub const MAX_HANDSHAKE: usize = 16 * 1024;

/// Names of password plugins, as both sides write them.
pub mod plugin {
    /// MySQL's default since 8.0.
    pub const CACHING_SHA2: &str = "caching_sha2_password";
    /// The password itself. Only inside TLS.
    pub const CLEAR: &str = "mysql_clear_password";
    /// MariaDB's Ed25519.
    pub const ED25519: &str = "client_ed25519";
    /// MySQL's default before 8.0 and MariaDB's today.
    pub const NATIVE: &str = "mysql_native_password";
}
