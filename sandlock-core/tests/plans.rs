//! The plan for every kernel level, and the guards that keep every setting meaningful.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use sandlock::syscall::{Class, GROUPS};
use sandlock::{Arch, ErrorKind, Host, Mode, Plan, Policy, PolicyBuilder, Protection, SETTINGS};

fn plan(builder: PolicyBuilder, host: &Host) -> Plan {
    Plan::new(&builder.build().unwrap(), host).unwrap()
}

/// The default policy, with every protection used where it is there.
fn lenient() -> PolicyBuilder {
    let protections = Protection::ALL.into_iter();
    protections.fold(Policy::builder(), |builder, protection| {
        builder.protection(protection, Mode::IfAvailable)
    })
}

fn line<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.trim_start().strip_prefix(start))
}

#[test]
fn each_level_handles_the_rights_that_its_kernel_has() {
    let since = [("refer", 2), ("truncate", 3), ("ioctl_dev", 5)];
    for abi in 1..=7 {
        let text = plan(lenient().fs_write("/tmp"), &Host::fake(abi)).describe();
        let handled: Vec<&str> = line(&text, "handle ").unwrap().split(", ").collect();
        assert!(handled.contains(&"execute") && handled.contains(&"make_sym"), "{abi}: {text}");
        for (right, level) in since {
            assert_eq!(handled.contains(&right), abi >= level, "{right} at {abi}");
        }
        assert_eq!(text.contains("handle bind_tcp, connect_tcp"), abi >= 4, "{abi}");
        assert_eq!(text.contains("scope abstract_unix_socket, signal"), abi >= 6, "{abi}");
    }
}

#[test]
fn a_newer_kernel_is_used_as_the_newest_known_one() {
    assert_eq!(plan(lenient(), &Host::fake(8)), plan(lenient(), &Host::fake(7)));
    assert_ne!(plan(lenient(), &Host::fake(6)), plan(lenient(), &Host::fake(3)));
}

#[test]
fn what_a_level_lacks_is_degraded_and_what_it_has_enforced() {
    for abi in 1..=7 {
        let enforcement = plan(lenient(), &Host::fake(abi)).enforcement;
        for protection in Protection::ALL {
            let has = abi >= protection.needs().0;
            let name = protection.name();
            assert_eq!(enforcement.enforced.iter().any(|line| line == name), has, "{name} {abi}");
            let degraded = enforcement.degraded.iter().any(|line| line.starts_with(name));
            assert_eq!(degraded, !has, "{name} {abi}");
        }
        assert_eq!(enforcement.landlock_abi, abi);
    }
}

#[test]
fn a_strict_policy_names_everything_that_a_level_lacks() {
    for abi in 1..=7 {
        let lacking: Vec<_> =
            Protection::ALL.into_iter().filter(|protection| abi < protection.needs().0).collect();
        match Plan::new(&Policy::default(), &Host::fake(abi)) {
            Ok(_) => assert!(lacking.is_empty(), "{abi}"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unsupported);
                assert_eq!(error.problems().len(), lacking.len(), "{abi}: {error}");
                for (problem, protection) in error.problems().iter().zip(lacking) {
                    assert_eq!(problem.setting, format!("protections.{protection}"));
                    let kernel = format!("Linux {}", protection.needs().1);
                    assert!(problem.message.contains(&kernel), "{problem}");
                    assert!(problem.message.contains("if-available"), "{problem}");
                }
            }
        }
    }
}

#[test]
fn a_protection_that_is_off_is_not_used_and_listed_as_weakened() {
    for protection in Protection::ALL {
        let off = plan(lenient().protection(protection, Mode::Off), &Host::fake(7));
        let line = format!("protections.{protection}: off");
        assert!(off.enforcement.weakened.contains(&line), "{line}");
        assert_ne!(off.landlock, plan(lenient(), &Host::fake(7)).landlock, "{protection}");
    }
}

#[test]
fn a_host_without_the_basics_is_an_error_with_a_way_out() {
    let mut hosts = [Host::fake(0), Host::fake(7), Host::fake(7)];
    hosts[1].seccomp_filter = false;
    hosts[2].child_lists = false;
    for host in hosts {
        let error = Plan::new(&Policy::default(), &host).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.hint().is_some(), "{error}");
    }
    assert!(Plan::new(&Policy::default(), &Host::fake(7)).is_ok());
}

#[test]
fn every_setting_changes_the_plan() {
    let default = plan(Policy::builder(), &Host::fake(7)).describe();
    for setting in SETTINGS {
        let changed = plan(Policy::builder().set(setting.path, setting.text), &Host::fake(7));
        assert_ne!(changed.describe(), default, "{} does nothing", setting.path);
    }
}

#[test]
fn contradictions_are_reported_together() {
    let builder = Policy::builder()
        .only_syscalls(["read"])
        .deny_syscalls(["execve"])
        .allow_syscalls(["socket", "@sockets"]);
    let error = Plan::new(&builder.build().unwrap(), &Host::fake(7)).unwrap_err();
    let settings: Vec<&str> = error.problems().iter().map(|p| p.setting.as_str()).collect();
    assert_eq!(settings, ["syscalls.only", "syscalls.deny", "syscalls.allow", "syscalls.allow"]);
}

#[test]
fn deny_wins_over_allow_and_allow_lifts_what_only_arguments_refuse() {
    let lifted = plan(Policy::builder().allow_syscalls(["ptrace", "prctl"]), &Host::fake(7));
    let refused = |plan: &Plan, name: &str| {
        plan.filter.verdicts.contains_key(&plan.filter.arch.number_of(name).unwrap())
    };
    assert!(!refused(&lifted, "ptrace") && !refused(&lifted, "prctl"));
    assert_eq!(lifted.enforcement.weakened.len(), 2);
    let both = Policy::builder().allow_syscalls(["ptrace"]).deny_syscalls(["ptrace"]);
    assert!(refused(&plan(both, &Host::fake(7)), "ptrace"));
}

#[test]
fn every_refused_and_judged_call_has_its_verdict_on_both_architectures() {
    for arch in Arch::ALL {
        let mut host = Host::fake(7);
        host.arch = arch;
        let plan = plan(Policy::builder(), &host);
        for group in GROUPS.iter().filter(|group| group.class != Class::Harmless) {
            for number in group.calls.iter().filter_map(|name| arch.number_of(name)) {
                let name = arch.name_of(number).unwrap();
                assert!(plan.filter.verdicts.contains_key(&number), "{arch:?}: {name}");
            }
        }
    }
}

#[test]
fn a_path_with_a_line_end_stays_on_its_line() {
    let text = plan(Policy::builder().fs_write("/a\n  grant write /b"), &Host::fake(7)).describe();
    assert!(text.contains("grant write /a\\n  grant write /b (fs.write)"), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("  grant ")).count(), 1);
}
