//! Documents at rest: canonical JSON, one key each.
//!
//! What administrators write is checked where it is written; here it is checked once more that the policy can read it,
//! because a document it cannot read would empty the policy.

use api::audit::canonical_json;
use api::document::Kind;
use serde_json::Value;

use crate::kv::{Commit, Entry, Expect, Range, ReadError, Revision};
use crate::store::Store;
use crate::stored::{Part, Unreadable};

/// A document as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredDocument {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The whole of it, as JSON, without `metadata.revision`.
    pub value: Value,
    /// When it was last written: what an edit expects.
    pub revision: Revision,
}

/// Why a document cannot be read or written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DocumentError {
    /// The store failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The policy could not read it.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

/// The prefix of the keys of a kind.
#[must_use]
pub fn prefix(kind: Kind) -> &'static str {
    match kind {
        Kind::AccessMonitoringRule => crate::stored::RULE,
        Kind::App => crate::stored::APP,
        Kind::ClusterSettings => crate::stored::SETTINGS,
        Kind::Db => crate::stored::DB,
        Kind::KubeCluster => crate::stored::KUBE,
        Kind::Lock => crate::stored::LOCK,
        Kind::Node => crate::stored::NODE,
        Kind::Role => crate::stored::ROLE,
        Kind::Token => "/token/",
        Kind::User => crate::stored::USER,
    }
}

/// The key of a document.
#[must_use]
pub fn key(kind: Kind, name: &str) -> String {
    format!("{}{name}", prefix(kind))
}

/// The commit that writes a document: if it is absent, or of the revision that was read.
///
/// # Errors
/// [`DocumentError::Unreadable`] when the policy could not read it.
pub fn put(
    kind: Kind,
    name: &str,
    value: &Value,
    expect: impl Into<Expect>,
) -> Result<Commit, DocumentError> {
    let key = key(kind, name);
    let text = canonical_json(value);
    Part::read(&key, Some(text.as_bytes()))?;
    Ok(Commit::new().expecting(&key, expect).put(key, text))
}

/// The commit that removes a document of the revision that was read.
pub fn remove(kind: Kind, name: &str, seen: Revision) -> Commit {
    let key = key(kind, name);
    Commit::new().expecting(&key, seen).delete(key)
}

/// The documents of a [`Store`].
#[derive(Clone, Debug)]
pub struct Documents {
    store: Store,
}

impl Documents {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// One document.
    ///
    /// # Errors
    /// See [`DocumentError`].
    pub async fn load(
        &self,
        kind: Kind,
        name: &str,
    ) -> Result<Option<StoredDocument>, DocumentError> {
        let entry = self.store.load(key(kind, name)).await?;
        Ok(entry.map(|entry| read(kind, &entry)).transpose()?)
    }

    /// A page of documents of a kind, by name, after a name; and whether there are more.
    ///
    /// # Errors
    /// See [`DocumentError`].
    pub async fn list(
        &self,
        kind: Kind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<StoredDocument>, bool), DocumentError> {
        let mut range = Range::prefix(prefix(kind)).limit(limit);
        if let Some(after) = after {
            range = range.after(&key(kind, after));
        }
        let page = self.store.range(range).await?;
        let documents =
            page.entries.iter().map(|entry| read(kind, entry)).collect::<Result<_, _>>()?;
        Ok((documents, page.more))
    }
}

fn read(kind: Kind, entry: &Entry) -> Result<StoredDocument, Unreadable> {
    let value = serde_json::from_slice(&entry.value)
        .map_err(|error| Unreadable { key: entry.key.to_string(), why: error.to_string() })?;
    let name = entry.key.strip_prefix(prefix(kind)).unwrap_or_default().to_owned();
    Ok(StoredDocument { kind, name, value, revision: entry.revision })
}
