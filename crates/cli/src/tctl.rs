//! The command line of `tctl`.

use std::ffi::OsString;

use crate::exit::Exit;

/// Runs `tctl` with the words of its command line, the program's name first.
#[must_use]
pub fn main(_words: &[OsString]) -> Exit {
    Exit::Done
}
