//! Documents, read back: one, or a page, as far as the caller may see.

use super::Kept;
use crate::http::List;
use crate::{Caller, Control, Failure};
use access::policy::administer::About;
use api::document::Kind;
use api::endpoints::Verb;
use api::page::Page;
use api::problem::Problem;
use std::collections::BTreeMap;
use store::documents;
use store::kv::{Entry, Range};

/// The longest name that is looked for, in bytes.
const MAX_NAME: usize = 253;

/// Whether the caller may do this to this one document.
pub(crate) fn allowed<D: Kept>(
    control: &Control,
    caller: &Caller,
    document: &D,
    verb: Verb,
) -> Result<(), Failure> {
    let about =
        About { name: Some(document.name()), labels: Some(document.labels()), ..About::default() };
    control.caller_may_document(caller, (D::KIND.as_str(), verb), &about)
}

/// One document, with its revision.
pub(crate) async fn load<D: Kept>(control: &Control, name: &str) -> Result<D, Failure> {
    decode(&entry(control, D::KIND, name).await?)
}

/// One document, or what holds while none is written.
pub(super) async fn shown<D: Kept>(control: &Control, name: &str) -> Result<D, Failure> {
    let key = key_of(D::KIND, name).ok_or_else(Problem::not_found)?;
    match fetch(control, &key).await? {
        Some(entry) => decode(&entry),
        None => {
            let unwritten = D::unwritten().filter(|document| document.name() == name);
            Ok(unwritten.ok_or_else(Problem::not_found)?)
        }
    }
}

/// What stands behind a name from a path.
pub(super) async fn entry(control: &Control, kind: Kind, name: &str) -> Result<Entry, Failure> {
    let key = key_of(kind, name).ok_or_else(Problem::not_found)?;
    Ok(fetch(control, &key).await?.ok_or_else(Problem::not_found)?)
}

/// A page of the documents the caller may list, by name.
pub(super) async fn page<D: Kept>(
    control: &Control,
    caller: &Caller,
    query: &List,
) -> Result<Page<D>, Failure> {
    let mut range = Range::prefix(documents::prefix(D::KIND)).limit(query.limit()?);
    if let Some(after) = query.cursor()? {
        let key = key_of(D::KIND, after);
        range =
            range.after(&key.ok_or_else(|| Failure::field("cursor", "this is no cursor of ours"))?);
    }
    let page = control.store().range(range).await?;
    let mut items = page.entries.iter().map(decode::<D>).collect::<Result<Vec<_>, _>>()?;
    if items.is_empty() && query.cursor()?.is_none() {
        items.extend(D::unwritten());
    }
    let next = items.last().filter(|_| page.more).map(|last| last.name().to_owned());
    items.retain(|document| allowed(control, caller, document, Verb::List).is_ok());
    Ok(Page { items, next })
}

/// A document as it is kept, with its revision.
pub(crate) fn decode<D: Kept>(entry: &Entry) -> Result<D, Failure> {
    let mut document: D = serde_json::from_slice(&entry.value).map_err(Failure::internal)?;
    *document.revision() = Some(entry.revision.0);
    Ok(document)
}

pub(crate) async fn fetch(control: &Control, key: &str) -> Result<Option<Entry>, Failure> {
    Ok(control.store().load(key).await?)
}

/// The key of a name; `None` for one that could never have been written.
pub(super) fn key_of(kind: Kind, name: &str) -> Option<String> {
    let fits = !name.is_empty()
        && name.len() <= MAX_NAME
        && name.bytes().all(|b| b.is_ascii_graphic() && b != b'/');
    fits.then(|| documents::key(kind, name))
}

/// What stands behind these keys, of which there are no more than one fetch takes.
pub(super) async fn fetch_all(
    control: &Control,
    keys: Vec<String>,
) -> Result<BTreeMap<String, Entry>, Failure> {
    let found = control.store().fetch(keys).await?;
    Ok(found.into_iter().flatten().map(|entry| (entry.key.to_string(), entry)).collect())
}
