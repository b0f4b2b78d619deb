//! `tsh` for everyone and `tctl` for administrators: two command lines over one library.
//!
//! ```text
//!   bin/tsh  ─┐                     ┌─► client  ──► the server's API (HTTPS, or the administrators' socket)
//!             ├─► tsh, tctl ──► commands ──► profile, keys, ssh_config   in ~/.tsh
//!   bin/tctl ─┘   (arguments)       └─► output, table, when              for people, or as JSON and YAML
//!
//!   tsh proxy ssh ──► route: the socket is connected and handed to ssh; nothing of the above is started
//! ```
//!
//!   tsh db, tsh proxy db ──► database: what stock clients are told, and the local end of a tunnel
//!
//! A command is a function of a [`context::Context`] and its arguments; it returns how the program ends. Nothing
//! here decides who may do what: the server does, and its sentence is shown.

pub mod client;
pub mod commands;
pub mod context;
pub mod database;
pub mod error;
pub mod exit;
pub mod home;
pub mod keys;
pub mod kubeconfig;
pub mod output;
pub mod player;
pub mod profile;
pub mod route;
pub mod ssh_config;
pub mod table;
pub mod tctl;
pub mod trust;
pub mod tsh;
pub mod when;
