//! What a client is told when the tunnel's other end cannot be reached: an error in its own protocol, which it shows.

use api::database::DatabaseProtocol;

use crate::error::Error;

/// The most bytes of a message: clients of MySQL keep 512 (`MYSQL_ERRMSG_SIZE`), with the zero at its end.
const MAX_WORDS: usize = 500;

/// What is spoken with a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Speech {
    /// A database's protocol.
    Database(DatabaseProtocol),
    /// HTTP.
    Http,
    /// Anything: nothing can be said in it.
    Unknown,
}

/// The first words of a server that refuses at once.
#[must_use]
pub fn refusal(protocol: Speech, error: &Error) -> Vec<u8> {
    let text = error.message();
    let text = text.trim_end().strip_prefix("error: ").unwrap_or_default();
    let end = (0..=text.len().min(MAX_WORDS)).rev().find(|at| text.is_char_boundary(*at));
    let text = text.get(..end.unwrap_or(0)).unwrap_or_default();
    match protocol {
        Speech::Database(DatabaseProtocol::Postgres) => postgres(text),
        Speech::Database(DatabaseProtocol::MySql) => mysql(text),
        Speech::Http => http(text),
        Speech::Unknown => Vec::new(),
    }
}

/// An answer that ends the connection (RFC 9112, section 9.6).
fn http(text: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}\n",
        text.len().saturating_add(1)
    )
    .into_bytes()
}

/// `ErrorResponse` (PostgreSQL documentation, 55.7 "Message Formats") with sqlclient_unable_to_establish_sqlconnection.
fn postgres(text: &str) -> Vec<u8> {
    let (message, hint) = text.split_once("\nhint: ").unwrap_or((text, ""));
    let mut fields = Vec::new();
    for (code, value) in
        [('S', "FATAL"), ('V', "FATAL"), ('C', "08001"), ('M', message), ('H', hint)]
    {
        if !value.is_empty() {
            fields.extend_from_slice(format!("{code}{value}\0").as_bytes());
        }
    }
    fields.push(0);
    let length = u32::try_from(fields.len().saturating_add(4)).unwrap_or(u32::MAX);
    [&b"E"[..], &length.to_be_bytes(), &fields].concat()
}

/// `ERR_Packet` in the place of the greeting (MySQL's documentation, "Connection Phase"): CR_CONNECTION_ERROR's like.
fn mysql(text: &str) -> Vec<u8> {
    // ER_UNKNOWN_ERROR; before the capabilities are agreed on there is no SQLSTATE.
    let payload = [&[0xff][..], &1105_u16.to_le_bytes(), text.as_bytes()].concat();
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    let [low, middle, high, _] = length;
    [&[low, middle, high, 0][..], &payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_protocol_has_its_error() {
        let error = Error::network("cannot reach `gw`").hint("tsh status");
        assert_eq!(
            refusal(Speech::Database(DatabaseProtocol::Postgres), &error),
            b"E\0\0\0\x39SFATAL\0VFATAL\0C08001\0Mcannot reach `gw`\0Htsh status\0\0"
        );
        assert_eq!(
            refusal(Speech::Database(DatabaseProtocol::MySql), &error),
            b"\x25\0\0\0\xff\x51\x04cannot reach `gw`\nhint: tsh status"
        );
    }
}
