//! Frames of our own. Each function appends one frame to `out`.

use super::back::Status;
use super::startup::CancelKey;

/// How bad it is (section 53.8).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// The statement failed; the session goes on.
    Error,
    /// The session ends.
    Fatal,
    /// Nothing failed.
    Notice,
    /// Something people should know.
    Warning,
}

impl Severity {
    const fn word(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
            Self::Notice => "NOTICE",
            Self::Warning => "WARNING",
        }
    }
}

/// What an ErrorResponse or NoticeResponse says. Empty fields are left out.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// How bad it is.
    pub severity: Severity,
    /// SQLSTATE (appendix A), five characters.
    pub code: &'a str,
    /// What happened, in a line.
    pub message: &'a str,
    /// More about it.
    pub detail: &'a str,
    /// What to do.
    pub hint: &'a str,
}

/// ErrorResponse, or NoticeResponse by its severity.
pub fn report(out: &mut Vec<u8>, report: Report<'_>) {
    let kind = match report.severity {
        Severity::Error | Severity::Fatal => b'E',
        Severity::Notice | Severity::Warning => b'N',
    };
    frame(out, kind, |out| {
        let word = report.severity.word();
        let fields = [
            (b'S', word),
            (b'V', word),
            (b'C', report.code),
            (b'M', report.message),
            (b'D', report.detail),
            (b'H', report.hint),
        ];
        for (field, text) in fields {
            if !text.is_empty() {
                out.push(field);
                string(out, text.as_bytes());
            }
        }
        out.push(0);
    });
}

/// AuthenticationOk.
pub fn authentication_ok(out: &mut Vec<u8>) {
    frame(out, b'R', |out| out.extend_from_slice(&[0; 4]));
}

/// NegotiateProtocolVersion: the newest minor version that is spoken, and the options that are not.
pub fn negotiate(out: &mut Vec<u8>, minor: u16, options: &[&str]) {
    frame(out, b'v', |out| {
        out.extend_from_slice(&(3_u32 << 16 | u32::from(minor)).to_be_bytes());
        let count = u32::try_from(options.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&count.to_be_bytes());
        for option in options {
            string(out, option.as_bytes());
        }
    });
}

/// ParameterStatus.
pub fn parameter_status(out: &mut Vec<u8>, name: &str, value: &str) {
    frame(out, b'S', |out| {
        string(out, name.as_bytes());
        string(out, value.as_bytes());
    });
}

/// BackendKeyData.
pub fn backend_key(out: &mut Vec<u8>, key: &CancelKey) {
    frame(out, b'K', |out| {
        out.extend_from_slice(&key.process.to_be_bytes());
        out.extend_from_slice(&key.secret);
    });
}

/// ReadyForQuery.
pub fn ready(out: &mut Vec<u8>, status: Status) {
    frame(out, b'Z', |out| out.push(status.byte()));
}

/// Query.
pub fn query(out: &mut Vec<u8>, text: &str) {
    frame(out, b'Q', |out| string(out, text.as_bytes()));
}

/// Parse, without parameter types.
pub fn parse(out: &mut Vec<u8>, name: &[u8], text: &str) {
    frame(out, b'P', |out| {
        string(out, name);
        string(out, text.as_bytes());
        out.extend_from_slice(&[0; 2]);
    });
}

/// Bind, without values.
pub fn bind(out: &mut Vec<u8>, portal: &str, statement: &str) {
    frame(out, b'B', |out| {
        string(out, portal.as_bytes());
        string(out, statement.as_bytes());
        out.extend_from_slice(&[0; 6]);
    });
}

/// Execute, for all rows.
pub fn execute(out: &mut Vec<u8>, portal: &str) {
    frame(out, b'E', |out| {
        string(out, portal.as_bytes());
        out.extend_from_slice(&[0; 4]);
    });
}

/// FunctionCall of the function `id`, without arguments.
pub fn call(out: &mut Vec<u8>, id: u32) {
    frame(out, b'F', |out| {
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&[0; 6]);
    });
}

/// Sync.
pub fn sync(out: &mut Vec<u8>) {
    frame(out, b'S', |_| {});
}

/// Terminate.
pub fn terminate(out: &mut Vec<u8>) {
    frame(out, b'X', |_| {});
}

/// A frame of this type with whatever `body` appends.
pub fn frame(out: &mut Vec<u8>, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(kind);
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    body(out);
    let length = u32::try_from(out.len().saturating_sub(at)).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(at..).and_then(|tail| tail.first_chunk_mut::<4>()) {
        *place = length.to_be_bytes();
    }
}

/// A zero byte ends a string, so none may be in it.
fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.extend(text.iter().copied().filter(|byte| *byte != 0));
    out.push(0);
}
