//! The PROXY protocol, versions 1 and 2: a load balancer says where a connection really came from.
//!
//! Source: `proxy-protocol.txt` by W. Tarreau, sections 2.1 (text) and 2.2 (binary). Only the source
//! address is kept; TLVs are skipped. Who may send such a header is for the caller to decide.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// How version 1 begins.
pub const V1_PREFIX: &[u8] = b"PROXY ";
/// How version 2 begins.
pub const V2_SIGNATURE: &[u8] = b"\r\n\r\n\x00\r\nQUIT\n";
/// The longest line of version 1, CR LF included (section 2.1).
const V1_MAX: usize = 107;
/// The longest body of version 2 that we read; addresses take 36 bytes, the rest are TLVs.
const V2_MAX_BODY: usize = 1024;

/// A header that was read whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// Where the connection came from; `None` for health checks of the balancer itself (`LOCAL`, `UNKNOWN`).
    pub source: Option<SocketAddr>,
    /// How many bytes the header took.
    pub len: usize,
}

/// Why a header was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HeaderError {
    /// Neither version.
    #[error("not a PROXY protocol header")]
    Signature,
    /// The header is longer than the protocol or our limit allows.
    #[error("the PROXY protocol header is too long")]
    TooLong,
    /// A field is malformed.
    #[error("the PROXY protocol header has a malformed {0}")]
    Field(&'static str),
}

/// Reads the header at the beginning of `bytes`; `None` means that more bytes are needed.
///
/// # Errors
/// When the bytes can not become a header any more.
pub fn parse(bytes: &[u8]) -> Result<Option<Header>, HeaderError> {
    if bytes.starts_with(V2_SIGNATURE) {
        binary(bytes)
    } else if bytes.starts_with(V1_PREFIX) {
        text(bytes)
    } else if V2_SIGNATURE.starts_with(bytes) || V1_PREFIX.starts_with(bytes) {
        Ok(None)
    } else {
        Err(HeaderError::Signature)
    }
}

fn text(bytes: &[u8]) -> Result<Option<Header>, HeaderError> {
    let window = bytes.get(..V1_MAX).unwrap_or(bytes);
    let Some(end) = window.windows(2).position(|pair| pair == b"\r\n") else {
        return if bytes.len() >= V1_MAX { Err(HeaderError::TooLong) } else { Ok(None) };
    };
    let line = core::str::from_utf8(window.get(..end).unwrap_or_default())
        .map_err(|_| HeaderError::Field("line"))?;
    let len = end.saturating_add(2);
    let mut words = line.split(' ').skip(1);
    let family = words.next().unwrap_or_default();
    if family == "UNKNOWN" {
        return Ok(Some(Header { source: None, len }));
    }
    let source = words.next().unwrap_or_default();
    let ip = match family {
        "TCP4" => source.parse::<Ipv4Addr>().map(IpAddr::V4),
        "TCP6" => source.parse::<Ipv6Addr>().map(IpAddr::V6),
        _ => return Err(HeaderError::Field("family")),
    }
    .map_err(|_| HeaderError::Field("source address"))?;
    let _destination: IpAddr = words
        .next()
        .and_then(|word| word.parse().ok())
        .ok_or(HeaderError::Field("destination address"))?;
    let port =
        words.next().and_then(|word| word.parse().ok()).ok_or(HeaderError::Field("source port"))?;
    Ok(Some(Header { source: Some(SocketAddr::new(ip, port)), len }))
}

fn binary(bytes: &[u8]) -> Result<Option<Header>, HeaderError> {
    let Some(&[command, family, high, low]) = bytes.get(12..16).and_then(|b| b.first_chunk())
    else {
        return Ok(None);
    };
    let body_len = usize::from(u16::from_be_bytes([high, low]));
    if command >> 4 != 2 {
        return Err(HeaderError::Field("version"));
    }
    if body_len > V2_MAX_BODY {
        return Err(HeaderError::TooLong);
    }
    let len = body_len.saturating_add(16);
    let Some(body) = bytes.get(16..len) else { return Ok(None) };
    let local = match command & 0x0f {
        0 => true,
        1 => false,
        _ => return Err(HeaderError::Field("command")),
    };
    if local {
        return Ok(Some(Header { source: None, len }));
    }
    let short = HeaderError::Field("address length");
    let source = match family {
        0x11 => {
            let ip: [u8; 4] = *body.first_chunk().ok_or(short)?;
            let port: [u8; 2] = *body.get(8..).and_then(|b| b.first_chunk()).ok_or(short)?;
            body.get(..12).ok_or(short)?;
            Some(SocketAddr::new(Ipv4Addr::from(ip).into(), u16::from_be_bytes(port)))
        }
        0x21 => {
            let ip: [u8; 16] = *body.first_chunk().ok_or(short)?;
            let port: [u8; 2] = *body.get(32..).and_then(|b| b.first_chunk()).ok_or(short)?;
            body.get(..36).ok_or(short)?;
            Some(SocketAddr::new(Ipv6Addr::from(ip).into(), u16::from_be_bytes(port)))
        }
        0x00 => None,
        _ => return Err(HeaderError::Field("family")),
    };
    Ok(Some(Header { source, len }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn version_1_gives_the_source() {
        let line = b"PROXY TCP4 192.0.2.7 198.51.100.1 5124 443\r\nSSH-2.0";
        assert_eq!(
            parse(line),
            Ok(Some(Header { source: Some("192.0.2.7:5124".parse().unwrap()), len: 44 }))
        );
        assert_eq!(parse(b"PROXY UNKNOWN\r\n"), Ok(Some(Header { source: None, len: 15 })));
        assert_eq!(parse(b"PROXY TCP4 x y 1 2\r\n"), Err(HeaderError::Field("source address")));
        assert_eq!(parse(b"PROXY TCP4 1.2.3.4"), Ok(None));
        assert_eq!(
            parse(&[b"PROXY ".as_slice(), &[b'1'; 120]].concat()),
            Err(HeaderError::TooLong)
        );
    }

    #[test]
    fn version_2_gives_the_source_and_skips_what_follows() {
        let mut bytes = V2_SIGNATURE.to_vec();
        bytes.extend([
            0x21, 0x11, 0, 15, 192, 0, 2, 7, 198, 51, 100, 1, 0x14, 0x04, 1, 0xbb, 4, 0, 0,
        ]);
        let whole = bytes.len();
        bytes.extend(b"rest");
        assert_eq!(
            parse(&bytes),
            Ok(Some(Header { source: Some("192.0.2.7:5124".parse().unwrap()), len: whole }))
        );
        for end in 0..whole {
            assert_eq!(parse(&bytes[..end]), Ok(None));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_no_header_is_longer_than_its_bytes(
            version in 0..3usize, tail in prop::collection::vec(any::<u8>(), 0..200)
        ) {
            let start = [&b""[..], V1_PREFIX, V2_SIGNATURE][version];
            let bytes = [start, &tail].concat();
            if let Ok(Some(header)) = parse(&bytes) {
                prop_assert!(header.len <= bytes.len());
            }
        }
    }
}
