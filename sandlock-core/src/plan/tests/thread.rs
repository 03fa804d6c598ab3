//! What a thread does to itself: the same rules, and no setting ignored.

use std::collections::BTreeSet;

use super::*;
use crate::error::ErrorKind;
use crate::policy::SETTINGS;

fn thread_plan_on(host: &Host, policy: PolicyBuilder) -> Result<ThreadPlan> {
    ThreadPlan::new(&policy.build().unwrap(), host)
}

fn thread_plan(policy: PolicyBuilder) -> ThreadPlan {
    thread_plan_on(&Host::fake(7), policy).unwrap()
}

fn thread_error(policy: PolicyBuilder) -> Error {
    thread_plan_on(&Host::fake(7), policy).unwrap_err()
}

/// The settings that a thread applies to itself; every other one is refused.
const APPLIED: [&str; 11] = [
    "fs.read",
    "fs.read_if_exists",
    "fs.write",
    "fs.write_if_exists",
    "net.allow",
    "net.unix",
    "process.keep_capabilities",
    "syscalls.deny",
    "syscalls.allow",
    "syscalls.only",
    "protections",
];

#[test]
fn every_setting_is_applied_to_a_thread_or_refused() {
    let default = thread_plan(Policy::builder());
    let mut applied = BTreeSet::new();
    for setting in SETTINGS {
        let mut policy = Policy::default();
        policy.set(setting.path, setting.text).unwrap();
        match ThreadPlan::new(&policy, &Host::fake(7)) {
            Ok(plan) => {
                assert_ne!(plan, default, "{} is accepted and does nothing", setting.path);
                applied.insert(setting.path);
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Policy);
                assert_eq!(error.setting(), Some(setting.path), "{error}");
                assert_eq!(error.problems().len(), 1, "{error}");
                assert!(error.to_string().contains("cannot be applied to a thread"), "{error}");
            }
        }
    }
    assert_eq!(applied, APPLIED.into());
}

#[test]
fn settings_beyond_a_thread_are_refused_together_with_contradictions() {
    let error = thread_error(
        Policy::builder()
            .timeout(std::time::Duration::from_secs(1))
            .env("A", "b")
            .core_dumps(true)
            .allow_syscalls(["socket"]),
    );
    let settings: Vec<_> = error.problems().iter().map(|p| p.setting.as_str()).collect();
    assert_eq!(settings, ["limits.timeout", "process.env", "process.core_dumps", "syscalls.allow"]);
}

#[test]
fn rules_are_those_of_a_program() {
    for builder in [
        Policy::builder(),
        if_available().fs_read("/usr").fs_write("/tmp").keep_capability("setuid"),
        if_available().net_allow("tcp://:443").net_unix("*"),
        if_available().only_syscalls(["execve", "read"]),
        if_available().allow_syscalls(["ptrace"]).deny_syscalls(["getppid"]),
    ] {
        let (plan, thread) = (plan(builder.clone()), thread_plan(builder));
        assert_eq!(thread.landlock, plan.landlock);
        assert_eq!(thread.filter, plan.filter);
        assert_eq!(thread.enforcement, plan.enforcement);
        assert!(plan.steps.contains(&ChildStep::DropCapabilities(thread.kept)));
    }
}

#[test]
fn a_thread_needs_no_execve() {
    for policy in [
        Policy::builder().deny_syscalls(["execve", "execveat"]),
        Policy::builder().only_syscalls(["exit"]),
    ] {
        let number = Arch::NATIVE.number_of("execve").unwrap();
        assert!(thread_plan(policy.clone()).filter.refusal(number).is_some());
        assert_eq!(error(policy).kind(), ErrorKind::Policy);
    }
}

#[test]
fn contradictions_that_are_not_about_a_start_stay() {
    for (policy, setting) in [
        (Policy::builder().deny_syscalls(["exit_group"]), "syscalls.deny"),
        (Policy::builder().allow_syscalls(["@sockets"]), "syscalls.allow"),
        (
            Policy::builder()
                .net_allow("tcp://:443")
                .protection(Protection::NetTcp, ProtectionMode::Off),
            "protections.net_tcp",
        ),
    ] {
        assert_eq!(thread_error(policy).setting(), Some(setting));
    }
}

#[test]
fn a_thread_needs_no_host_that_could_end_a_tree() {
    let mut host = Host::fake(5);
    (host.subreaper, host.child_lists) = (false, false);
    let policy = if_available().build().unwrap();
    assert_eq!(Plan::new(&policy, &host).unwrap_err().kind(), ErrorKind::Unsupported);
    assert!(ThreadPlan::new(&policy, &host).is_ok());
}

#[test]
fn a_thread_needs_landlock_seccomp_and_what_is_strict() {
    let mut without_filters = Host::fake(7);
    without_filters.seccomp_filter = false;
    for host in [Host::fake(0), Host::fake(5), without_filters] {
        let error = thread_plan_on(&host, Policy::builder()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
}

#[test]
fn owners_of_descriptors_signals_are_refused_where_signals_are_not_scoped() {
    let refuses_owners = |level, policy: PolicyBuilder| {
        let filter = thread_plan_on(&Host::fake(level), policy).unwrap().filter;
        let number = filter.arch.number_of("fcntl").unwrap();
        let verdict = format!("{:?}", filter.verdicts[&number]);
        verdict.contains(&format!("value: {} ", libc::F_SETOWN))
    };
    assert!(refuses_owners(5, if_available()));
    assert!(!refuses_owners(6, if_available()));
    let off = Policy::builder().protection(Protection::SignalScope, ProtectionMode::Off);
    assert!(!refuses_owners(7, off));
}
