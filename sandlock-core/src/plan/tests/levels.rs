//! What holds at each Landlock ABI. The numbers are those of linux/landlock.h and of the kernel's
//! Documentation/userspace-api/landlock.rst, not those of the crate that is used.

use super::*;
use crate::error::ErrorKind;
use crate::plan::landlock::{GrantKind, LandlockPlan};
use ::landlock::AccessFs;

/// LANDLOCK_ACCESS_FS_* without the rights that came later: EXECUTE to MAKE_SYM.
const FIRST_RIGHTS: u64 = (1 << 13) - 1;
const REFER: u64 = 1 << 13;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEV: u64 = 1 << 15;
/// LANDLOCK_ACCESS_NET_BIND_TCP and _CONNECT_TCP.
const BIND: u64 = 1;
const CONNECT: u64 = 2;
/// LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET and _SIGNAL.
const ABSTRACT: u64 = 1;
const SIGNAL: u64 = 2;

/// File system rights, TCP rights and scopes of each ABI.
const LEVELS: [(u32, u64, u64, u64); 9] = [
    (1, FIRST_RIGHTS, 0, 0),
    (2, FIRST_RIGHTS | REFER, 0, 0),
    (3, FIRST_RIGHTS | REFER | TRUNCATE, 0, 0),
    (4, FIRST_RIGHTS | REFER | TRUNCATE, BIND | CONNECT, 0),
    (5, FIRST_RIGHTS | REFER | TRUNCATE | IOCTL_DEV, BIND | CONNECT, 0),
    (6, FIRST_RIGHTS | REFER | TRUNCATE | IOCTL_DEV, BIND | CONNECT, ABSTRACT | SIGNAL),
    (7, FIRST_RIGHTS | REFER | TRUNCATE | IOCTL_DEV, BIND | CONNECT, ABSTRACT | SIGNAL),
    (8, FIRST_RIGHTS | REFER | TRUNCATE | IOCTL_DEV, BIND | CONNECT, ABSTRACT | SIGNAL),
    (99, FIRST_RIGHTS | REFER | TRUNCATE | IOCTL_DEV, BIND | CONNECT, ABSTRACT | SIGNAL),
];

/// The ABI and the kernel that brought each protection.
const SINCE: [(Protection, u32, &str); 6] = [
    (Protection::FsRefer, 2, "5.19"),
    (Protection::FsTruncate, 3, "6.2"),
    (Protection::FsIoctlDev, 5, "6.10"),
    (Protection::NetTcp, 4, "6.7"),
    (Protection::SignalScope, 6, "6.12"),
    (Protection::AbstractUnixScope, 6, "6.12"),
];

/// What is handled, as the kernel's numbers.
fn handled(plan: &LandlockPlan) -> (u64, u64, u64) {
    (plan.handled_fs.bits(), plan.handled_net.bits(), plan.scoped.bits())
}

#[test]
fn every_right_of_the_running_abi_is_handled() {
    for (level, fs, net, scoped) in LEVELS {
        let plan = plan_at(level, if_available());
        assert_eq!(handled(&plan.landlock), (fs, net, scoped), "ABI {level}");
        assert_eq!(plan.landlock.abi, level.min(7));
        assert_eq!(plan.enforcement.landlock_abi, level.min(7));
    }
}

#[test]
fn abis_newer_than_the_newest_known_one_change_nothing() {
    let known = plan_at(7, Policy::builder().fs_write("/tmp/job"));
    for level in [8, 9, 10, 11, u32::MAX] {
        assert_eq!(plan_at(level, Policy::builder().fs_write("/tmp/job")), known, "ABI {level}");
    }
}

#[test]
fn what_a_kernel_has_is_enforced_and_what_it_lacks_is_degraded() {
    for level in 1..=7 {
        let enforcement = plan_at(level, if_available()).enforcement;
        for (protection, since, kernel) in SINCE {
            let name = protection.name();
            let enforced = enforcement.enforced.iter().any(|line| line == name);
            let degraded = enforcement.degraded.iter().find(|line| line.starts_with(name));
            assert_eq!(enforced, level >= since, "{name} at {level}");
            assert_eq!(degraded.is_some(), level < since, "{name} at {level}");
            if let Some(line) = degraded {
                assert!(line.contains(&format!("Linux {kernel}")), "{line}");
                assert!(line.contains(&format!("this kernel has {level}")), "{line}");
            }
        }
        assert!(enforcement.weakened.is_empty(), "{:?}", enforcement.weakened);
    }
}

#[test]
fn a_strict_policy_names_everything_that_the_kernel_lacks() {
    for level in 1..6 {
        let error = Plan::new(&Policy::default(), &Host::fake(level)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let missing: Vec<_> = SINCE.into_iter().filter(|(_, since, _)| *since > level).collect();
        assert_eq!(error.problems().len(), missing.len(), "ABI {level}: {error}");
        for (problem, (protection, _, kernel)) in error.problems().iter().zip(missing) {
            assert_eq!(problem.setting, format!("protections.{protection}"));
            for part in [protection.name(), kernel, "if-available", &format!("ABI {level}")] {
                assert!(problem.message.contains(part), "{part:?} in {problem}");
            }
            assert!(error.to_string().contains(&problem.to_string()), "{error}");
        }
    }
    for level in 6..=8 {
        assert!(Plan::new(&Policy::default(), &Host::fake(level)).is_ok(), "ABI {level}");
    }
}

#[test]
fn one_strict_protection_among_available_ones_is_the_only_problem() {
    for (protection, since, _) in SINCE {
        let policy = if_available().protection(protection, ProtectionMode::Strict).build().unwrap();
        let error = Plan::new(&policy, &Host::fake(since - 1)).unwrap_err();
        assert_eq!(error.setting(), Some(format!("protections.{protection}").as_str()));
        assert_eq!(error.problems().len(), 1, "{error}");
        assert!(Plan::new(&policy, &Host::fake(since)).is_ok(), "{protection} at {since}");
    }
}

#[test]
fn a_protection_that_is_off_is_not_handled_and_counts_as_weakened() {
    let all = handled(&plan(Policy::builder()).landlock);
    for (protection, fs, net, scoped) in [
        (Protection::FsRefer, REFER, 0, 0),
        (Protection::FsTruncate, TRUNCATE, 0, 0),
        (Protection::FsIoctlDev, IOCTL_DEV, 0, 0),
        (Protection::NetTcp, 0, BIND | CONNECT, 0),
        (Protection::SignalScope, 0, 0, SIGNAL),
        (Protection::AbstractUnixScope, 0, 0, ABSTRACT),
    ] {
        let policy = || Policy::builder().protection(protection, ProtectionMode::Off);
        let without = plan(policy());
        let left = (all.0 & !fs, all.1 & !net, all.2 & !scoped);
        assert_eq!(handled(&without.landlock), left, "{protection}");
        assert_eq!(without.enforcement.weakened, [format!("protections.{protection}: off")]);
        assert!(!without.enforcement.enforced.contains(&protection.name().to_owned()));
        // What is off is not missed on a kernel that lacks it.
        let old = plan_at(1, if_available().protection(protection, ProtectionMode::Off));
        assert_eq!(old.enforcement.weakened, [format!("protections.{protection}: off")]);
        assert_eq!(old.enforcement.degraded.len(), 5);
    }
}

#[test]
fn grants_stay_within_what_is_handled_and_never_make_devices() {
    let devices = AccessFs::MakeChar | AccessFs::MakeBlock;
    for level in 1..=8 {
        let plan = plan_at(level, if_available()).landlock;
        let (read, write) = (plan.rights(GrantKind::Read), plan.rights(GrantKind::Write));
        assert!(plan.handled_fs.contains(devices), "ABI {level}: devices are not even handled");
        assert!(!write.intersects(devices), "ABI {level}: {write:?}");
        assert_eq!(write, plan.handled_fs & !devices, "ABI {level}: everything else is granted");
        assert_eq!(read, AccessFs::Execute | AccessFs::ReadFile | AccessFs::ReadDir);
        assert!(write.contains(read));
    }
    let without =
        plan(Policy::builder().protection(Protection::FsTruncate, ProtectionMode::Off)).landlock;
    assert!(!without.rights(GrantKind::Write).contains(AccessFs::Truncate));
}

/// The kernel refuses a rule that gives a file a right of directories (EINVAL).
#[test]
fn a_grant_on_a_file_has_rights_of_files_alone() {
    let plan = plan(Policy::builder()).landlock;
    let on_file = |kind| LandlockPlan::on_file(plan.rights(kind)).bits();
    let execute_write_read = 0b111;
    assert_eq!(on_file(GrantKind::Write), execute_write_read | TRUNCATE | IOCTL_DEV);
    assert_eq!(on_file(GrantKind::Read), 0b101);
}

#[test]
fn tcp_is_handled_as_far_as_the_policy_holds_it() {
    let tcp = |rules: &[&str]| {
        let builder = rules.iter().fold(Policy::builder(), |builder, rule| builder.net_allow(rule));
        let plan = plan(builder);
        let enforced = plan.enforcement.enforced.contains(&"net_tcp".to_owned());
        (plan.landlock.handled_net.bits(), plan.landlock.connect, enforced)
    };
    assert_eq!(tcp(&[]), (BIND | CONNECT, vec![], true));
    assert_eq!(tcp(&["tcp://:443"]), (BIND | CONNECT, vec![443..=443], true));
    let ports = vec![22..=22, 80..=80, 8000..=8100];
    assert_eq!(tcp(&["tcp://:8000-8100,80", "tcp://:22"]), (BIND | CONNECT, ports, true));
    assert_eq!(tcp(&["tcp://:*"]), (BIND, vec![], true));
    assert_eq!(tcp(&["tcp://:443", "tcp://:*"]), (BIND, vec![], true));
    assert_eq!(tcp(&["*"]), (0, vec![], false));
    assert_eq!(tcp(&["tcp://:443", "*"]), (0, vec![], false));
}

#[test]
fn ports_that_this_kernel_cannot_hold_are_told() {
    let degraded = |policy: PolicyBuilder| plan_at(3, policy).enforcement.degraded;
    let tells = |lines: &[String]| lines.iter().any(|line| line.contains("every TCP port"));
    assert!(tells(&degraded(if_available().net_allow("tcp://:443"))));
    assert!(!tells(&degraded(if_available())), "there is no socket at all");
    assert!(!tells(&plan_at(4, if_available().net_allow("tcp://:443")).enforcement.degraded));
}

#[test]
fn tcp_that_the_policy_leaves_open_is_not_missed_on_an_old_kernel() {
    let strict = if_available().protection(Protection::NetTcp, ProtectionMode::Strict);
    assert!(Plan::new(&strict.clone().build().unwrap(), &Host::fake(3)).is_err());
    let open = strict.net_allow("*").build().unwrap();
    let plan = Plan::new(&open, &Host::fake(3)).unwrap();
    assert!(!plan.enforcement.degraded.iter().any(|line| line.contains("net_tcp")));
}

/// Where the keeper's signals are scoped, nothing else is needed to end the tree.
#[test]
fn child_lists_are_needed_where_signals_cannot_be_scoped() {
    let plan = |level, policy: PolicyBuilder| {
        let mut host = Host::fake(level);
        host.child_lists = false;
        Plan::new(&policy.build().unwrap(), &host)
    };
    let unscoped = || Policy::builder().protection(Protection::SignalScope, ProtectionMode::Off);
    assert!(plan(7, Policy::builder()).is_ok());
    for (level, policy) in [(7, unscoped()), (5, if_available())] {
        let error = plan(level, policy).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("/proc"), "{error}");
        assert!(error.hint().unwrap().contains("signal_scope"), "{error}");
    }
}

#[test]
fn a_host_without_the_basics_is_an_error_with_a_way_out() {
    let broken = |change: fn(&mut Host)| {
        let mut host = Host::fake(7);
        change(&mut host);
        host
    };
    let cases = [
        (broken(|host| host.landlock_abi = 0), "Landlock", "5.13"),
        (broken(|host| host.seccomp_filter = false), "seccomp", "CONFIG_SECCOMP_FILTER"),
        (broken(|host| host.subreaper = false), "reaper", "sandbox already"),
    ];
    for (host, what, way_out) in cases {
        for policy in [Policy::default(), if_available().build().unwrap()] {
            let error = Plan::new(&policy, &host).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains(what), "{error}");
            assert!(error.hint().unwrap().contains(way_out), "{error}");
        }
    }
}
