//! `tctl`: administer users, roles, nodes, requests, the audit log and the authorities.

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<std::ffi::OsString> = std::env::args_os().collect();
    ExitCode::from(cli::tctl::main(&words).code())
}
