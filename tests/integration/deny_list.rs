//! The base deny list, from the inside.
//!
//! Most of these calls must not be made for real by a test, so the guest guards itself: what the
//! sandbox's filter refuses shows the filter's answer, what it lets through shows [`LET_THROUGH`].

use libc::{EPERM, SIGCHLD};
use sandlock::syscall::{Class, GROUPS, Group};
use sandlock::{Arch, PolicyBuilder};

use crate::calls::{Argument, Calls, LET_THROUGH, calls};
use crate::harness::{policy, require_root, says};
#[cfg(target_arch = "x86_64")]
use crate::harness::{require, run};

/// Every call of `group` that this architecture has, with all arguments 0 and with all -1.
fn every_call(group: &Group) -> Calls {
    let native = group.calls.iter().filter(|name| Arch::NATIVE.number_of(name).is_some());
    native.fold(Calls::default(), |calls, name| {
        let both: [[Argument; 6]; 2] = [0, -1].map(|value| std::array::from_fn(|_| value.into()));
        calls.then(name, &both[0]).then(name, &both[1])
    })
}

fn refused_with(wanted: i32) -> impl Iterator<Item = &'static Group> {
    GROUPS.iter().filter(move |group| group.class == Class::Refused(wanted))
}

#[test]
fn every_refused_group_is_refused_whatever_the_arguments_and_let_through_when_lifted() {
    let mut number = 0;
    for group in refused_with(EPERM) {
        let calls = every_call(group);
        let refused = calls.all_filtered_under(&policy());
        assert!(refused.iter().all(|answer| answer == "EPERM"), "@{}: {refused:?}", group.name);
        let lifted = policy().allow_syscalls([format!("@{}", group.name)]);
        let passed = calls.all_filtered_under(&lifted);
        assert!(passed.iter().all(|answer| answer == LET_THROUGH), "@{}: {passed:?}", group.name);
        assert_eq!(refused.len(), passed.len());
        number += refused.len();
    }
    assert!(number > 100, "{number} calls are no deny list");
}

#[test]
fn a_lifted_group_lifts_no_other() {
    let groups: Vec<&Group> = refused_with(EPERM).collect();
    for pair in groups.windows(2) {
        let lifted = policy().allow_syscalls([format!("@{}", pair[0].name)]);
        let refused = every_call(pair[1]).all_filtered_under(&lifted);
        assert!(refused.iter().all(|answer| answer == "EPERM"), "@{}", pair[1].name);
    }
}

#[test]
fn what_programs_have_a_fallback_for_does_not_exist() {
    for group in refused_with(libc::ENOSYS) {
        let answers = every_call(group).all_filtered_under(&policy());
        assert!(answers.iter().all(|answer| answer == "ENOSYS"), "@{}: {answers:?}", group.name);
    }
    for attack in [
        calls! { clone3(0, 0) },
        calls! { io_uring_setup(0, 0) },
        calls! { io_uring_register(-1, 0, 0, 0) },
    ] {
        assert_eq!(attack.under(&policy()), "ENOSYS", "{attack:?}");
        let lifted = policy().allow_syscalls(["@clone3", "@io-uring"]);
        assert_ne!(attack.under(&lifted), "ENOSYS", "{attack:?}");
    }
}

#[test]
fn mount_is_refused_to_a_program_that_has_the_capability() {
    require_root!();
    let privileged = policy().keep_capability("sys_admin");
    let mount = calls! { mount(0, 0, 0, 0, 0) };
    assert_eq!(mount.under(&privileged), "EPERM");
    assert_eq!(mount.under(&privileged.allow_syscalls(["@mount"])), "EFAULT");
}

/// The kernel looks at the lower half of the register with the number.
#[test]
fn a_number_with_something_in_its_upper_half_is_the_same_call() {
    let number = libc::SYS_pidfd_getfd;
    for dirty in [number, number | 1 << 32, number | i64::MIN, number | 0x7fff_ffff << 32] {
        let attack = Calls::by_number(dirty).with(&[(-1).into(), 0.into(), 0.into()]);
        assert_eq!(attack.under(&policy()), "EPERM", "{dirty:#x}");
        let lifted = policy().allow_syscalls(["pidfd_getfd"]);
        assert_eq!(attack.under(&lifted), "EBADF", "{dirty:#x}");
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn the_32_bit_entry_kills_the_program() {
    let outside = std::process::Command::new(crate::harness::GUEST).arg("enter-32-bit").output();
    require!(outside.unwrap().status.success(), "needs a kernel with CONFIG_IA32_EMULATION");
    let output = run(policy(), &["enter-32-bit"]);
    assert_eq!(output.signal(), Some(libc::SIGSYS));
    assert_eq!(output.stdout(), b"");
}

#[cfg(target_arch = "x86_64")]
#[test]
fn numbers_with_the_x32_bit_kill_the_program() {
    const X32_BIT: i64 = 0x4000_0000;
    for number in [X32_BIT | libc::SYS_getpid, X32_BIT | 512, X32_BIT, i64::from(u32::MAX) - 1] {
        let attack = Calls::by_number(number);
        let output = run(policy(), &attack.action("calls"));
        assert_eq!(output.signal(), Some(libc::SIGSYS), "{number:#x}");
        assert_ne!(attack.outside(), "");
    }
}

/// No positive control: a kernel that has such a call is newer than the table.
#[test]
fn numbers_beyond_the_table_do_not_exist() {
    let newest = i64::from(Arch::NATIVE.newest());
    for number in [newest + 1, newest + 2, newest + 10, 1000, 0x3fff_ffff, -1] {
        assert_eq!(Calls::by_number(number).under(&policy()), "ENOSYS", "{number}");
    }
    assert_eq!(Calls::by_number(libc::SYS_getpid).under(&policy()), "ok");
}

#[test]
fn a_namespace_is_made_by_no_flag() {
    const NEWTIME: i64 = 0x80;
    let shared = [
        libc::CLONE_NEWNS,
        libc::CLONE_NEWCGROUP,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
    ]
    .map(i64::from);
    let lifted = policy().allow_syscalls(["@namespaces"]);
    for flag in shared {
        for flags in
            [flag, flag | i64::from(SIGCHLD), flag | 1 << 32, flag | i64::from(libc::CLONE_FS)]
        {
            for attack in [calls! { clone(flags, 0, 0, 0, 0) }, calls! { unshare(flags) }] {
                assert_eq!(attack.filtered_under(&policy()), "EPERM", "{attack:?}");
                assert_eq!(attack.filtered_under(&lifted), LET_THROUGH, "{attack:?}");
            }
        }
    }
    assert_eq!(calls! { unshare(NEWTIME) }.filtered_under(&policy()), "EPERM");
    // In clone(2) this bit belongs to the signal.
    assert_eq!(calls! { clone(NEWTIME, 0, 0, 0, 0) }.filtered_under(&policy()), LET_THROUGH);
    let user = i64::from(libc::CLONE_NEWUSER);
    assert_eq!(calls! { unshare(user) }.under(&policy()), "EPERM");
    assert_eq!(calls! { clone(user | i64::from(SIGCHLD), 0, 0, 0, 0) }.under(&policy()), "EPERM");
}

#[test]
fn processes_and_threads_are_made_as_ever() {
    assert_eq!(says(policy(), &["processes"]), "fork ok 7\nspawn ok 8");
    assert_eq!(says(policy(), &["threads"]), "threads ok 56");
    assert_eq!(calls! { clone(SIGCHLD, 0, 0, 0, 0) }.under(&policy()), "ok");
    assert_eq!(calls! { unshare(libc::CLONE_FS | libc::CLONE_FILES) }.under(&policy()), "ok");
}

#[test]
fn options_of_prctl_that_reach_further_than_the_program_are_refused() {
    const PR_SET_MEMORY_MERGE: i32 = 67;
    let lifted = policy().allow_syscalls(["prctl"]);
    let (low, high) = (0i64, 1i64 << 32);
    for option in [
        libc::PR_SET_CHILD_SUBREAPER,
        libc::PR_SET_MM,
        libc::PR_SET_PTRACER,
        libc::PR_SCHED_CORE,
        PR_SET_MEMORY_MERGE,
    ] {
        for dirt in [low, high] {
            let attack = calls! { prctl(i64::from(option) | dirt, 1, 0, 0, 0) };
            assert_eq!(attack.filtered_under(&policy()), "EPERM", "{attack:?}");
            assert_eq!(attack.filtered_under(&lifted), LET_THROUGH, "{attack:?}");
        }
    }
    for value in [0, 2, high, high | 1] {
        let hide = calls! { prctl(libc::PR_SET_DUMPABLE, value, 0, 0, 0) };
        assert_eq!(hide.filtered_under(&policy()), "EPERM", "{value:#x}");
        assert_eq!(hide.filtered_under(&lifted), LET_THROUGH, "{value:#x}");
    }
    assert_eq!(calls! { prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) }.under(&policy()), "ok");
    assert_eq!(calls! { prctl(libc::PR_SET_CHILD_SUBREAPER, 1) }.under(&policy()), "EPERM");
    assert_eq!(calls! { prctl(libc::PR_SET_CHILD_SUBREAPER, 1) }.under(&lifted), "ok");
    assert_eq!(calls! { prctl(libc::PR_SET_NAME, "guest") }.under(&policy()), "ok");
}

#[test]
fn personalities_that_change_the_layout_of_memory_are_refused() {
    let lifted = policy().allow_syscalls(["personality"]);
    let uname26 = 0x2_0000;
    for bit in 0..32 {
        let value = 1u64 << bit;
        let answer = calls! { personality(value) }.filtered_under(&policy());
        let harmless = [0x8, uname26].contains(&value);
        assert_eq!(answer, if harmless { LET_THROUGH } else { "EPERM" }, "{value:#x}");
        assert_eq!(calls! { personality(value) }.filtered_under(&lifted), LET_THROUGH);
    }
    let no_random_layout = calls! { personality(libc::ADDR_NO_RANDOMIZE) };
    assert_eq!(no_random_layout.under(&policy()), "EPERM");
    assert_eq!(no_random_layout.under(&lifted), "ok");
    assert_eq!(calls! { personality(0xffff_ffffu64) }.under(&policy()), "ok");
}

#[test]
fn what_the_caller_denies_is_denied_and_wins_over_what_is_lifted() {
    let getppid = calls! { getppid() };
    assert_eq!(getppid.under(&policy()), "ok");
    assert_eq!(getppid.under(&policy().deny_syscalls(["getppid"])), "EPERM");
    let both = policy().allow_syscalls(["pidfd_getfd"]).deny_syscalls(["pidfd_getfd"]);
    assert_eq!(calls! { pidfd_getfd(-1, 0, 0) }.under(&both), "EPERM");
}

/// What a dynamic program of ours needs to start and to print a line.
fn only_the_basics() -> PolicyBuilder {
    policy().only_syscalls([
        "@processes",
        "@memory",
        "@file-open",
        "@file-io",
        "@file-info",
        "@descriptors",
        "@threads",
        "@signals",
        "@random",
        "@resources",
        "@polling",
        "prlimit64",
        "uname",
    ])
}

#[test]
fn an_allow_list_leaves_no_call_but_its_own() {
    let uname = calls! { uname([0u8; 400]) };
    let sysinfo = calls! { sysinfo([0u8; 128]) };
    assert_eq!(uname.under(&only_the_basics()), "ok");
    assert_eq!(sysinfo.under(&only_the_basics()), "ENOSYS");
    assert_eq!(sysinfo.under(&only_the_basics().only_syscalls(["sysinfo"])), "ok");
    assert_eq!(calls! { mkdirat(-1, 0, 0) }.under(&only_the_basics()), "ENOSYS");
    // Lifted by one setting, left out by the other.
    let socket = calls! { socket(libc::AF_INET, libc::SOCK_STREAM, 0) };
    let online = only_the_basics().net_allow("*");
    assert_eq!(socket.under(&online), "ENOSYS");
    assert_eq!(socket.under(&online.only_syscalls(["socket"])), "ok");
}

#[test]
fn an_allow_list_does_not_lift_the_deny_list() {
    let listed = only_the_basics().only_syscalls(["pidfd_getfd", "socket", "prctl"]);
    let attack = calls! { pidfd_getfd(-1, 0, 0) };
    assert_eq!(attack.under(&listed), "EPERM");
    assert_eq!(attack.under(&listed.clone().allow_syscalls(["pidfd_getfd"])), "EBADF");
    assert_eq!(calls! { socket(2, 1, 0) }.under(&listed), "EPERM");
    assert_eq!(calls! { prctl(libc::PR_SET_CHILD_SUBREAPER, 1) }.under(&listed), "EPERM");
    assert_eq!(calls! { prctl(libc::PR_SET_NAME, "guest") }.under(&listed), "ok");
}
