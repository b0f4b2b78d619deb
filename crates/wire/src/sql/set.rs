//! `SET`: settings of one's own session, but for those that matter to whoever judges statements.

use super::lex::{Token, What};
use super::scan::{is, is_any, is_mark};
use super::words::holds;
use super::{Class, Classes};

/// Character sets in which ASCII means ASCII everywhere: a byte of it is never half of another character.
const PLAIN_SETS: [&str; 15] = [
    "ascii",
    "binary",
    "default",
    "euc_jp",
    "latin1",
    "latin2",
    "latin9",
    "sql_ascii",
    "ujis",
    "unicode",
    "utf8",
    "utf8mb3",
    "utf8mb4",
    "win1251",
    "win1252",
];

const fn of(class: Class) -> Classes {
    Classes::of(class)
}

/// PostgreSQL: `SET [SESSION | LOCAL] name { TO | = } value`, and the forms with words of their own.
pub(super) fn postgres(tokens: &[Token<'_>]) -> Classes {
    let rest = behind(tokens, &["SET", "SESSION", "LOCAL"]);
    let session = of(Class::Session);
    if is_any(rest.first(), &["AUTHORIZATION", "ROLE"]) {
        // Another's rights, and perhaps back to those of one's own.
        return session.with(Class::Grant).with(Class::Write);
    }
    if is_any(rest.first(), &["CHARACTERISTICS", "CONSTRAINTS", "TRANSACTION"]) {
        let classes = of(Class::Transaction);
        return if holds(rest, &["READ", "WRITE"]) { classes.with(Class::Write) } else { classes };
    }
    let value = rest.get(1..).unwrap_or_default();
    match name(rest.first()) {
        Some(name) => session.union(setting(&name, value)),
        None => of(Class::Unknown),
    }
}

/// PostgreSQL: `RESET name`, `RESET ALL`: what was set when the session began.
pub(super) fn reset(tokens: &[Token<'_>]) -> Classes {
    let session = of(Class::Session);
    if is_any(tokens.get(1), &["ROLE", "SESSION"]) {
        return session.with(Class::Grant).with(Class::Write);
    }
    match name(tokens.get(1)) {
        Some(name) => session.union(setting(&name, &[])),
        None => of(Class::Unknown),
    }
}

fn setting(name: &str, value: &[Token<'_>]) -> Classes {
    match name {
        "default_transaction_read_only" | "transaction_read_only" => of(Class::Write),
        "role" | "session_authorization" => of(Class::Grant).with(Class::Write),
        // They say how the next text is read.
        "backslash_quote" | "standard_conforming_strings" => of(Class::Unknown),
        "client_encoding" | "names" => character_set(value),
        // Code that is loaded, and triggers that are not run.
        "dynamic_library_path"
        | "local_preload_libraries"
        | "session_preload_libraries"
        | "session_replication_role" => of(Class::Admin),
        _ => Classes::NONE,
    }
}

/// MySQL: assignments, one after the other, and the forms with words of their own.
pub(super) fn mysql(tokens: &[Token<'_>]) -> Classes {
    let rest = behind(tokens, &["SET"]);
    let session = of(Class::Session);
    let second = rest.get(1);
    if is(rest.first(), "PASSWORD") {
        return of(Class::Grant);
    }
    if is(rest.first(), "ROLE") || is(rest.first(), "DEFAULT") && is(second, "ROLE") {
        return session.with(Class::Grant).with(Class::Write);
    }
    // `SET STATEMENT … FOR …` runs something.
    if is_any(rest.first(), &["STATEMENT", "RESOURCE"]) {
        return of(Class::Unknown);
    }
    if is_any(rest.first(), &["TRANSACTION"])
        || is_any(rest.first(), &["GLOBAL", "LOCAL", "SESSION"]) && is(second, "TRANSACTION")
    {
        let global = is(rest.first(), "GLOBAL");
        let classes = if global { of(Class::Admin) } else { of(Class::Transaction) };
        return if holds(rest, &["READ", "WRITE"]) { classes.with(Class::Write) } else { classes };
    }
    if is_any(rest.first(), &["CHARSET", "NAMES"]) {
        return session.union(character_set(rest.get(1..).unwrap_or_default()));
    }
    if is(rest.first(), "CHARACTER") && is(second, "SET") {
        return session.union(character_set(rest.get(2..).unwrap_or_default()));
    }
    let mut classes = session;
    if tokens.iter().any(|token| is(Some(token), "SELECT")) {
        classes = classes.with(Class::Read);
    }
    for one in assignments(rest) {
        classes = classes.union(assignment(one));
    }
    classes
}

fn assignment(tokens: &[Token<'_>]) -> Classes {
    if is_any(tokens.first(), &["GLOBAL", "PERSIST", "PERSIST_ONLY"]) {
        return of(Class::Admin);
    }
    let rest = behind(tokens, &["LOCAL", "SESSION"]);
    let Some(first) = name(rest.first()) else { return of(Class::Unknown) };
    let mut value = rest.get(1..).unwrap_or_default();
    let name = match first.strip_prefix("@@") {
        // `@@name`, `@@session.name`, `@@global.name`
        Some(scope) if is_mark(value.first(), '.') => {
            let scoped = name(value.get(1));
            value = value.get(2..).unwrap_or_default();
            match (scope, scoped) {
                ("local" | "session", Some(name)) => name,
                (_, _) => return of(Class::Admin),
            }
        }
        Some(name) => name.to_owned(),
        // A variable of his own.
        None if first.starts_with('@') => return Classes::NONE,
        None => first,
    };
    match name.as_str() {
        "read_only" | "super_read_only" => of(Class::Admin),
        "transaction_read_only" | "tx_read_only" => of(Class::Write),
        "sql_mode" => sql_mode(value),
        "character_set_client" => character_set(value),
        "sql_log_bin" | "sql_log_off" | "gtid_next" | "pseudo_thread_id" => of(Class::Admin),
        _ => Classes::NONE,
    }
}

/// What is set between the commas that stand in no parentheses.
fn assignments<'a, 't>(tokens: &'t [Token<'a>]) -> impl Iterator<Item = &'t [Token<'a>]> {
    let mut depth = 0_u32;
    tokens.split(move |token| {
        match token.what {
            What::Mark('(') => depth = depth.saturating_add(1),
            What::Mark(')') => depth = depth.saturating_sub(1),
            What::Mark(_)
            | What::Name(_)
            | What::Number(_)
            | What::Param
            | What::Text(_)
            | What::Word(_) => {}
        }
        depth == 0 && is_mark(Some(token), ',')
    })
}

/// Modes of MySQL in which other characters quote or escape, and those that include them: nothing that is made of more
/// than strings, `CONCAT` and the mode itself is believed not to spell one.
fn sql_mode(value: &[Token<'_>]) -> Classes {
    const OTHER: [&str; 7] =
        ["ansi", "db2", "maxdb", "mssql", "no_backslash", "oracle", "postgresql"];
    const HARMLESS: [&str; 5] = ["@@sql_mode", "@@session", "concat", "default", "sql_mode"];
    let mut spelled = String::new();
    for token in value {
        match token.what {
            What::Text(text) => spelled.push_str(text),
            What::Word(word) if HARMLESS.iter().any(|known| word.eq_ignore_ascii_case(known)) => {}
            What::Word(word) => spelled.push_str(word),
            What::Mark('=' | ':' | '(' | ')' | ',' | '.') => {}
            What::Mark(_) | What::Name(_) | What::Number(_) | What::Param => {
                return of(Class::Unknown);
            }
        }
    }
    let spelled = spelled.to_ascii_lowercase();
    let unclear = spelled.contains(['\\', '@'])
        || value.iter().any(|token| is_any(Some(token), &["CHAR", "REPLACE", "UNHEX"]))
        || OTHER.iter().any(|mode| spelled.contains(mode))
        || spelled.len() > 1024;
    if unclear { of(Class::Unknown) } else { Classes::NONE }
}

/// Whether the character set that is chosen keeps ASCII to itself.
fn character_set(value: &[Token<'_>]) -> Classes {
    let mut words = value.iter().filter_map(|token| match token.what {
        What::Text(word) | What::Word(word) | What::Name(word) => Some(word),
        What::Mark(_) | What::Number(_) | What::Param => None,
    });
    let chosen = words.find(|word| !word.eq_ignore_ascii_case("TO"));
    let plain = |word: &str| PLAIN_SETS.iter().any(|set| set.eq_ignore_ascii_case(word));
    match chosen {
        Some(chosen) if !plain(chosen) && !chosen.eq_ignore_ascii_case("UTF-8") => {
            of(Class::Unknown)
        }
        Some(_) | None => Classes::NONE,
    }
}

/// What stands behind these words, each of which may be missing.
fn behind<'a, 't>(tokens: &'t [Token<'a>], words: &[&str]) -> &'t [Token<'a>] {
    words.iter().fold(tokens, |rest, word| match rest.split_first() {
        Some((first, behind)) if is(Some(first), word) => behind,
        Some(_) | None => rest,
    })
}

/// A name, in small letters.
fn name(token: Option<&Token<'_>>) -> Option<String> {
    match token?.what {
        What::Name(name) | What::Word(name) => Some(name.to_ascii_lowercase()),
        What::Mark(_) | What::Number(_) | What::Param | What::Text(_) => None,
    }
}
