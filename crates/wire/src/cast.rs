//! asciicast v3: the lines of a session recording, as they are written.
//!
//! A recording is newline-delimited JSON (<https://docs.asciinema.org/manual/asciicast/v3/>): a header object, then
//! one `[interval, code, data]` per event, where the interval counts seconds since the event before. The format's own
//! codes are `o i r m x`. A session may hold several channels and bytes that are not kept, which the format has no
//! code for; players skip codes they do not know, so these are ours:
//!
//! | code | data | meaning |
//! |---|---|---|
//! | `c` | `2` | what follows belongs to channel 2 (a recording begins in channel 0) |
//! | `b` | `command ls -l` | the channel's program begins: `terminal`, `command`, `shell`, `subsystem`, `postgres`, `mysql`, `http` or `tcp`, and its text |
//! | `e` | text | stderr |
//! | `g` | `o 1048576 blake3:<hex>` | the rest of that stream was not kept: its length, and the digest of the whole stream |
//! | `d` | `o 2097152 blake3:<hex> 3` | the whole stream: its length and digest, and how many bytes were no UTF-8 |
//! | `h` | `{"n":1,"m":"GET","p":"/","s":200,"ms":0.41}` | a call over HTTP and what became of it: see [`call`] |
//! | `q` | `{"n":1,"sql":"SELECT 1","rows":1,"ms":0.41}` | a statement and what became of it: see [`statement`] |
//!
//! A digest names its algorithm, and a reader passes over one that it does not know. BLAKE3 is what `b3sum` says; `none`
//! stands where bytes are only counted.
//!
//! A recording with one terminal is therefore an ordinary `.cast` file, and so is any single channel of it.
//!
//! Reading is not here: who reads recordings gets them as JSON, from `api::cast`.

use core::fmt::Write as _;
use core::time::Duration;

pub mod call;
pub mod statement;
mod text;

pub use text::Utf8;

/// What the first line says.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// Columns at the start.
    pub cols: u16,
    /// Rows at the start.
    pub rows: u16,
    /// `TERM`, where there is a terminal.
    pub term: Option<&'a str>,
    /// When the recording started, in seconds since 1970.
    pub timestamp: i64,
    /// What a player shows as the name.
    pub title: Option<&'a str>,
    /// The first channel's command line.
    pub command: Option<&'a str>,
    /// Whose session it is and where, under the key `countersign`.
    pub about: &'a [(&'a str, &'a str)],
}

/// A stream of a channel.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Stream {
    /// stderr.
    Error,
    /// stdin, or what is typed.
    Input,
    /// stdout, or what the terminal shows.
    Output,
}

impl Stream {
    /// Its event code.
    #[must_use]
    pub const fn code(self) -> char {
        match self {
            Self::Error => 'e',
            Self::Input => 'i',
            Self::Output => 'o',
        }
    }
}

/// An event other than text; text goes through [`Encoder::text`].
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The channel's program begins.
    Begin {
        /// `terminal`, `command`, `shell`, `subsystem`, `postgres` or `mysql`.
        kind: &'a str,
        /// The command line or the subsystem's name; may be empty.
        text: &'a str,
    },
    /// All of a stream: written when its channel ends.
    Digest {
        /// Which stream.
        stream: Stream,
        /// How many bytes went through.
        bytes: u64,
        /// BLAKE3 of them, in hexadecimal; none of a stream that is only counted.
        blake3: Option<&'a str>,
        /// How many of the kept bytes were not UTF-8 and stand as U+FFFD.
        replaced: u64,
    },
    /// The program's exit status.
    Exit(u32),
    /// A marker with its label.
    Marker(&'a str),
    /// The rest of a stream, which was not kept.
    Omitted {
        /// Which stream.
        stream: Stream,
        /// How many bytes.
        bytes: u64,
        /// BLAKE3 of the whole stream, in hexadecimal.
        blake3: &'a str,
    },
    /// The terminal has a new size.
    Resize {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// A statement of a database session, as [`statement`] writes it.
    Statement(&'a str),
    /// A call of an HTTP session, as [`call`] writes it.
    Call(&'a str),
}

/// Writes the lines of one recording. Times are offsets from the recording's start and never run backwards: an
/// earlier one counts as the latest.
#[derive(Clone, Copy, Debug)]
pub struct Encoder {
    /// Milliseconds of the last event written. Intervals are differences of whole milliseconds, so rounding does not add up.
    last: u64,
    /// The channel a reader is in; none where a reader may begin who has not seen what came before.
    channel: Option<u32>,
    /// Whether there was ever a channel but 0.
    several: bool,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { last: 0, channel: Some(0), several: false }
    }
}

impl Encoder {
    /// The offset of the last event: where the next interval counts from.
    #[must_use]
    pub const fn offset(&self) -> Duration {
        Duration::from_millis(self.last)
    }

    /// Makes what follows readable without what came before: the next event names its channel, unless there is
    /// only channel 0.
    pub fn restart(&mut self) {
        if self.several {
            self.channel = None;
        }
    }

    /// The header line.
    pub fn header(header: &Header<'_>, line: &mut Vec<u8>) {
        number(
            line,
            format_args!(
                "{{\"version\":3,\"term\":{{\"cols\":{},\"rows\":{}",
                header.cols, header.rows
            ),
        );
        if let Some(term) = header.term {
            line.extend_from_slice(b",\"type\":");
            quoted(line, term);
        }
        number(line, format_args!("}},\"timestamp\":{}", header.timestamp));
        for (key, value) in [("title", header.title), ("command", header.command)] {
            if let Some(value) = value {
                number(line, format_args!(",\"{key}\":"));
                quoted(line, value);
            }
        }
        if !header.about.is_empty() {
            line.extend_from_slice(b",\"countersign\":{");
            for (i, (key, value)) in header.about.iter().enumerate() {
                if i > 0 {
                    line.push(b',');
                }
                quoted(line, key);
                line.push(b':');
                quoted(line, value);
            }
            line.push(b'}');
        }
        line.extend_from_slice(b"}\n");
    }

    /// Bytes of a stream as one event; nothing is written while they are only the beginning of a character.
    pub fn text(
        &mut self,
        at: Duration,
        channel: u32,
        stream: Stream,
        utf8: &mut Utf8,
        bytes: &[u8],
        lines: &mut Vec<u8>,
    ) {
        let begun = self.begin(at, channel, stream.code(), lines);
        if !utf8.push(bytes, lines) {
            return self.undo(begun, lines);
        }
        lines.extend_from_slice(b"\"]\n");
    }

    /// What is left of a stream that ended inside a character, if anything.
    pub fn text_end(
        &mut self,
        at: Duration,
        channel: u32,
        stream: Stream,
        utf8: &mut Utf8,
        lines: &mut Vec<u8>,
    ) {
        let begun = self.begin(at, channel, stream.code(), lines);
        if !utf8.finish(lines) {
            return self.undo(begun, lines);
        }
        lines.extend_from_slice(b"\"]\n");
    }

    /// Any other event.
    pub fn event(&mut self, at: Duration, channel: u32, event: Event<'_>, lines: &mut Vec<u8>) {
        let code = match event {
            Event::Begin { .. } => 'b',
            Event::Call(_) => 'h',
            Event::Digest { .. } => 'd',
            Event::Exit(_) => 'x',
            Event::Marker(_) => 'm',
            Event::Omitted { .. } => 'g',
            Event::Resize { .. } => 'r',
            Event::Statement(_) => 'q',
        };
        self.begin(at, channel, code, lines);
        match event {
            Event::Begin { kind, text: "" } => text::escape(kind, lines),
            Event::Begin { kind, text } => {
                text::escape(kind, lines);
                lines.push(b' ');
                text::escape(text, lines);
            }
            Event::Digest { stream, bytes, blake3, replaced } => {
                let (name, digest) = blake3.map_or(("none", ""), |digest| ("blake3:", digest));
                number(lines, format_args!("{} {bytes} {name}{digest} {replaced}", stream.code()));
            }
            Event::Exit(status) => number(lines, format_args!("{status}")),
            Event::Marker(label) => text::escape(label, lines),
            Event::Omitted { stream, bytes, blake3 } => {
                number(lines, format_args!("{} {bytes} blake3:{blake3}", stream.code()));
            }
            Event::Resize { cols, rows } => number(lines, format_args!("{cols}x{rows}")),
            Event::Call(json) | Event::Statement(json) => text::escape(json, lines),
        }
        lines.extend_from_slice(b"\"]\n");
    }

    /// Opens an event line up to its data's first quote, with the switch of channel before it where there is one.
    fn begin(&mut self, at: Duration, channel: u32, code: char, lines: &mut Vec<u8>) -> Begun {
        let begun = Begun { length: lines.len(), encoder: *self };
        let now = u64::try_from(at.as_millis()).unwrap_or(u64::MAX).max(self.last);
        let mut interval = now - self.last;
        self.last = now;
        if self.channel != Some(channel) {
            self.channel = Some(channel);
            self.several |= channel != 0;
            number(
                lines,
                format_args!("[{}.{:03},\"c\",\"{channel}\"]\n", interval / 1000, interval % 1000),
            );
            interval = 0;
        }
        number(lines, format_args!("[{}.{:03},\"{code}\",\"", interval / 1000, interval % 1000));
        begun
    }

    fn undo(&mut self, begun: Begun, lines: &mut Vec<u8>) {
        lines.truncate(begun.length);
        *self = begun.encoder;
    }
}

/// Where a line began, to take it back.
struct Begun {
    length: usize,
    encoder: Encoder,
}

fn quoted(line: &mut Vec<u8>, text: &str) {
    line.push(b'"');
    text::escape(text, line);
    line.push(b'"');
}

/// A number in digits. Statements are written down by the thousand a second, and formatting is slower.
fn decimal(line: &mut Vec<u8>, mut n: u64) {
    // u64::MAX has twenty digits.
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    for (at, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + u8::try_from(n % 10).unwrap_or(0);
        first = at;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    line.extend_from_slice(digits.get(first..).unwrap_or_default());
}

/// Formats into bytes without an allocation.
fn number(line: &mut Vec<u8>, text: core::fmt::Arguments<'_>) {
    struct Bytes<'a>(&'a mut Vec<u8>);
    impl core::fmt::Write for Bytes<'_> {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            self.0.extend_from_slice(text.as_bytes());
            Ok(())
        }
    }
    // Appending to a Vec cannot fail.
    let _ = Bytes(line).write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn numbers_are_written_as_everybody_writes_them() {
        for n in [0, 9, 10, 1999, 4_294_967_296, u64::MAX] {
            let mut line = Vec::new();
            decimal(&mut line, n);
            assert_eq!(String::from_utf8(line).unwrap(), n.to_string());
        }
    }

    #[test]
    fn a_terminal_session_is_an_ordinary_cast_file() {
        let mut file = Vec::new();
        let mut encoder = Encoder::default();
        let mut utf8 = Utf8::default();
        Encoder::header(
            &Header {
                cols: 80,
                rows: 24,
                term: Some("xterm-256color"),
                timestamp: 1_504_467_315,
                title: Some("root@db-box"),
                command: None,
                about: &[("session", "bc8ca931-fec9-4b15"), ("user", "al\"ice")],
            },
            &mut file,
        );
        encoder.text(ms(248), 0, Stream::Output, &mut utf8, b"\x1b[1;31mHello\r\n", &mut file);
        encoder.event(ms(1249), 0, Event::Resize { cols: 90, rows: 30 }, &mut file);
        encoder.event(ms(1249), 0, Event::Marker("access ends in 5 minutes"), &mut file);
        encoder.event(ms(1100), 0, Event::Exit(7), &mut file);
        expect![[r#"
            {"version":3,"term":{"cols":80,"rows":24,"type":"xterm-256color"},"timestamp":1504467315,"title":"root@db-box","countersign":{"session":"bc8ca931-fec9-4b15","user":"al\"ice"}}
            [0.248,"o","\u001b[1;31mHello\r\n"]
            [1.001,"r","90x30"]
            [0.000,"m","access ends in 5 minutes"]
            [0.000,"x","7"]
        "#]]
        .assert_eq(&String::from_utf8(file).unwrap());
    }

    #[test]
    fn channels_are_told_apart_and_what_is_not_kept_is_said() {
        let mut lines = Vec::new();
        let mut encoder = Encoder::default();
        let mut utf8 = Utf8::default();
        encoder.event(ms(0), 0, Event::Begin { kind: "shell", text: "" }, &mut lines);
        encoder.event(ms(5), 1, Event::Begin { kind: "command", text: "tar \"c\"" }, &mut lines);
        encoder.text(ms(6), 1, Stream::Error, &mut utf8, b"tar: x", &mut lines);
        encoder.event(
            ms(7),
            1,
            Event::Omitted { stream: Stream::Output, bytes: 12, blake3: "ab" },
            &mut lines,
        );
        encoder.event(
            ms(7),
            1,
            Event::Digest { stream: Stream::Output, bytes: 99, blake3: Some("cd"), replaced: 2 },
            &mut lines,
        );
        encoder.restart();
        encoder.event(ms(9), 1, Event::Exit(0), &mut lines);
        encoder.restart();
        encoder.event(ms(9), 0, Event::Exit(0), &mut lines);
        expect![[r#"
            [0.000,"b","shell"]
            [0.005,"c","1"]
            [0.000,"b","command tar \"c\""]
            [0.001,"e","tar: x"]
            [0.001,"g","o 12 blake3:ab"]
            [0.000,"d","o 99 blake3:cd 2"]
            [0.002,"c","1"]
            [0.000,"x","0"]
            [0.000,"c","0"]
            [0.000,"x","0"]
        "#]]
        .assert_eq(&String::from_utf8(lines).unwrap());
    }

    #[test]
    fn half_a_character_waits_and_leaves_no_trace() {
        let mut lines = Vec::new();
        let mut encoder = Encoder::default();
        let mut utf8 = Utf8::default();
        encoder.text(ms(10), 3, Stream::Output, &mut utf8, b"\xe2\x82", &mut lines);
        assert!(lines.is_empty());
        assert_eq!(encoder.offset(), ms(0));
        encoder.text(ms(20), 3, Stream::Output, &mut utf8, b"\xac", &mut lines);
        assert_eq!(lines, "[0.020,\"c\",\"3\"]\n[0.000,\"o\",\"€\"]\n".as_bytes());
        encoder.text_end(ms(30), 3, Stream::Output, &mut utf8, &mut lines);
        assert_eq!(encoder.offset(), ms(20));
    }
}
