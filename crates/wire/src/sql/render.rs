//! Tokens back into a text, for the parser: no comments, nothing inside strings or quoted names, and no long lists of
//! values. So it cannot be confused about where a string ends, and a thousand rows cost what one costs.

use super::lex::{Token, What};
use super::scan::is_any;

/// A piece of the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Piece<'a> {
    Close,
    Comma,
    Mark(char),
    Open,
    Value,
    Name,
    Word(&'a str),
}

/// Pieces that the parser gets at most: it needs some hundred bytes for each.
const MAX_PIECES: usize = 64 * 1024;

/// The text of `tokens`; none where it is too long even so.
pub(super) fn render(tokens: &[Token<'_>]) -> Option<String> {
    let mut pieces: Vec<(Piece<'_>, bool)> = Vec::with_capacity(tokens.len().min(1024));
    for token in tokens {
        let piece = match token.what {
            What::Mark('(') => Piece::Open,
            What::Mark(')') => Piece::Close,
            What::Mark(',') => Piece::Comma,
            What::Mark(mark) => Piece::Mark(mark),
            What::Name(_) => Piece::Name,
            What::Number(_) | What::Param | What::Text(_) => Piece::Value,
            // `IS NULL` stays as it is.
            What::Word(_)
                if matches!(pieces.last(), Some((Piece::Comma | Piece::Open, _)))
                    && is_any(Some(token), &["DEFAULT", "FALSE", "NULL", "TRUE"]) =>
            {
                Piece::Value
            }
            What::Word(word) => Piece::Word(word),
        };
        pieces.push((piece, token.glued));
        shorten(&mut pieces);
        if pieces.len() > MAX_PIECES {
            return None;
        }
    }
    let mut text = String::with_capacity(pieces.len().saturating_mul(4));
    for (at, (piece, glued)) in pieces.iter().enumerate() {
        if at > 0 && !glued {
            text.push(' ');
        }
        match piece {
            Piece::Close => text.push(')'),
            Piece::Comma => text.push(','),
            Piece::Mark(mark) => text.push(*mark),
            Piece::Name => text.push_str(" q "),
            Piece::Open => text.push('('),
            Piece::Value => text.push_str(" 'v' "),
            Piece::Word(word) => text.push_str(word),
        }
    }
    Some(text)
}

/// Takes away what repeats: `v, v`, `(v), (v)`, and strings that go on.
fn shorten(pieces: &mut Vec<(Piece<'_>, bool)>) {
    loop {
        let mut last = [None; 7];
        for (slot, (piece, _)) in last.iter_mut().zip(pieces.iter().rev()) {
            *slot = Some(*piece);
        }
        let [a, b, c, d, e, f, g] = last;
        let gone = match (a, b, c) {
            (Some(Piece::Value), Some(Piece::Comma), Some(Piece::Value)) => 2,
            (Some(Piece::Value), Some(Piece::Value), _) => 1,
            (
                Some(Piece::Value),
                Some(Piece::Mark('-' | '+')),
                Some(Piece::Comma | Piece::Open),
            ) => {
                // A number with a sign.
                pieces.truncate(pieces.len().saturating_sub(2));
                pieces.push((Piece::Value, false));
                continue;
            }
            (Some(Piece::Close), Some(Piece::Value), Some(Piece::Open))
                if [d, e, f, g]
                    == [
                        Some(Piece::Comma),
                        Some(Piece::Close),
                        Some(Piece::Value),
                        Some(Piece::Open),
                    ] =>
            {
                4
            }
            (_, _, _) => return,
        };
        pieces.truncate(pieces.len().saturating_sub(gone));
    }
}
