//! Databases, as people reach them: whom they are there, what their clients have to be told, and the local end of a tunnel.
//!
//! ```text
//!   choice ──► settings ──► kept         files that psql, mysql and drivers read
//!      └─────► tunnel                    a local port or socket for clients that cannot be told anything
//! ```
//!
//! Nothing here speaks a database's protocol, but for the one error of [`words`].

pub mod choice;
pub mod kept;
pub mod owner;
pub mod settings;
pub mod tunnel;
pub mod words;
