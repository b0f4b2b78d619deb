//! State, outbox, audit log and recordings on SQLite; the only room that knows SQL.

pub mod conformance;
pub mod kv;
mod outbox;
pub mod recording;
pub mod sqlite;
