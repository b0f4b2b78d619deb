//! Backups.

use super::{Auth, Endpoint, Parameter, Verb};
use crate::recording::tape::TAR;

/// A backup; audited as `backup.taken`.
pub const TAKE: Endpoint = Endpoint::get(
    "/v1/backup",
    "takeBackup",
    "Streams state, sealed keys and audit log as they are at one moment, in a tar archive.",
    Auth::Rule("backup", Verb::Read),
)
.query(&[Parameter::new(
    "recordings",
    "`true`: the recordings too, encrypted as they lie on disk.",
)])
.answers_bytes(TAR);

/// All of them.
pub const ALL: &[Endpoint] = &[TAKE];
