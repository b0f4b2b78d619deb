//! Everything that leaves as JSON or YAML: shapes, the endpoint table, documents and their errors.
//!
//! One file per resource. Shapes are plain data with public fields; what they mean is decided in
//! `access`, and the conversions to and from its types stand here, so that JSON cannot change because
//! a domain type was renamed.
//!
//! Deliberately absent: anything that does something. The daemon serves these shapes, the command
//! line reads them, and neither learns here how the other works.

pub mod app;
pub mod audit;
pub mod authority;
pub mod browser;
pub mod bundle;
pub mod cast;
pub mod database;
pub mod document;
pub mod endpoints;
pub mod event;
pub mod kube;
pub mod lock;
pub mod login;
pub mod node;
pub mod note;
pub mod page;
pub mod ping;
pub mod problem;
pub mod reach;
pub mod recording;
pub mod request;
pub mod role;
pub mod rule;
pub mod session;
pub mod settings;
pub mod size;
pub mod span;
pub mod stream;
pub mod token;
pub mod user;
