//! Which protocol a fresh connection speaks, told from its first bytes.
//!
//! The one port serves several protocols whose clients speak first. Nothing is consumed here.

use crate::{proxy_protocol, route};

/// The longest prefix that has to be seen before every protocol can be told apart.
pub const MAX_PREFIX: usize = 16;

/// PostgreSQL's SSLRequest: length 8 and the code 80877103 (PostgreSQL documentation, 54.2.11).
const POSTGRES_SSL: &[u8] = &[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// PostgreSQL's GSSENCRequest: length 8 and the code 80877104.
const POSTGRES_GSS: &[u8] = &[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30];

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
    /// A PostgreSQL SSLRequest or GSSENCRequest.
    Postgres,
    /// A clear-text HTTP request.
    Http,
    /// None of these.
    Unknown,
}

/// Tells the protocol by `bytes`, the beginning of a connection.
#[must_use]
pub fn sniff(bytes: &[u8]) -> First {
    const CANDIDATES: [(&[u8], First); 11] = [
        (b"SSH-", First::Ssh),
        (route::PREFIX.as_bytes(), First::Route),
        (proxy_protocol::V1_PREFIX, First::ProxyHeader),
        (proxy_protocol::V2_SIGNATURE, First::ProxyHeader),
        (POSTGRES_SSL, First::Postgres),
        (POSTGRES_GSS, First::Postgres),
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
            (POSTGRES_SSL, First::Postgres),
            (POSTGRES_GSS, First::Postgres),
            (b"GET / HTTP/1.1", First::Http),
            (b"\x16\x02", First::Unknown),
            (b"\x00\x00\x00\x09", First::Unknown),
            (b"hello", First::Unknown),
        ] {
            assert_eq!(sniff(bytes), meaning, "{bytes:?}");
        }
    }

    #[test]
    fn every_proper_prefix_asks_for_more_and_the_limit_holds() {
        for whole in
            [&b"SSH-"[..], b"countersign/1 ", b"PROXY ", b"\r\n\r\n\x00\r\nQUIT\n", POSTGRES_SSL]
        {
            assert!(whole.len() <= MAX_PREFIX);
            for end in 0..whole.len() {
                assert_eq!(sniff(&whole[..end]), First::More, "{:?}", &whole[..end]);
            }
        }
    }
}
