//! Everything that leaves as JSON or YAML: shapes, endpoint table, typed client.
//!
//! One file per resource. The shapes are ours to keep: they never change because a domain type was renamed.

pub mod audit;
