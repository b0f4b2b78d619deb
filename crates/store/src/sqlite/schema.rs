//! The tables, and how their files are opened.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::kv::Fault;

/// Which of our files a database is. The number marks the file (`PRAGMA application_id`).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Schema {
    State,
    Audit,
}

impl Schema {
    /// Raised with every change of the tables.
    const VERSION: i64 = 1;

    fn id(self) -> i64 {
        match self {
            Self::State => 0x43_53_53_54,
            Self::Audit => 0x43_53_41_55,
        }
    }

    fn tables(self) -> &'static str {
        match self {
            Self::State => STATE,
            Self::Audit => AUDIT,
        }
    }
}

/// `change.id` is `revision << 16 | n`: one integer keeps the order of commits and inside a commit.
const STATE: &str = "
    CREATE TABLE counter (name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) WITHOUT ROWID, STRICT;
    INSERT INTO counter (name, value) VALUES ('revision', 0), ('compacted', 0), ('lease', 0);
    CREATE TABLE entry (
        key TEXT PRIMARY KEY NOT NULL,
        value BLOB NOT NULL,
        created INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        lease INTEGER
    ) STRICT;
    CREATE INDEX entry_lease ON entry (lease) WHERE lease IS NOT NULL;
    CREATE TABLE change (id INTEGER PRIMARY KEY, key TEXT NOT NULL, value BLOB) STRICT;
    CREATE TABLE lease (id INTEGER PRIMARY KEY, expires INTEGER NOT NULL) STRICT;
";

/// `event.leaf` is what is hashed; the columns beside it are there to be searched, and verified against it.
/// `mention` finds everything that belongs to a request: events that name it, and all events of sessions opened under
/// it (`session_request`).
/// `node.id` is the stored-hash index of RFC 6962's tree, as `tlog_tiles` counts it. The triggers are a seat belt for
/// people with a shell; the hashes are what proves.
const AUDIT: &str = "
    CREATE TABLE event (
        seq INTEGER PRIMARY KEY,
        time INTEGER NOT NULL,
        code TEXT NOT NULL,
        user TEXT, login TEXT, session TEXT, request TEXT, target TEXT,
        leaf TEXT NOT NULL
    ) STRICT;
    CREATE INDEX event_time ON event (time);
    CREATE INDEX event_code ON event (code, seq);
    CREATE INDEX event_user ON event (user, seq) WHERE user IS NOT NULL;
    CREATE INDEX event_session ON event (session, seq) WHERE session IS NOT NULL;
    CREATE TABLE mention (request TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (request, seq)) WITHOUT ROWID, STRICT;
    CREATE TABLE session_request (
        session TEXT NOT NULL, request TEXT NOT NULL, PRIMARY KEY (session, request)
    ) WITHOUT ROWID, STRICT;
    CREATE TABLE node (id INTEGER PRIMARY KEY, hash BLOB NOT NULL) STRICT;
    CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, time INTEGER NOT NULL, note TEXT NOT NULL) STRICT;
    CREATE TABLE drained (one INTEGER PRIMARY KEY CHECK (one = 1), key TEXT NOT NULL) STRICT;
    INSERT INTO drained (one, key) VALUES (1, '');
    CREATE TRIGGER event_stays BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
    CREATE TRIGGER event_is_fixed BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
    CREATE TRIGGER node_stays BEFORE DELETE ON node BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
    CREATE TRIGGER node_is_fixed BEFORE UPDATE ON node BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
    CREATE TRIGGER checkpoint_stays BEFORE DELETE ON checkpoint
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
    CREATE TRIGGER checkpoint_is_fixed BEFORE UPDATE ON checkpoint
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
";

/// How long a connection waits for another one of ours before it gives up.
const BUSY: Duration = Duration::from_secs(10);
/// Prepared statements each connection keeps.
const STATEMENTS: usize = 64;

/// Opens the one connection that writes, and makes the tables if the file is new.
pub(crate) fn open_writer(path: &Path, schema: Schema) -> Result<Connection, Fault> {
    // No SQLITE_OPEN_URI: a path is a path. No mutex: a connection is used by one thread at a time.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(Fault::Io(format!(
            "`{}` cannot have a write-ahead log: put the data directory on a local disk",
            path.display()
        )));
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "wal_autocheckpoint", 2000)?;
    // The write-ahead log shrinks to this again after a burst: 64 MiB.
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let id: i64 = transaction.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        transaction.execute_batch(schema.tables())?;
        transaction.pragma_update(None, "application_id", schema.id())?;
        transaction.pragma_update(None, "user_version", Schema::VERSION)?;
    } else if id != schema.id() {
        return Err(Fault::Corrupt(format!(
            "`{}` is a database of something else",
            path.display()
        )));
    } else if version > Schema::VERSION {
        return Err(Fault::Corrupt(format!(
            "`{}` was written by a newer version (format {version}, this one knows {})",
            path.display(),
            Schema::VERSION
        )));
    }
    transaction.commit()?;
    Ok(connection)
}

/// Opens a connection that only reads.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "query_only", true)?;
    // Negative: KiB. There are several of these, and the system caches the file's pages too.
    connection.pragma_update(None, "cache_size", -512)?;
    Ok(connection)
}
