//! Which calls a plan refuses, judges and leaves, against the table of groups.

use std::collections::BTreeSet;

use super::*;
use crate::plan::filter::Verdict;
use crate::syscall::{Class, GROUPS, group_named, group_of};

fn filter(policy: PolicyBuilder, arch: Arch) -> FilterPlan {
    Plan::new(&policy.build().unwrap(), &host(7, arch)).unwrap().filter
}

fn verdict<'a>(filter: &'a FilterPlan, name: &str) -> Option<&'a Verdict> {
    filter.verdicts.get(&filter.arch.number_of(name).unwrap())
}

/// The judged calls to which a plan says nothing.
fn open_calls(policy: &PolicyBuilder, arch: Arch) -> Vec<&'static str> {
    let filter = filter(policy.clone(), arch);
    let judged = GROUPS.iter().filter(|group| group.class == Class::Judged);
    judged
        .flat_map(|group| group.calls.iter().copied())
        .filter(|call| arch.number_of(call).is_some() && verdict(&filter, call).is_none())
        .collect()
}

#[test]
fn every_number_of_both_tables_is_classified_and_planned_accordingly() {
    for arch in Arch::ALL {
        let filter = filter(Policy::builder(), arch);
        for (number, name) in arch.calls() {
            let group = group_of(name).unwrap_or_else(|| panic!("{arch:?}: {name} has no group"));
            let verdict = filter.verdicts.get(&number);
            match group.class {
                Class::Refused(errno) => {
                    assert_eq!(verdict, Some(&Verdict::Refuse(errno)), "{arch:?}: {name}");
                }
                Class::Judged => assert!(verdict.is_some(), "{arch:?}: {name} is not judged"),
                Class::Harmless => assert_eq!(verdict, None, "{arch:?}: {name}"),
            }
        }
        let known = filter.verdicts.keys().all(|number| arch.name_of(*number).is_some());
        assert!(known, "{arch:?}: a verdict on a number without a call");
    }
}

/// Judged calls are open only where a rule of `net` says so.
#[test]
fn no_judged_call_is_left_open_by_accident() {
    let internet = ["listen", "sendmmsg", "sendmsg", "sendto", "setsockopt"];
    let tcp = || Policy::builder().net_allow("tcp://:443");
    let cases: [(&str, PolicyBuilder, &[&str]); 6] = [
        ("default", Policy::builder(), &[]),
        ("tcp", tcp(), &[]),
        ("tcp and unix", tcp().net_unix("*"), &[]),
        ("unix", Policy::builder().net_unix("*"), &["listen"]),
        ("any", Policy::builder().net_allow("*"), &internet),
        ("any and unix", Policy::builder().net_allow("*").net_unix("*"), &internet),
    ];
    for (name, policy, open) in cases {
        for arch in Arch::ALL {
            assert_eq!(open_calls(&policy, arch), open, "{name}, {arch:?}");
        }
    }
}

#[test]
fn every_rule_belongs_to_a_judged_call() {
    let policies = [
        Policy::builder(),
        Policy::builder().net_allow("tcp://:443"),
        Policy::builder().net_allow("*").net_unix("*"),
    ];
    for policy in policies {
        let policy = policy.build().unwrap();
        for (name, verdict) in judge::rules(&policy, false, &mut Enforcement::default()) {
            let group = group_of(name).unwrap_or_else(|| panic!("{name} has no group"));
            assert_eq!(group.class, Class::Judged, "{name}: a rule that is never used");
            if let Verdict::RefuseWhen(_, cases) = verdict {
                assert!(!cases.is_empty() && cases.iter().all(|case| !case.0.is_empty()), "{name}");
            }
        }
    }
}

#[test]
fn calls_that_reach_the_kernel_or_other_processes_are_refused() {
    let filter = filter(Policy::builder(), Arch::NATIVE);
    for name in [
        "init_module",
        "kexec_load",
        "mount",
        "chroot",
        "pivot_root",
        "fsopen",
        "move_mount",
        "setns",
        "bpf",
        "perf_event_open",
        "userfaultfd",
        "keyctl",
        "ptrace",
        "process_vm_writev",
        "pidfd_getfd",
        "kcmp",
        "settimeofday",
        "quotactl",
        "swapon",
        "reboot",
        "acct",
        "shmget",
        "mq_open",
        "open_by_handle_at",
        "fanotify_init",
        "memfd_secret",
        "vmsplice",
        "syslog",
    ] {
        assert_eq!(verdict(&filter, name), Some(&Verdict::Refuse(libc::EPERM)), "{name}");
    }
    for name in ["io_uring_setup", "io_uring_enter", "io_uring_register", "clone3"] {
        assert_eq!(verdict(&filter, name), Some(&Verdict::Refuse(libc::ENOSYS)), "{name}");
    }
}

#[test]
fn deny_refuses_what_was_left_and_what_was_judged() {
    for arch in Arch::ALL {
        let filter = filter(Policy::builder().deny_syscalls(["@file-metadata", "ioctl"]), arch);
        let group = group_named("file-metadata").unwrap();
        let denied = group.calls.iter().filter(|name| arch.number_of(name).is_some());
        for name in denied.chain(&["ioctl"]) {
            assert_eq!(verdict(&filter, name), Some(&Verdict::Refuse(libc::EPERM)), "{name}");
        }
        assert_eq!(verdict(&filter, "openat"), None);
    }
}

/// What programs fall back on is a call that does not exist, not one that is forbidden.
#[test]
fn deny_keeps_the_errno_of_the_base_list() {
    for arch in Arch::ALL {
        let filter = filter(Policy::builder().deny_syscalls(["clone3", "@io-uring"]), arch);
        for name in ["clone3", "io_uring_setup"] {
            assert_eq!(verdict(&filter, name), Some(&Verdict::Refuse(libc::ENOSYS)), "{name}");
        }
    }
}

#[test]
fn allow_lifts_refusals_and_rules_and_nothing_else() {
    for arch in Arch::ALL {
        let default = filter(Policy::builder(), arch);
        let lifted = filter(Policy::builder().allow_syscalls(["@debug", "ioctl", "clone"]), arch);
        let names = group_named("debug").unwrap().calls.iter().chain(&["ioctl", "clone"]);
        let numbers: BTreeSet<u32> = names.map(|name| arch.number_of(name).unwrap()).collect();
        for (number, verdict) in &default.verdicts {
            let expected = (!numbers.contains(number)).then_some(verdict);
            assert_eq!(lifted.verdicts.get(number), expected, "{:?}", arch.name_of(*number));
        }
        assert_eq!(lifted.verdicts.len() + numbers.len(), default.verdicts.len());
    }
}

#[test]
fn deny_wins_over_allow_in_whichever_order() {
    let both = Policy::builder().allow_syscalls(["@debug"]).deny_syscalls(["ptrace"]);
    let filter = filter(both, Arch::NATIVE);
    assert_eq!(verdict(&filter, "ptrace"), Some(&Verdict::Refuse(libc::EPERM)));
    assert_eq!(verdict(&filter, "kcmp"), None);
    let other = Policy::builder().deny_syscalls(["@debug"]).allow_syscalls(["ptrace"]);
    let filter = self::filter(other, Arch::NATIVE);
    assert_eq!(verdict(&filter, "ptrace"), Some(&Verdict::Refuse(libc::EPERM)));
}

#[test]
fn the_allow_list_refuses_everything_else_and_keeps_every_rule() {
    for arch in Arch::ALL {
        let only = ["@processes", "ioctl", "ptrace", "socket"];
        let filter = filter(Policy::builder().only_syscalls(only), arch);
        let default = self::filter(Policy::builder(), arch);
        let listed: BTreeSet<&str> = group_named("processes")
            .unwrap()
            .calls
            .iter()
            .copied()
            .chain(["ioctl", "ptrace", "socket"])
            .collect();
        for (number, name) in arch.calls() {
            let base = default.verdicts.get(&number);
            let expected = match base {
                _ if listed.contains(name) || name == "exit_group" => base.cloned(),
                Some(Verdict::Refuse(errno)) => Some(Verdict::Refuse(*errno)),
                _ => Some(Verdict::Refuse(libc::ENOSYS)),
            };
            assert_eq!(filter.verdicts.get(&number), expected.as_ref(), "{arch:?}: {name}");
        }
    }
}

#[test]
fn a_call_of_the_other_architecture_changes_nothing_here() {
    let default = filter(Policy::builder(), Arch::Aarch64);
    assert_eq!(Arch::Aarch64.number_of("open"), None);
    assert_eq!(filter(Policy::builder().deny_syscalls(["open"]), Arch::Aarch64), default);
    assert_ne!(
        filter(Policy::builder().deny_syscalls(["open"]), Arch::X86_64),
        filter(Policy::builder(), Arch::X86_64)
    );
}
