//! State, outbox, audit log and recordings on SQLite; the only room that knows SQL.

pub mod recording;
