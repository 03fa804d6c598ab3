//! Which arguments of a call point to a path, by the manual pages in section 2.

use std::sync::OnceLock;

use super::{Arch, Syscall};

/// Where the paths of a call begin that do not begin with a slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    /// In the task's working directory.
    Cwd,
    /// In the directory whose descriptor is the argument in front of the path.
    At,
}

use Base::{At, Cwd};

/// One call that takes paths: its name, where relative ones begin, and the arguments that they are.
type Entry = (&'static str, Base, &'static [usize]);

/// Every call of both architectures that takes a path, in alphabetical order. The text of a link
/// (`symlink`, `symlinkat`) counts as one, and so does the source of `mount`, which some file systems take
/// for a word. Sockets have their paths inside of an address, and queues have names.
static PATHS: &[Entry] = &[
    ("access", Cwd, &[0]),
    ("acct", Cwd, &[0]),
    ("chdir", Cwd, &[0]),
    ("chmod", Cwd, &[0]),
    ("chown", Cwd, &[0]),
    ("chroot", Cwd, &[0]),
    ("creat", Cwd, &[0]),
    ("execve", Cwd, &[0]),
    ("execveat", At, &[1]),
    ("faccessat", At, &[1]),
    ("faccessat2", At, &[1]),
    ("fanotify_mark", At, &[4]),
    ("fchmodat", At, &[1]),
    ("fchmodat2", At, &[1]),
    ("fchownat", At, &[1]),
    ("file_getattr", At, &[1]),
    ("file_setattr", At, &[1]),
    ("fspick", At, &[1]),
    ("fstatat", At, &[1]),
    ("futimesat", At, &[1]),
    ("getxattr", Cwd, &[0]),
    ("getxattrat", At, &[1]),
    ("inotify_add_watch", Cwd, &[1]),
    ("lchown", Cwd, &[0]),
    ("lgetxattr", Cwd, &[0]),
    ("link", Cwd, &[0, 1]),
    ("linkat", At, &[1, 3]),
    ("listxattr", Cwd, &[0]),
    ("listxattrat", At, &[1]),
    ("llistxattr", Cwd, &[0]),
    ("lremovexattr", Cwd, &[0]),
    ("lsetxattr", Cwd, &[0]),
    ("lstat", Cwd, &[0]),
    ("mkdir", Cwd, &[0]),
    ("mkdirat", At, &[1]),
    ("mknod", Cwd, &[0]),
    ("mknodat", At, &[1]),
    ("mount", Cwd, &[0, 1]),
    ("mount_setattr", At, &[1]),
    ("move_mount", At, &[1, 3]),
    ("name_to_handle_at", At, &[1]),
    ("newfstatat", At, &[1]),
    ("open", Cwd, &[0]),
    ("open_tree", At, &[1]),
    ("open_tree_attr", At, &[1]),
    ("openat", At, &[1]),
    ("openat2", At, &[1]),
    ("pivot_root", Cwd, &[0, 1]),
    ("quotactl", Cwd, &[1]),
    ("readlink", Cwd, &[0]),
    ("readlinkat", At, &[1]),
    ("removexattr", Cwd, &[0]),
    ("removexattrat", At, &[1]),
    ("rename", Cwd, &[0, 1]),
    ("renameat", At, &[1, 3]),
    ("renameat2", At, &[1, 3]),
    ("rmdir", Cwd, &[0]),
    ("setxattr", Cwd, &[0]),
    ("setxattrat", At, &[1]),
    ("stat", Cwd, &[0]),
    ("statfs", Cwd, &[0]),
    ("statx", At, &[1]),
    ("swapoff", Cwd, &[0]),
    ("swapon", Cwd, &[0]),
    ("symlink", Cwd, &[0, 1]),
    ("symlinkat", At, &[0, 2]),
    ("truncate", Cwd, &[0]),
    ("umount2", Cwd, &[0]),
    ("unlink", Cwd, &[0]),
    ("unlinkat", At, &[1]),
    ("uselib", Cwd, &[0]),
    ("utime", Cwd, &[0]),
    ("utimensat", At, &[1]),
    ("utimensat_time64", At, &[1]),
    ("utimes", Cwd, &[0]),
];

impl Syscall {
    /// The arguments, from 0, that point to a path of the file system: a text that ends with a NUL. None
    /// for most calls.
    ///
    /// A pointer can be null where the manual page allows it (utimensat(2), acct(2)), and a path can be
    /// empty, where it stands for a descriptor (AT_EMPTY_PATH). The text of a link that symlink(2) makes
    /// is among them; the path of a socket is not, because it lies inside of an address.
    ///
    /// # Examples
    ///
    /// ```
    /// use sandlock::Syscall;
    ///
    /// assert_eq!(Syscall::OPENAT.path_args(), [1]);
    /// assert_eq!(Syscall::RENAMEAT2.path_args(), [1, 3]);
    /// assert!(Syscall::READ.path_args().is_empty());
    /// ```
    pub fn path_args(self) -> &'static [usize] {
        entry_of(self).2
    }
}

/// Where a path begins that does not begin with a slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// In the task's working directory.
    Cwd,
    /// In the directory whose descriptor is this argument.
    At(usize),
    /// It is the text of a link, and begins where that will be.
    Nowhere,
}

impl Syscall {
    /// The arguments that [point to a path](Syscall::path_args), and where each begins.
    pub(crate) fn paths(self) -> impl Iterator<Item = (usize, Begin)> {
        let &(name, base, arguments) = entry_of(self);
        arguments.iter().map(move |&argument| (argument, begin(name, base, argument)))
    }
}

fn begin(name: &str, base: Base, argument: usize) -> Begin {
    match (base, argument.checked_sub(1)) {
        (_, None) if name.starts_with("symlink") => Begin::Nowhere,
        (At, Some(directory)) => Begin::At(directory),
        _ => Begin::Cwd,
    }
}

static NONE: Entry = ("", Cwd, &[]);

/// That of a call without paths, too. Observers ask for each call, so nothing is searched then.
fn entry_of(call: Syscall) -> &'static Entry {
    static BY_NUMBER: OnceLock<Vec<&Entry>> = OnceLock::new();
    let entries = BY_NUMBER.get().unwrap_or_else(|| {
        // Made outside of the lock, for which a process that is forked meanwhile would wait for ever.
        let made = by_number();
        BY_NUMBER.get_or_init(|| made)
    });
    entries.get(call.nr() as usize).copied().unwrap_or(&NONE)
}

fn by_number() -> Vec<&'static Entry> {
    let numbers = 0..=Arch::NATIVE.newest();
    let names = numbers.map(|number| Arch::NATIVE.name_of(number).unwrap_or(""));
    names.map(|name| entry(name).unwrap_or(&NONE)).collect()
}

fn entry(name: &str) -> Option<&'static Entry> {
    let place = PATHS.binary_search_by_key(&name, |(name, ..)| name).ok()?;
    PATHS.get(place)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every other call: none of their arguments points to a path.
    const WITHOUT: &str = "
        _sysctl accept accept4 add_key adjtimex afs_syscall alarm arch_prctl bind bpf brk cachestat \
        capget capset clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime \
        clock_gettime64 clock_nanosleep clock_nanosleep_time64 clock_settime clock_settime64 clone \
        clone3 close close_range connect copy_file_range create_module delete_module dup dup2 dup3 \
        epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait \
        epoll_wait_old eventfd eventfd2 exit exit_group fadvise64 fallocate fanotify_init fchdir \
        fchmod fchown fcntl fdatasync fgetxattr finit_module flistxattr flock fork fremovexattr \
        fsconfig fsetxattr fsmount fsopen fstat fstatfs fsync ftruncate futex futex_requeue \
        futex_time64 futex_wait futex_waitv futex_wake get_kernel_syms get_mempolicy \
        get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid geteuid getgid \
        getgroups getitimer getpeername getpgid getpgrp getpid getpmsg getppid getpriority \
        getrandom getresgid getresuid getrlimit getrusage getsid getsockname getsockopt gettid \
        gettimeofday getuid init_module inotify_init inotify_init1 inotify_rm_watch io_cancel \
        io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit \
        io_uring_enter io_uring_register io_uring_setup ioctl ioperm iopl ioprio_get ioprio_set \
        kcmp kexec_file_load kexec_load keyctl kill landlock_add_rule landlock_create_ruleset \
        landlock_restrict_self listen listmount lookup_dcookie lseek lsm_get_self_attr \
        lsm_list_modules lsm_set_self_attr madvise map_shadow_stack mbind membarrier memfd_create \
        memfd_secret migrate_pages mincore mlock mlock2 mlockall mmap modify_ldt move_pages \
        mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 \
        mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync \
        munlock munlockall munmap nanosleep nfsservctl open_by_handle_at pause perf_event_open \
        personality pidfd_getfd pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free \
        pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 \
        process_madvise process_mrelease process_vm_readv process_vm_writev pselect6 \
        pselect6_time64 ptrace putpmsg pwrite64 pwritev pwritev2 query_module quotactl_fd read \
        readahead readv reboot recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages \
        request_key restart_syscall rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo \
        rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo \
        sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr \
        sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 \
        sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp \
        security select semctl semget semop semtimedop semtimedop_time64 sendfile sendmmsg sendmsg \
        sendto set_mempolicy set_mempolicy_home_node set_robust_list set_thread_area \
        set_tid_address setdomainname setfsgid setfsuid setgid setgroups sethostname setitimer \
        setns setpgid setpriority setregid setresgid setresuid setreuid setrlimit setsid setsockopt \
        settimeofday setuid shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 \
        socket socketpair splice statmount sync sync_file_range syncfs sysfs sysinfo syslog tee \
        tgkill time timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 \
        timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 \
        timerfd_settime timerfd_settime64 times tkill tuxcall umask uname unshare uprobe uretprobe \
        userfaultfd ustat vfork vhangup vmsplice vserver wait4 waitid write writev";

    #[test]
    fn calls_stand_in_alphabetical_order_and_once() {
        for pair in PATHS.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} before {}", pair[0].0, pair[1].0);
        }
    }

    /// A call that the kernel adds is in neither list, whichever group it is put into.
    #[test]
    fn every_call_of_both_architectures_is_known_to_take_paths_or_none() {
        let without: BTreeSet<&str> = WITHOUT.split_whitespace().collect();
        assert_eq!(without.len(), WITHOUT.split_whitespace().count());
        let calls = Arch::ALL.iter().flat_map(|arch| arch.calls());
        let calls: BTreeSet<&str> = calls.map(|(_, name)| name).collect();
        for name in &calls {
            let lists = [entry(name).is_some(), without.contains(name)];
            assert_eq!(lists.into_iter().filter(|is_in| *is_in).count(), 1, "{name}: {lists:?}");
        }
        for name in PATHS.iter().map(|(name, ..)| name).chain(&without) {
            assert!(calls.contains(name), "no architecture has {name}");
        }
    }

    #[test]
    fn every_path_of_a_call_at_a_descriptor_has_one_in_front() {
        for (name, base, arguments) in PATHS {
            assert!(!arguments.is_empty() && arguments.is_sorted(), "{name}");
            assert!(arguments.iter().all(|argument| *argument < 6), "{name}");
            let stem = name.trim_end_matches(char::is_numeric);
            if stem.ends_with("at") && !["creat", "lstat", "stat"].contains(name) {
                assert_eq!(*base, At, "{name}");
            }
            // But the text of a link, which begins nowhere.
            if *base == At && arguments[0] == 0 {
                assert_eq!(*name, "symlinkat");
            }
        }
    }

    #[test]
    fn every_path_begins_somewhere() {
        let begins = |call: &str| {
            let (name, base, arguments) = entry(call).unwrap();
            arguments.iter().map(|argument| begin(name, *base, *argument)).collect::<Vec<_>>()
        };
        assert_eq!(begins("renameat2"), [Begin::At(0), Begin::At(2)]);
        assert_eq!(begins("rename"), [Begin::Cwd, Begin::Cwd]);
        assert_eq!(begins("symlinkat"), [Begin::Nowhere, Begin::At(1)]);
        assert_eq!(begins("symlink"), [Begin::Nowhere, Begin::Cwd]);
        assert_eq!(begins("inotify_add_watch"), [Begin::Cwd]);
        assert_eq!(begins("fanotify_mark"), [Begin::At(3)]);
        let found: Vec<_> = Syscall::LINKAT.paths().collect();
        assert_eq!(found, [(1, Begin::At(0)), (3, Begin::At(2))]);
    }
}
