//! Statements whose first words say what they do, whatever follows: a parser would add nothing, and knows few of them.

use super::lex::{Token, What};
use super::scan::{is, is_any, is_mark};
use super::set;
use super::{Class, Classes, Dialect};

const fn of(class: Class) -> Classes {
    Classes::of(class)
}

/// The classes of a statement that its first words decide; `None` where it takes a parser.
pub(super) fn classes(dialect: Dialect, tokens: &[Token<'_>]) -> Option<Classes> {
    let first = match tokens.first().map(|token| token.what) {
        Some(What::Word(word)) if word.len() <= LONGEST => word.to_ascii_uppercase(),
        Some(_) => return None,
        None => return Some(Classes::NONE),
    };
    match dialect {
        Dialect::MySql => mysql(&first, tokens),
        Dialect::Postgres => postgres(&first, tokens),
    }
}

/// The longest first word, in bytes.
const LONGEST: usize = 16;

fn postgres(first: &str, tokens: &[Token<'_>]) -> Option<Classes> {
    let second = tokens.get(1);
    Some(match first {
        "ABORT" | "BEGIN" | "COMMIT" | "END" | "RELEASE" | "ROLLBACK" | "SAVEPOINT" | "START" => {
            transaction(tokens)
        }
        "ALTER" if is(second, "SYSTEM") => of(Class::Admin),
        "ALTER" | "COMMENT" | "CREATE" | "DROP" => object(tokens),
        "ANALYZE" | "ANALYSE" | "CHECKPOINT" | "CLUSTER" | "REINDEX" | "VACUUM" => of(Class::Admin),
        "CALL" | "DO" => of(Class::Call),
        "CLOSE" | "DISCARD" | "LISTEN" | "NOTIFY" | "UNLISTEN" => of(Class::Session),
        "COPY" => copy(tokens),
        "DEALLOCATE" => of(Class::Session),
        // What it stands for was judged when it was prepared, perhaps under another policy.
        "EXECUTE" => of(Class::Call),
        "FETCH" | "MOVE" | "SHOW" => of(Class::Read),
        "GRANT" | "REASSIGN" | "REVOKE" | "SECURITY" => of(Class::Grant),
        "IMPORT" => of(Class::Ddl),
        // A library is loaded into the server.
        "LOAD" => of(Class::File).with(Class::Admin),
        "LOCK" if holds(tokens, &["ACCESS", "SHARE"]) => of(Class::Transaction),
        "LOCK" => of(Class::Transaction).with(Class::Write),
        "PREPARE" if is(second, "TRANSACTION") => of(Class::Transaction),
        "REFRESH" => of(Class::Write),
        "RESET" => set::reset(tokens),
        "SET" => set::postgres(tokens),
        "TABLE" => of(Class::Read),
        "TRUNCATE" => of(Class::Ddl).with(Class::Write),
        _ => return None,
    })
}

fn mysql(first: &str, tokens: &[Token<'_>]) -> Option<Classes> {
    let second = tokens.get(1);
    Some(match first {
        // A block of statements outside a procedure.
        "BEGIN" if is(second, "NOT") => of(Class::Call),
        "BEGIN" | "COMMIT" | "RELEASE" | "ROLLBACK" | "SAVEPOINT" | "XA" => transaction(tokens),
        "START" if is(second, "TRANSACTION") => transaction(tokens),
        "ALTER" if is(second, "INSTANCE") => of(Class::Admin),
        "CREATE" | "ALTER" | "DROP" if is(second, "SERVER") => of(Class::Admin),
        "ALTER" | "CREATE" | "DROP" => object(tokens),
        // MariaDB's EXPLAIN ANALYZE: it runs what follows.
        "ANALYZE" if !maintains(tokens) => return None,
        "ANALYZE" | "BINLOG" | "CACHE" | "CHANGE" | "CHECK" | "CLONE" | "FLUSH" | "INSTALL"
        | "KILL" | "OPTIMIZE" | "PURGE" | "REPAIR" | "RESET" | "RESTART" | "SHUTDOWN" | "START"
        | "STOP" | "UNINSTALL" => of(Class::Admin),
        "CALL" | "EXECUTE" => of(Class::Call),
        "CHECKSUM" | "HANDLER" | "HELP" | "SHOW" => of(Class::Read),
        "DEALLOCATE" | "PREPARE" | "USE" => of(Class::Session),
        "DO" => of(Class::Read),
        "GET" | "RESIGNAL" | "SIGNAL" => of(Class::Session),
        "GRANT" | "REVOKE" => of(Class::Grant),
        "IMPORT" => of(Class::File).with(Class::Ddl),
        "LOAD" if is(second, "INDEX") => of(Class::Admin),
        "LOAD" => of(Class::File).with(Class::Write),
        "LOCK" if is(second, "INSTANCE") => of(Class::Admin),
        "LOCK" if tokens.iter().any(|token| is(Some(token), "WRITE")) => {
            of(Class::Transaction).with(Class::Write)
        }
        "LOCK" | "UNLOCK" => of(Class::Transaction),
        "RENAME" if is(second, "USER") => of(Class::Grant),
        "RENAME" => of(Class::Ddl),
        "SET" => set::mysql(tokens),
        "TABLE" => of(Class::Read),
        "TRUNCATE" => of(Class::Ddl).with(Class::Write),
        _ => return None,
    })
}

/// Whether this `ANALYZE` of MySQL is about tables: the other one runs a statement.
fn maintains(tokens: &[Token<'_>]) -> bool {
    const TABLES: &[&str] = &["LOCAL", "NO_WRITE_TO_BINLOG", "TABLE", "TABLES"];
    is(tokens.first(), "ANALYZE") && is_any(tokens.get(1), TABLES)
}

/// A transaction may be begun, or prepared to be, so that it writes.
fn transaction(tokens: &[Token<'_>]) -> Classes {
    let classes = of(Class::Transaction);
    if holds(tokens, &["READ", "WRITE"]) { classes.with(Class::Write) } else { classes }
}

/// Whether these words stand somewhere, one after the other.
pub(super) fn holds(tokens: &[Token<'_>], words: &[&str]) -> bool {
    let mut windows = tokens.windows(words.len());
    windows.any(|window| window.iter().zip(words).all(|(token, word)| is(Some(token), word)))
}

/// `CREATE`, `ALTER`, `DROP` and `COMMENT` of something.
fn object(tokens: &[Token<'_>]) -> Classes {
    const BEFORE: &[&str] =
        &["CREATE", "ALTER", "DROP", "OR", "REPLACE", "IF", "NOT", "EXISTS", "CURRENT"];
    const PEOPLE: &[&str] = &["GROUP", "OWNED", "ROLE", "USER"];
    let kind = tokens.iter().position(|token| !is_any(Some(token), BEFORE)).unwrap_or(0);
    let (kind, next) = (tokens.get(kind), kind.checked_add(1).and_then(|at| tokens.get(at)));
    let any = |word| tokens.iter().any(|token| is(Some(token), word));
    // A user mapping holds the password of another server.
    if is_any(kind, PEOPLE) && !is(next, "MAPPING") && !is_any(tokens.first(), &["COMMENT"]) {
        return of(Class::Grant);
    }
    let mut classes = of(Class::Ddl);
    let rights = is(kind, "DEFAULT") && is(next, "PRIVILEGES")
        || is(kind, "POLICY")
        || is(kind, "USER")
        || holds(tokens, &["OWNER", "TO"])
        || any("GRANT")
        || any("REVOKE");
    if rights {
        classes = classes.with(Class::Grant);
    }
    // They bring code of their own into the server, or other servers' rows.
    if is_any(kind, &["EXTENSION", "LANGUAGE", "PUBLICATION", "SUBSCRIPTION", "TABLESPACE"]) {
        classes = classes.with(Class::Admin);
    }
    // CREATE TABLE … AS: rows are written, and perhaps those of a prepared statement.
    const STORED: &[&str] =
        &["GLOBAL", "LOCAL", "MATERIALIZED", "TABLE", "TEMP", "TEMPORARY", "UNLOGGED"];
    let filled = any("SELECT")
        || ["TABLE", "VALUES", "WITH"].iter().any(|word| holds(tokens, &["AS", word]));
    if is_any(kind, STORED) && filled {
        classes = classes.with(Class::Read).with(Class::Write);
    }
    if any("EXECUTE") {
        classes = classes.with(Class::Call);
    }
    classes
}

/// `COPY t FROM …`, `COPY (query) TO …` (PostgreSQL documentation, COPY, also its older syntaxes).
fn copy(tokens: &[Token<'_>]) -> Classes {
    let mut depth = 0_u32;
    let way = tokens.iter().position(|token| {
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
        depth == 0 && is_any(Some(token), &["FROM", "TO"])
    });
    let Some(way) = way else { return of(Class::Unknown) };
    let whither = way.checked_add(1).and_then(|at| tokens.get(at));
    let rows = of(if is(tokens.get(way), "FROM") { Class::Write } else { Class::Read });
    let classes = rows.with(Class::Copy);
    match whither.map(|token| token.what) {
        Some(What::Word(_)) if is_any(whither, &["STDIN", "STDOUT"]) => classes,
        Some(What::Text(_)) => classes.with(Class::File),
        Some(What::Word(_)) if is(whither, "PROGRAM") => classes.with(Class::File),
        Some(_) | None => classes.with(Class::Unknown),
    }
}

/// What EXPLAIN is about: whether it is run, and where it begins. `None` where it is about a table.
pub(super) fn explained<'a, 't>(
    dialect: Dialect,
    tokens: &'t [Token<'a>],
) -> Option<(bool, &'t [Token<'a>])> {
    const BEGIN: &[&str] = &[
        "CREATE", "DECLARE", "DELETE", "EXECUTE", "INSERT", "MERGE", "REFRESH", "REPLACE",
        "SELECT", "TABLE", "UPDATE", "VALUES", "WITH",
    ];
    let explains: &[&str] = match dialect {
        Dialect::MySql => &["ANALYZE", "DESC", "DESCRIBE", "EXPLAIN"],
        Dialect::Postgres => &["EXPLAIN"],
    };
    if !is_any(tokens.first(), explains) || maintains(tokens) {
        return None;
    }
    let mut runs = is(tokens.first(), "ANALYZE");
    let mut at = 1_usize;
    // `EXPLAIN (ANALYZE, BUFFERS) …`; but `EXPLAIN (SELECT …)` too.
    let inside = tokens.get(2);
    if is_mark(tokens.get(1), '(') && !is_any(inside, BEGIN) && !is_mark(inside, '(') {
        let behind = tokens.iter().position(|token| is_mark(Some(token), ')'))?;
        let options = tokens.get(..behind).unwrap_or_default();
        runs |= options.iter().any(|token| is_any(Some(token), &["ANALYZE", "ANALYSE"]));
        at = behind.checked_add(1)?;
    }
    while let Some(token) = tokens.get(at) {
        if is_any(Some(token), BEGIN) || is_mark(Some(token), '(') {
            return Some((runs, tokens.get(at..).unwrap_or_default()));
        }
        runs |= is_any(Some(token), &["ANALYZE", "ANALYSE"]);
        at = at.checked_add(1)?;
    }
    Some((runs, &[]))
}

/// The statement that is prepared, or that a cursor is declared for.
pub(super) fn prepared<'a, 't>(
    dialect: Dialect,
    tokens: &'t [Token<'a>],
) -> Option<&'t [Token<'a>]> {
    if dialect != Dialect::Postgres || is(tokens.get(1), "TRANSACTION") {
        return None;
    }
    let word = match tokens.first() {
        first if is(first, "PREPARE") => "AS",
        first if is(first, "DECLARE") => "FOR",
        _ => return None,
    };
    let at = tokens.iter().position(|token| is(Some(token), word))?;
    at.checked_add(1).and_then(|at| tokens.get(at..))
}
