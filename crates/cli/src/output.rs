//! Where text leaves: nothing that came from a server reaches a terminal as a control sequence.

use std::fmt;
use std::io::{self, Write};

/// How answers are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// JSON, one document.
    Json,
    /// YAML, one document.
    Yaml,
}

/// A stream of text whose control characters are made visible (`\u001b`), except line ends and tabs.
///
/// The escapes are those of JSON, so that a JSON document stays one.
pub struct Output(Box<dyn Write>);

impl Output {
    /// Text to `sink`.
    #[must_use]
    pub fn to(sink: Box<dyn Write>) -> Self {
        Self(sink)
    }

    /// The stream itself, for bytes that are meant as they are: exports, replays, our own cursor movements.
    pub fn raw(&mut self) -> &mut dyn Write {
        &mut *self.0
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Output")
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(visible(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// `text` with control and direction-changing characters written out, line ends and tabs kept.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            c if c.is_control() || reorders(c) => {
                shown.push_str(&format!("\\u{:04x}", u32::from(c)))
            }
            c => shown.push(c),
        }
    }
    shown
}

/// One line of `text`, with everything made visible that could act on a terminal or forge another line.
#[must_use]
pub fn one_line(text: &str) -> String {
    access::display::shown(text).into_owned()
}

/// Characters that change the order in which others are shown (Unicode TR 36, "Trojan Source").
fn reorders(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_never_sees_an_escape_from_outside() {
        assert_eq!(visible("a\u{1b}[2Jb\u{9b}c\u{202e}d\n"), "a\\u001b[2Jb\\u009bc\\u202ed\n");
    }

    #[test]
    fn one_line_stays_one_line() {
        assert_eq!(one_line("x\nerror: forged\r"), "x\\nerror: forged\\r");
    }

    #[test]
    fn json_stays_json() {
        let text = serde_json::to_string("a\u{9b}b").unwrap();
        let back: String = serde_json::from_str(&visible(&text)).unwrap();
        assert_eq!(back, "a\u{9b}b");
    }
}
