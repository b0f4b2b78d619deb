//! The escape sequences of a terminal (ECMA-48, xterm), taken apart: enough to leave them out, or to let through
//! only those that paint.

/// A piece of what a program wrote to its terminal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Piece<'a> {
    /// A control character: C0 but ESC, DEL, or C1 that opens no sequence.
    Control(char),
    /// A control sequence `CSI … final`, whole, with its final byte.
    Csi {
        /// As it was written.
        whole: &'a str,
        /// Its last character.
        last: char,
    },
    /// A short escape `ESC x`, or `ESC ( B` and the like.
    Short(&'a str),
    /// A control string: OSC, DCS, APC, PM or SOS, with its terminator.
    String(&'a str),
    /// Glyphs.
    Text(&'a str),
}

/// The longest sequence that is waited for, in bytes; what is longer is dropped to where it ends.
const MAX_SEQUENCE: usize = 4096;

/// Splits text that comes in pieces; a sequence cut between two events is put together again.
#[derive(Debug, Default)]
pub struct Splitter {
    pending: String,
    /// Inside a control string too long to keep: drop until its end.
    dropping: bool,
}

impl Splitter {
    /// Gives every whole piece of `text` to `take`, in order.
    pub fn split(&mut self, text: &str, mut take: impl FnMut(Piece<'_>)) {
        let joined;
        let mut rest = if self.pending.is_empty() {
            text
        } else {
            self.pending.push_str(text);
            joined = std::mem::take(&mut self.pending);
            joined.as_str()
        };
        while let Some(first) = rest.chars().next() {
            if self.dropping {
                let Some(end) = string_end(rest) else { return self.keep_escape(rest) };
                self.dropping = false;
                rest = rest.get(end..).unwrap_or_default();
                continue;
            }
            let (piece, length) = match sequence(rest, first) {
                Sequence::Not => {
                    let length = rest.find(char::is_control).unwrap_or(rest.len());
                    (Piece::Text(rest.get(..length).unwrap_or_default()), length)
                }
                Sequence::Whole(piece, length) => (piece, length),
                Sequence::Unfinished { string } if rest.len() > MAX_SEQUENCE => {
                    self.dropping = string;
                    return self.keep_escape(rest);
                }
                Sequence::Unfinished { .. } => {
                    self.pending = rest.to_owned();
                    return;
                }
            };
            take(piece);
            rest = rest.get(length..).unwrap_or_default();
        }
    }

    /// The last character of a dropped string may be the ESC that begins its terminator.
    fn keep_escape(&mut self, dropped: &str) {
        if dropped.ends_with('\x1b') {
            self.pending.push('\x1b');
        }
    }
}

enum Sequence<'a> {
    Not,
    Unfinished { string: bool },
    Whole(Piece<'a>, usize),
}

fn sequence(text: &str, first: char) -> Sequence<'_> {
    let (introducer, body) = match first {
        '\x1b' => match text.chars().nth(1) {
            None => return Sequence::Unfinished { string: false },
            Some(second) => (second, 1 + second.len_utf8()),
        },
        // C1 controls are the same introducers in one character: U+009B is ESC [.
        '\u{80}'..='\u{9f}' => match char::from_u32(u32::from(first) - 0x40) {
            Some(second @ ('[' | ']' | 'P' | 'X' | '^' | '_')) => (second, first.len_utf8()),
            _ => return Sequence::Whole(Piece::Control(first), first.len_utf8()),
        },
        c if c.is_control() => return Sequence::Whole(Piece::Control(c), c.len_utf8()),
        _ => return Sequence::Not,
    };
    let rest = text.get(body..).unwrap_or_default();
    match introducer {
        '[' => control_sequence(text, rest, body),
        ']' | 'P' | 'X' | '^' | '_' => match string_end(rest) {
            Some(end) => whole(text, body + end, Piece::String),
            None => Sequence::Unfinished { string: true },
        },
        // ESC with intermediate characters: a character set and the like.
        ' '..='/' => match rest.char_indices().find(|(_, c)| !(' '..='/').contains(c)) {
            Some((at, c)) if !c.is_control() => whole(text, body + at + c.len_utf8(), Piece::Short),
            Some((at, _)) => whole(text, body + at, Piece::Short),
            None => Sequence::Unfinished { string: false },
        },
        // A control inside an escape cuts it off and acts (ESC itself begins anew).
        c if c.is_control() => Sequence::Whole(Piece::Short("\x1b"), 1),
        _ => whole(text, body, Piece::Short),
    }
}

fn control_sequence<'a>(text: &'a str, rest: &'a str, body: usize) -> Sequence<'a> {
    for (at, c) in rest.char_indices() {
        match c {
            '\x20'..='\x3f' => {}
            '\x40'..='\x7e' => {
                let length = body + at + 1;
                let whole = text.get(..length).unwrap_or_default();
                return Sequence::Whole(Piece::Csi { whole, last: c }, length);
            }
            // Not a control sequence after all: dropped up to here.
            _ => return whole(text, body + at, Piece::Short),
        }
    }
    Sequence::Unfinished { string: false }
}

fn whole<'a>(text: &'a str, length: usize, piece: impl Fn(&'a str) -> Piece<'a>) -> Sequence<'a> {
    Sequence::Whole(piece(text.get(..length).unwrap_or_default()), length)
}

/// Where a control string ends: behind BEL, ST (`ESC \` or U+009C), or before CAN, SUB or another escape.
fn string_end(text: &str) -> Option<usize> {
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\x07' | '\u{9c}' => return Some(at + c.len_utf8()),
            '\x18' | '\x1a' => return Some(at),
            '\x1b' => {
                return match chars.next() {
                    Some((_, '\\')) => Some(at + 2),
                    Some(_) => Some(at),
                    None => None,
                };
            }
            _ => {}
        }
    }
    None
}

/// Lets through what paints and moves the cursor, and nothing that makes a terminal answer, ring, change its title or
/// clipboard, or send keys: what a player may show of somebody else's recording.
#[derive(Debug, Default)]
pub struct Painting {
    splitter: Splitter,
}

impl Painting {
    /// Appends the harmless part of `text`.
    pub fn filter(&mut self, text: &str, into: &mut String) {
        self.splitter.split(text, |piece| match piece {
            Piece::Text(text) => into.push_str(text),
            Piece::Control(c) => {
                if matches!(c, '\n' | '\r' | '\t' | '\x08' | '\x0b' | '\x0c' | '\x0e' | '\x0f') {
                    into.push(c);
                }
            }
            Piece::Csi { whole, last } => {
                if paints(whole, last) {
                    into.push_str(whole);
                }
            }
            // Save and restore cursor, index, next line, tab stop, reverse index, full reset, character sets.
            Piece::Short(whole) => {
                if matches!(
                    whole,
                    "\x1b7" | "\x1b8" | "\x1bD" | "\x1bE" | "\x1bH" | "\x1bM" | "\x1bc"
                ) || is_character_set(whole)
                {
                    into.push_str(whole);
                }
            }
            Piece::String(_) => {}
        });
    }
}

/// `ESC ( B` and the like, whole: a beginning alone would swallow what comes after it.
fn is_character_set(whole: &str) -> bool {
    let last = whole.strip_prefix("\x1b(").or_else(|| whole.strip_prefix("\x1b)"));
    last.is_some_and(|last| {
        last.len() == 1 && last.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Cursor movement, erasing, inserting, scrolling, colours and modes of the screen. Left out: reports (`c n x`, which
/// make the terminal type an answer), window operations (`t`), media copy (`i`), and modes that change what the
/// keyboard or mouse sends (mouse reporting, bracketed paste, focus).
fn paints(whole: &str, last: char) -> bool {
    let inner = whole.trim_start_matches(['\x1b', '[', '\u{9b}']);
    let private = inner.starts_with(['<', '=', '>', '?']);
    match last {
        'h' | 'l' if inner.starts_with('?') => {
            let modes = inner.trim_matches(|c: char| !c.is_ascii_digit());
            modes.split(';').all(|mode| {
                matches!(
                    mode,
                    "3" | "5" | "6" | "7" | "12" | "25" | "47" | "1047" | "1048" | "1049" | "2026"
                )
            })
        }
        'h' | 'l' => matches!(inner.get(..inner.len().saturating_sub(1)), Some("4" | "20")),
        'J' | 'K' => true,
        'q' => inner.contains(' '),
        _ if private => false,
        _ => {
            matches!(last, '@'..='I' | 'L' | 'M' | 'P' | 'S' | 'T' | 'X' | 'Z' | '`' | 'a' | 'b' | 'd'..='g' | 'm' | 'r' | 's' | 'u')
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn painted(pieces: &[&str]) -> String {
        let mut painting = Painting::default();
        let mut shown = String::new();
        for piece in pieces {
            painting.filter(piece, &mut shown);
        }
        shown
    }

    #[test]
    fn painting_keeps_colours_and_movement() {
        let screen = "\x1b[2J\x1b[H\x1b[1;31mred\x1b[0m\r\n\x1b[?1049h\x1b[?25l\x1b7\x1b8\x1b(B\x1b[3;1Hx\u{9b}1mé漢";
        assert_eq!(painted(&[screen]), screen);
    }

    #[test]
    fn painting_drops_what_makes_a_terminal_answer_or_reach_outside() {
        for evil in [
            "\x1b]52;c;cm0gLXJmIC8=\x07", // clipboard
            "\x1b]0;title\x1b\\",         // title
            "\x1b]8;;http://evil/\x07",   // link
            "\x1b[6n",
            "\x1b[c",
            "\x1b[>0c",
            "\x1b[5n",
            "\x1b[x",
            "\u{9b}6n", // reports
            "\x1b[21t",
            "\x1b[8;1;1t", // window
            "\x1bP$qm\x1b\\",
            "\x1bPabc\u{9c}", // device control strings
            "\x1b_apc\x1b\\",
            "\x1b^pm\x1b\\",
            "\x1bXsos\x1b\\",
            "\x1b[?1000h",
            "\x1b[?1006;25h",
            "\x1b[?2004h",
            "\x1b[?1004h", // keyboard and mouse
            "\x1b[5i",
            "\x05",
            "\x07",
            "\x1bZ",
            "\x1b=",
            "\x1b[>4;2m",
            "\x1b[?u",
            "\x1b[>1u",
            "\u{84}",
            "\x7f",
        ] {
            assert_eq!(painted(&["a", evil, "b"]), "ab", "{evil:?}");
        }
    }

    #[test]
    fn a_sequence_cut_anywhere_is_the_same_sequence() {
        let text = "a\x1b[31mb\x1b]0;t\x1b\\c\x1b(Bd\x1b[6ne\u{9b}7mf\x1bP1$r\x1b\\g";
        let whole = painted(&[text]);
        assert_eq!(whole, "a\x1b[31mbc\x1b(Bde\u{9b}7mfg");
        for cut in (1..text.len()).filter(|cut| text.is_char_boundary(*cut)) {
            assert_eq!(painted(&[&text[..cut], &text[cut..]]), whole, "cut at {cut}");
        }
    }

    #[test]
    fn an_endless_string_is_dropped_without_being_kept() {
        let mut painting = Painting::default();
        let mut shown = String::new();
        painting.filter("\x1b]52;c;", &mut shown);
        for _ in 0..1000 {
            painting.filter(&"A".repeat(100), &mut shown);
        }
        assert!(painting.splitter.pending.len() <= MAX_SEQUENCE + 100);
        painting.filter("\x1b", &mut shown);
        painting.filter("\\after", &mut shown);
        assert_eq!(shown, "after");
    }

    #[test]
    fn broken_sequences_cost_themselves_only() {
        assert_eq!(painted(&["\x1b[12\x07after"]), "after");
        assert_eq!(painted(&["\x1b\x1b[1mx"]), "\x1b[1mx");
        assert_eq!(painted(&["\x1b]0;title\x1b[1mx"]), "\x1b[1mx");
        assert_eq!(painted(&["\x1bé"]), "");
    }
}
