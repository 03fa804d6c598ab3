//! `sandlock explain`: what would be done, without doing it.

use clap::{Arg, ArgAction, ArgMatches, Command};
use sandlock::{Explanation, Host, Plan};

use crate::diagnostics::Failure;
use crate::exit;
use crate::flags;
use crate::stdout;

const JSON: &str = "json";

const LONG_ABOUT: &str = "\
Shows what would be enforced for a policy on this kernel: Landlock rules, refused system calls,
the steps of the start, and what is enforced, degraded (this kernel lacks it and the policy
accepts that) and weakened (the policy itself lifts it).

Nothing is run, and granted paths need not exist.";

const AFTER_HELP: &str = "\
Exit status:
  0    the policy can be enforced
  125  it cannot, or a flag or profile is wrong

Examples:
  sandlock explain --fs-read /usr --net-allow tcp://:443
  sandlock explain -p ./job.toml --json";

pub(crate) fn command() -> Command {
    Command::new("explain")
        .about("Show what would be enforced, refused and weakened")
        .long_about(LONG_ABOUT)
        .after_long_help(AFTER_HELP)
        .override_usage("sandlock explain [OPTIONS]")
        .args(flags::arguments())
        .arg(Arg::new(JSON).long(JSON).action(ArgAction::SetTrue).help(
            "Print one JSON object with the keys v, policy, plan (a list of lines) and enforcement",
        ))
}

pub(crate) fn run(matches: &ArgMatches) -> Result<u8, Failure> {
    let policy = flags::policy(matches)?;
    let host = Host::current();
    if matches.get_flag(JSON) {
        stdout::print_json(&Explanation::new(&policy, host)?)?;
    } else {
        stdout::print(Plan::new(&policy, host)?.describe().as_bytes())?;
    }
    Ok(exit::SUCCESS)
}
