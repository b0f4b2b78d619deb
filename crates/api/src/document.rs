//! Documents: what administrators write in YAML or JSON, as `kind`, `version`, `metadata`, `spec`.
//!
//! A text may hold several documents, divided by `---`. Unknown fields are errors, named by key path
//! and line; all documents are read before anything is said, so that every problem comes at once.

use crate::problem::FieldProblem;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The longest text of documents we read, in bytes.
pub const MAX_TEXT: usize = 1024 * 1024;
/// The most documents in one text.
pub const MAX_DOCUMENTS: usize = 1000;

/// What every document says about itself.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// The name, unique within its kind.
    pub name: String,
    /// What it is for, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Labels, matched by roles.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The store's revision of the document. Sent with an edit, the edit succeeds only if nobody was faster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
}

/// The kinds of documents.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A rule that reviews requests by itself.
    AccessMonitoringRule,
    /// Something that is locked out.
    Lock,
    /// An SSH host.
    Node,
    /// What its holders may do.
    Role,
    /// A secret that lets machines join.
    Token,
    /// A person.
    User,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::AccessMonitoringRule, Self::Lock, Self::Node, Self::Role, Self::Token, Self::User];

    /// The word after `kind:`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessMonitoringRule => "access_monitoring_rule",
            Self::Lock => "lock",
            Self::Node => "node",
            Self::Role => "role",
            Self::Token => "token",
            Self::User => "user",
        }
    }

    /// The path of the collection these documents live under.
    pub fn path(self) -> &'static str {
        match self {
            Self::AccessMonitoringRule => "/v1/rules",
            Self::Lock => "/v1/locks",
            Self::Node => "/v1/nodes",
            Self::Role => "/v1/roles",
            Self::Token => "/v1/tokens",
            Self::User => "/v1/users",
        }
    }
}

impl std::str::FromStr for Kind {
    type Err = UnknownKind;

    /// Reads a kind as people type it: `role`, `roles`, `rule`.
    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        let singular = text.strip_suffix('s').unwrap_or(text);
        if singular == "rule" {
            return Ok(Self::AccessMonitoringRule);
        }
        Self::ALL.into_iter().find(|kind| kind.as_str() == singular).ok_or(UnknownKind)
    }
}

/// Why a text is not a kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected one of role, user, node, lock, token, access_monitoring_rule")]
pub struct UnknownKind;

/// One document of a text: its kind and name are known, its spec is as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The line it begins on, counted from 1.
    pub line: u64,
    /// Its text, as it was written.
    pub text: String,
    /// The same as JSON: what is sent to the daemon.
    pub value: serde_json::Value,
}

/// Answer to a document that was written.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Written {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The store's revision of it.
    pub revision: u64,
    /// Whether it is new.
    pub created: bool,
    /// What the writer may want to know: entries that can never match, templates that resolve to nothing.
    #[serde(default)]
    pub warnings: Vec<FieldProblem>,
}

#[derive(Deserialize)]
struct Head {
    kind: String,
    metadata: HeadMetadata,
}

#[derive(Deserialize)]
struct HeadMetadata {
    name: String,
}

/// Reads a text of one or several documents, in YAML or JSON.
///
/// # Errors
/// Every problem of every document, with its key path and its line in the whole text.
pub fn parse(text: &str) -> Result<Vec<Document>, Vec<FieldProblem>> {
    if text.len() > MAX_TEXT {
        return Err(vec![whole(format!("the text is longer than {MAX_TEXT} bytes"))]);
    }
    let mut documents = Vec::new();
    let mut problems = Vec::new();
    for (line, part) in split(text) {
        match one(part, line) {
            Ok(document) => documents.push(document),
            Err(mut found) => problems.append(&mut found),
        }
        if documents.len() > MAX_DOCUMENTS {
            problems.push(whole(format!("more than {MAX_DOCUMENTS} documents")));
            break;
        }
    }
    if documents.is_empty() && problems.is_empty() {
        problems.push(whole("there is no document in this text".to_owned()));
    }
    if problems.is_empty() { Ok(documents) } else { Err(problems) }
}

/// Reads a text as exactly one `T`, in YAML or JSON.
///
/// # Errors
/// The first problem found, with its key path, line and column.
pub fn typed<T: DeserializeOwned>(text: &str) -> Result<T, Vec<FieldProblem>> {
    typed_at(text, 1)
}

fn one(part: &str, line: u64) -> Result<Document, Vec<FieldProblem>> {
    let head: Head = typed_at(part, line)?;
    let value: serde_json::Value = typed_at(part, line)?;
    let kind =
        head.kind.parse::<Kind>().ok().filter(|kind| kind.as_str() == head.kind).ok_or_else(
            || {
                vec![FieldProblem {
                    path: "kind".to_owned(),
                    message: format!("`{}` is not a kind: {UnknownKind}", head.kind),
                    line: Some(line),
                    column: None,
                }]
            },
        )?;
    match kind {
        Kind::Lock => drop(typed_at::<crate::lock::LockDocument>(part, line)?),
        Kind::Node => drop(typed_at::<crate::node::NodeDocument>(part, line)?),
        Kind::Token => drop(typed_at::<crate::token::TokenDocument>(part, line)?),
        Kind::User => drop(typed_at::<crate::user::UserDocument>(part, line)?),
        Kind::Role => drop(typed_at::<crate::role::RoleDocument>(part, line)?),
        Kind::AccessMonitoringRule => drop(typed_at::<crate::rule::RuleDocument>(part, line)?),
    }
    Ok(Document { kind, name: head.metadata.name, line, text: part.to_owned(), value })
}

fn typed_at<T: DeserializeOwned>(text: &str, first_line: u64) -> Result<T, Vec<FieldProblem>> {
    // YAML 1.1 would read `no` and `on` as booleans; YAML 1.2 does not.
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    let mut path = String::new();
    let read =
        serde_saphyr::with_deserializer_from_str_with_options(text, options, |deserializer| {
            serde_path_to_error::deserialize(deserializer).map_err(|error| {
                path = match error.path().to_string().as_str() {
                    "." | "?" => String::new(),
                    inner => inner.replace(".?", ""),
                };
                error.into_inner()
            })
        });
    read.map_err(|error| {
        let location = error.location();
        vec![FieldProblem {
            path,
            message: sentence(&error),
            line: location.map(|at| at.line().saturating_add(first_line).saturating_sub(1)),
            column: location.map(|at| at.column()),
        }]
    })
}

/// The error without the place, which we give in fields of their own.
fn sentence(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let text = text.lines().next().unwrap_or_default();
    match (text.rfind(" at line "), text.strip_prefix("error: ")) {
        (Some(at), _) => text.get(..at).unwrap_or(text).to_owned(),
        (None, Some(rest)) => rest.to_owned(),
        (None, None) => text.to_owned(),
    }
}

/// Divides a text at its `---` lines; empty parts are left out. A `---` in column 1 ends a document
/// wherever it stands (YAML 1.2.2 §9.1.2).
fn split(text: &str) -> impl Iterator<Item = (u64, &str)> {
    let mut parts = Vec::new();
    let (mut begin, mut begin_line, mut offset) = (0, 1, 0);
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let marker = line.trim_end();
        if marker == "---" || marker == "..." {
            parts.push((begin_line, text.get(begin..offset).unwrap_or_default()));
            begin = offset + line.len();
            begin_line = number + 1;
        }
        offset += line.len();
    }
    parts.push((begin_line, text.get(begin..).unwrap_or_default()));
    parts.into_iter().filter(|(_, part)| {
        part.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
    })
}

fn whole(message: String) -> FieldProblem {
    FieldProblem { message, ..FieldProblem::default() }
}

#[cfg(test)]
mod tests;
