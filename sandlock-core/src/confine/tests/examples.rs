//! Rules as a reader would state them, each with its near miss.

use super::*;

/// Something in the upper half, which the kernel does not look at.
const DIRTY: u64 = 0xdead_beef_0000_0000;

/// What libc passes to clone(2) for a thread and for vfork(2).
const THREAD: u64 = 0x003d_0f00;
const VFORK: u64 = 0x4111;

const CLONE_NEWTIME: u64 = 0x80;
const NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

#[test]
fn clone_makes_threads_and_processes_but_no_namespaces() {
    expect(
        Policy::builder(),
        &[
            ("clone", &[THREAD], ALLOW),
            ("clone", &[VFORK], ALLOW),
            ("clone", &[libc::SIGCHLD as u64], ALLOW),
            ("clone", &[DIRTY | THREAD], ALLOW),
            // All flags of clone(2) that are not namespaces, and CSIGNAL.
            ("clone", &[0x81fd_ffff], ALLOW),
        ],
    );
    for flag in NAMESPACES {
        let flag = u64::try_from(flag).unwrap();
        for flags in [flag, flag | THREAD, flag | 17, DIRTY | flag] {
            expect(Policy::builder(), &[("clone", &[flags], EPERM), ("unshare", &[flags], EPERM)]);
        }
        let lifted = Policy::builder().allow_syscalls(["@namespaces"]);
        expect(lifted, &[("clone", &[flag], ALLOW), ("unshare", &[flag], ALLOW)]);
    }
}

#[test]
fn unshare_takes_back_what_threads_share_but_no_namespaces() {
    expect(
        Policy::builder(),
        &[
            ("unshare", &[(libc::CLONE_FILES | libc::CLONE_FS) as u64], ALLOW),
            ("unshare", &[CLONE_NEWTIME], EPERM),
            ("unshare", &[DIRTY | CLONE_NEWTIME], EPERM),
            // clone(2) has the exit signal there.
            ("clone", &[CLONE_NEWTIME], ALLOW),
        ],
    );
}

#[test]
fn clone3_does_not_exist() {
    expect(Policy::builder(), &[("clone3", &[0x7fff_0000, 88], ENOSYS)]);
    expect(Policy::builder().allow_syscalls(["clone3"]), &[("clone3", &[0x7fff_0000, 88], ALLOW)]);
}

#[test]
fn io_uring_does_not_exist() {
    let calls = ["io_uring_setup", "io_uring_enter", "io_uring_register"];
    for call in calls {
        expect(Policy::builder(), &[(call, &[], ENOSYS)]);
        expect(Policy::builder().allow_syscalls(["@io-uring"]), &[(call, &[], ALLOW)]);
    }
}

#[test]
fn a_program_cannot_type_into_the_terminal() {
    const TIOCSTI: u64 = 0x5412;
    const TIOCLINUX: u64 = 0x541c;
    const TIOCGWINSZ: u64 = 0x5413;
    const TCGETS: u64 = 0x5401;
    const FIONREAD: u64 = 0x541b;
    expect(
        Policy::builder(),
        &[
            ("ioctl", &[0, TIOCSTI], EPERM),
            ("ioctl", &[0, DIRTY | TIOCSTI], EPERM),
            ("ioctl", &[0, TIOCLINUX], EPERM),
            ("ioctl", &[0, (1 << 32) | TIOCLINUX], EPERM),
            ("ioctl", &[0, TIOCGWINSZ], ALLOW),
            ("ioctl", &[0, TCGETS], ALLOW),
            ("ioctl", &[0, FIONREAD], ALLOW),
            // The command, not the descriptor or the argument.
            ("ioctl", &[TIOCSTI, TCGETS, TIOCSTI], ALLOW),
        ],
    );
    expect(Policy::builder().allow_syscalls(["ioctl"]), &[("ioctl", &[0, TIOCSTI], ALLOW)]);
}

#[test]
fn a_program_cannot_change_flags_of_a_file_through_a_read_only_descriptor() {
    const FS_IOC_GETFLAGS: u64 = 0x8008_6601;
    const FS_IOC_SETFLAGS: u64 = 0x4008_6602;
    const FS_IOC_FSGETXATTR: u64 = 0x801c_581f;
    const FS_IOC_FSSETXATTR: u64 = 0x401c_5820;
    const FS_IOC_ENABLE_VERITY: u64 = 0x4080_6685;
    expect(
        Policy::builder(),
        &[
            ("ioctl", &[3, FS_IOC_GETFLAGS], ALLOW),
            ("ioctl", &[3, FS_IOC_SETFLAGS], EPERM),
            // As a C program passes it that has the command in an int.
            ("ioctl", &[3, 0xffff_ffff_0000_0000 | FS_IOC_SETFLAGS], EPERM),
            ("ioctl", &[3, FS_IOC_FSGETXATTR], ALLOW),
            ("ioctl", &[3, FS_IOC_FSSETXATTR], EPERM),
            ("ioctl", &[3, FS_IOC_ENABLE_VERITY], EPERM),
        ],
    );
}

/// A descriptor that can neither be read nor written needs no grant.
#[test]
fn a_program_cannot_guess_what_a_file_holds_by_deduplicating_it() {
    const FICLONE: u64 = 0x4004_9409;
    const FICLONERANGE: u64 = 0x4020_940d;
    const FIDEDUPERANGE: u64 = 0xc018_9436;
    const BTRFS_SUBVOL_CREATE: u64 = 0x5000_940e;
    expect(
        Policy::builder(),
        &[
            ("ioctl", &[3, FIDEDUPERANGE], EPERM),
            ("ioctl", &[3, DIRTY | FIDEDUPERANGE], EPERM),
            ("ioctl", &[3, BTRFS_SUBVOL_CREATE], EPERM),
            ("ioctl", &[3, FICLONE], ALLOW),
            ("ioctl", &[3, FICLONERANGE], ALLOW),
            ("ioctl", &[3, DIRTY | FICLONERANGE], ALLOW),
            ("ioctl", &[3, FICLONE ^ 1], EPERM),
            ("ioctl", &[3, FIDEDUPERANGE ^ 0x0100], ALLOW),
        ],
    );
}

#[test]
fn a_program_cannot_hold_up_others_with_a_lease() {
    const SETLEASE: u64 = libc::F_SETLEASE as u64;
    const NOTIFY: u64 = 1026;
    expect(
        Policy::builder(),
        &[
            ("fcntl", &[3, SETLEASE, 1], EPERM),
            ("fcntl", &[3, DIRTY | SETLEASE, 1], EPERM),
            ("fcntl", &[3, NOTIFY, 1], EPERM),
            ("fcntl", &[3, libc::F_GETLEASE as u64], ALLOW),
            ("fcntl", &[3, libc::F_DUPFD_CLOEXEC as u64, SETLEASE], ALLOW),
            ("fcntl", &[3, libc::F_SETLK as u64], ALLOW),
        ],
    );
    expect(Policy::builder().allow_syscalls(["fcntl"]), &[("fcntl", &[3, SETLEASE], ALLOW)]);
}

#[test]
fn a_program_stays_readable_to_its_supervisor() {
    const DUMPABLE: u64 = libc::PR_SET_DUMPABLE as u64;
    expect(
        Policy::builder(),
        &[
            ("prctl", &[DUMPABLE, 1], ALLOW),
            ("prctl", &[DUMPABLE, 0], EPERM),
            ("prctl", &[DUMPABLE, 2], EPERM),
            // The value is a long: garbage above it is another value.
            ("prctl", &[DUMPABLE, DIRTY | 1], EPERM),
            // The option is an int: garbage above it is nothing.
            ("prctl", &[DIRTY | DUMPABLE, 1], ALLOW),
            ("prctl", &[DIRTY | DUMPABLE, 0], EPERM),
            ("prctl", &[libc::PR_GET_DUMPABLE as u64, 0], ALLOW),
        ],
    );
    let lifted = Policy::builder().allow_syscalls(["prctl"]);
    expect(lifted, &[("prctl", &[DUMPABLE, 0], ALLOW)]);
}

#[test]
fn prctl_is_left_but_for_what_outlives_or_blinds_the_supervisor() {
    const MEMORY_MERGE: u64 = 67;
    for option in [
        libc::PR_SET_CHILD_SUBREAPER as u64,
        libc::PR_SET_MM as u64,
        libc::PR_SET_PTRACER as u64,
        libc::PR_SCHED_CORE as u64,
        MEMORY_MERGE,
    ] {
        expect(
            Policy::builder(),
            &[("prctl", &[option, 1], EPERM), ("prctl", &[DIRTY | option, 1], EPERM)],
        );
    }
    for option in [libc::PR_SET_NAME, libc::PR_SET_NO_NEW_PRIVS, libc::PR_SET_PDEATHSIG] {
        expect(Policy::builder(), &[("prctl", &[option as u64, 1], ALLOW)]);
    }
}

#[test]
fn personality_only_answers_or_changes_names() {
    const ADDR_NO_RANDOMIZE: u64 = 0x004_0000;
    const READ_IMPLIES_EXEC: u64 = 0x040_0000;
    const UNAME26: u64 = 0x002_0000;
    expect(
        Policy::builder(),
        &[
            ("personality", &[0xffff_ffff], ALLOW),
            ("personality", &[u64::MAX], ALLOW),
            ("personality", &[0], ALLOW),
            ("personality", &[8], ALLOW),
            ("personality", &[UNAME26], ALLOW),
            ("personality", &[UNAME26 | 8], ALLOW),
            ("personality", &[DIRTY | 8], ALLOW),
            ("personality", &[ADDR_NO_RANDOMIZE], EPERM),
            ("personality", &[DIRTY | ADDR_NO_RANDOMIZE], EPERM),
            ("personality", &[READ_IMPLIES_EXEC], EPERM),
            ("personality", &[UNAME26 | READ_IMPLIES_EXEC], EPERM),
            ("personality", &[0xffff_fffe], EPERM),
            ("personality", &[1], EPERM),
        ],
    );
    let lifted = Policy::builder().allow_syscalls(["personality"]);
    expect(lifted, &[("personality", &[ADDR_NO_RANDOMIZE], ALLOW)]);
}

#[test]
fn only_the_caller_itself_can_be_rescheduled_or_limited() {
    const OTHER: u64 = 4242;
    for call in [
        "prlimit64",
        "sched_setaffinity",
        "sched_setattr",
        "sched_setparam",
        "sched_setscheduler",
        "move_pages",
        "migrate_pages",
    ] {
        expect(
            Policy::builder(),
            &[
                (call, &[0, OTHER], ALLOW),
                (call, &[DIRTY, OTHER], ALLOW),
                (call, &[OTHER], EPERM),
                (call, &[DIRTY | OTHER], EPERM),
                (call, &[0xffff_ffff], EPERM),
            ],
        );
        expect(Policy::builder().allow_syscalls(["@other-tasks"]), &[(call, &[OTHER], ALLOW)]);
    }
}

/// Which: 0 process, 1 group, 2 user for setpriority(2); 1, 2, 3 for ioprio_set(2).
#[test]
fn priorities_are_set_for_the_caller_alone() {
    const OTHER: u64 = 4242;
    for (call, process, group, user) in [("setpriority", 0, 1, 2), ("ioprio_set", 1, 2, 3)] {
        expect(
            Policy::builder(),
            &[
                (call, &[process, 0, 5], ALLOW),
                (call, &[DIRTY | process, DIRTY, 5], ALLOW),
                (call, &[process, OTHER, 5], EPERM),
                (call, &[group, 0, 5], EPERM),
                (call, &[group, OTHER, 5], EPERM),
                (call, &[user, 0, 5], EPERM),
                (call, &[user, OTHER, 5], EPERM),
            ],
        );
    }
}

#[test]
fn a_denied_call_stays_denied_whatever_its_arguments() {
    for garbage in [0, 1, DIRTY, u64::MAX] {
        let args = [garbage; 6];
        expect(
            Policy::builder().deny_syscalls(["getppid"]),
            &[("getppid", &args, EPERM), ("ptrace", &args, EPERM), ("getpid", &args, ALLOW)],
        );
        expect(
            Policy::builder().allow_syscalls(["ptrace"]),
            &[("getppid", &args, ALLOW), ("ptrace", &args, ALLOW)],
        );
    }
}

#[test]
fn the_allow_list_leaves_the_base_list_standing() {
    let only = ["@processes", "@file-io", "ioctl", "prctl", "ptrace"];
    expect(
        Policy::builder().only_syscalls(only),
        &[
            ("execve", &[], ALLOW),
            ("read", &[], ALLOW),
            ("openat", &[], ENOSYS),
            ("clone", &[THREAD], ENOSYS),
            ("ioctl", &[0, 0x5401], ALLOW),
            ("ioctl", &[0, DIRTY | 0x5412], EPERM),
            ("prctl", &[libc::PR_SET_DUMPABLE as u64, 0], EPERM),
            ("ptrace", &[], EPERM),
            ("mount", &[], EPERM),
            ("clone3", &[], ENOSYS),
        ],
    );
}
