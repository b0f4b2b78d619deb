//! Named limits of the key-value store. What is beyond them is refused before anything is written.

/// Bytes in a key. Keys are printable ASCII and begin with `/`.
pub const KEY_BYTES: usize = 512;
/// Bytes in a value: 1 MiB.
pub const VALUE_BYTES: usize = 1 << 20;
/// Compares, puts and deletes in one commit: 250 documents, with what belongs to them, are one.
pub const COMMIT_OPERATIONS: usize = 1024;
/// Keys that one commit may remove by prefix, and that one revision removes when a lease ends.
pub const DELETED_KEYS: usize = 10_000;
/// Events in one commit.
pub const COMMIT_EVENTS: usize = 1024;
/// Bytes of all keys, values and events of one commit: 8 MiB.
pub const COMMIT_BYTES: usize = 8 << 20;
/// Bytes of one event, as JSON: 64 KiB.
pub const EVENT_BYTES: usize = 64 << 10;
/// Arrays and objects inside each other in the body of an event.
pub const EVENT_DEPTH: usize = 32;
/// Entries in one page of a range, and keys in one fetch.
pub const RANGE_ENTRIES: usize = 1000;
/// Bytes of the values in one page; a page always has at least one entry: 8 MiB.
pub const RANGE_BYTES: usize = 8 << 20;
/// Commits that wait for the writer, before committers wait.
pub const QUEUED_COMMITS: usize = 1024;
/// KiB of commits that wait for the writer, before committers wait: 32 MiB.
pub const QUEUED_KIB: usize = 32 << 10;
/// Commits in one transaction.
pub const GROUP_COMMITS: usize = 256;
/// Changes in one batch of a watch, and those of its last revision.
pub const WATCH_CHANGES: usize = 512;
/// Recent changes kept in memory for watchers that keep up; others read the log.
pub const RECENT_CHANGES: usize = 4096;
/// Bytes of recent changes kept in memory: 8 MiB.
pub const RECENT_BYTES: usize = 8 << 20;
/// Revisions kept in the change log for watchers that come back.
pub const LOG_REVISIONS: u64 = 20_000;
/// The longest lease: 31 days in seconds.
pub const LEASE_SECONDS: i64 = 31 * 86_400;
