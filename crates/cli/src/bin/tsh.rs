//! `tsh`: log in, see what you can reach, ask for more, connect.

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<std::ffi::OsString> = std::env::args_os().collect();
    ExitCode::from(cli::tsh::main(&words).code())
}
