//! Locks: who or what is kept out, at once and in running sessions too.

use crate::{document::Metadata, problem::FieldProblem};
use access::lock::Lock;
use core::{fmt::Display, str::FromStr};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `kind: lock`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LockDocument {
    /// Always `lock`.
    pub kind: String,
    /// Always `v1`.
    pub version: String,
    /// Name.
    pub metadata: Metadata,
    /// The lock.
    pub spec: LockSpec,
}

/// What a lock does.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LockSpec {
    /// Whom or what it keeps out. At least one field; with several, all must hold.
    pub target: LockTarget,
    /// What those kept out are told.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Timestamp>,
}

/// Whom or what a lock keeps out: all that is named must hold at once.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LockTarget {
    /// A user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Everybody with this role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// An account on every target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// A node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The grant of a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// One session on a target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// One login of a user, by the id that its certificates carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_session: Option<String>,
}

/// The longest message of a lock, in bytes.
pub const MAX_MESSAGE: usize = 1024;

impl TryFrom<&LockDocument> for Lock {
    type Error = Vec<FieldProblem>;

    /// The lock as the law knows it, or every field that is wrong.
    fn try_from(document: &LockDocument) -> Result<Self, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let target = &document.spec.target;
        let name = field("metadata.name", Some(&document.metadata.name), &mut problems);
        let named = access::lock::LockTarget {
            user: field("spec.target.user", target.user.as_ref(), &mut problems),
            role: field("spec.target.role", target.role.as_ref(), &mut problems),
            login: field("spec.target.login", target.login.as_ref(), &mut problems),
            node: field("spec.target.node", target.node.as_ref(), &mut problems),
            resource: None,
            request: field("spec.target.request", target.request.as_ref(), &mut problems),
            session: field("spec.target.session", target.session.as_ref(), &mut problems),
            login_session: field(
                "spec.target.login_session",
                target.login_session.as_ref(),
                &mut problems,
            ),
        };
        if *target == LockTarget::default() {
            problems.push(wrong(
                "spec.target",
                "empty: name at least one user, role, login, node, request or session",
            ));
        }
        if document.spec.message.len() > MAX_MESSAGE {
            problems.push(wrong("spec.message", format!("longer than {MAX_MESSAGE} bytes")));
        }
        match name {
            Some(name) if problems.is_empty() => Ok(Self {
                name,
                target: named,
                message: document.spec.message.as_str().into(),
                expires: document.spec.expires,
            }),
            Some(_) | None => Err(problems),
        }
    }
}

fn field<T: FromStr<Err: Display>>(
    path: &str,
    text: Option<&String>,
    problems: &mut Vec<FieldProblem>,
) -> Option<T> {
    text.and_then(|text| {
        text.parse().map_err(|error: T::Err| problems.push(wrong(path, error))).ok()
    })
}

fn wrong(path: &str, message: impl Display) -> FieldProblem {
    FieldProblem { path: path.to_owned(), message: message.to_string(), ..FieldProblem::default() }
}
