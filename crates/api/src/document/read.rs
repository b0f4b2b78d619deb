//! Texts of documents, read: divided, each as its kind, with the place of what is wrong.

use super::{Document, Kind, MAX_DOCUMENTS, MAX_TEXT, UnknownKind, place};
use crate::problem::FieldProblem;
use serde::{Deserialize, de::DeserializeOwned};
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Head {
    kind: String,
    metadata: HeadMetadata,
}

#[derive(Deserialize)]
struct HeadMetadata {
    name: String,
}

/// One document of a text, not read yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Part<'a> {
    /// Which it is of the text, counted from 1; `None` where it is the only one.
    pub number: Option<u64>,
    /// The line it begins on, counted from 1.
    pub line: u64,
    /// Its text.
    pub text: &'a str,
}

impl Part<'_> {
    /// Its kind and its name.
    ///
    /// # Errors
    /// What hides them.
    pub fn head(&self) -> Result<(Kind, String), Vec<FieldProblem>> {
        let head: Head = self.typed()?;
        // Only the exact word: `roles` is how people type a kind, not how a document says it.
        match head.kind.parse::<Kind>() {
            Ok(kind) if kind.as_str() == head.kind => Ok((kind, head.metadata.name)),
            Ok(_) | Err(UnknownKind) => {
                let message = format!("`{}` is not a kind: {UnknownKind}", head.kind);
                Err(self.placed(vec![FieldProblem::at("kind", message)]))
            }
        }
    }

    /// The whole of it as a `T`.
    ///
    /// # Errors
    /// The first problem found, with its key path and its place in the whole text.
    pub fn typed<T: DeserializeOwned>(&self) -> Result<T, Vec<FieldProblem>> {
        typed(self.text).map_err(|problems| self.shifted(problems))
    }

    /// Problems that are known by their key path, with their places in the whole text.
    #[must_use]
    pub fn placed(&self, mut problems: Vec<FieldProblem>) -> Vec<FieldProblem> {
        place(self.text, &mut problems);
        self.shifted(problems)
    }

    /// A problem of the document as a whole.
    #[must_use]
    pub fn whole(&self, message: String) -> FieldProblem {
        FieldProblem {
            message,
            line: Some(self.line),
            document: self.number,
            ..FieldProblem::default()
        }
    }

    /// That this document stands in the text a second time; the first begins on line `first`.
    #[must_use]
    pub fn again(&self, kind: Kind, name: &str, first: u64) -> FieldProblem {
        let kind = kind.as_str();
        self.whole(format!("{kind} `{name}` stands in this text already, from line {first} on"))
    }

    /// From lines of this part to lines of the whole text.
    fn shifted(&self, mut problems: Vec<FieldProblem>) -> Vec<FieldProblem> {
        for problem in &mut problems {
            problem.document = self.number;
            problem.line =
                problem.line.map(|line| line.saturating_add(self.line).saturating_sub(1));
        }
        problems
    }
}

/// Divides a text into its documents.
///
/// # Errors
/// It is too long, has too many documents, or none.
pub fn parts(text: &str) -> Result<Vec<Part<'_>>, Vec<FieldProblem>> {
    let whole = |message: String| vec![FieldProblem { message, ..FieldProblem::default() }];
    if text.len() > MAX_TEXT {
        return Err(whole(format!("the text is longer than {MAX_TEXT} bytes")));
    }
    let mut parts: Vec<Part<'_>> = split(text).take(MAX_DOCUMENTS + 1).collect();
    match parts.as_mut_slice() {
        [] => return Err(whole("there is no document in this text".to_owned())),
        [_] => {}
        many if many.len() > MAX_DOCUMENTS => {
            return Err(whole(format!("more than {MAX_DOCUMENTS} documents")));
        }
        many => (1..).zip(many).for_each(|(number, part)| part.number = Some(number)),
    }
    Ok(parts)
}

/// Reads a text of one or several documents, in YAML or JSON.
///
/// # Errors
/// Every problem of every document, with its key path and its line in the whole text.
pub fn parse(text: &str) -> Result<Vec<Document>, Vec<FieldProblem>> {
    let mut documents = Vec::new();
    let mut problems = Vec::new();
    let mut seen = BTreeMap::new();
    for part in parts(text)? {
        match one(&part) {
            Ok(document) => {
                let key = (document.kind, document.name.clone());
                match seen.insert(key, part.line) {
                    Some(first) => problems.push(part.again(document.kind, &document.name, first)),
                    None => documents.push(document),
                }
            }
            Err(mut found) => problems.append(&mut found),
        }
    }
    if problems.is_empty() { Ok(documents) } else { Err(problems) }
}

/// Reads a text as exactly one `T`, in YAML or JSON.
///
/// # Errors
/// The first problem found, with its key path, line and column.
pub fn typed<T: DeserializeOwned>(text: &str) -> Result<T, Vec<FieldProblem>> {
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
            line: location.map(|at| at.line()),
            column: location.map(|at| at.column()),
            document: None,
        }]
    })
}

fn one(part: &Part<'_>) -> Result<Document, Vec<FieldProblem>> {
    let (kind, name) = part.head()?;
    let value: serde_json::Value = part.typed()?;
    match kind {
        Kind::App => drop(part.typed::<crate::app::AppDocument>()?),
        Kind::ClusterSettings => {
            drop(part.typed::<crate::settings::ClusterSettingsDocument>()?);
        }
        Kind::Db => drop(part.typed::<crate::database::DatabaseDocument>()?),
        Kind::KubeCluster => drop(part.typed::<crate::kube::KubeClusterDocument>()?),
        Kind::Lock => drop(part.typed::<crate::lock::LockDocument>()?),
        Kind::Node => drop(part.typed::<crate::node::NodeDocument>()?),
        Kind::Token => drop(part.typed::<crate::token::TokenDocument>()?),
        Kind::User => drop(part.typed::<crate::user::UserDocument>()?),
        Kind::Role => drop(part.typed::<crate::role::RoleDocument>()?),
        Kind::AccessMonitoringRule => drop(part.typed::<crate::rule::RuleDocument>()?),
    }
    Ok(Document { kind, name, line: part.line, text: part.text.to_owned(), value })
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
fn split(text: &str) -> impl Iterator<Item = Part<'_>> {
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
    let parts = parts.into_iter().map(|(line, text)| Part { number: None, line, text });
    parts.filter(|part| {
        let mut lines = part.text.lines().map(str::trim);
        lines.any(|line| !line.is_empty() && !line.starts_with('#'))
    })
}
