//! `sandlock check`: what this kernel can enforce.

use clap::{Arg, ArgAction, ArgMatches, Command};
use sandlock::{Host, HostReport, Protection};

use crate::diagnostics::Failure;
use crate::exit;
use crate::stdout;

const JSON: &str = "json";

const LONG_ABOUT: &str = "\
Shows what this kernel can enforce: its features and every protection, with the Landlock ABI and
the Linux version that have it.";

const AFTER_HELP: &str = "\
Exit status:
  0    a default policy is enforced in full
  1    it is not; the errors say which protections are missing and what to do
  125  sandlock itself failed";

pub(crate) fn command() -> Command {
    Command::new("check")
        .about("Show what this kernel can enforce")
        .long_about(LONG_ABOUT)
        .after_long_help(AFTER_HELP)
        .arg(
            Arg::new(JSON).long(JSON).action(ArgAction::SetTrue).help(
                "Print one JSON object with the keys v, host, notifications, protections and enforced_in_full",
            ),
        )
}

pub(crate) fn run(matches: &ArgMatches) -> Result<u8, Failure> {
    let report = Host::current().report();
    if matches.get_flag(JSON) {
        stdout::print_json(&report)?;
    } else {
        stdout::print(describe(&report).as_bytes())?;
    }
    Ok(match report.shortfall() {
        None => exit::SUCCESS,
        Some(error) => {
            Failure::from(error.clone()).report();
            exit::NOT_ENFORCED
        }
    })
}

/// The features of this kernel, each with the Linux that brought it.
fn features(report: &HostReport) -> Vec<(&'static str, String, &'static str)> {
    let HostReport { host, notifications, .. } = report;
    let yes_no = |there| if there { "yes" } else { "no" }.to_owned();
    vec![
        ("arch", host.arch.name().to_owned(), ""),
        ("landlock_abi", host.landlock_abi.to_string(), "Linux 5.13"),
        ("landlock_errata", format!("{:#b}", host.landlock_errata), "Linux 6.15"),
        ("seccomp_filter", yes_no(host.seccomp_filter), "Linux 3.17"),
        ("user_notification", yes_no(notifications.user_notification), "Linux 5.0"),
        ("wait_killable_recv", yes_no(notifications.wait_killable_recv), "Linux 5.19"),
        ("sync_wake_up", yes_no(notifications.sync_wake_up), "Linux 6.6"),
        ("addfd_send", yes_no(notifications.addfd_send), "Linux 5.14"),
        ("receive_ends", yes_no(notifications.receive_ends), "Linux 6.11"),
        ("child_lists", yes_no(host.child_lists), "Linux 4.2, with /proc mounted"),
        ("subreaper", yes_no(host.subreaper), "Linux 3.4, outside of any sandbox of this kind"),
    ]
}

fn describe(report: &HostReport) -> String {
    let mut text = "kernel\n".to_owned();
    for (name, value, needs) in features(report) {
        text.push_str(&row(name, &value, needs));
    }
    text.push_str("protections\n");
    let names = Protection::ALL.map(Protection::name);
    for (name, entry) in names.iter().filter_map(|name| report.protections.get_key_value(name)) {
        let available = if entry.available { "yes" } else { "no" };
        let needs = format!("Linux {}, Landlock ABI {}", entry.linux, entry.landlock_abi);
        text.push_str(&row(name, available, &needs));
    }
    let verdict = if report.enforced_in_full() { "is" } else { "is not" };
    text.push_str(&format!("a default policy {verdict} enforced in full\n"));
    text
}

fn row(name: &str, value: &str, needs: &str) -> String {
    format!("{}\n", format!("  {name:<20} {value:<8} {needs}").trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_property_of_a_host_is_shown() {
        let report = Host::fake(7).report();
        let json = serde_json::to_value(&report).unwrap();
        let keys = |part: &str| json[part].as_object().unwrap().keys().cloned();
        let keys: BTreeSet<String> = keys("host").chain(keys("notifications")).collect();
        let shown = features(&report).into_iter().map(|(name, ..)| name.to_owned());
        assert_eq!(shown.collect::<BTreeSet<_>>(), keys);
    }

    #[test]
    fn protections_are_shown_for_every_kernel() {
        for abi in 0..=7 {
            let text = describe(&Host::fake(abi).report());
            for protection in Protection::ALL {
                let line = text.lines().find(|line| line.trim().starts_with(protection.name()));
                let there = abi >= protection.needs().0;
                assert_eq!(line.unwrap().contains(" yes "), there, "{abi} {protection}");
            }
            assert_eq!(text.ends_with("\na default policy is enforced in full\n"), abi >= 6);
        }
    }
}
