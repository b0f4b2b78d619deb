//! Sessions: who is, or was, where.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One session.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct SessionView {
    /// The session's id.
    pub id: String,
    /// Who.
    pub user: String,
    /// The target's name.
    pub target: String,
    /// The account on the target.
    pub login: String,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started: Timestamp,
    /// When it ended; absent while it lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<Timestamp>,
    /// The requests whose grants opened it.
    #[serde(default)]
    pub requests: Vec<String>,
    /// Whether a recording of it exists.
    #[serde(default)]
    pub recorded: bool,
}
