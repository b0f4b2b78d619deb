//! Documents, written: one commit each, or one commit of many.

use super::find::{allowed, decode, entry, fetch};
use super::{Desk, Kept, Mode};
use crate::{Caller, Control, Failure};
use api::audit::NewEvent;
use api::document::{Kind, Part, Written};
use api::endpoints::Verb;
use api::problem::{FieldProblem, Problem};
use bytes::Bytes;
use serde_json::Value;
use std::collections::BTreeSet;
use store::documents::{self, DocumentError};
use store::kv::{Absent, Commit, Entry, Expect};
use zeroize::Zeroizing;

/// The largest document that is put into its audit event whole; of a larger one only the size is told.
const MAX_IN_EVENT: usize = 32 * 1024;

/// What is written beside a document, in the same commit.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// What is written.
    pub(crate) commit: Commit,
    /// What only its writer learns, once.
    pub(crate) secret: Option<Zeroizing<String>>,
}

/// A document that may be written, or was.
pub(crate) struct Saved {
    /// What its writer is told.
    pub(crate) written: Written,
    /// What only its writer learns, once.
    pub(crate) secret: Option<Zeroizing<String>>,
    /// What writes it.
    pub(super) commit: Commit,
}

impl From<DocumentError> for Failure {
    fn from(error: DocumentError) -> Self {
        match error {
            DocumentError::Read(error) => error.into(),
            // It was checked before it came here, so what the policy cannot read is our fault.
            DocumentError::Unreadable(_) => Self::internal(error),
        }
    }
}

/// Writes the one document of a text.
pub(crate) async fn save<D: Kept>(
    control: &Control,
    caller: &Caller,
    text: String,
    name: Option<&str>,
    mode: Mode,
) -> Result<Saved, Failure> {
    // Nodes come with secrets.
    let text = Zeroizing::new(text);
    let part = Part { number: None, line: 1, text: &text };
    let desk = Desk { control, coming: &BTreeSet::new() };
    let (document, warnings) = read::<D>(desk, &part)?;
    if name.is_some_and(|name| name != document.name()) {
        let why = "differs from the name in the path; a document cannot be renamed";
        return Err(Failure::field("metadata.name", why).placed(&part));
    }
    let seen = fetch(control, &documents::key(D::KIND, document.name())).await?;
    let mut saved = prepare(control, caller, document, mode, seen.as_ref())
        .await
        .map_err(|failure| failure.placed(&part))?;
    saved.written.revision = control.commit(std::mem::take(&mut saved.commit)).await?;
    saved.written.warnings = warnings;
    Ok(saved)
}

/// Reads a document as its kind and checks what it means.
pub(super) fn read<D: Kept>(
    desk: Desk<'_>,
    part: &Part<'_>,
) -> Result<(D, Vec<FieldProblem>), Failure> {
    let document: D = part.typed().map_err(Failure::fields)?;
    match document.check(&desk) {
        Ok(warnings) => Ok((document, part.placed(warnings))),
        Err(problems) => Err(Failure::fields(part.placed(problems))),
    }
}

/// Checks the first two words of a document.
pub(crate) fn check_head(
    (kind, version): (&str, &str),
    expected: Kind,
    versions: &[&str],
    problems: &mut Vec<FieldProblem>,
) {
    if kind != expected.as_str() {
        problems.push(FieldProblem::at("kind", format!("expected `{}`", expected.as_str())));
    }
    if !versions.contains(&version) {
        problems.push(FieldProblem::at("version", format!("expected {}", versions.join(" or "))));
    }
}

/// What writes a document that was checked, where `seen` is what is there: nothing is written yet.
pub(super) async fn prepare<D: Kept>(
    control: &Control,
    caller: &Caller,
    mut document: D,
    mode: Mode,
    seen: Option<&Entry>,
) -> Result<Saved, Failure> {
    let name = document.name().to_owned();
    let claimed = document.revision().take();
    let before = seen.map(decode::<D>).transpose()?;
    // Both what it was and what it becomes must be the caller's to write: nobody relabels a document
    // into, or out of, her own reach.
    if let Some(before) = &before {
        allowed(control, caller, before, Verb::Update)?;
    }
    let verb = if seen.is_some() { Verb::Update } else { Verb::Create };
    allowed(control, caller, &document, verb)?;
    let expect: Expect = match (mode, seen, claimed) {
        (Mode::Create, None, _) | (Mode::Put, None, None) => Absent.into(),
        (Mode::Create, Some(_), _) => return Err(exists::<D>(&name)),
        (Mode::Put, Some(_), _) if D::TABLE.write.is_none() => return Err(exists::<D>(&name)),
        (Mode::Put, None, Some(_)) => return Err(changed(D::KIND, &name)),
        (Mode::Put, Some(entry), Some(claimed)) if entry.revision.0 != claimed => {
            return Err(changed(D::KIND, &name));
        }
        (Mode::Put, Some(entry), _) => entry.revision.into(),
    };
    let beside = document.settle(control, before.as_ref()).await?;
    let value = serde_json::to_value(&document).map_err(Failure::internal)?;
    let commit = documents::put(D::KIND, &name, &value, expect)?;
    let verb = if seen.is_some() { "updated" } else { "created" };
    let event = document.tell(event(control, caller, D::KIND, verb, &name), value);
    let kind = D::KIND.as_str().to_owned();
    let written = Written { kind, name, created: seen.is_none(), ..Written::default() };
    Ok(Saved { written, secret: beside.secret, commit: commit.and(beside.commit).event(event) })
}

/// Removes a document and what goes with it.
pub(super) async fn remove<D: Kept>(
    control: &Control,
    caller: &Caller,
    name: &str,
) -> Result<(), Failure> {
    let entry = entry(control, D::KIND, name).await?;
    allowed(control, caller, &decode::<D>(&entry)?, Verb::Delete)?;
    let event = event(control, caller, D::KIND, "removed", name);
    let also = D::leave(control, name).await?;
    control.commit(documents::remove(D::KIND, name, entry.revision).and(also).event(event)).await?;
    D::gone(control, caller, name).await
}

/// Puts a document into its event; of one that is too large, its size.
pub(crate) fn tell(event: NewEvent, word: &str, document: Value) -> NewEvent {
    let bytes = document.to_string().len();
    if bytes <= MAX_IN_EVENT { event.with(word, document) } else { event.with("bytes", bytes) }
}

fn exists<D: Kept>(name: &str) -> Failure {
    let kind = D::KIND.as_str();
    let verb = if D::TABLE.write.is_some() { "edit" } else { "rm" };
    Problem::conflict("exists", format!("{kind} `{name}` exists already"))
        .hint(format!("tctl {verb} {kind}/{name}"))
        .into()
}

fn changed(kind: Kind, name: &str) -> Failure {
    let kind = kind.as_str();
    Problem::conflict("conflict", format!("someone else changed {kind} `{name}` in the meantime"))
        .hint("read it again, repeat your edit, and write that")
        .into()
}

pub(super) fn event(
    control: &Control,
    caller: &Caller,
    kind: Kind,
    verb: &str,
    name: &str,
) -> NewEvent {
    let noun = match kind {
        Kind::AccessMonitoringRule => "rule",
        Kind::App
        | Kind::ClusterSettings
        | Kind::Db
        | Kind::KubeCluster
        | Kind::Lock
        | Kind::Node
        | Kind::Role
        | Kind::Token
        | Kind::User => kind.as_str(),
    };
    caller
        .sign(NewEvent::new(format!("{noun}.{verb}"), control.now()))
        .target(format!("{noun}/{name}"))
}

impl Control {
    /// Commits, and waits until this process decides by it.
    ///
    /// # Errors
    /// As the store's, told as a problem.
    pub(crate) async fn commit(&self, commit: Commit) -> Result<u64, Failure> {
        let revision = self.store().commit(commit).await?;
        self.store().policy().at_least(revision).await;
        Ok(revision.0)
    }
}

/// The bytes of a sealed secret, for a commit.
pub(crate) fn sealed(control: &Control, secret: &[u8], name: &str) -> Result<Bytes, Failure> {
    control.seal().seal(secret, name).map(Bytes::from).map_err(Failure::internal)
}
