//! `sandlock run`: one program under a policy, with the caller's terminal and streams.

use std::ffi::OsString;
use std::os::fd::RawFd;
use std::sync::Arc;

use clap::{Arg, ArgMatches, Command, ValueHint, value_parser};
use sandlock::{Launch, Sandbox};

use crate::diagnostics::Failure;
use crate::exit;
use crate::flags;
use crate::signals::Signals;
use crate::status::StatusFd;

const STATUS_FD: &str = "status-fd";
const COMMAND: &str = "command";

const LONG_ABOUT: &str = "\
Runs CMD under a policy, with this command's own descriptors 0, 1 and 2 and no others.

No rule means no access: a dynamic program needs at least a grant of itself, its loader and its
libraries, for which `--fs-read /usr` is usual. When the program ends, whatever it left running is
killed.

SIGINT, SIGTERM and SIGHUP that are sent to this command go on to the program. Where the command is in
the foreground of a terminal and has nothing but that as descriptors 0, 1 and 2, the program takes that
place until it ends: what is typed, Ctrl-C and Ctrl-Z included, and changes of size reach the program
alone. When Ctrl-C has ended it, this command ends by the same signal.";

const AFTER_HELP: &str = "\
Exit status:
  the program's own  if it exited by itself
  124                the time of --timeout was over
  125                sandlock itself failed: a wrong flag or policy, or a protection is missing
  126                the command cannot be executed, or the policy does not let it start
  127                the command does not exist
  128+n              signal n ended the program (after Ctrl-C by the signal itself, as shells expect)

Examples:
  sandlock run --fs-read /usr -- ls -l /usr
  sandlock run -r /usr -w /tmp/job -w /dev/null --cwd /tmp/job -t 30 -- python3 job.py
  sandlock run -p web -p ./local.toml --max-open-files 64 -- ./server --port 8080
  sandlock run -r /usr -w . --status-fd 3 -- python3 job.py 3>status.json";

const STATUS_FD_HELP: &str = "Write how the program ended to this descriptor";

const STATUS_FD_LONG_HELP: &str = "\
Write how the program ended to this descriptor, as one line of JSON with the keys v, exit_code,
signal, reason (exited, signaled or timeout), usage (wall, user and system in seconds, peak_memory
in bytes, or null where that of sandlock itself was larger), enforcement (what was enforced,
degraded and weakened), stdout_dropped and stderr_dropped (bytes beyond what a capture keeps: 0
here), handler_errors (failures that did not end the run, each with syscall, handler and message) and
handler_errors_dropped (how many more there were). Nothing is written if the program was not started. The program itself does
not get the descriptor.";

pub(crate) fn command() -> Command {
    Command::new("run")
        .about("Run a program under a policy")
        .long_about(LONG_ABOUT)
        .after_long_help(AFTER_HELP)
        .override_usage("sandlock run [OPTIONS] [--] CMD [ARG]...")
        .args(flags::arguments())
        .arg(
            Arg::new(STATUS_FD)
                .long(STATUS_FD)
                .value_name("N")
                .value_parser(value_parser!(RawFd).range(0..))
                .help(STATUS_FD_HELP)
                .long_help(flags::fill(STATUS_FD_LONG_HELP))
                .overrides_with(STATUS_FD),
        )
        .arg(
            // Hyphens are values only behind the first word: before it they are our own flags.
            Arg::new(COMMAND)
                .value_names(["CMD", "ARG"])
                .value_parser(value_parser!(OsString))
                .value_hint(ValueHint::CommandWithArguments)
                .num_args(1..)
                .required(true)
                .trailing_var_arg(true)
                .help("The program, looked for in its PATH, and its arguments"),
        )
}

pub(crate) fn run(matches: &ArgMatches) -> Result<u8, Failure> {
    // First of all, before a descriptor of our own can be taken for the caller's.
    let status = matches.get_one::<RawFd>(STATUS_FD).map(|&number| StatusFd::new(number));
    let (status, policy) = Failure::join(status.transpose(), flags::policy(matches))?;
    let command = matches.get_many::<OsString>(COMMAND).into_iter().flatten();
    let mut signals = Signals::block()?;
    let sandbox = Sandbox::new(policy)?;
    signals.take_early();
    let child = Arc::new(sandbox.spawn(Launch::new(command).interactive())?);
    let aftermath = signals.pass_on(Arc::clone(&child))?;
    let output = child.wait()?;
    if let Some(status) = status {
        status.write(&output)?;
    }
    aftermath.end_alike(&output);
    Ok(exit::of_output(&output))
}
