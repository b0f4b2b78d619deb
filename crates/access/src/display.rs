//! Text from outside, made safe to show.
//!
//! A user name, a reason, a command line or a target's label may hold terminal escapes that repaint
//! the reader's screen, line breaks that forge a second line of a table, or bidirectional marks that
//! make `root` read as something else. [`shown`] makes such characters visible instead of effective.
//! It is applied where text is shown, never where it is kept: what is stored stays what was said.
//!
//! Text that is to be played on purpose (a recording) does not come through here.

use std::borrow::Cow;
use std::fmt;

/// One line: every control, line break, escape and invisible or bidirectional mark becomes visible,
/// as `\n`, `\t`, `\x1b` or `\u{202e}`. A backslash stays one, so ordinary text is unchanged.
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    neutralised(text, is_unsafe)
}

/// Several lines: as [`shown`], but line feeds and tabs keep their meaning.
#[must_use]
pub fn shown_lines(text: &str) -> Cow<'_, str> {
    neutralised(text, |c| !matches!(c, '\n' | '\t') && is_unsafe(c))
}

/// One line of at most `most` characters; what is cut is marked by `…`, which counts as one of them.
#[must_use]
pub fn shown_short(text: &str, most: usize) -> Cow<'_, str> {
    let safe = shown(text);
    if safe.chars().nth(most).is_none() {
        return safe;
    }
    let mut short: String = safe.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    Cow::Owned(short)
}

/// A text that neutralises itself when it is printed: `format!("{}", Shown(reason))`.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&shown(self.0))
    }
}

fn neutralised(text: &str, is_unsafe: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            _ if !is_unsafe(c) => safe.push(c),
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            '\0'..='\x7f' => safe.push_str(&format!("\\x{:02x}", u32::from(c))),
            _ => safe.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
        }
    }
    Cow::Owned(safe)
}

/// Whether showing `c` could do more than put a glyph in its place.
///
/// Controls are C0, DEL and C1 (ECMA-48 §5: U+009B alone starts a control sequence). The rest are the
/// bidirectional controls (UAX #9 §2), characters without width that hide inside a name (Unicode
/// `Default_Ignorable_Code_Point`; joiners among them, since a name is not prose), line and paragraph
/// separators, interlinear annotations, and the tag characters.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_is_shown_as_it_is_without_a_copy() {
        for text in ["", "ticket #1234", "naïve Größe 漢字 Привет 🎉", r"C:\temp\new"]
        {
            assert!(matches!(shown(text), Cow::Borrowed(same) if same == text), "{text:?}");
        }
    }

    #[test]
    fn escapes_line_breaks_and_bidirectional_marks_become_visible() {
        for (text, expected) in [
            ("\x1b[2J\x1b[Hroot", r"\x1b[2J\x1b[Hroot"),
            ("\x1b]52;c;aGk=\x07", r"\x1b]52;c;aGk=\x07"),
            ("\u{9b}31mred", r"\u{9b}31mred"),
            ("one\ntwo\r\nthree\tfour", r"one\ntwo\r\nthree\tfour"),
            ("user\u{202e}toor", r"user\u{202e}toor"),
            ("al\u{200b}ice", r"al\u{200b}ice"),
            ("a\u{2028}b\u{feff}", r"a\u{2028}b\u{feff}"),
            ("\u{e0041}", r"\u{e0041}"),
            ("\x00\x7f\x08", r"\x00\x7f\x08"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn several_lines_keep_their_breaks_and_nothing_else() {
        assert_eq!(shown_lines("a\n\tb\r\x1b[1m"), "a\n\tb\\r\\x1b[1m");
    }

    #[test]
    fn what_is_cut_is_marked_and_counts_what_is_seen() {
        assert_eq!(shown_short("abcdef", 6), "abcdef");
        assert_eq!(shown_short("abcdefg", 6), "abcde…");
        assert_eq!(shown_short("日本語の理由", 4), "日本語…");
        assert_eq!(shown_short("\x1b\x1b\x1b", 5), "\\x1b…");
        assert_eq!(shown_short("abc", 0), "…");
    }

    #[test]
    fn nothing_shown_is_unsafe_whatever_came_in() {
        let all: String = (0..=0x10_ffff_u32).filter_map(char::from_u32).collect();
        assert!(!shown(&all).chars().any(is_unsafe));
    }

    #[test]
    fn a_shown_text_pads_like_any_other() {
        assert_eq!(format!("[{:6}]", Shown("a\n")), r"[a\n   ]");
    }
}
