//! Patterns: a literal, a glob (`web-*`), or a regular expression when written `^…$`.
//!
//! A regular expression is anchored as a whole, `^(?:…)$`: `^test|staging$` matches `test` and
//! `staging`, not `test-7` (the law, §9). Globs know `*` alone, which stands for any text, also none.

use crate::name::RoleName;
use core::fmt;
use regex::{Regex, RegexBuilder};

/// A compiled pattern.
#[derive(Clone)]
pub struct Pattern {
    text: Box<str>,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Any,
    Glob,
    Literal,
    Regex(Regex),
}

/// Why a text is not a pattern.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidPattern {
    /// Over [`Pattern::MAX`].
    #[error("a pattern has at most {most} bytes, this one has {0}", most = Pattern::MAX)]
    TooLong(usize),
    /// A replacement that refers to more groups than [`Replacement::REFERENCES`].
    #[error("a replacement has at most {most} `$`, this one has {0}", most = Replacement::REFERENCES)]
    References(usize),
    /// The regex crate refused it. It has neither look-around nor back-references: matching is linear.
    #[error("bad regular expression {0:?}: {1}")]
    Regex(String, String),
}

impl Pattern {
    /// The longest pattern, in bytes.
    pub const MAX: usize = 1024;
    /// What a compiled regular expression may take, in bytes.
    pub(crate) const COMPILED_MAX: usize = 256 * 1024;

    /// Compiles a pattern.
    ///
    /// # Errors
    /// [`InvalidPattern`] for what is too long, or looks like a regular expression and is not one.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        if text.len() > Self::MAX {
            return Err(InvalidPattern::TooLong(text.len()));
        }
        let kind = match regex_inside(text) {
            Some(inside) => Kind::Regex(compile(&format!("^(?:{inside})$"), inside)?),
            None if text == "*" => Kind::Any,
            None if text.contains('*') => Kind::Glob,
            None => Kind::Literal,
        };
        Ok(Self { text: text.into(), kind })
    }

    /// Whether the pattern matches the whole of `text`.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match &self.kind {
            Kind::Any => true,
            Kind::Glob => glob(&self.text, text),
            Kind::Literal => *self.text == *text,
            Kind::Regex(regex) => regex.is_match(text),
        }
    }

    /// Whether `$1`, `${name}` in `template` stand for groups of this pattern.
    pub(crate) fn fills(&self, template: &str) -> bool {
        let name = |c: char| c == '{' || c == '_' || c.is_ascii_alphanumeric();
        matches!(self.kind, Kind::Regex(_))
            && template.split('$').skip(1).any(|rest| rest.starts_with(name))
    }

    /// `template`, a literal or a glob, with `$1`, `${name}` filled from the groups of a regular
    /// expression that matches `text`. `None` where it does not match, and where a group holds what no
    /// name of a role is made of: what a trait says is taken by the letter, so a star in it is no glob.
    pub(crate) fn fill(&self, text: &str, template: &str) -> Option<String> {
        let Kind::Regex(regex) = &self.kind else { return None };
        let groups = regex.captures(text)?;
        let mut filled = String::new();
        for (n, piece) in template.split('*').enumerate() {
            if n > 0 {
                filled.push('*');
            }
            let from = filled.len();
            groups.expand(piece, &mut filled);
            let plain = |c: char| c.is_ascii_alphanumeric() || RoleName::MARKS.contains(c);
            if !filled.get(from..)?.chars().all(plain) {
                return None;
            }
        }
        Some(filled)
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is `*`.
    #[must_use]
    pub const fn is_any(&self) -> bool {
        matches!(self.kind, Kind::Any)
    }

    /// Whether it matches itself alone.
    #[must_use]
    pub const fn is_literal(&self) -> bool {
        matches!(self.kind, Kind::Literal)
    }

    /// Whether anchoring as a whole gives the expression another meaning than its author may expect:
    /// `^a|b$` read without the group means "begins with a, or ends with b".
    #[must_use]
    pub fn changed_by_anchoring(&self) -> bool {
        matches!(self.kind, Kind::Regex(_))
            && regex_inside(&self.text).is_some_and(has_outer_alternative)
    }
}

/// How many regular expressions stand in this text of a role, at most: it is one, or names the functions that take them.
pub(crate) fn regexes(text: &str) -> usize {
    if regex_inside(text).is_some() { 1 } else { text.matches("regexp").count() }
}

/// `regexp.replace` of expressions and templates, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Replacement {
    regex: Regex,
    with: Box<str>,
}

impl Replacement {
    /// The longest text that is made, in bytes. Replacements stand in one another, and each could
    /// multiply what the one inside made; no name, login or label is as long.
    const MAX: usize = 4096;
    /// How many groups a replacement may refer to.
    const REFERENCES: usize = 16;

    /// The replacement of what `expression` matches `with` a text, in which `$1`, `${name}` are its groups.
    pub(crate) fn parse(expression: &str, with: &str) -> Result<Self, InvalidPattern> {
        let references = with.matches('$').count();
        if references > Self::REFERENCES {
            return Err(InvalidPattern::References(references));
        }
        Ok(Self { regex: compile(expression, expression)?, with: with.into() })
    }

    /// `text` with every match replaced; `None` where nothing matches, as operators of such templates
    /// expect, and where the result is longer than [`Self::MAX`].
    pub(crate) fn apply(&self, text: &str) -> Option<String> {
        let (mut made, mut done) = (String::new(), None);
        for groups in self.regex.captures_iter(text) {
            let matched = groups.get(0)?;
            made.push_str(text.get(done.unwrap_or(0)..matched.start())?);
            groups.expand(&self.with, &mut made);
            if made.len() > Self::MAX {
                return None;
            }
            done = Some(matched.end());
        }
        made.push_str(text.get(done?..)?);
        (made.len() <= Self::MAX).then_some(made)
    }
}

fn regex_inside(text: &str) -> Option<&str> {
    text.strip_prefix('^')?.strip_suffix('$')
}

/// Compiles a regular expression with our limits; `shown` is what the error quotes.
fn compile(source: &str, shown: &str) -> Result<Regex, InvalidPattern> {
    // The whole must be an expression by itself, or `a)(b` would close the group it is put into.
    RegexBuilder::new(shown)
        .size_limit(Pattern::COMPILED_MAX)
        .build()
        .and_then(|_| RegexBuilder::new(source).size_limit(Pattern::COMPILED_MAX).build())
        .map_err(|error| {
            let message = error.to_string();
            let cause = message.lines().last().unwrap_or_default().trim();
            InvalidPattern::Regex(
                shown.to_owned(),
                cause.strip_prefix("error: ").unwrap_or(cause).to_owned(),
            )
        })
}

fn has_outer_alternative(inside: &str) -> bool {
    let (mut depth, mut class, mut escaped) = (0_usize, false, false);
    for c in inside.chars() {
        if escaped {
            escaped = false;
            continue;
        }
        match c {
            '\\' => escaped = true,
            '[' => class = true,
            ']' => class = false,
            '(' if !class => depth += 1,
            ')' if !class => depth = depth.saturating_sub(1),
            '|' if !class && depth == 0 => return true,
            _ => {}
        }
    }
    false
}

/// Whether `text` is made of the parts of `pattern` between the stars, in order. Linear: each part is
/// taken where it first occurs.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(head) else { return false };
    let (middle, tail) = rest.rsplit_once('*').map_or(("", rest), |(middle, tail)| (middle, tail));
    let Some(body) = left.strip_suffix(tail) else { return false };
    left = body;
    for part in middle.split('*').filter(|part| !part.is_empty()) {
        let Some((_, after)) = left.split_once(part) else { return false };
        left = after;
    }
    true
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(text)
    }

    #[test]
    fn a_regex_is_anchored_as_a_whole() {
        assert!(matches("^test|staging$", "staging"));
        assert!(!matches("^test|staging$", "testing"));
        assert!(!matches("^test|staging$", "pre-staging"));
        assert!(!matches("^prod$", "prod\n"));
    }

    #[test]
    fn a_regex_cannot_break_out_of_its_anchors() {
        assert!(Pattern::parse("^a)|(b$").is_err());
        assert!(Pattern::parse("^a)(?:.*$").is_err());
        assert!(Pattern::parse("^a\\$").is_err(), "an escaped dollar does not anchor");
    }

    #[test]
    fn only_an_outer_alternative_is_warned_about() {
        let changed = |text: &str| Pattern::parse(text).unwrap().changed_by_anchoring();
        assert!(changed("^test|staging$"));
        assert!(!changed("^(test|staging)$"));
        assert!(!changed("^[a|b]$"));
        assert!(!changed("^a\\|b$"));
        assert!(!changed("a|b"));
    }

    #[test]
    fn the_parts_of_a_glob_do_not_overlap() {
        assert!(!matches("ab*ba", "aba"));
        assert!(matches("ab*ba", "abba"));
        assert!(matches("*a*b*", "xxaxxbxx"));
        assert!(!matches("*a*b*", "xxbxxaxx"));
        assert!(matches("**", ""));
    }

    #[test]
    fn replacements_in_one_another_do_not_multiply_without_end() {
        let grow = |with: &str| Replacement::parse("", with).unwrap();
        let first = grow(&"a".repeat(200)).apply("0123456789").unwrap();
        assert_eq!(first.len(), 11 * 200 + 10);
        assert_eq!(grow(&"a".repeat(200)).apply(&first), None);
        assert!(Replacement::parse("x", &"$0".repeat(17)).is_err());
    }

    #[test]
    fn a_replacement_is_made_as_the_regex_crate_makes_it() {
        for (expression, with, text) in [
            ("^ext-(.*)$", "$1", "ext-db"),
            ("o", "0", "foo boo"),
            ("", "-", "abc"),
            ("(?P<a>.)(.)", "${a}$2$3$", "wxyz!"),
            ("$", "!", "\u{e9}"),
        ] {
            let expected = Regex::new(expression).unwrap().replace_all(text, with).into_owned();
            assert_eq!(Replacement::parse(expression, with).unwrap().apply(text), Some(expected));
        }
        assert_eq!(Replacement::parse("z", "y").unwrap().apply("abc"), None);
    }

    #[test]
    fn what_a_group_holds_is_taken_by_the_letter() {
        let team = Pattern::parse("^team-(.*)$").unwrap();
        let fill = |text: &str, template: &str| team.fill(text, template);
        assert_eq!(fill("team-db", "$1-admin").as_deref(), Some("db-admin"));
        assert_eq!(fill("team-db", "${1}*").as_deref(), Some("db*"));
        for text in ["team-*", "team-^.*$", "team-a b", "team-ä", "club-db"] {
            assert_eq!(fill(text, "$1"), None, "{text}");
        }
        assert!(team.fills("x-$1") && team.fills("${name}"));
        assert!(!team.fills("^dba$") && !team.fills("$-") && !team.fills("dba"));
    }

    #[test]
    fn a_huge_regex_is_refused() {
        assert!(Pattern::parse("^(?:a{1000}){1000}$").is_err());
        assert!(Pattern::parse(&"a".repeat(1025)).is_err());
    }

    proptest! {
        #[test]
        fn a_glob_means_what_the_same_regex_means(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
            let same = format!("^{}$", pattern.replace('*', ".*"));
            prop_assert_eq!(matches(&pattern, &text), matches(&same, &text));
        }

        #[test]
        fn a_literal_matches_itself_alone(text in "[a-z.+?()|]{0,12}", other in "[a-z.+?()|]{0,12}") {
            prop_assert!(matches(&text, &text));
            prop_assert_eq!(matches(&text, &other), text == other);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,40}") {
            let _ = Pattern::parse(&text).map(|pattern| pattern.matches("x"));
        }
    }
}
