//! Two things that have to be known of a statement's text whether or not a parser understands it: does it choose
//! another database, and does it end a connection by a number that we gave out.
//!
//! This is a reader of words, not a parser. It knows strings, quoted names and comments as the servers do, looks into
//! comments that the servers execute (`/*! … */`), and takes a word for a keyword only where a statement begins.

use core::ops::Range;

/// What stands in a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Token<'a> {
    /// A name in backticks, without them.
    Name(&'a str),
    /// A word or a number.
    Word(&'a str),
    /// `;`
    End,
    /// A string or any other character.
    Other,
}

struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, n: usize) {
        self.at = self.at.saturating_add(n).min(self.text.len());
    }

    fn skip_behind(&mut self, from: usize, end: &str) {
        let rest = self.rest().get(from..).unwrap_or_default();
        let found = rest.find(end).map_or(rest.len(), |at| at.saturating_add(end.len()));
        self.skip(from.saturating_add(found));
    }

    /// Skips what servers skip; comments that they execute are left to be read.
    fn skip_blank(&mut self) {
        loop {
            let rest = self.rest();
            let Some(first) = rest.chars().next() else { return };
            if first.is_whitespace() {
                self.skip(first.len_utf8());
            } else if first == '#' || starts_dashes(rest) {
                self.skip_behind(1, "\n");
            } else if rest.starts_with("/*!") || rest.starts_with("/*M!") {
                let digits = rest.trim_start_matches(['/', '*', 'M', '!']);
                let head = rest.len().saturating_sub(digits.len());
                let version = digits.chars().take_while(char::is_ascii_digit).count();
                self.skip(head.saturating_add(version));
            } else if rest.starts_with("*/") {
                self.skip(2);
            } else if rest.starts_with("/*") {
                self.skip_behind(2, "*/");
            } else {
                return;
            }
        }
    }

    /// The next token and where it stands.
    fn next(&mut self) -> Option<(Token<'a>, Range<usize>)> {
        self.skip_blank();
        let rest = self.rest();
        let from = self.at;
        let first = rest.chars().next()?;
        let token = match first {
            ';' => {
                self.skip(1);
                Token::End
            }
            '`' => {
                self.skip_behind(1, "`");
                let name = rest.get(1..).unwrap_or_default();
                Token::Name(name.split('`').next().unwrap_or_default())
            }
            '\'' | '"' => {
                self.string(first);
                Token::Other
            }
            _ if is_word(first) => {
                let len = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                self.skip(len);
                Token::Word(rest.get(..len).unwrap_or_default())
            }
            other => {
                self.skip(other.len_utf8());
                Token::Other
            }
        };
        Some((token, from..self.at))
    }

    /// A string to its end. Whether a backslash escapes depends on a setting of the session; it does by default.
    fn string(&mut self, quote: char) {
        let mut escaped = false;
        let mut chars = self.rest().char_indices().skip(1);
        let end = chars.find(|(_, c)| {
            let ends = *c == quote && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        let n = end.map_or(self.rest().len(), |(at, c)| at.saturating_add(c.len_utf8()));
        self.skip(n);
    }
}

/// `--` begins a comment when a blank follows.
fn starts_dashes(rest: &str) -> bool {
    rest.strip_prefix("--")
        .is_some_and(|behind| behind.chars().next().is_none_or(|c| c.is_whitespace()))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// The databases that `USE` statements of `text` choose, in order.
pub fn uses(text: &str) -> impl Iterator<Item = &str> {
    let mut tokens = Tokens::new(text);
    let mut begins = true;
    core::iter::from_fn(move || {
        loop {
            let (token, _) = tokens.next()?;
            let is_use =
                begins && matches!(token, Token::Word(word) if word.eq_ignore_ascii_case("use"));
            begins = token == Token::End;
            if is_use {
                match tokens.next()? {
                    (Token::Name(name) | Token::Word(name), _) => return Some(name),
                    (Token::End, _) => begins = true,
                    (Token::Other, _) => {}
                }
            }
        }
    })
}

/// Whether `text` may hold a `USE`: a look that is cheaper than reading it, and says yes more often.
#[must_use]
pub fn may_use(text: &[u8]) -> bool {
    text.windows(3).any(|word| word.eq_ignore_ascii_case(b"use"))
}

/// The connection's number in a text that is `KILL …` and nothing else, and where it stands.
#[must_use]
pub fn killed(text: &str) -> Option<(u64, Range<usize>)> {
    let mut tokens = Tokens::new(text);
    let mut number = None;
    let mut first = true;
    while let Some((token, place)) = tokens.next() {
        match token {
            Token::Word(word) if first => {
                if !word.eq_ignore_ascii_case("kill") {
                    return None;
                }
                first = false;
            }
            Token::Word(word) if number.is_none() => match word.parse() {
                Ok(parsed) => number = Some((parsed, place)),
                // HARD, SOFT, CONNECTION, QUERY; `ID` and `USER` name something else.
                Err(_)
                    if !word.eq_ignore_ascii_case("id") && !word.eq_ignore_ascii_case("user") => {}
                Err(_) => return None,
            },
            Token::End => {}
            Token::Name(_) | Token::Word(_) | Token::Other => return None,
        }
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(text: &str) -> Vec<&str> {
        uses(text).collect()
    }

    #[test]
    fn a_chosen_database_is_found_wherever_a_statement_begins() {
        for text in [
            "use shop",
            "USE `shop`;",
            "  /* hello */ use shop",
            "-- first\nuse shop",
            "# first\nUsE shop",
            "select 1; use shop",
            "select ';' ; use\tshop",
            "select 'it''s'; use shop",
            "select 'a\\'b'; use shop",
            "/*! use shop */",
            "/*!50001 use shop */",
            "/*M!100100 use shop */",
            "use/**/shop",
            "select '' -- x'\n;use shop",
        ] {
            assert_eq!(used(text), ["shop"], "{text}");
            assert!(may_use(text.as_bytes()));
        }
        assert_eq!(used("use a; use b"), ["a", "b"]);
    }

    #[test]
    fn other_uses_of_the_word_choose_nothing() {
        for text in [
            "select * from t use index (i)",
            "select 'x; use shop'",
            "select \"x; use shop\"",
            "select `; use shop`",
            "/* use shop */ select 1",
            "-- use shop",
            "user",
            "use",
            "",
            "select 'open; use shop",
        ] {
            assert_eq!(used(text), Vec::<&str>::new(), "{text}");
        }
        assert!(!may_use(b"select 1"));
    }

    #[test]
    fn the_number_of_a_kill_is_found_and_no_other() {
        for text in ["KILL 7", "kill query 7", "KILL HARD CONNECTION 7 ;", "/* x */ kill 7"] {
            let (number, place) = killed(text).unwrap();
            assert_eq!((number, &text[place]), (7, "7"), "{text}");
        }
        for text in [
            "kill",
            "kill `7`",
            "`kill` 7",
            "kill query id 7",
            "kill user root",
            "kill 7+1",
            "select 7",
            "kill 7; kill 8",
        ] {
            assert_eq!(killed(text), None, "{text}");
        }
    }
}
