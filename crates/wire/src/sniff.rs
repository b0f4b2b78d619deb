//! Which protocol a fresh connection speaks, told from its first bytes.
//!
//! The one port serves several protocols whose clients speak first. Nothing is consumed here.

use crate::postgres::startup;
use crate::{proxy_protocol, route};

/// The longest prefix that has to be seen before every protocol can be told apart.
pub const MAX_PREFIX: usize = 16;

/// What the first bytes of a connection mean.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum First {
    /// Too few bytes to tell: read more.
    More,
    /// A TLS record of type handshake (RFC 8446, section 5.1).
    Tls,
    /// An SSH identification string (RFC 4253, section 4.2).
    Ssh,
    /// Our own routing line, see [`route`].
    Route,
    /// A PROXY protocol header, version 1 or 2.
    ProxyHeader,
    /// A first packet of PostgreSQL's, of whichever kind.
    Postgres,
    /// A clear-text HTTP request.
    Http,
    /// None of these.
    Unknown,
}

/// Tells the protocol by `bytes`, the beginning of a connection.
#[must_use]
pub fn sniff(bytes: &[u8]) -> First {
    const CANDIDATES: [(&[u8], First); 9] = [
        (b"SSH-", First::Ssh),
        (route::PREFIX.as_bytes(), First::Route),
        (proxy_protocol::V1_PREFIX, First::ProxyHeader),
        (proxy_protocol::V2_SIGNATURE, First::ProxyHeader),
        (b"GET ", First::Http),
        (b"POST ", First::Http),
        (b"HEAD ", First::Http),
        (b"PUT ", First::Http),
        (b"OPTIONS ", First::Http),
    ];
    // A handshake record, legacy version 3.x. One byte is enough to know it is none of the others.
    match bytes {
        [] | [0x16] => return First::More,
        [0x16, 0x03, ..] => return First::Tls,
        // The length of PostgreSQL's first packets has two bytes; the packet's code follows it.
        [0, ..] => {
            return match startup::parse(bytes) {
                Ok(None) if bytes.len() < 8 => First::More,
                Ok(_) => First::Postgres,
                Err(error) if error.is_foreign() => First::Unknown,
                Err(_) => First::Postgres,
            };
        }
        _ => {}
    }
    for (prefix, meaning) in CANDIDATES {
        if bytes.starts_with(prefix) {
            return meaning;
        }
    }
    if CANDIDATES.iter().any(|(prefix, _)| prefix.starts_with(bytes)) {
        return First::More;
    }
    First::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_protocol_is_told_by_its_first_bytes() {
        for (bytes, meaning) in [
            (&b"SSH-2.0-OpenSSH_9.2"[..], First::Ssh),
            (b"countersign/1 ssh db-box\n", First::Route),
            (b"\x16\x03\x01\x02\x00", First::Tls),
            (b"PROXY TCP4 ", First::ProxyHeader),
            (b"\r\n\r\n\x00\r\nQUIT\n\x21", First::ProxyHeader),
            (&startup::SSL_REQUEST, First::Postgres),
            (&startup::GSS_REQUEST, First::Postgres),
            (b"\0\0\0\x29\0\x03\0\0user\0", First::Postgres),
            (b"\0\0\0\x10\x04\xd2\x16\x2e", First::Postgres),
            (b"\0\0\0\x09\0\x02\0\0", First::Postgres),
            (b"GET / HTTP/1.1", First::Http),
            (b"\x16\x02", First::Unknown),
            (b"\0\0\0\x07", First::Unknown),
            (b"\0\x01\0\x09", First::Unknown),
            (b"\0\0\0\x09\x01\x02\0\0", First::Unknown),
            (b"hello", First::Unknown),
        ] {
            assert_eq!(sniff(bytes), meaning, "{bytes:?}");
        }
    }

    #[test]
    fn every_proper_prefix_asks_for_more_and_the_limit_holds() {
        for whole in [
            &b"SSH-"[..],
            b"countersign/1 ",
            b"PROXY ",
            b"\r\n\r\n\x00\r\nQUIT\n",
            &startup::SSL_REQUEST,
        ] {
            assert!(whole.len() <= MAX_PREFIX);
            for end in 0..whole.len() {
                assert_eq!(sniff(&whole[..end]), First::More, "{:?}", &whole[..end]);
            }
        }
    }
}
