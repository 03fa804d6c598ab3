//! `sandlock check`: what this kernel can enforce.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, ArgMatches, Command};
use sandlock::{Host, Notifications, Plan, Policy, Protection};
use serde::Serialize;

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
    let host = Host::current();
    let result = Plan::new(&Policy::default(), host);
    if matches.get_flag(JSON) {
        stdout::print_json(&Report::new(host, result.is_ok()))?;
    } else {
        stdout::print(describe(host, result.is_ok()).as_bytes())?;
    }
    Ok(match result {
        Ok(_) => exit::SUCCESS,
        Err(error) => {
            Failure::from(error).report();
            exit::NOT_ENFORCED
        }
    })
}

/// The features of `host`, each with the kernel that has it.
fn features(host: &Host) -> Vec<(&'static str, String, &'static str)> {
    let notifications = host.notifications();
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

fn is_available(protection: Protection, host: &Host) -> bool {
    host.landlock_abi >= protection.needs().0
}

fn describe(host: &Host, enforced_in_full: bool) -> String {
    let mut text = "kernel\n".to_owned();
    for (name, value, needs) in features(host) {
        text.push_str(&row(name, &value, needs));
    }
    text.push_str("protections\n");
    for protection in Protection::ALL {
        let (abi, kernel) = protection.needs();
        let available = if is_available(protection, host) { "yes" } else { "no" };
        let needs = format!("Linux {kernel}, Landlock ABI {abi}");
        text.push_str(&row(protection.name(), available, &needs));
    }
    let verdict = if enforced_in_full { "is" } else { "is not" };
    text.push_str(&format!("a default policy {verdict} enforced in full\n"));
    text
}

fn row(name: &str, value: &str, needs: &str) -> String {
    format!("{}\n", format!("  {name:<20} {value:<8} {needs}").trim_end())
}

#[derive(Serialize)]
struct Report<'a> {
    v: u32,
    host: &'a Host,
    notifications: Notifications,
    protections: BTreeMap<&'static str, Availability>,
    enforced_in_full: bool,
}

#[derive(Serialize)]
struct Availability {
    available: bool,
    landlock_abi: u32,
    linux: &'static str,
}

impl<'a> Report<'a> {
    fn new(host: &'a Host, enforced_in_full: bool) -> Report<'a> {
        let entry = |protection: Protection| {
            let (landlock_abi, linux) = protection.needs();
            let available = is_available(protection, host);
            (protection.name(), Availability { available, landlock_abi, linux })
        };
        let protections = Protection::ALL.map(entry).into();
        let notifications = host.notifications();
        Report { v: 1, host, notifications, protections, enforced_in_full }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn enforced_in_full(host: &Host) -> bool {
        Plan::new(&Policy::default(), host).is_ok()
    }

    #[test]
    fn every_property_of_a_host_is_shown() {
        let host = Host::fake(7);
        let json = serde_json::to_value(Report::new(&host, true)).unwrap();
        let keys = |part: &str| json[part].as_object().unwrap().keys().cloned();
        let keys: BTreeSet<String> = keys("host").chain(keys("notifications")).collect();
        let shown = features(&host).into_iter().map(|(name, ..)| name.to_owned());
        assert_eq!(shown.collect::<BTreeSet<_>>(), keys);
    }

    #[test]
    fn protections_are_shown_for_every_kernel() {
        for abi in 0..=7 {
            let host = Host::fake(abi);
            let text = describe(&host, enforced_in_full(&host));
            let report = Report::new(&host, enforced_in_full(&host));
            for protection in Protection::ALL {
                let line = text.lines().find(|line| line.trim().starts_with(protection.name()));
                let there = abi >= protection.needs().0;
                assert_eq!(line.unwrap().contains(" yes "), there, "{abi} {protection}");
                assert_eq!(report.protections[protection.name()].available, there);
            }
            assert_eq!(text.ends_with("\na default policy is enforced in full\n"), abi >= 6);
            assert_eq!(report.enforced_in_full, abi >= 6);
        }
    }
}
