//! Texts into tokens, as the servers read them.
//!
//! Where a text can be read in two ways, because it depends on a setting of the server that is not known here or on
//! the character set, it is not read at all: whoever confuses this reader must not get a statement past it. Sources:
//! PostgreSQL's documentation, 4.1 "Lexical Structure", and its `scan.l`; MySQL's manual, 11.1 to 11.7, and MariaDB's
//! "Comment Syntax".

use super::Dialect;

/// A token, and whether it follows the one before without a blank.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Token<'a> {
    pub(super) what: What<'a>,
    pub(super) glued: bool,
}

/// What a token is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum What<'a> {
    /// Anything else: a character.
    Mark(char),
    /// A quoted name, without its quotes.
    Name(&'a str),
    /// A number.
    Number(&'a str),
    /// A place for a value: `$1`, `?`.
    Param,
    /// A string, as it stands between its quotes.
    Text(&'a str),
    /// A name without quotes, or a keyword.
    Word(&'a str),
}

/// It can be read in two ways, or is no SQL.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Unclear;

/// Introducers of strings whose character sets have no surprises.
const INTRODUCERS: [&str; 6] = ["_ascii", "_binary", "_latin1", "_utf8", "_utf8mb3", "_utf8mb4"];

/// The tokens of `text`, comments left out.
pub(super) fn tokens(dialect: Dialect, text: &str) -> Result<Vec<Token<'_>>, Unclear> {
    if text.contains('\0') {
        return Err(Unclear);
    }
    single_bytes(text)?;
    let mut lexer = Lexer { dialect, rest: text };
    let mut tokens: Vec<Token<'_>> = Vec::new();
    loop {
        let blank = lexer.skip_blank()?;
        let Some(what) = lexer.next()? else { return Ok(tokens) };
        tokens.push(Token { what, glued: !blank });
    }
}

/// In a few character sets that a client can choose (GBK, Shift JIS, Big5), a byte of ASCII is the second half of a character: a
/// backslash or backtick behind a byte that is not ASCII may be no such thing.
fn single_bytes(text: &str) -> Result<(), Unclear> {
    let pairs = text.as_bytes().windows(2);
    let swallowed = |pair: &[u8]| matches!(pair, [first, b'\\' | b'`'] if *first >= 0x80);
    if pairs.into_iter().any(swallowed) { Err(Unclear) } else { Ok(()) }
}

struct Lexer<'a> {
    dialect: Dialect,
    rest: &'a str,
}

impl<'a> Lexer<'a> {
    fn skip(&mut self, n: usize) {
        self.rest = self.rest.get(n..).unwrap_or_default();
    }

    /// Takes `n` bytes.
    fn take(&mut self, n: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(n).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    /// Takes what `belongs`.
    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        self.take(end)
    }

    /// Skips blanks and comments, and says whether there were any.
    fn skip_blank(&mut self) -> Result<bool, Unclear> {
        let before = self.rest.len();
        loop {
            // PostgreSQL counts the vertical tab only since version 16.
            let blank = |c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c');
            self.take_while(blank);
            let mysql = self.dialect == Dialect::MySql;
            let dashes = self.rest.starts_with("--");
            if self.rest.starts_with("/*") {
                self.comment()?;
            } else if dashes && (!mysql || dashes_begin_comment(self.rest))
                || mysql && self.rest.starts_with('#')
            {
                self.line();
            } else {
                return Ok(self.rest.len() < before);
            }
        }
    }

    fn line(&mut self) {
        let ends = |c| c == '\n' || c == '\r' && self.dialect == Dialect::Postgres;
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        self.skip(end);
    }

    fn comment(&mut self) -> Result<(), Unclear> {
        if self.dialect == Dialect::MySql {
            let body = self.rest.get(2..).unwrap_or_default();
            // `/*! … */` and `/*M! … */` are executed; `/*+ … */` may hold settings.
            let (inside, behind) = body.split_once("*/").ok_or(Unclear)?;
            if inside.starts_with(['!', 'M', '+']) || inside.contains("/*") {
                return Err(Unclear);
            }
            self.rest = behind;
            return Ok(());
        }
        let mut depth = 0_u32;
        loop {
            if self.rest.starts_with("/*") {
                depth = depth.saturating_add(1);
                self.skip(2);
            } else if self.rest.starts_with("*/") {
                depth = depth.saturating_sub(1);
                self.skip(2);
                if depth == 0 {
                    return Ok(());
                }
            } else {
                let first = self.rest.chars().next().ok_or(Unclear)?;
                self.skip(first.len_utf8());
                self.take_while(|c| c != '/' && c != '*');
            }
        }
    }

    fn next(&mut self) -> Result<Option<What<'a>>, Unclear> {
        let Some(first) = self.rest.chars().next() else { return Ok(None) };
        let mysql = self.dialect == Dialect::MySql;
        Ok(Some(match first {
            '\'' => What::Text(self.quoted('\'')?),
            '"' if mysql => What::Text(self.quoted('"')?),
            '"' => What::Name(self.quoted('"')?),
            '`' if mysql => What::Name(self.quoted('`')?),
            '`' | '\\' => return Err(Unclear),
            '$' if !mysql => self.dollar()?,
            '?' => {
                self.skip(1);
                if mysql { What::Param } else { What::Mark('?') }
            }
            '0'..='9' => What::Number(self.number()?),
            '.' if self.rest.get(1..).is_some_and(|rest| rest.starts_with(is_digit)) => {
                What::Number(self.number()?)
            }
            c if is_letter(c) || mysql && (c == '@' || c == '$') => self.word()?,
            c if c.is_ascii() && !c.is_ascii_control() => {
                self.skip(1);
                What::Mark(c)
            }
            // A character of no alphabet: the servers take it for a letter or a blank, by version and settings.
            _ => return Err(Unclear),
        }))
    }

    /// A string or a name between `quote`s; a doubled one stands for itself.
    fn quoted(&mut self, quote: char) -> Result<&'a str, Unclear> {
        self.skip(1);
        let body = self.rest;
        let escapes = self.dialect == Dialect::MySql && quote != '`';
        let mut chars = body.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if c == '\\' && escapes {
                // With ANSI_QUOTES a backslash is nothing special between double quotes.
                match chars.next() {
                    Some((_, '"' | '\\')) if quote == '"' => return Err(Unclear),
                    Some(_) => {}
                    None => return Err(Unclear),
                }
            } else if c == '\\' && quote == '\'' {
                // Whether that ends the string is a setting in PostgreSQL, and differs in the second line of E''.
                if chars.peek().is_some_and(|(_, next)| *next == quote) {
                    return Err(Unclear);
                }
            } else if c == quote {
                if chars.peek().is_some_and(|(_, next)| *next == quote) {
                    chars.next();
                } else {
                    self.skip(at.saturating_add(1));
                    return Ok(body.get(..at).unwrap_or_default());
                }
            }
        }
        Err(Unclear)
    }

    /// `E'…'`: a backslash escapes. Never continued: the next string would be read in the same way.
    fn escaped(&mut self) -> Result<&'a str, Unclear> {
        self.skip(1);
        let body = self.rest;
        let mut chars = body.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if c == '\\' {
                chars.next();
            } else if c == '\'' {
                if chars.peek().is_some_and(|(_, next)| *next == '\'') {
                    chars.next();
                } else {
                    self.skip(at.saturating_add(1));
                    return Ok(body.get(..at).unwrap_or_default());
                }
            }
        }
        Err(Unclear)
    }

    /// `$1`, or a string between two of the same tag: `$tag$ … $tag$`.
    fn dollar(&mut self) -> Result<What<'a>, Unclear> {
        let behind = self.rest.get(1..).unwrap_or_default();
        if behind.starts_with(is_digit) {
            self.skip(1);
            self.take_while(is_digit);
            let ends = !self.rest.starts_with(is_word);
            return if ends { Ok(What::Param) } else { Err(Unclear) };
        }
        let end = behind.find('$').ok_or(Unclear)?;
        let tag = behind.get(..end).unwrap_or_default();
        if !tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(Unclear);
        }
        let mark = self.take(tag.len().saturating_add(2));
        let (text, rest) = self.rest.split_once(mark).ok_or(Unclear)?;
        self.rest = rest;
        Ok(What::Text(text))
    }

    fn number(&mut self) -> Result<&'a str, Unclear> {
        let all = self.rest;
        if all.starts_with("0x") || all.starts_with("0X") || all.starts_with("0b") {
            self.skip(2);
            self.take_while(|c| c.is_ascii_hexdigit());
        } else {
            self.take_while(|c| is_digit(c) || c == '.');
            let exponent = self.rest.strip_prefix(['e', 'E']);
            let digits = exponent.map(|rest| rest.strip_prefix(['+', '-']).unwrap_or(rest));
            if let Some(digits) = digits.filter(|digits| digits.starts_with(is_digit)) {
                self.rest = digits;
                self.take_while(is_digit);
            }
        }
        // What goes on as a word is read in one way here and in another there.
        if self.rest.starts_with(is_word) || self.rest.starts_with('$') {
            return Err(Unclear);
        }
        Ok(all.get(..all.len().saturating_sub(self.rest.len())).unwrap_or_default())
    }

    fn word(&mut self) -> Result<What<'a>, Unclear> {
        let mysql = self.dialect == Dialect::MySql;
        let part = |c| is_word(c) || c == '$' || mysql && c == '@';
        let word = self.take_while(part);
        // What a word leaves that is no ASCII is of no alphabet.
        if self.rest.chars().next().is_some_and(|next| !next.is_ascii()) {
            return Err(Unclear);
        }
        if !self.rest.starts_with('\'') && !self.rest.starts_with('"') {
            // `U&"…"` spells names with escapes.
            let spelled = self.rest.starts_with('&') && word.eq_ignore_ascii_case("u");
            return if spelled && !mysql { Err(Unclear) } else { Ok(What::Word(word)) };
        }
        let text = match word {
            "e" | "E" if !mysql && self.rest.starts_with('\'') => self.escaped()?,
            "b" | "B" | "x" | "X" | "n" | "N" if self.rest.starts_with('\'') => {
                self.quoted('\'')?
            }
            _ if mysql && INTRODUCERS.iter().any(|known| word.eq_ignore_ascii_case(known)) => {
                self.quoted(self.rest.chars().next().unwrap_or('\''))?
            }
            _ if mysql && word.starts_with('_') => return Err(Unclear),
            _ => return Ok(What::Word(word)),
        };
        Ok(What::Text(text))
    }
}

/// In MySQL `--` begins a comment when a blank or nothing follows.
fn dashes_begin_comment(rest: &str) -> bool {
    let next = rest.get(2..).and_then(|rest| rest.chars().next());
    next.is_none_or(|c| c.is_ascii_whitespace() || c.is_ascii_control())
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

fn is_letter(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}
