//! The `sandlock` command as a library: words and flags around the crate `sandlock`.
//!
//! It decides nothing about a program's confinement. Flags come from the table of settings and go
//! through the one reader of values; everything else is how results and errors are told.

mod check;
mod diagnostics;
mod exit;
mod explain;
mod flags;
mod profile;
mod run;
mod signals;
mod status;
mod stdout;

use std::ffi::OsString;

use clap::Command;
use clap::error::ErrorKind;

use diagnostics::Failure;

const ABOUT: &str = "Run programs that are not trusted, confined by Landlock and seccomp";

const LONG_ABOUT: &str = "\
Runs programs that are not trusted, confined by Landlock and seccomp.

The program reaches only the files, networks and system calls that are granted; no rule means no
access. It needs no root, no namespaces and no daemon. A policy is made of flags, of TOML
profiles, or of both.";

const AFTER_HELP: &str = "\
Examples:
  sandlock run -r /usr -w /tmp/job -w /dev/null --cwd /tmp/job -t 30 -- python3 job.py
  sandlock run -r /usr -r /etc --net-allow '*' -- curl https://example.org/
  sandlock explain -p ./job.toml
  sandlock check";

/// The whole command line: parser, help, and what manual pages and completions are made from.
pub fn command() -> Command {
    Command::new("sandlock")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .long_about(LONG_ABOUT)
        .after_long_help(AFTER_HELP)
        .subcommand_required(true)
        .subcommands([run::command(), explain::command(), check::command(), profile::command()])
}

/// Does what `arguments` say, the first of which is the name of the command, and returns the exit
/// status. Results go to descriptor 1, errors to descriptor 2.
///
/// # Examples
///
/// ```
/// assert_eq!(sandlock_cli::run(["sandlock", "--version"]), 0);
/// assert_eq!(sandlock_cli::run(["sandlock", "--no-such-flag"]), 125);
/// ```
pub fn run<I>(arguments: I) -> u8
where
    I: IntoIterator,
    I::Item: Into<OsString> + Clone,
{
    carry_out(arguments).unwrap_or_else(|failure| failure.report())
}

fn carry_out<I>(arguments: I) -> Result<u8, Failure>
where
    I: IntoIterator,
    I::Item: Into<OsString> + Clone,
{
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => return help_or_failure(&error),
    };
    match matches.subcommand() {
        Some(("run", matches)) => run::run(matches),
        Some(("explain", matches)) => explain::run(matches),
        Some(("check", matches)) => check::run(matches),
        Some(("profile", matches)) => profile::run(matches),
        _ => Err(Failure::new("a command is missing").with_hint("see `sandlock --help`")),
    }
}

fn help_or_failure(error: &clap::Error) -> Result<u8, Failure> {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            stdout::print(error.render().to_string().as_bytes())?;
            Ok(exit::SUCCESS)
        }
        _ => Err(Failure::usage(error)),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }
}
