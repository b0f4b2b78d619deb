//! What SQLite's errors mean to us. Result codes: <https://www.sqlite.org/rescode.html>.

use rusqlite::ErrorCode;

use crate::kv::Fault;

/// Sorts an error of SQLite by what someone can do about it.
fn fault(error: rusqlite::Error) -> Fault {
    let Some(code) = error.sqlite_error_code() else {
        return Fault::Io(error.to_string());
    };
    if code == ErrorCode::DiskFull {
        Fault::Full
    } else if matches!(
        code,
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen
    ) {
        Fault::ReadOnly
    } else if matches!(code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) {
        Fault::Corrupt(error.to_string())
    } else {
        Fault::Io(error.to_string())
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        fault(error)
    }
}
