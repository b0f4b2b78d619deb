//! Authentication as a client sees it (section 53.2.1): what a server asks for, and the answers.
//!
//! Only words: the cryptography is its reader's.

use super::write::frame;
use super::{Malformed, string, u32_of};

/// SCRAM with SHA-256 (RFC 7677).
pub const SCRAM: &str = "SCRAM-SHA-256";
/// The same, bound to the TLS connection.
pub const SCRAM_PLUS: &str = "SCRAM-SHA-256-PLUS";

/// What a server asks for, or says about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Request<'a> {
    /// He is in.
    Done,
    /// The password itself.
    Cleartext,
    /// MD5 of the password, the user and this salt.
    Md5([u8; 4]),
    /// One of these SASL mechanisms.
    Sasl(Mechanisms<'a>),
    /// More of the mechanism's own.
    Continue(&'a [u8]),
    /// The mechanism's last word.
    Final(&'a [u8]),
    /// Something else, by its number: Kerberos, GSSAPI, SSPI, or what does not exist yet.
    Other(u32),
}

/// Names of SASL mechanisms, each ended by a zero byte, all of them by another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mechanisms<'a>(&'a [u8]);

impl Mechanisms<'_> {
    /// Whether `name` is among them.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        let mut rest = self.0;
        core::iter::from_fn(|| string(&mut rest).filter(|one| !one.is_empty()))
            .any(|one| one == name.as_bytes())
    }
}

/// Reads the body of an Authentication message.
///
/// # Errors
/// On a body that is shorter than its number demands.
pub fn parse(body: &[u8]) -> Result<Request<'_>, Malformed> {
    let bad = |what| Malformed::Body { kind: b'R', what };
    let mut rest = body;
    let number = u32_of(&mut rest).ok_or(bad("it has no code"))?;
    Ok(match number {
        0 => Request::Done,
        3 => Request::Cleartext,
        5 => Request::Md5(rest.try_into().map_err(|_| bad("its salt is not of four bytes"))?),
        10 => Request::Sasl(Mechanisms(rest)),
        11 => Request::Continue(rest),
        12 => Request::Final(rest),
        other => Request::Other(other),
    })
}

/// PasswordMessage. A zero byte ends a password, so none can be in it.
pub fn password(out: &mut Vec<u8>, password: &[u8]) {
    frame(out, b'p', |out| {
        out.extend(password.iter().copied().take_while(|byte| *byte != 0));
        out.push(0);
    });
}

/// SASLInitialResponse.
pub fn sasl_begin(out: &mut Vec<u8>, mechanism: &str, data: &[u8]) {
    frame(out, b'p', |out| {
        out.extend_from_slice(mechanism.as_bytes());
        out.push(0);
        out.extend_from_slice(&u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(data);
    });
}

/// SASLResponse.
pub fn sasl_go_on(out: &mut Vec<u8>, data: &[u8]) {
    frame(out, b'p', |out| out.extend_from_slice(data));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_is_told_by_its_number() {
        assert_eq!(parse(&[0; 4]), Ok(Request::Done));
        assert_eq!(parse(&[0, 0, 0, 3]), Ok(Request::Cleartext));
        assert_eq!(parse(&[0, 0, 0, 5, 1, 2, 3, 4]), Ok(Request::Md5([1, 2, 3, 4])));
        assert_eq!(parse(&[0, 0, 0, 11, 7]), Ok(Request::Continue(&[7])));
        assert_eq!(parse(&[0, 0, 0, 12]), Ok(Request::Final(&[])));
        assert_eq!(parse(&[0, 0, 0, 7]), Ok(Request::Other(7)));
        let Ok(Request::Sasl(offered)) = parse(b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0")
        else {
            panic!("it is SASL");
        };
        assert!(offered.contains(SCRAM) && offered.contains(SCRAM_PLUS));
        assert!(!offered.contains("") && !offered.contains("SCRAM-SHA-1"));
    }

    #[test]
    fn a_request_that_breaks_off_is_malformed() {
        for body in [&b""[..], b"\0\0\0", b"\0\0\0\x05", b"\0\0\0\x05abc", b"\0\0\0\x05abcde"] {
            assert!(parse(body).is_err(), "{body:?}");
        }
        // A list without its end offers what is whole in it.
        let Ok(Request::Sasl(offered)) = parse(b"\0\0\0\x0aA\0SCRAM-SHA-256") else {
            panic!("it is SASL");
        };
        assert!(offered.contains("A") && !offered.contains(SCRAM));
    }

    #[test]
    fn answers_are_framed() {
        let mut out = Vec::new();
        password(&mut out, b"se\0cret");
        sasl_begin(&mut out, SCRAM, b"n,,");
        sasl_go_on(&mut out, b"c=biws");
        let mut want = b"p\0\0\0\x07se\0".to_vec();
        want.extend_from_slice(b"p\0\0\0\x19SCRAM-SHA-256\0\0\0\0\x03n,,");
        want.extend_from_slice(b"p\0\0\0\x0ac=biws");
        assert_eq!(out, want);
    }
}
