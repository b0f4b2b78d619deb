//! Backups: a copy of everything, on the record before its first byte leaves.

use crate::http::{Failure, List};
use crate::{Caller, Control, Routes};
use api::audit::{NewEvent, code};
use api::endpoints::backup as table;
use api::problem::Problem;
use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, header};
use store::backup::{Backup, BackupError, MEDIA_TYPE};

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.on(&table::TAKE, take)
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Running => Problem::conflict("backup.running", error.to_string())
                .hint("wait until it has ended, or end the other command")
                .into(),
            BackupError::NoRoom { .. } => {
                Problem::new(507, "backup.no_room", error.to_string()).into()
            }
            BackupError::Database(fault) => fault.into(),
            BackupError::Recordings(error) => error.into(),
            BackupError::File { .. } | BackupError::Left(_) => Self::internal(error),
        }
    }
}

async fn take(
    State(control): State<Control>,
    caller: Caller,
    query: List,
) -> Result<Response, Failure> {
    let recordings = query.flag("recordings")?;
    let about = (control.cluster(), env!("CARGO_PKG_VERSION"));
    let shelf = recordings.then(|| control.shelf());
    let backup = Backup::begin(control.store(), shelf, about, control.now()).await?;
    let event = caller
        .sign(NewEvent::new(code::BACKUP_TAKEN, control.now()))
        .with("revision", backup.header().revision)
        .with("events", backup.header().events)
        .with("recordings", recordings);
    control.store().record(vec![event]).await?;
    let mut response = Body::from_stream(backup.into_stream()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    Ok(response)
}
