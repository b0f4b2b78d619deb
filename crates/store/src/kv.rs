//! State as keys and values under one counter: what the store needs of a database, and no more.
//!
//! Every commit that changes something gets the next [`Revision`]; compares, puts and deletes of one commit happen
//! together or not at all; a [`Watch`] replays them in that order, without gaps, from any revision still in the change
//! log. The model is etcd's, so that a backend on it, or on one SQL database, is a small piece of work that
//! [`conformance`](crate::conformance) can judge.
//!
//! Deliberately absent: reading inside a commit (read first, then commit `expecting` what was read), and secondary
//! indexes (they are keys, written in the same commit).

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};

mod commit;
mod error;
pub mod limits;
mod range;
mod watch;

pub(crate) use commit::Op;
pub use commit::{Absent, Commit, Expect};
pub use error::{CommitError, Fault, InvalidInput, ReadError, WatchError};
pub use range::{Page, Range};
pub use watch::{Batch, Change, Watch, WatchSource};

/// Under this prefix the events of commits wait for the audit log. Only the store writes there, and watches do not
/// show it.
pub const OUTBOX: &str = "/outbox/";

/// The daemon's clock, as a handle: tests move it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A point in the history of all keys. The first commit makes revision 1.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Revision(pub u64);

impl Revision {
    /// Before the first commit.
    pub const ZERO: Self = Self(0);
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A lease: keys attached to it vanish when its time is over.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LeaseId(pub u64);

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A key with its value, as it was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: Arc<str>,
    /// The value.
    pub value: Bytes,
    /// The commit that made the key.
    pub created: Revision,
    /// The commit that last wrote it: what to give to [`Commit::expecting`].
    pub revision: Revision,
    /// The lease it lives on, if any.
    pub lease: Option<LeaseId>,
}

/// The answer of a backend, later.
pub type Answer<'a, T> = BoxFuture<'a, T>;

/// A backend that keeps state. See the [module](self) for what it promises; the conformance suite checks it.
pub trait Kv: fmt::Debug + Send + Sync {
    /// The last revision committed. Everything up to it can be read.
    fn revision(&self) -> Revision;

    /// The entries of these keys, in the order asked, from one snapshot.
    fn fetch(&self, keys: Vec<String>) -> Answer<'_, Result<Vec<Option<Entry>>, ReadError>>;

    /// A page of keys in order, from one snapshot.
    fn range(&self, range: Range) -> Answer<'_, Result<Page, ReadError>>;

    /// Makes all of the commit happen, durably, or nothing of it.
    ///
    /// Its events are written in the same moment under [`OUTBOX`], at `/outbox/<revision>/<n>`, both in hexadecimal of
    /// 16 and 4 digits. A commit that changes nothing and has no events has no revision of its own: it gives the last.
    ///
    /// Waits while the queue is full. Once it was first polled, the commit may happen even if the answer is not
    /// waited for.
    fn commit(&self, commit: Commit) -> Answer<'_, Result<Revision, CommitError>>;

    /// The changes after a revision of keys that begin with any of `prefixes`, in order, without gaps.
    fn watch(&self, prefixes: Vec<String>, after: Revision) -> Watch;

    /// A new lease that ends after `ttl` unless it is [kept](Kv::keep). Its keys are not read any more from the moment it
    /// ends; their removal is a revision of its own, before any later commit.
    fn lease(&self, ttl: SignedDuration) -> Answer<'_, Result<LeaseId, CommitError>>;

    /// Lets a lease end `ttl` from now instead.
    fn keep(&self, lease: LeaseId, ttl: SignedDuration) -> Answer<'_, Result<(), CommitError>>;

    /// Ends a lease now, with its keys.
    fn end_lease(&self, lease: LeaseId) -> Answer<'_, Result<(), CommitError>>;

    /// Forgets the changes up to and including `upto`: who watches from before it is told
    /// [`WatchError::Compacted`].
    fn compact(&self, upto: Revision) -> Answer<'_, Result<(), CommitError>>;

    /// Lets the next commit be later than `revision`, whatever was committed here: after a restore from a backup,
    /// revisions already seen elsewhere must not come again.
    fn advance(&self, revision: Revision) -> Answer<'_, Result<(), CommitError>>;

    /// Finishes what was queued, and refuses more with [`Fault::Closed`].
    fn close(&self) -> Answer<'_, ()>;
}
