//! From text to syntax tree, within bounds.
//!
//! The parser recurses, and a flat chain of operators makes a tree as deep as it is long. So the text is
//! looked over first: its length, the characters our small language never needs, and how many operators
//! it has. What passes cannot exhaust the stack.

use super::{Expr, ExprError};
use cel::{common::ast::SourceInfo, parser::Parser};
use core::{iter::Peekable, str::CharIndices};

pub(crate) use cel::{
    common::ast::{self, operators},
    parser::Expression as Tree,
};

/// Where the nodes of a tree stand in the text.
#[derive(Debug)]
pub(crate) struct Places {
    info: SourceInfo,
}

impl Places {
    /// The column of a node, from 1.
    pub(crate) fn column(&self, id: u64) -> usize {
        self.info.offset_for(id).map_or(1, |(start, _)| start as usize + 1)
    }
}

/// The most operators, dots and brackets of one expression.
const OPERATORS_MAX: usize = 400;
/// The deepest brackets. Without optimisation the parser takes 150 KiB of stack for each level: twelve
/// exhaust a thread of 2 MiB.
const DEPTH_MAX: usize = 8;
/// The longest run of `!`.
const BANGS_MAX: usize = 24;
/// The most of `.`, `=`, `(`, `[` in a row that may lean to one side: `a.b.c`, `a == b == c`.
const CHAIN_MAX: usize = 40;

pub(crate) fn parse(text: &str) -> Result<(Tree, Places), ExprError> {
    look_over(text)?;
    let parser = Parser::new().max_recursion_depth(96).error_recovery_limit(4);
    match parser.parse_with_source_info(text) {
        Ok((tree, info)) => Ok((tree, Places { info })),
        Err(errors) => {
            let first = errors.errors.first();
            let (line, column) = first.map_or((1, 1), |error| error.pos);
            let message = first
                .map_or("not an expression", |error| error.msg.lines().next().unwrap_or_default());
            let positive = |n: isize| usize::try_from(n).unwrap_or(1).max(1);
            Err(ExprError::Syntax {
                line: positive(line),
                column: positive(column),
                message: plain(message),
            })
        }
    }
}

/// The parser's message without its inner names.
fn plain(message: &str) -> String {
    let message = message.strip_prefix("Syntax error: ").unwrap_or(message);
    let end = message.find(" expecting {").unwrap_or(message.len());
    let shown: String = message.get(..end).unwrap_or(message).chars().take(200).collect();
    shown
        .replace("extraneous input", "unexpected")
        .replace("mismatched input", "unexpected")
        .replace("no viable alternative at input", "unexpected")
        .replace("'<EOF>'", "the end")
        .replace("<EOF>", "the end")
}

/// The text that stands in the expression itself at this place, if one does.
pub(crate) fn written(tree: &Tree) -> Option<&str> {
    match &tree.expr {
        ast::Expr::Literal(ast::LiteralValue::String(text)) => Some(text.inner()),
        ast::Expr::Call(_)
        | ast::Expr::Comprehension(_)
        | ast::Expr::Ident(_)
        | ast::Expr::List(_)
        | ast::Expr::Literal(_)
        | ast::Expr::Map(_)
        | ast::Expr::Select(_)
        | ast::Expr::Struct(_)
        | ast::Expr::Unspecified => None,
    }
}

fn look_over(text: &str) -> Result<(), ExprError> {
    if text.len() > Expr::MAX {
        return Err(ExprError::TooLong(format!("{} bytes, the most is {}", text.len(), Expr::MAX)));
    }
    let (mut operators, mut depth, mut chain, mut bangs) = (0_usize, 0_usize, 0_usize, 0_usize);
    let mut before = ' ';
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        bangs = if c == '!' { bangs + 1 } else { 0 };
        match c {
            '"' | '\'' => look_over_text(c, at, before, &mut characters)?,
            '(' | '[' => (depth, chain) = (depth + 1, chain + 1),
            ')' | ']' => depth = depth.saturating_sub(1),
            '.' | '=' => chain += 1,
            '&' | '|' | ',' => chain = 0,
            '!' | '_' | ' ' | '\n' | '\t' | '\r' => {}
            _ if c.is_ascii_alphanumeric() => {}
            _ => return Err(meaning(at, format!("{c:?} has no meaning here"))),
        }
        operators += usize::from(matches!(c, '(' | '[' | '.' | '=' | '&' | '|' | ',' | '!'));
        if depth > DEPTH_MAX || bangs > BANGS_MAX {
            return Err(ExprError::TooLong(format!(
                "more than {DEPTH_MAX} brackets in one another (column {})",
                at + 1
            )));
        }
        if operators > OPERATORS_MAX || chain > CHAIN_MAX {
            return Err(ExprError::TooLong(format!("too many operators (column {})", at + 1)));
        }
        before = c;
    }
    Ok(())
}

/// Walks over a quoted text. Only the plain form is known: the parser must see the same end as we do.
fn look_over_text(
    quote: char,
    start: usize,
    before: char,
    characters: &mut Peekable<CharIndices<'_>>,
) -> Result<(), ExprError> {
    if before.is_ascii_alphanumeric() || before == quote {
        return Err(meaning(start, "a text is written \"…\", without a prefix".to_owned()));
    }
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => match characters.next() {
                Some((_, '\\' | '"' | '\'' | 'n' | 'r' | 't')) => {}
                Some((_, other)) => {
                    let message =
                        format!("`\\{other}` is not an escape; for a backslash write `\\\\`");
                    return Err(meaning(at, message));
                }
                None => break,
            },
            '\n' | '\r' => return Err(meaning(at, "a text cannot span lines".to_owned())),
            _ if c == quote => {
                return match characters.peek() {
                    Some((at, next)) if *next == quote => Err(meaning(
                        *at,
                        "a text is written \"…\", with one quote on each side".to_owned(),
                    )),
                    _ => Ok(()),
                };
            }
            _ => {}
        }
    }
    Err(meaning(start, "this text has no closing quote".to_owned()))
}

const fn meaning(at: usize, message: String) -> ExprError {
    ExprError::Meaning { column: at + 1, message }
}
