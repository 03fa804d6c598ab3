//! Every system call, classified: refused, judged by its arguments, or harmless, with the reason.
//!
//! One table serves all architectures. A call that only one of them has stands beside its
//! relatives; so do the `*_time64` names, which the aarch64 table has but no 64-bit kernel answers.

use libc::{ENOSYS, EPERM};

/// What happens to a group's calls unless a setting says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Refused with this errno, whatever the arguments.
    Refused(i32),
    /// Refused for some arguments; `plan::judge` has the rules.
    Judged,
    /// Left to the kernel's own checks and to Landlock.
    Harmless,
}

/// Calls of one subject, which a setting can name together as `@name`.
#[derive(Debug)]
pub struct Group {
    /// The name, without the `@`.
    pub name: &'static str,
    /// What an attacker gains from the calls, or what holds them; one line without a full stop.
    pub reason: &'static str,
    /// What happens to the calls.
    pub class: Class,
    /// The names of the calls, as the kernel's tables spell them.
    pub calls: &'static [&'static str],
}

/// The group that the `net` section governs.
pub(crate) const SOCKETS: &str = "sockets";

/// Every group: the refused ones first, then the judged ones, then the harmless ones.
///
/// Each call of each known architecture is in exactly one group.
pub static GROUPS: &[Group] = &[
    Group {
        name: "modules",
        reason: "code loaded into the kernel owns the machine",
        class: Class::Refused(EPERM),
        calls: &[
            "create_module",
            "delete_module",
            "finit_module",
            "get_kernel_syms",
            "init_module",
            "query_module",
        ],
    },
    Group {
        name: "reboot",
        reason: "stops the machine or boots another kernel",
        class: Class::Refused(EPERM),
        calls: &["kexec_file_load", "kexec_load", "reboot"],
    },
    Group {
        name: "mount",
        reason: "changes which files a path leads to, behind the back of path rules",
        class: Class::Refused(EPERM),
        calls: &[
            "chroot",
            "fsconfig",
            "fsmount",
            "fsopen",
            "fspick",
            "mount",
            "mount_setattr",
            "move_mount",
            "open_tree",
            "open_tree_attr",
            "pivot_root",
            "umount2",
        ],
    },
    Group {
        name: "mount-info",
        reason: "shows the host's mounts, as the mountinfo file would that Landlock hides",
        class: Class::Refused(EPERM),
        calls: &["listmount", "statmount"],
    },
    Group {
        name: "setns",
        reason: "moves the task into another task's namespaces",
        class: Class::Refused(EPERM),
        calls: &["setns"],
    },
    Group {
        name: "bpf",
        reason: "runs programs inside the kernel; its verifier is a steady source of exploits",
        class: Class::Refused(EPERM),
        calls: &["bpf"],
    },
    Group {
        name: "perf",
        reason: "measures other tasks and the kernel, and is a large attack surface",
        class: Class::Refused(EPERM),
        calls: &["perf_event_open"],
    },
    Group {
        name: "userfaultfd",
        reason: "stalls the kernel in the middle of a copy, which makes small races exploitable",
        class: Class::Refused(EPERM),
        calls: &["userfaultfd"],
    },
    Group {
        name: "keyrings",
        reason: "the user's keys are shared by all of the user's processes, inside and outside",
        class: Class::Refused(EPERM),
        calls: &["add_key", "keyctl", "request_key"],
    },
    Group {
        name: "debug",
        reason: "reads, changes or compares the memory and the descriptors of other processes",
        class: Class::Refused(EPERM),
        calls: &[
            "kcmp",
            "pidfd_getfd",
            "process_madvise",
            "process_mrelease",
            "process_vm_readv",
            "process_vm_writev",
            "ptrace",
        ],
    },
    Group {
        name: "clock",
        reason: "sets or steers the machine's clock; adjtimex that only reads goes with it",
        class: Class::Refused(EPERM),
        calls: &[
            "adjtimex",
            "clock_adjtime",
            "clock_adjtime64",
            "clock_settime",
            "clock_settime64",
            "settimeofday",
        ],
    },
    Group {
        name: "admin",
        reason: "manages the machine's quotas, swap, accounting, NFS, name or terminals",
        class: Class::Refused(EPERM),
        calls: &[
            "acct",
            "nfsservctl",
            "quotactl",
            "quotactl_fd",
            "setdomainname",
            "sethostname",
            "swapoff",
            "swapon",
            "vhangup",
        ],
    },
    Group {
        name: "kernel-log",
        reason: "reads or clears kernel messages, which name addresses and other users' processes",
        class: Class::Refused(EPERM),
        calls: &["syslog"],
    },
    Group {
        name: "sysv-ipc",
        reason: "objects are reached by number across the sandbox boundary and outlive the sandbox",
        class: Class::Refused(EPERM),
        calls: &[
            "msgctl",
            "msgget",
            "msgrcv",
            "msgsnd",
            "semctl",
            "semget",
            "semop",
            "semtimedop",
            "semtimedop_time64",
            "shmat",
            "shmctl",
            "shmdt",
            "shmget",
        ],
    },
    Group {
        name: "posix-queues",
        reason: "queues are reached by name across the sandbox boundary and outlive the sandbox",
        class: Class::Refused(EPERM),
        calls: &[
            "mq_getsetattr",
            "mq_notify",
            "mq_open",
            "mq_timedreceive",
            "mq_timedreceive_time64",
            "mq_timedsend",
            "mq_timedsend_time64",
            "mq_unlink",
        ],
    },
    Group {
        name: "file-handles",
        reason: "opens files by number instead of by path, around every path rule",
        class: Class::Refused(EPERM),
        calls: &["name_to_handle_at", "open_by_handle_at"],
    },
    Group {
        name: "file-attributes",
        reason: "the ioctls that set file attributes in the shape of a call, which Landlock does not judge",
        class: Class::Refused(EPERM),
        calls: &["file_setattr"],
    },
    Group {
        name: "fanotify",
        reason: "watches, and can hold up, what other processes do with files of a whole mount",
        class: Class::Refused(EPERM),
        calls: &["fanotify_init", "fanotify_mark"],
    },
    Group {
        name: "secret-memory",
        reason: "pins memory that nobody else can read or inspect, not even the kernel",
        class: Class::Refused(EPERM),
        calls: &["memfd_secret"],
    },
    Group {
        name: "ldt",
        reason: "16-bit segments: rarely used kernel code with a record of privilege escalations",
        class: Class::Refused(EPERM),
        calls: &["modify_ldt"],
    },
    Group {
        name: "vmsplice",
        reason: "lends pages to pipes: a record of writes to read-only memory, few users",
        class: Class::Refused(EPERM),
        calls: &["vmsplice"],
    },
    Group {
        name: "hardware",
        reason: "talks to devices directly, past the kernel",
        class: Class::Refused(EPERM),
        calls: &["ioperm", "iopl"],
    },
    Group {
        name: "lsm",
        reason: "changes the task's label in the host's other security modules (AppArmor, SELinux)",
        class: Class::Refused(EPERM),
        calls: &["lsm_set_self_attr"],
    },
    Group {
        name: "legacy",
        reason: "superseded calls that no current program makes; some show the host",
        class: Class::Refused(EPERM),
        calls: &["_sysctl", "lookup_dcookie", "sysfs", "uselib", "ustat"],
    },
    Group {
        name: "clone3",
        reason: "flags lie in memory, where no filter reads them; on ENOSYS libc uses clone",
        class: Class::Refused(ENOSYS),
        calls: &["clone3"],
    },
    Group {
        name: "io-uring",
        reason: "carries out operations that no filter sees; on ENOSYS programs use ordinary calls",
        class: Class::Refused(ENOSYS),
        calls: &["io_uring_enter", "io_uring_register", "io_uring_setup"],
    },
    Group {
        name: "obsolete",
        reason: "numbers without a call on 64-bit kernels; ENOSYS is their own answer",
        class: Class::Refused(ENOSYS),
        calls: &[
            "afs_syscall",
            "epoll_ctl_old",
            "epoll_wait_old",
            "get_thread_area",
            "getpmsg",
            "putpmsg",
            "security",
            "set_thread_area",
            "tuxcall",
            "vserver",
        ],
    },
    Group {
        name: "namespaces",
        reason: "flags that ask for a namespace are refused: inside one a task gains capabilities",
        class: Class::Judged,
        calls: &["clone", "unshare"],
    },
    Group {
        name: "ioctl-commands",
        reason: "commands that take the caller's terminal over, or change files, are refused",
        class: Class::Judged,
        calls: &["ioctl"],
    },
    Group {
        name: "process-options",
        reason: "options that would blind or outlive the keeper are refused",
        class: Class::Judged,
        calls: &["prctl"],
    },
    Group {
        name: "personality",
        reason: "values that weaken address randomisation or emulate other systems are refused",
        class: Class::Judged,
        calls: &["personality"],
    },
    Group {
        name: "other-tasks",
        reason: "refused with an id that is not 0: reaches tasks outside, which Landlock does not scope",
        class: Class::Judged,
        calls: &[
            "getpriority",
            "ioprio_set",
            "migrate_pages",
            "move_pages",
            "prlimit64",
            "sched_setaffinity",
            "sched_setattr",
            "sched_setparam",
            "sched_setscheduler",
            "setpriority",
        ],
    },
    Group {
        name: "descriptor-options",
        reason: "a lease holds up whoever else opens the file; Landlock's signal scope holds the rest",
        class: Class::Judged,
        calls: &["fcntl"],
    },
    Group {
        name: SOCKETS,
        reason: "the `net` settings say which families, protocols and ways of sending are left",
        class: Class::Judged,
        calls: &["listen", "sendmmsg", "sendmsg", "sendto", "setsockopt", "socket", "socketpair"],
    },
    Group {
        name: "file-open",
        reason: "Landlock judges the path at every open and truncation",
        class: Class::Harmless,
        calls: &["creat", "open", "openat", "openat2", "truncate"],
    },
    Group {
        name: "file-io",
        reason: "works on descriptors; what may be done through one was settled when it was opened",
        class: Class::Harmless,
        calls: &[
            "cachestat",
            "copy_file_range",
            "fadvise64",
            "fallocate",
            "flock",
            "ftruncate",
            "getdents",
            "getdents64",
            "lseek",
            "pread64",
            "preadv",
            "preadv2",
            "pwrite64",
            "pwritev",
            "pwritev2",
            "read",
            "readahead",
            "readv",
            "sendfile",
            "write",
            "writev",
        ],
    },
    Group {
        name: "file-sync",
        reason: "writes out what was written; `sync` keeps disks busy but changes no file",
        class: Class::Harmless,
        calls: &["fdatasync", "fsync", "sync", "sync_file_range", "syncfs"],
    },
    Group {
        name: "file-info",
        reason: "not held by Landlock: names, sizes, owners and attributes show outside grants, \
                  contents do not",
        class: Class::Harmless,
        calls: &[
            "access",
            "faccessat",
            "faccessat2",
            "fgetxattr",
            "file_getattr",
            "flistxattr",
            "fstat",
            "fstatat",
            "fstatfs",
            "getxattr",
            "getxattrat",
            "lgetxattr",
            "listxattr",
            "listxattrat",
            "llistxattr",
            "lstat",
            "newfstatat",
            "readlink",
            "readlinkat",
            "stat",
            "statfs",
            "statx",
        ],
    },
    Group {
        name: "file-metadata",
        reason: "not held by Landlock: modes, owners, times and attributes of the user's own \
                  files change even outside grants; `syscalls.deny = [\"@file-metadata\"]` closes \
                  them",
        class: Class::Harmless,
        calls: &[
            "chmod",
            "chown",
            "fchmod",
            "fchmodat",
            "fchmodat2",
            "fchown",
            "fchownat",
            "fremovexattr",
            "fsetxattr",
            "futimesat",
            "lchown",
            "lremovexattr",
            "lsetxattr",
            "removexattr",
            "removexattrat",
            "setxattr",
            "setxattrat",
            "utime",
            "utimensat",
            "utimensat_time64",
            "utimes",
        ],
    },
    Group {
        name: "file-tree",
        reason: "Landlock judges every name that is made, moved, linked or removed",
        class: Class::Harmless,
        calls: &[
            "link",
            "linkat",
            "mkdir",
            "mkdirat",
            "mknod",
            "mknodat",
            "rename",
            "renameat",
            "renameat2",
            "rmdir",
            "symlink",
            "symlinkat",
            "unlink",
            "unlinkat",
        ],
    },
    Group {
        name: "file-watch",
        reason: "not held by Landlock: shows when readable files outside grants are used, and \
                  their names, but no contents",
        class: Class::Harmless,
        calls: &["inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch"],
    },
    Group {
        name: "working-directory",
        reason: "the process's own starting point for paths and mask for new files; grants nothing",
        class: Class::Harmless,
        calls: &["chdir", "fchdir", "getcwd", "umask"],
    },
    Group {
        name: "descriptors",
        reason: "the process's own table",
        class: Class::Harmless,
        calls: &["close", "close_range", "dup", "dup2", "dup3"],
    },
    Group {
        name: "pipes",
        reason: "moves bytes between descriptors the process already has",
        class: Class::Harmless,
        calls: &["pipe", "pipe2", "splice", "tee"],
    },
    Group {
        name: "polling",
        reason: "waits for descriptors the process already has",
        class: Class::Harmless,
        calls: &[
            "epoll_create",
            "epoll_create1",
            "epoll_ctl",
            "epoll_pwait",
            "epoll_pwait2",
            "epoll_wait",
            "eventfd",
            "eventfd2",
            "poll",
            "ppoll",
            "ppoll_time64",
            "pselect6",
            "pselect6_time64",
            "select",
        ],
    },
    Group {
        name: "async-io",
        reason: "the older interface: reads and writes only descriptors that were already opened",
        class: Class::Harmless,
        calls: &[
            "io_cancel",
            "io_destroy",
            "io_getevents",
            "io_pgetevents",
            "io_pgetevents_time64",
            "io_setup",
            "io_submit",
        ],
    },
    Group {
        name: "sockets-io",
        reason: "uses sockets that `@sockets` let through; Landlock judges TCP ports",
        class: Class::Harmless,
        calls: &[
            "accept",
            "accept4",
            "bind",
            "connect",
            "getpeername",
            "getsockname",
            "getsockopt",
            "recvfrom",
            "recvmmsg",
            "recvmmsg_time64",
            "recvmsg",
            "shutdown",
        ],
    },
    Group {
        name: "memory",
        reason: "the process's own address space",
        class: Class::Harmless,
        calls: &[
            "brk",
            "madvise",
            "map_shadow_stack",
            "mincore",
            "mlock",
            "mlock2",
            "mlockall",
            "mmap",
            "mprotect",
            "mremap",
            "mseal",
            "msync",
            "munlock",
            "munlockall",
            "munmap",
            "pkey_alloc",
            "pkey_free",
            "pkey_mprotect",
            "remap_file_pages",
        ],
    },
    Group {
        name: "memfd",
        reason: "a private file in memory, which the program may also execute: Landlock judges \
                  only files with a path",
        class: Class::Harmless,
        calls: &["memfd_create"],
    },
    Group {
        name: "numa",
        reason: "where own memory is placed; moving shared pages takes a capability",
        class: Class::Harmless,
        calls: &["get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"],
    },
    Group {
        name: "threads",
        reason: "own threads and memory; Landlock's ptrace rule holds get_robust_list",
        class: Class::Harmless,
        calls: &[
            "arch_prctl",
            "futex",
            "futex_requeue",
            "futex_time64",
            "futex_wait",
            "futex_waitv",
            "futex_wake",
            "get_robust_list",
            "gettid",
            "membarrier",
            "rseq",
            "set_robust_list",
            "set_tid_address",
        ],
    },
    Group {
        name: "processes",
        reason: "children inherit the whole sandbox, and Landlock judges what is executed",
        class: Class::Harmless,
        calls: &[
            "execve",
            "execveat",
            "exit",
            "exit_group",
            "fork",
            "getpgid",
            "getpgrp",
            "getpid",
            "getppid",
            "getsid",
            "pidfd_open",
            "setpgid",
            "setsid",
            "vfork",
            "wait4",
            "waitid",
        ],
    },
    Group {
        name: "signals",
        reason: "Landlock's signal scope keeps signals inside the sandbox",
        class: Class::Harmless,
        calls: &[
            "kill",
            "pause",
            "pidfd_send_signal",
            "restart_syscall",
            "rt_sigaction",
            "rt_sigpending",
            "rt_sigprocmask",
            "rt_sigqueueinfo",
            "rt_sigreturn",
            "rt_sigsuspend",
            "rt_sigtimedwait",
            "rt_sigtimedwait_time64",
            "rt_tgsigqueueinfo",
            "sigaltstack",
            "signalfd",
            "signalfd4",
            "tgkill",
            "tkill",
        ],
    },
    Group {
        name: "scheduling",
        reason: "reads priorities, yields the processor; the setters are in `@other-tasks`",
        class: Class::Harmless,
        calls: &[
            "getcpu",
            "ioprio_get",
            "sched_get_priority_max",
            "sched_get_priority_min",
            "sched_getaffinity",
            "sched_getattr",
            "sched_getparam",
            "sched_getscheduler",
            "sched_rr_get_interval",
            "sched_rr_get_interval_time64",
            "sched_yield",
        ],
    },
    Group {
        name: "resources",
        reason: "own limits and own usage; raising a hard limit takes a capability",
        class: Class::Harmless,
        calls: &["getrlimit", "getrusage", "setrlimit"],
    },
    Group {
        name: "identity",
        reason: "reads the ids, groups and capabilities of tasks",
        class: Class::Harmless,
        calls: &[
            "capget",
            "getegid",
            "geteuid",
            "getgid",
            "getgroups",
            "getresgid",
            "getresuid",
            "getuid",
        ],
    },
    Group {
        name: "credentials",
        reason: "without capabilities and under no_new_privs a task can only give rights up",
        class: Class::Harmless,
        calls: &[
            "capset",
            "setfsgid",
            "setfsuid",
            "setgid",
            "setgroups",
            "setregid",
            "setresgid",
            "setresuid",
            "setreuid",
            "setuid",
        ],
    },
    Group {
        name: "time",
        reason: "reads clocks, sleeps, and sets the process's own timers",
        class: Class::Harmless,
        calls: &[
            "alarm",
            "clock_getres",
            "clock_getres_time64",
            "clock_gettime",
            "clock_gettime64",
            "clock_nanosleep",
            "clock_nanosleep_time64",
            "getitimer",
            "gettimeofday",
            "nanosleep",
            "setitimer",
            "time",
            "timer_create",
            "timer_delete",
            "timer_getoverrun",
            "timer_gettime",
            "timer_gettime64",
            "timer_settime",
            "timer_settime64",
            "timerfd_create",
            "timerfd_gettime",
            "timerfd_gettime64",
            "timerfd_settime",
            "timerfd_settime64",
            "times",
        ],
    },
    Group {
        name: "random",
        reason: "reads the kernel's random numbers",
        class: Class::Harmless,
        calls: &["getrandom"],
    },
    Group {
        name: "system-info",
        reason: "reads the kernel's name and version and how loaded the machine is",
        class: Class::Harmless,
        calls: &["sysinfo", "uname"],
    },
    Group {
        name: "sandboxing",
        reason: "filters and rulesets stack: a further one can only make the sandbox stricter",
        class: Class::Harmless,
        calls: &[
            "landlock_add_rule",
            "landlock_create_ruleset",
            "landlock_restrict_self",
            "lsm_get_self_attr",
            "lsm_list_modules",
            "seccomp",
        ],
    },
    Group {
        name: "trampolines",
        reason: "made by code that the kernel plants for the host's probes; useless elsewhere",
        class: Class::Harmless,
        calls: &["uprobe", "uretprobe"],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syscall::Arch;
    use std::collections::BTreeSet;

    fn groups_with(call: &str) -> Vec<&'static str> {
        GROUPS.iter().filter(|group| group.calls.contains(&call)).map(|group| group.name).collect()
    }

    #[test]
    fn every_number_of_both_architectures_is_in_exactly_one_group() {
        for arch in Arch::ALL {
            let number = arch.calls().count();
            assert!(number > 300, "the {} table has only {number} calls", arch.name());
            for (number, name) in arch.calls() {
                let groups = groups_with(name);
                assert_eq!(groups.len(), 1, "{} {number}, {name}: {groups:?}", arch.name());
            }
        }
    }

    #[test]
    fn every_name_exists_on_an_architecture() {
        let exists = |call: &str| Arch::ALL.iter().any(|arch| arch.number_of(call).is_some());
        for group in GROUPS {
            for call in group.calls {
                assert!(exists(call), "@{}: no architecture has {call}", group.name);
            }
        }
    }

    #[test]
    fn calls_stand_in_alphabetical_order() {
        for group in GROUPS {
            for pair in group.calls.windows(2) {
                assert!(pair[0] < pair[1], "@{}: {} before {}", group.name, pair[0], pair[1]);
            }
        }
    }

    #[test]
    fn group_names_are_unique_lowercase_words() {
        let mut names = BTreeSet::new();
        for group in GROUPS {
            assert!(names.insert(group.name), "two groups are named @{}", group.name);
            assert!(
                group.name.split('-').all(|word| {
                    !word.is_empty()
                        && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
                }),
                "@{} is not lowercase words joined by '-'",
                group.name
            );
            assert!(!group.calls.is_empty(), "@{} is empty", group.name);
        }
    }

    #[test]
    fn every_reason_is_one_line_without_a_full_stop() {
        for Group { name, reason, .. } in GROUPS {
            assert!(!reason.is_empty(), "@{name} has no reason");
            assert_eq!(reason.trim(), *reason, "@{name}: blanks around the reason");
            assert!(!reason.contains(['\n', '\t']), "@{name}: the reason is not one line");
            assert!(!reason.contains("  "), "@{name}: two blanks in the reason");
            assert!(!reason.ends_with('.'), "@{name}: the reason ends with a full stop");
        }
    }

    #[test]
    fn refused_groups_come_first_and_harmless_ones_last() {
        let rank = |class| match class {
            Class::Refused(_) => 0,
            Class::Judged => 1,
            Class::Harmless => 2,
        };
        for pair in GROUPS.windows(2) {
            assert!(
                rank(pair[0].class) <= rank(pair[1].class),
                "@{} stands after @{}",
                pair[1].name,
                pair[0].name
            );
        }
    }
}
