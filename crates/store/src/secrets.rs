//! Sealed bytes by name. They come sealed and leave sealed: the store has no key.

use bytes::Bytes;

use crate::kv::{Commit, CommitError, Expect, ReadError, Revision};
use crate::store::Store;

/// The secrets of a [`Store`].
#[derive(Clone, Debug)]
pub struct Secrets {
    store: Store,
}

/// The key of a secret, for a [`Commit`] that writes it with something else.
#[must_use]
pub fn key(name: &str) -> String {
    format!("/secret/{name}")
}

impl Secrets {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// The sealed bytes and the revision they were written at.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn load(&self, name: &str) -> Result<Option<(Bytes, Revision)>, ReadError> {
        Ok(self.store.load(key(name)).await?.map(|entry| (entry.value, entry.revision)))
    }

    /// Writes sealed bytes, if the secret is as expected: absent, or of the revision that was loaded.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] when it is not as expected.
    pub async fn save(
        &self,
        name: &str,
        sealed: impl Into<Bytes>,
        expect: impl Into<Expect>,
    ) -> Result<Revision, CommitError> {
        let key = key(name);
        self.store.commit(Commit::new().expecting(&key, expect).put(&key, sealed)).await
    }

    /// Removes a secret.
    ///
    /// # Errors
    /// See [`CommitError`].
    pub async fn remove(&self, name: &str) -> Result<Revision, CommitError> {
        self.store.commit(Commit::new().delete(key(name))).await
    }
}
