//! `countersign`: the daemon.

use std::process::ExitCode;

fn main() -> ExitCode {
    daemon::command::main()
}
