//! A recording as plain text: what was shown, line by line, without escapes.
//!
//! Lines are as a printer would have them: carriage return and backspace overwrite, movement of the cursor is
//! ignored. Full-screen programs become the text they painted, in the order they painted it: good for reading
//! and searching, not a picture of the screen.
//!
//! A call of an HTTP session is one line. A statement of a database session is its text, the values bound to it, and what became of it; its further lines
//! are indented.

use super::escape::{Piece, Splitter};
use super::statement::Statement;
use super::{Event, What};
use std::collections::BTreeMap;

/// The longest line that is kept, in characters; longer ones are broken.
const MAX_WIDTH: usize = 16 * 1024;

/// A line of a transcript.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    /// When its first character was shown, in milliseconds from the start.
    pub at_ms: u64,
    /// The channel.
    pub channel: u32,
    /// Its text: no controls, no escapes.
    pub text: String,
    /// What it belongs to.
    pub kind: Kind,
}

/// What a line belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// To what was shown, or to what is said about it.
    Shown,
    /// It begins a statement, or is a call: a timeline says when.
    Statement,
    /// It goes on with a statement.
    More,
}

impl Line {
    /// As a line of a timeline: with its time where it begins a statement.
    #[must_use]
    pub fn timed(self) -> String {
        let Self { at_ms, text, kind, .. } = self;
        match kind {
            Kind::Shown => text,
            Kind::Statement => {
                let seconds = at_ms / 1000;
                let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
                format!("{hours}:{minutes:02}:{:02}.{:03}  {text}", seconds % 60, at_ms % 1000)
            }
            Kind::More => format!("{:INDENT$}{text}", ""),
        }
    }
}

/// Columns before a statement's further lines: those of its time.
const INDENT: usize = "0:00:00.000  ".len();

/// Makes lines of events.
#[derive(Debug, Default)]
pub struct Transcript {
    channels: BTreeMap<u32, Paper>,
}

#[derive(Debug, Default)]
struct Paper {
    splitter: Splitter,
    line: Vec<char>,
    column: usize,
    begun_ms: u64,
}

impl Transcript {
    /// Takes an event; gives each line it completes to `take`. Things that are not text become a line in `[brackets]`.
    pub fn push(&mut self, event: &Event, mut take: impl FnMut(Line)) {
        let Event { at_ms, channel, .. } = *event;
        let note = match &event.what {
            What::Output(text) | What::Error(text) => {
                self.channels.entry(channel).or_default().write(at_ms, channel, text, &mut take);
                return;
            }
            What::Statement(statement) => {
                self.flush(channel, &mut take);
                return tell(statement, at_ms, channel, &mut take);
            }
            What::Call(call) => {
                self.flush(channel, &mut take);
                let at_ms = call.began_ms(at_ms);
                let text = access::display::shown(&call.line()).into_owned();
                return take(Line { at_ms, channel, text, kind: Kind::Statement });
            }
            What::Begin { kind, text } if text.is_empty() => format!("[{kind}]"),
            What::Begin { kind, text } => format!("[{kind}: {text}]"),
            What::Exit(status) => format!("[exit status {status}]"),
            What::Marker(label) => format!("[{label}]"),
            What::Omitted { stream, bytes, blake3: Some(blake3) } => {
                let name = stream_name(*stream);
                format!("[{bytes} bytes of {name} not kept; BLAKE3 of all of it: {blake3}]")
            }
            What::Omitted { stream, bytes, blake3: None } => {
                format!("[{bytes} bytes of {} not kept]", stream_name(*stream))
            }
            What::Digest { .. } | What::Input(_) | What::Other(_) | What::Resize(..) => return,
        };
        self.flush(channel, &mut take);
        let text = access::display::shown(&note).into_owned();
        take(Line { at_ms, channel, text, kind: Kind::Shown });
    }

    /// The recording has ended: gives the lines that were begun.
    pub fn finish(&mut self, mut take: impl FnMut(Line)) {
        let channels: Vec<u32> = self.channels.keys().copied().collect();
        for channel in channels {
            self.flush(channel, &mut take);
        }
    }

    fn flush(&mut self, channel: u32, take: &mut impl FnMut(Line)) {
        if let Some(paper) = self.channels.get_mut(&channel)
            && !paper.line.is_empty()
        {
            paper.end(channel, take);
        }
    }
}

impl Paper {
    fn write(&mut self, at_ms: u64, channel: u32, text: &str, take: &mut impl FnMut(Line)) {
        let mut splitter = std::mem::take(&mut self.splitter);
        splitter.split(text, |piece| match piece {
            Piece::Text(text) => text.chars().for_each(|c| self.print(at_ms, channel, c, take)),
            Piece::Control('\n') => self.end(channel, take),
            Piece::Control('\r') => self.column = 0,
            Piece::Control('\t') => self.print(at_ms, channel, '\t', take),
            Piece::Control('\x08') => self.column = self.column.saturating_sub(1),
            // Erase to the end of the line, as shells do when they redraw it.
            Piece::Csi { last: 'K', whole: "\x1b[K" | "\x1b[0K" } => {
                self.line.truncate(self.column)
            }
            Piece::Control(_) | Piece::Csi { .. } | Piece::Short(_) | Piece::String(_) => {}
        });
        self.splitter = splitter;
    }

    fn print(&mut self, at_ms: u64, channel: u32, c: char, take: &mut impl FnMut(Line)) {
        if self.line.is_empty() {
            self.begun_ms = at_ms;
        }
        match self.line.get_mut(self.column) {
            Some(slot) => *slot = c,
            None => self.line.push(c),
        }
        self.column += 1;
        if self.column >= MAX_WIDTH {
            self.end(channel, take);
        }
    }

    fn end(&mut self, channel: u32, take: &mut impl FnMut(Line)) {
        let text: String = self.line.drain(..).collect();
        self.column = 0;
        // Tabs were meant; whatever else is invisible is made visible.
        let text = access::display::shown_lines(text.trim_end()).into_owned();
        take(Line { at_ms: self.begun_ms, channel, text, kind: Kind::Shown });
    }
}

/// A statement in lines: its text, its values, its ending.
fn tell(statement: &Statement, at_ms: u64, channel: u32, take: &mut impl FnMut(Line)) {
    let at_ms = statement.began_ms(at_ms);
    let mut kind = Kind::Statement;
    let mut say = |text: &str| {
        for text in text.lines().filter(|line| !line.trim().is_empty()) {
            let mut rest = access::display::shown_lines(text.trim_end()).into_owned();
            while !rest.is_empty() {
                let cut = rest.char_indices().nth(MAX_WIDTH).map_or(rest.len(), |(at, _)| at);
                let behind = rest.split_off(cut);
                take(Line { at_ms, channel, text: std::mem::replace(&mut rest, behind), kind });
                kind = Kind::More;
            }
        }
    };
    match (&statement.sql, statement.p) {
        (Some(sql), _) => say(sql),
        (None, Some(p)) => {
            say(&format!("#{} (text {p}, given before what is read here)", statement.n))
        }
        (None, None) => say(&format!("#{} has ended", statement.n)),
    }
    if let Some(of) = statement.of {
        say(&format!("… ({of} bytes in all)"));
    }
    if !statement.v.is_empty() {
        say(&format!("  {}", access::display::shown(&statement.bound())));
    }
    say(&format!("  -- {}", access::display::shown(&statement.ending())));
}

/// What people call a stream.
#[must_use]
pub fn stream_name(code: char) -> &'static str {
    match code {
        'e' => "stderr",
        'i' => "stdin",
        _ => "stdout",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcript(events: &[(u32, What)]) -> Vec<String> {
        let mut transcript = Transcript::default();
        let mut lines = Vec::new();
        for (channel, what) in events {
            let event = Event { at_ms: 0, channel: *channel, what: what.clone() };
            transcript.push(&event, |line| lines.push(line.text));
        }
        transcript.finish(|line| lines.push(line.text));
        lines
    }

    fn out(text: &str) -> (u32, What) {
        (0, What::Output(text.to_owned()))
    }

    #[test]
    fn lines_are_what_a_printer_would_have() {
        assert_eq!(
            transcript(&[
                out("\x1b[1m$ \x1b[0ml"),
                out("sx\x08 -l\r\ntotal 4\r\n50%\r100%\r\n"),
                out("$ exit")
            ]),
            ["$ ls -l", "total 4", "100%", "$ exit"]
        );
    }

    #[test]
    fn a_line_redrawn_by_a_shell_is_read_once() {
        assert_eq!(transcript(&[out("$ lss\r$ ls\x1b[K\r\n")]), ["$ ls"]);
    }

    #[test]
    fn channels_do_not_mix() {
        assert_eq!(
            transcript(&[
                (1, What::Output("one".into())),
                (2, What::Output("two\n".into())),
                (1, What::Output(" more\n".into()))
            ]),
            ["two", "one more"]
        );
    }

    #[test]
    fn what_is_not_text_is_said_in_brackets_and_cannot_break_out_of_its_line() {
        assert_eq!(
            transcript(&[
                (0, What::Begin { kind: "command".into(), text: "ls\n\x1b[2J".into() }),
                out("half"),
                (0, What::Omitted { stream: 'o', bytes: 5, blake3: Some("ab".into()) }),
                (0, What::Omitted { stream: 'e', bytes: 6, blake3: None }),
                (0, What::Exit(1)),
            ]),
            [
                r"[command: ls\n\x1b[2J]",
                "half",
                "[5 bytes of stdout not kept; BLAKE3 of all of it: ab]",
                "[6 bytes of stderr not kept]",
                "[exit status 1]"
            ]
        );
    }
}
