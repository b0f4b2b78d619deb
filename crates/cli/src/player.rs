//! The player of recordings.
//!
//! ```text
//!   bytes ──► Film ──► Deck ◄── keys, time           Stage
//!             what is   where we are, how fast, ──►   raw mode, painting, status line;
//!             shown     what comes when (pure)        everything put back, however it ends
//! ```

pub mod deck;
pub mod film;
pub mod keys;
pub mod offset;
mod run;
mod stage;

pub use run::{Ended, play};
