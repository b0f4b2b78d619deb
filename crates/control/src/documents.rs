//! Documents: roles, nodes, locks and rules, as administrators write them.
//!
//! One walk for all kinds: read the text as its kind, check what it means, write it in one commit with
//! its audit event. An edit that carries `metadata.revision` happens only if nobody was faster.

pub(crate) mod locks;
pub(crate) mod nodes;
pub(crate) mod roles;
pub(crate) mod rules;

use crate::http::List;
use crate::{Caller, Control, Failure, Routes};
use access::policy::administer::About;
use access::target::Labels;
use api::audit::NewEvent;
use api::document::{Kind, Written};
use api::endpoints::Verb;
use api::page::Page;
use api::problem::{FieldProblem, Problem};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use store::documents::{self, DocumentError};
use store::kv::{Absent, Commit, Entry, Expect, Range};

/// The largest document that is put into its audit event whole; of a larger one only the size is told.
const MAX_IN_EVENT: usize = 32 * 1024;

pub(crate) fn routes(routes: Routes) -> Routes {
    rules::routes(roles::routes(nodes::routes(locks::routes(routes))))
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

/// A document that can be kept.
pub(crate) trait Kept: DeserializeOwned + Serialize + Clone + Send + 'static {
    /// Its kind.
    const KIND: Kind;
    /// Its name.
    fn name(&self) -> &str;
    /// Its labels.
    fn labels(&self) -> &Labels;
    /// The revision it carries: of what was read, where it is written; of what is kept, where it is read.
    fn revision(&mut self) -> &mut Option<u64>;
    /// Checks what it means. Gives what the writer may want to know.
    ///
    /// # Errors
    /// Every place that is wrong.
    fn check(&self, control: &Control) -> Result<Vec<FieldProblem>, Vec<FieldProblem>>;
}

/// What must hold of the document before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    /// There is none.
    Create,
    /// There is none, or one of the revision that was read.
    Put,
}

/// Reads a text as its kind and checks all that needs no store.
pub(crate) fn read<D: Kept>(
    control: &Control,
    text: &str,
    name: Option<&str>,
) -> Result<(D, Vec<FieldProblem>), Failure> {
    let document: D = api::document::typed(text).map_err(Failure::fields)?;
    if name.is_some_and(|name| name != document.name()) {
        return Err(Failure::field(
            "metadata.name",
            "differs from the name in the path; a document cannot be renamed",
        ));
    }
    let warnings = document.check(control).map_err(Failure::fields)?;
    Ok((document, warnings))
}

/// Checks the first two words of a document.
pub(crate) fn check_head(
    (kind, version): (&str, &str),
    expected: Kind,
    versions: &[&str],
    problems: &mut Vec<FieldProblem>,
) {
    let mut wrong = |path: &str, message: String| {
        problems.push(FieldProblem { path: path.to_owned(), message, ..FieldProblem::default() });
    };
    if kind != expected.as_str() {
        wrong("kind", format!("expected `{}`", expected.as_str()));
    }
    if !versions.contains(&version) {
        wrong("version", format!("expected {}", versions.join(" or ")));
    }
}

/// Writes a document; `also` adds to the commit what belongs to it.
pub(crate) async fn write<D: Kept>(
    control: &Control,
    caller: &Caller,
    mut document: D,
    warnings: Vec<FieldProblem>,
    mode: Mode,
    also: Commit,
) -> Result<Written, Failure> {
    let name = document.name().to_owned();
    let key = documents::key(D::KIND, &name);
    let seen = fetch(control, &key).await?;
    let claimed = document.revision().take();
    // Both what it was and what it becomes must be the caller's to write: nobody relabels a document
    // into, or out of, her own reach.
    if let Some(entry) = &seen {
        allowed(control, caller, &decode::<D>(entry)?, Verb::Update)?;
    }
    allowed(control, caller, &document, if seen.is_some() { Verb::Update } else { Verb::Create })?;
    let expect: Expect = match (mode, &seen, claimed) {
        (Mode::Create, None, _) | (Mode::Put, None, None) => Absent.into(),
        (Mode::Create, Some(_), _) => {
            return Err(Problem::conflict(
                "exists",
                format!("{} `{name}` exists already", D::KIND.as_str()),
            )
            .hint(format!("tctl edit {}/{name}", D::KIND.as_str()))
            .into());
        }
        (Mode::Put, None, Some(_)) => return Err(changed(D::KIND, &name)),
        (Mode::Put, Some(entry), Some(claimed)) if entry.revision.0 != claimed => {
            return Err(changed(D::KIND, &name));
        }
        (Mode::Put, Some(entry), _) => entry.revision.into(),
    };
    let value = serde_json::to_value(&document).map_err(Failure::internal)?;
    let verb = if seen.is_some() { "updated" } else { "created" };
    let event = event(control, caller, D::KIND, verb, &name);
    let commit = documents::put(D::KIND, &name, &value, expect)?;
    let bytes = value.to_string().len();
    let event = if bytes <= MAX_IN_EVENT {
        event.with("document", value)
    } else {
        event.with("bytes", bytes)
    };
    let revision = control.commit(commit.and(also).event(event)).await?;
    Ok(Written {
        kind: D::KIND.as_str().to_owned(),
        name,
        revision,
        created: seen.is_none(),
        warnings,
    })
}

/// Removes a document; `also` adds to the commit what goes with it.
pub(crate) async fn remove<D: Kept>(
    control: &Control,
    caller: &Caller,
    name: &str,
    also: Commit,
) -> Result<(), Failure> {
    let entry = fetch(control, &key_of(D::KIND, name)?).await?.ok_or_else(Problem::not_found)?;
    allowed(control, caller, &decode::<D>(&entry)?, Verb::Delete)?;
    let commit = documents::remove(D::KIND, name, entry.revision).and(also).event(event(
        control,
        caller,
        D::KIND,
        "removed",
        name,
    ));
    control.commit(commit).await?;
    Ok(())
}

/// Whether the caller may do this to this one document.
fn allowed<D: Kept>(
    control: &Control,
    caller: &Caller,
    document: &D,
    verb: Verb,
) -> Result<(), Failure> {
    let about =
        About { name: Some(document.name()), labels: Some(document.labels()), ..About::default() };
    control.caller_may_document(caller, (D::KIND.as_str(), verb), &about)
}

/// One document, if the caller may read it.
pub(crate) async fn show<D: Kept>(
    control: &Control,
    caller: &Caller,
    name: &str,
) -> Result<D, Failure> {
    let document = load::<D>(control, name).await?;
    allowed(control, caller, &document, Verb::Read)?;
    Ok(document)
}

/// One document, with its revision.
pub(crate) async fn load<D: Kept>(control: &Control, name: &str) -> Result<D, Failure> {
    let entry = fetch(control, &key_of(D::KIND, name)?).await?.ok_or_else(Problem::not_found)?;
    decode(&entry)
}

/// A page of the documents the caller may list, by name.
pub(crate) async fn page<D: Kept>(
    control: &Control,
    caller: &Caller,
    query: &List,
) -> Result<Page<D>, Failure> {
    let mut range = Range::prefix(documents::prefix(D::KIND)).limit(query.limit()?);
    if let Some(after) = query.cursor()? {
        range = range.after(
            &key_of(D::KIND, after)
                .map_err(|_| Failure::field("cursor", "this is no cursor of ours"))?,
        );
    }
    let page = control.store().range(range).await?;
    let mut items = page.entries.iter().map(decode::<D>).collect::<Result<Vec<_>, _>>()?;
    let next = items.last().filter(|_| page.more).map(|last| last.name().to_owned());
    items.retain(|document| allowed(control, caller, document, Verb::List).is_ok());
    Ok(Page { items, next })
}

fn decode<D: Kept>(entry: &Entry) -> Result<D, Failure> {
    let mut document: D = serde_json::from_slice(&entry.value).map_err(Failure::internal)?;
    *document.revision() = Some(entry.revision.0);
    Ok(document)
}

pub(crate) async fn fetch(control: &Control, key: &str) -> Result<Option<Entry>, Failure> {
    Ok(control.store().load(key).await?)
}

/// The key of a name from a path. A name that could never have been written is one that is not there.
fn key_of(kind: Kind, name: &str) -> Result<String, Failure> {
    let fits = !name.is_empty()
        && name.len() <= 253
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if fits { Ok(documents::key(kind, name)) } else { Err(Problem::not_found().into()) }
}

fn changed(kind: Kind, name: &str) -> Failure {
    Problem::conflict(
        "conflict",
        format!("someone else changed {} `{name}` in the meantime", kind.as_str()),
    )
    .hint("read it again, repeat your edit, and write that")
    .into()
}

fn event(control: &Control, caller: &Caller, kind: Kind, verb: &str, name: &str) -> NewEvent {
    let noun = match kind {
        Kind::AccessMonitoringRule => "rule",
        Kind::Lock | Kind::Node | Kind::Role | Kind::Token | Kind::User => kind.as_str(),
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
