//! Applications through a whole data plane on loopback: nginx and servers of our own behind it, curl and clients of our
//! own before it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what they expect"
)]

mod admission;
mod browser;
mod heads;
mod hostile;
mod origin;
mod paths;
mod stand;
mod streams;
mod upstream;
