//! State and audit log as they are at one moment, while both are in use.
//!
//! A reader of a write-ahead log sees the database as it was when it began to read, however long it reads. So both
//! readers begin while nothing is moved from the outbox into the log; then both databases go on, and are copied.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::{self, StepResult};

use crate::audit::Audit;
use crate::kv::Fault;
use crate::sqlite::open_reader;

/// Pages copied between two reports: 16 MiB.
const STEP: i32 = 4096;

/// A database as it was when it was pinned.
#[derive(Debug)]
pub(crate) struct Pinned(Connection);

/// State and log of one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) state: Pinned,
    pub(crate) audit: Pinned,
}

impl Snapshot {
    /// Pins both.
    pub(crate) async fn take(audit: &Audit, state: &Path, log: &Path) -> Result<Self, Fault> {
        let (state, log) = (state.to_owned(), log.to_owned());
        // INVARIANT: what is in the outbox of the state and not yet in the log stays so until both are pinned.
        audit
            .while_still(move || {
                Ok(Self { state: Pinned::pin(&state)?, audit: Pinned::pin(&log)? })
            })
            .await
    }
}

impl Pinned {
    fn pin(path: &Path) -> Result<Self, Fault> {
        let connection = open_reader(path)?;
        // A deferred transaction begins to read with its first question.
        connection.execute_batch("BEGIN")?;
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(Self(connection))
    }

    /// Asks it.
    pub(crate) fn ask<T>(
        &self,
        ask: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        ask(&self.0)
    }

    /// How many bytes it has.
    pub(crate) fn bytes(&self) -> Result<u64, Fault> {
        let number = |name| self.0.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        Ok(number("page_count")?.saturating_mul(number("page_size")?).unsigned_abs())
    }

    /// Copies it into a new file that stands alone, and tells `each` now and then that it goes on.
    pub(crate) fn copy<E: From<Fault>>(
        &self,
        to: &Path,
        mut each: impl FnMut() -> Result<(), E>,
    ) -> Result<(), E> {
        let mut target = Connection::open(to).map_err(Fault::from)?;
        {
            let copy = backup::Backup::new(&self.0, &mut target).map_err(Fault::from)?;
            loop {
                let step = copy.step(STEP).map_err(Fault::from)?;
                if step == StepResult::Done {
                    break;
                }
                // Nobody else has the target, and a reader waits for nobody.
                if step != StepResult::More {
                    return Err(Fault::Io(format!("the copy stopped: {step:?}")).into());
                }
                each()?;
            }
        }
        target.pragma_update(None, "journal_mode", "DELETE").map_err(Fault::from)?;
        target.close().map_err(|(_, error)| Fault::from(error))?;
        std::fs::File::open(to)
            .and_then(|file| file.sync_all())
            .map_err(|error| Fault::Io(error.to_string()))?;
        Ok(())
    }
}
