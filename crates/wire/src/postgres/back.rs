//! What databases send (section 53.7, "B"), as far as it matters to whoever stands between.

use super::startup::{CancelKey, SECRET};
use super::walk::Frame;
use super::{Malformed, string, u32_of};

/// Bytes of an error that are looked at: its SQLSTATE and message come first.
pub const MAX_ERROR: usize = 8 * 1024;
/// Bytes of a command tag (PostgreSQL's `COMPLETION_TAG_BUFSIZE`).
pub const MAX_TAG: usize = 64;

/// How many bytes of a body must be seen before [`parse`] can tell what it says.
#[must_use]
pub const fn hold(kind: u8) -> usize {
    match kind {
        b'C' => MAX_TAG,
        b'E' => MAX_ERROR,
        b'K' => 4 + *SECRET.end(),
        b'Z' => 1,
        b'R' => 4,
        _ => 0,
    }
}

/// What a database sends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Back<'a> {
    /// A row, copied data, or a description of either: part of an answer, never its end.
    Data,
    /// What may come at any time: NoticeResponse, NotificationResponse, ParameterStatus.
    Aside,
    /// Authentication, with its code.
    Authentication(u32),
    /// NegotiateProtocolVersion.
    Negotiate,
    /// BackendKeyData.
    Key(CancelKey),
    /// ParseComplete.
    Parsed,
    /// BindComplete.
    Bound,
    /// CloseComplete.
    Closed,
    /// RowDescription or NoData: ends the answer to Describe, and begins rows elsewhere.
    Described,
    /// CopyInResponse: data is expected from the client.
    CopyIn,
    /// CopyOutResponse.
    CopyOut,
    /// CopyBothResponse: replication only.
    CopyBoth,
    /// CommandComplete with its tag: `SELECT 5`.
    Complete(&'a [u8]),
    /// EmptyQueryResponse.
    Empty,
    /// PortalSuspended: more rows are there.
    Suspended,
    /// ErrorResponse.
    Error(Fields<'a>),
    /// ReadyForQuery.
    Ready(Status),
}

/// Where a session stands with its transaction.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Status {
    /// In none.
    #[default]
    Idle,
    /// In one.
    Open,
    /// In one that has failed: only its end is taken.
    Failed,
}

impl Status {
    /// As ReadyForQuery writes it.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Idle => b'I',
            Self::Open => b'T',
            Self::Failed => b'E',
        }
    }
}

/// The fields of an ErrorResponse or NoticeResponse (section 53.8), as far as they were seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The fields in `body`, the body of an ErrorResponse or NoticeResponse or its beginning.
    #[must_use]
    pub const fn of(body: &'a [u8]) -> Self {
        Self(body)
    }

    /// The field of this type.
    #[must_use]
    pub fn get(&self, field: u8) -> Option<&'a [u8]> {
        let mut rest = self.0;
        loop {
            let (kind, after) = rest.split_first().filter(|(kind, _)| **kind != 0)?;
            rest = after;
            let value = string(&mut rest)?;
            if *kind == field {
                return Some(value);
            }
        }
    }

    /// The SQLSTATE; empty when there is none.
    #[must_use]
    pub fn sqlstate(&self) -> &'a [u8] {
        self.get(b'C').unwrap_or_default()
    }

    /// The message; empty when there is none.
    #[must_use]
    pub fn message(&self) -> &'a [u8] {
        self.get(b'M').unwrap_or_default()
    }

    /// Whether the session ends with it.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        let severity = self.get(b'V').or_else(|| self.get(b'S'));
        matches!(severity, Some(b"FATAL" | b"PANIC"))
    }
}

/// Reads a database's frame.
///
/// # Errors
/// On a body that is not what its type says, and on a type no database sends.
pub fn parse<'a>(frame: Frame<'a>) -> Result<Back<'a>, Malformed> {
    let Frame { kind, body, .. } = frame;
    let bad = |what| Malformed::Body { kind, what };
    Ok(match kind {
        b'D' | b'd' | b'c' | b't' | b'V' => Back::Data,
        b'N' | b'A' | b'S' => Back::Aside,
        b'T' | b'n' => Back::Described,
        b'1' => Back::Parsed,
        b'2' => Back::Bound,
        b'3' => Back::Closed,
        b'C' => {
            let tag = string(&mut &*body);
            Back::Complete(
                tag.or((!frame.is_whole()).then_some(body)).ok_or(bad("its tag has no end"))?,
            )
        }
        b'E' => Back::Error(Fields(body)),
        b'G' => Back::CopyIn,
        b'H' => Back::CopyOut,
        b'W' => Back::CopyBoth,
        b'I' => Back::Empty,
        b's' => Back::Suspended,
        b'K' => {
            let mut rest = body;
            let process = u32_of(&mut rest).ok_or(bad("it has no process"))?;
            if !frame.is_whole() || !SECRET.contains(&rest.len()) {
                return Err(bad("its secret is too short or too long"));
            }
            Back::Key(CancelKey { process, secret: rest.into() })
        }
        b'R' => Back::Authentication(u32_of(&mut &*body).ok_or(bad("it has no code"))?),
        b'Z' => match body {
            b"I" => Back::Ready(Status::Idle),
            b"T" => Back::Ready(Status::Open),
            b"E" => Back::Ready(Status::Failed),
            _ => return Err(bad("its status is none of I, T, E")),
        },
        b'v' => Back::Negotiate,
        _ => return Err(Malformed::Kind { kind }),
    })
}

/// The number of rows that a command tag names: `INSERT 0 5`, `SELECT 5`, `COPY 5`.
#[must_use]
pub fn rows(tag: &[u8]) -> Option<u64> {
    let count = tag.rsplit(|byte| *byte == b' ').next()?;
    if count.is_empty() || count.len() == tag.len() {
        return None;
    }
    count.iter().try_fold(0_u64, |rows, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        rows.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::super::walk::Walker;
    use super::super::write::{self, Report, Severity};
    use super::*;

    fn read(bytes: &[u8]) -> Result<Back<'_>, Malformed> {
        let mut walker = Walker::new();
        parse(walker.next(&mut &*bytes, hold)?.expect("a whole frame"))
    }

    fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write::frame(&mut out, kind, |out| out.extend_from_slice(body));
        out
    }

    #[test]
    fn what_we_write_is_what_we_read() {
        let mut out = Vec::new();
        let report = Report {
            severity: Severity::Fatal,
            code: "57P01",
            message: "over",
            detail: "",
            hint: "go\0on",
        };
        write::report(&mut out, report);
        let Ok(Back::Error(fields)) = read(&out) else { panic!("an error") };
        assert_eq!(
            (fields.sqlstate(), fields.message(), fields.is_fatal()),
            (&b"57P01"[..], &b"over"[..], true)
        );
        assert_eq!((fields.get(b'D'), fields.get(b'H')), (None, Some(&b"goon"[..])));

        for status in [Status::Idle, Status::Open, Status::Failed] {
            let mut out = Vec::new();
            write::ready(&mut out, status);
            assert_eq!(read(&out), Ok(Back::Ready(status)));
        }
        for len in [4, 256] {
            let key = CancelKey { process: 9, secret: vec![7; len].into() };
            let mut out = Vec::new();
            write::backend_key(&mut out, &key);
            assert_eq!(read(&out), Ok(Back::Key(key)));
        }
        let mut out = Vec::new();
        write::authentication_ok(&mut out);
        assert_eq!(read(&out), Ok(Back::Authentication(0)));
    }

    #[test]
    fn a_malformed_answer_is_not_guessed_at() {
        for (kind, body) in [
            (b'Z', &b"X"[..]),
            (b'Z', b""),
            (b'Z', b"II"),
            (b'C', b"SELECT 1"),
            (b'K', b"abcdefg"),
            (b'R', b""),
        ] {
            assert!(matches!(read(&framed(kind, body)), Err(Malformed::Body { .. })), "{body:?}");
        }
        assert_eq!(read(&framed(b'q', b"")), Err(Malformed::Kind { kind: b'q' }));
    }

    #[test]
    fn a_tag_names_the_rows() {
        for (tag, count) in [
            (&b"SELECT 5"[..], Some(5)),
            (b"INSERT 0 12", Some(12)),
            (b"COPY 0", Some(0)),
            (b"BEGIN", None),
            (b"CREATE TABLE", None),
            (b"SELECT 99999999999999999999", None),
            (b"", None),
        ] {
            assert_eq!(rows(tag), count);
        }
    }

    #[test]
    fn fields_that_were_cut_end_early() {
        let mut out = Vec::new();
        let report = Report {
            severity: Severity::Error,
            code: "42501",
            message: "no",
            detail: "d",
            hint: "h",
        };
        write::report(&mut out, report);
        for end in 0..out.len() - 5 {
            let fields = Fields::of(&out[5..5 + end]);
            assert!(fields.message().is_empty() || fields.message() == b"no");
        }
    }
}
