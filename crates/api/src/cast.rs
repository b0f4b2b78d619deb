//! asciicast, as it is read: by the player, the exports and the search.
//!
//! Versions 3 and 2 (<https://docs.asciinema.org/manual/asciicast/v3/>), with the event codes our recordings add
//! (`wire::cast` writes them and says what they mean). The input may be anybody's file or a recording cut short by a
//! crash, so a [`Reader`] takes bytes as they come, gives what is whole, and names the line where it breaks.

use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};

pub mod call;
pub mod escape;
pub mod statement;
pub mod transcript;

/// The longest line that is read, in bytes. Ours stay below a tenth of it.
pub const MAX_LINE: usize = 8 << 20;
/// The largest terminal that is believed, in columns or rows.
pub const MAX_SIDE: u16 = 5000;
/// The latest time that is believed: a hundred days, in milliseconds.
pub const MAX_TIME: u64 = 100 * 24 * 3600 * 1000;

/// The first line.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Header {
    /// Columns at the start.
    pub cols: u16,
    /// Rows at the start.
    pub rows: u16,
    /// When it was recorded, in seconds since 1970.
    pub timestamp: Option<i64>,
    /// Its name.
    pub title: Option<String>,
    /// The command line.
    pub command: Option<String>,
    /// Whose session it is and where; empty in files that are not ours.
    pub about: BTreeMap<String, String>,
}

/// An event and when it happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Milliseconds from the start.
    pub at_ms: u64,
    /// The channel it belongs to.
    pub channel: u32,
    /// What happened.
    pub what: What,
}

/// What an event says.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The channel's program begins: `terminal`, `command`, `shell`, `subsystem`, `postgres`, `mysql`, `http` or `tcp`, and its text.
    Begin {
        /// The word.
        kind: String,
        /// The command line or the subsystem's name; may be empty.
        text: String,
    },
    /// A call of an HTTP session.
    Call(Box<call::Call>),
    /// All of a stream: its letter, how many bytes, their digest.
    Digest {
        /// `o`, `e` or `i`.
        stream: char,
        /// How many bytes.
        bytes: u64,
        /// Their BLAKE3 in hexadecimal; none where they are only counted, or digested by another
        /// name.
        blake3: Option<String>,
    },
    /// Text on stderr.
    Error(String),
    /// The exit status.
    Exit(i64),
    /// Typed text, or stdin.
    Input(String),
    /// A marker.
    Marker(String),
    /// The rest of a stream, which was not kept.
    Omitted {
        /// `o`, `e` or `i`.
        stream: char,
        /// How many bytes.
        bytes: u64,
        /// BLAKE3 of the whole stream in hexadecimal; none where the recording has a digest of another name.
        blake3: Option<String>,
    },
    /// A code we do not know, to be skipped.
    Other(String),
    /// Text on the terminal, or stdout.
    Output(String),
    /// The terminal has a new size: columns and rows.
    Resize(u16, u16),
    /// A statement of a database session, with its text wherever that is known.
    Statement(Box<statement::Statement>),
}

/// Where and why a file breaks.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Break {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub what: String,
}

/// Reads a recording as its bytes come.
#[derive(Debug, Default)]
pub struct Reader {
    buffer: VecDeque<u8>,
    /// How much of the buffer is known to hold no line feed.
    searched: usize,
    line: u64,
    header: Option<Header>,
    absolute: bool,
    clock_ms: u64,
    /// What is left of the last interval below a millisecond, in microseconds.
    rest_us: u64,
    channel: u32,
    texts: statement::Texts,
    broken: Option<Break>,
}

impl Reader {
    /// A reader at the beginning of a file.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The header, once its line has been read.
    #[must_use]
    pub fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// More bytes of the file.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken.is_none() {
            self.buffer.extend(bytes);
        }
    }

    /// The next whole event, or none until more bytes come.
    ///
    /// # Errors
    /// The line that is not asciicast. After that there is nothing more.
    pub fn next_event(&mut self) -> Result<Option<Event>, Break> {
        loop {
            if let Some(broken) = &self.broken {
                return Err(broken.clone());
            }
            let Some(line) = self.take_line()? else { return Ok(None) };
            if let Some(event) = self.read_line(&line)? {
                return Ok(Some(event));
            }
        }
    }

    /// The file has ended. Says whether it ended where a line ends and has a header.
    ///
    /// # Errors
    /// It was cut inside a line, or is empty.
    pub fn finish(&mut self) -> Result<(), Break> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        if !self.buffer.is_empty() {
            let left = self.buffer.len();
            return Err(self.break_here(self.line + 1, format!("cut short after {left} bytes")));
        }
        if self.header.is_none() {
            return Err(self.break_here(1, "empty: expected an asciicast header".to_owned()));
        }
        Ok(())
    }

    fn take_line(&mut self) -> Result<Option<Vec<u8>>, Break> {
        let end = self.buffer.iter().skip(self.searched).position(|byte| *byte == b'\n');
        let Some(end) = end else {
            self.searched = self.buffer.len();
            if self.searched > MAX_LINE {
                return Err(self.break_here(self.line + 1, format!("longer than {MAX_LINE} bytes")));
            }
            return Ok(None);
        };
        let end = self.searched + end;
        self.searched = 0;
        self.line += 1;
        if end > MAX_LINE {
            return Err(self.break_here(self.line, format!("longer than {MAX_LINE} bytes")));
        }
        let line: Vec<u8> = self.buffer.drain(..end).collect();
        self.buffer.pop_front();
        Ok(Some(line))
    }

    fn break_here(&mut self, line: u64, what: String) -> Break {
        let broken = Break { line, what };
        self.broken = Some(broken.clone());
        self.buffer = VecDeque::new();
        broken
    }

    fn read_line(&mut self, line: &[u8]) -> Result<Option<Event>, Break> {
        let text = line.trim_ascii();
        if self.header.is_none() {
            let (header, absolute) =
                read_header(text).map_err(|what| self.break_here(self.line, what))?;
            (self.header, self.absolute) = (Some(header), absolute);
            return Ok(None);
        }
        if text.is_empty() || text.starts_with(b"#") {
            return Ok(None);
        }
        let parsed = serde_json::from_slice::<(serde_json::Number, String, Value)>(text);
        let (time, code, data) =
            parsed.map_err(|error| self.break_here(self.line, format!("not an event: {error}")))?;
        self.advance(&time).map_err(|what| self.break_here(self.line, what))?;
        let data = match data {
            Value::String(text) => text,
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => data.to_string(),
        };
        if code == "c" {
            self.channel = data
                .parse()
                .map_err(|_| self.break_here(self.line, "a channel is a number".to_owned()))?;
            return Ok(None);
        }
        if code == "q" {
            let read = self.texts.read(self.channel, &data);
            let statement = read.map_err(|what| self.break_here(self.line, what))?;
            let what = What::Statement(Box::new(statement));
            return Ok(Some(Event { at_ms: self.clock_ms, channel: self.channel, what }));
        }
        if code == "h" {
            let read = serde_json::from_str(&data).map_err(|error| format!("not a call: {error}"));
            let call = read.map_err(|what| self.break_here(self.line, what))?;
            let what = What::Call(Box::new(call));
            return Ok(Some(Event { at_ms: self.clock_ms, channel: self.channel, what }));
        }
        let what = read_event(code, data).map_err(|what| self.break_here(self.line, what))?;
        Ok(Some(Event { at_ms: self.clock_ms, channel: self.channel, what }))
    }

    /// Moves the clock; version 3 counts from the event before, version 2 from the start.
    fn advance(&mut self, time: &serde_json::Number) -> Result<(), String> {
        let wrong =
            || format!("a time is a number of seconds from 0 to {}, not {time}", MAX_TIME / 1000);
        let seconds = time.as_f64().filter(|s| s.is_finite() && *s >= 0.0).ok_or_else(wrong)?;
        let micros = (seconds * 1e6).round();
        if micros > (MAX_TIME * 1000) as f64 {
            return Err(wrong());
        }
        // In range by the line above.
        let micros = micros as u64;
        let (base, rest) = if self.absolute { (0, 0) } else { (self.clock_ms, self.rest_us) };
        let total = micros + rest;
        let now = base + total / 1000;
        if now > MAX_TIME {
            return Err(wrong());
        }
        (self.clock_ms, self.rest_us) = (now.max(self.clock_ms), total % 1000);
        Ok(())
    }
}

fn read_header(line: &[u8]) -> Result<(Header, bool), String> {
    #[derive(Deserialize)]
    struct Line {
        version: u64,
        term: Option<Term>,
        width: Option<u16>,
        height: Option<u16>,
        timestamp: Option<i64>,
        title: Option<String>,
        command: Option<String>,
        #[serde(default)]
        countersign: BTreeMap<String, String>,
    }
    #[derive(Deserialize)]
    struct Term {
        cols: u16,
        rows: u16,
    }
    let line: Line = serde_json::from_slice(line)
        .map_err(|error| format!("not an asciicast header: {error}"))?;
    let size = match (line.version, line.term, line.width, line.height) {
        (3, Some(term), _, _) => (term.cols, term.rows),
        (2, _, Some(cols), Some(rows)) => (cols, rows),
        (2 | 3, ..) => return Err("the header says no terminal size".to_owned()),
        (version, ..) => {
            return Err(format!("asciicast version {version} is not supported: 2 and 3 are"));
        }
    };
    let header = Header {
        cols: size.0.clamp(1, MAX_SIDE),
        rows: size.1.clamp(1, MAX_SIDE),
        timestamp: line.timestamp,
        title: line.title,
        command: line.command,
        about: line.countersign,
    };
    Ok((header, line.version == 2))
}

fn read_event(code: String, data: String) -> Result<What, String> {
    Ok(match code.as_str() {
        "o" => What::Output(data),
        "e" => What::Error(data),
        "i" => What::Input(data),
        "m" => What::Marker(data),
        "x" => What::Exit(data.trim().parse().map_err(|_| "an exit status is a number")?),
        "r" => {
            let sides =
                data.split_once('x').and_then(|(c, r)| Some((c.parse().ok()?, r.parse().ok()?)));
            let (cols, rows): (u16, u16) = sides.ok_or("a size looks like 80x24")?;
            What::Resize(cols.clamp(1, MAX_SIDE), rows.clamp(1, MAX_SIDE))
        }
        "b" => {
            let (kind, text) = data.split_once(' ').unwrap_or((&data, ""));
            What::Begin { kind: kind.to_owned(), text: text.to_owned() }
        }
        "g" | "d" => {
            let mut words = data.split(' ');
            let stream = words.next().and_then(|word| word.chars().next());
            let bytes = words.next().and_then(|word| word.parse().ok());
            let (Some(stream), Some(bytes), Some(digest)) = (stream, bytes, words.next()) else {
                return Err("a digest looks like `o 42 blake3:<hex>`".to_owned());
            };
            let blake3 = digest.strip_prefix("blake3:").map(str::to_owned);
            match code.as_str() {
                "g" => What::Omitted { stream, bytes, blake3 },
                _ => What::Digest { stream, bytes, blake3 },
            }
        }
        _ => What::Other(code),
    })
}
