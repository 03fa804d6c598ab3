//! The `sandlock` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(sandlock_cli::run(std::env::args_os()))
}
