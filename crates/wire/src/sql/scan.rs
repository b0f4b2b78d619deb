//! What a statement does by the way, wherever it says so: functions that reach beyond rows, rows that are locked or
//! written inside a query, results that go into files and tables.

use super::lex::{Token, What};
use super::{Class, Classes, Dialect};

/// Whether `token` is this keyword.
pub(super) fn is(token: Option<&Token<'_>>, word: &str) -> bool {
    matches!(token, Some(Token { what: What::Word(found), .. }) if found.eq_ignore_ascii_case(word))
}

/// Whether `token` is one of these keywords.
pub(super) fn is_any(token: Option<&Token<'_>>, words: &[&str]) -> bool {
    words.iter().any(|word| is(token, word))
}

/// Whether `token` is this character.
pub(super) fn is_mark(token: Option<&Token<'_>>, mark: char) -> bool {
    matches!(token, Some(Token { what: What::Mark(found), .. }) if *found == mark)
}

/// What is done by the way in a statement.
pub(super) fn scan(dialect: Dialect, tokens: &[Token<'_>]) -> Classes {
    let mut classes = Classes::NONE;
    for (at, token) in tokens.iter().enumerate() {
        let next = |n: usize| at.checked_add(n).and_then(|at| tokens.get(at));
        classes = classes.union(match token.what {
            What::Word(name) | What::Name(name) if is_mark(next(1), '(') => function(name),
            What::Mark('(') if writes_inside(next(1), next(2)) => Classes::of(Class::Write),
            What::Word(word) => clause(dialect, word, next(1), next(2)),
            What::Mark(_) | What::Name(_) | What::Number(_) | What::Param | What::Text(_) => {
                Classes::NONE
            }
        });
    }
    classes
}

/// A statement that writes, inside another one: `WITH gone AS (DELETE …`. The names are also functions' names.
fn writes_inside(first: Option<&Token<'_>>, second: Option<&Token<'_>>) -> bool {
    is_any(first, &["DELETE", "INSERT", "MERGE", "REPLACE", "UPDATE"])
        && !is_mark(second, '(')
        && !is_mark(second, ')')
        && !is_mark(second, ',')
        && !is_mark(second, '.')
}

fn clause(
    dialect: Dialect,
    word: &str,
    next: Option<&Token<'_>>,
    second: Option<&Token<'_>>,
) -> Classes {
    if word.eq_ignore_ascii_case("FOR") {
        // FOR UPDATE, FOR NO KEY UPDATE, FOR SHARE, FOR KEY SHARE. A `FOR SHARE` locks rows too.
        let locks = is_any(next, &["SHARE", "UPDATE"])
            || is(next, "NO") && is(second, "KEY")
            || is(next, "KEY") && is(second, "SHARE");
        return if locks { Classes::of(Class::Write) } else { Classes::NONE };
    }
    if word.eq_ignore_ascii_case("LOCK") && is(next, "IN") && is(second, "SHARE") {
        return Classes::of(Class::Write);
    }
    if word.eq_ignore_ascii_case("INTO") {
        return match dialect {
            Dialect::MySql if is_any(next, &["DUMPFILE", "OUTFILE"]) => Classes::of(Class::File),
            Dialect::MySql | Dialect::Postgres => Classes::NONE,
        };
    }
    Classes::NONE
}

/// Functions that do more than compute, by what they do. The list is short on purpose and not complete: which functions
/// write only the database knows, and a session that may only read is also told so to the server.
const FUNCTIONS: [(Class, &[&str]); 5] = [
    (
        Class::File,
        &[
            "load_file",
            "lo_export",
            "lo_import",
            "pg_current_logfile",
            "pg_file_read",
            "pg_logdir_ls",
            "pg_file_rename",
            "pg_file_sync",
            "pg_file_unlink",
            "pg_file_write",
            "pg_ls_archive_statusdir",
            "pg_ls_dir",
            "pg_ls_logdir",
            "pg_ls_logicalmapdir",
            "pg_ls_logicalsnapdir",
            "pg_ls_replslotdir",
            "pg_ls_tmpdir",
            "pg_ls_waldir",
            "pg_read_binary_file",
            "pg_read_file",
            "pg_stat_file",
            "sys_eval",
            "sys_exec",
        ],
    ),
    (
        Class::Admin,
        &[
            "pg_backup_start",
            "pg_backup_stop",
            "pg_cancel_backend",
            "pg_copy_logical_replication_slot",
            "pg_copy_physical_replication_slot",
            "pg_create_logical_replication_slot",
            "pg_create_physical_replication_slot",
            "pg_create_restore_point",
            "pg_drop_replication_slot",
            "pg_import_system_collations",
            "pg_log_backend_memory_contexts",
            "pg_logical_emit_message",
            "pg_logical_slot_get_binary_changes",
            "pg_logical_slot_get_changes",
            "pg_promote",
            "pg_reload_conf",
            "pg_replication_origin_advance",
            "pg_replication_origin_create",
            "pg_replication_origin_drop",
            "pg_replication_slot_advance",
            "pg_rotate_logfile",
            "pg_start_backup",
            "pg_stat_reset",
            "pg_stat_reset_shared",
            "pg_stat_reset_single_table_counters",
            "pg_stat_statements_reset",
            "pg_stop_backup",
            "pg_switch_wal",
            "pg_terminate_backend",
            "pg_wal_replay_pause",
            "pg_wal_replay_resume",
        ],
    ),
    // They run SQL that is given as a text, here or elsewhere.
    (
        Class::Call,
        &[
            "connectby",
            "crosstab",
            "cursor_to_xml",
            "database_to_xml",
            "dblink",
            "dblink_connect",
            "dblink_connect_u",
            "dblink_exec",
            "dblink_open",
            "dblink_send_query",
            "query_to_xml",
            "query_to_xml_and_xmlschema",
            "query_to_xmlschema",
            "ts_rewrite",
            "ts_stat",
            "xpath_table",
        ],
    ),
    (
        Class::Write,
        &[
            "lo_create",
            "lo_creat",
            "lo_from_bytea",
            "lo_open",
            "lo_put",
            "lo_truncate",
            "lo_truncate64",
            "lo_unlink",
            "lowrite",
            "nextval",
            // It may take back that a session only reads.
            "set_config",
            "setval",
        ],
    ),
    (Class::Session, &["benchmark", "get_lock", "pg_sleep", "pg_sleep_for", "set_config", "sleep"]),
];

fn function(name: &str) -> Classes {
    FUNCTIONS
        .iter()
        .filter(|(_, names)| names.iter().any(|known| known.eq_ignore_ascii_case(name)))
        .fold(Classes::NONE, |classes, (class, _)| classes.with(*class))
}
