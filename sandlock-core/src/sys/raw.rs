//! Raw system calls that are made between clone and exec: no libc, no `errno`, no allocation.
//!
//! Every wrapper begins with the call it makes. All of them are also sound in an ordinary thread.

#![allow(unsafe_code)]

use std::ffi::c_char;
use std::os::fd::{FromRawFd, OwnedFd};
use std::time::Duration;

use syscalls::{Sysno, raw_syscall};

/// A positive error number of the kernel.
pub(crate) type Errno = i32;

/// Splits what the kernel returns into value and error number.
pub(crate) fn check(answer: usize) -> Result<usize, Errno> {
    let signed = answer.cast_signed();
    match signed {
        -4095..=-1 => Err(-(signed as i32)),
        _ => Ok(answer),
    }
}

/// prctl(2).
///
/// # Safety
///
/// `option` takes two numbers; some options take addresses that the kernel writes to.
unsafe fn prctl(option: i32, argument: usize, second: usize) -> Result<(), Errno> {
    // SAFETY: as the caller promises.
    check(unsafe { raw_syscall!(Sysno::prctl, option, argument, second, 0usize, 0usize) }).map(drop)
}

/// prctl(2) PR_SET_NO_NEW_PRIVS.
pub(crate) fn set_no_new_privileges() -> Result<(), Errno> {
    // SAFETY: takes numbers.
    unsafe { prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0) }
}

/// prctl(2) PR_SET_PDEATHSIG: the signal that the caller gets when the thread that created it ends.
pub(crate) fn set_parent_death_signal(signal: i32) -> Result<(), Errno> {
    // SAFETY: takes numbers.
    unsafe { prctl(libc::PR_SET_PDEATHSIG, signal.cast_unsigned() as usize, 0) }
}

/// prctl(2) PR_SET_CHILD_SUBREAPER.
pub(crate) fn become_subreaper() -> Result<(), Errno> {
    // SAFETY: takes numbers.
    unsafe { prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0) }
}

/// Whether [`become_subreaper`] would succeed: sets what is set already.
pub(crate) fn may_become_subreaper() -> bool {
    let mut is_set = 0i32;
    // SAFETY: PR_GET_CHILD_SUBREAPER writes one int; PR_SET_CHILD_SUBREAPER takes a number.
    unsafe {
        prctl(libc::PR_GET_CHILD_SUBREAPER, &raw mut is_set as usize, 0).is_ok()
            && prctl(libc::PR_SET_CHILD_SUBREAPER, usize::from(is_set != 0), 0).is_ok()
    }
}

/// prctl(2) PR_CAPBSET_DROP.
pub(crate) fn drop_from_bounding_set(capability: usize) -> Result<(), Errno> {
    // SAFETY: takes numbers.
    unsafe { prctl(libc::PR_CAPBSET_DROP, capability, 0) }
}

/// prctl(2) PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE.
pub(crate) fn raise_ambient(capability: usize) -> Result<(), Errno> {
    // SAFETY: takes numbers.
    unsafe { prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE as usize, capability) }
}

/// prctl(2) PR_SET_NAME.
pub(crate) fn set_name(name: &'static std::ffi::CStr) -> Result<(), Errno> {
    // SAFETY: the name is NUL-terminated and lives for ever.
    check(unsafe { raw_syscall!(Sysno::prctl, libc::PR_SET_NAME, name.as_ptr(), 0, 0, 0) })
        .map(drop)
}

/// getpid(2).
pub(crate) fn getpid() -> i32 {
    // SAFETY: the call takes nothing and cannot fail.
    (unsafe { raw_syscall!(Sysno::getpid) }) as i32
}

/// getppid(2).
pub(crate) fn getppid() -> i32 {
    // SAFETY: the call takes nothing and cannot fail.
    (unsafe { raw_syscall!(Sysno::getppid) }) as i32
}

/// setsid(2).
pub(crate) fn setsid() -> Result<(), Errno> {
    // SAFETY: the call takes nothing.
    check(unsafe { raw_syscall!(Sysno::setsid) }).map(drop)
}

/// setpgid(2): makes the caller the leader of a process group of its own.
pub(crate) fn lead_group() -> Result<(), Errno> {
    // SAFETY: the call takes two numbers.
    check(unsafe { raw_syscall!(Sysno::setpgid, 0, 0) }).map(drop)
}

/// ioctl(2) TIOCSPGRP: makes the caller's group, which it leads, the foreground group of
/// `terminal`. SIGTTOU must be blocked.
pub(crate) fn take_foreground(terminal: i32) -> Result<(), Errno> {
    let group = getpid();
    // SAFETY: the kernel reads one int.
    check(unsafe { raw_syscall!(Sysno::ioctl, terminal, libc::TIOCSPGRP, &raw const group) })
        .map(drop)
}

/// chdir(2).
pub(crate) fn chdir(path: &std::ffi::CStr) -> Result<(), Errno> {
    // SAFETY: the path is NUL-terminated.
    check(unsafe { raw_syscall!(Sysno::chdir, path.as_ptr()) }).map(drop)
}

/// fchdir(2).
pub(crate) fn fchdir(fd: i32) -> Result<(), Errno> {
    // SAFETY: the call takes a descriptor number.
    check(unsafe { raw_syscall!(Sysno::fchdir, fd) }).map(drop)
}

/// dup3(2) onto `target`, without close-on-exec.
pub(crate) fn dup_onto(fd: i32, target: i32) -> Result<(), Errno> {
    // SAFETY: the caller owns the descriptor table, and `target` is one of 0, 1 and 2 in it.
    check(unsafe { raw_syscall!(Sysno::dup3, fd, target, 0) }).map(drop)
}

/// close_range(2) with CLOSE_RANGE_UNSHARE: gives the task a descriptor table of its own, with
/// everything from `first` on closed, or marked close-on-exec.
pub(crate) fn own_descriptors(first: u32, on_exec: bool) -> Result<(), Errno> {
    let flags = libc::CLOSE_RANGE_UNSHARE | if on_exec { libc::CLOSE_RANGE_CLOEXEC } else { 0 };
    // SAFETY: with CLOSE_RANGE_UNSHARE only the caller's own copy of the table is changed.
    check(unsafe { raw_syscall!(Sysno::close_range, first, u32::MAX, flags) }).map(drop)
}

/// As [`own_descriptors`] with everything closed but `kept`.
pub(crate) fn own_descriptors_but(kept: u32) -> Result<(), Errno> {
    own_descriptors(kept + 1, false)?;
    if kept > 0 {
        // SAFETY: the table is the caller's own by now.
        check(unsafe { raw_syscall!(Sysno::close_range, 0u32, kept - 1, 0) })?;
    }
    Ok(())
}

/// prlimit64(2) on the calling process: both limits become `value`.
pub(crate) fn set_rlimit(resource: u32, value: u64) -> Result<(), Errno> {
    let limit = [value, value];
    // SAFETY: the kernel reads one `struct rlimit64`, two numbers of 64 bits.
    check(unsafe { raw_syscall!(Sysno::prlimit64, 0, resource, limit.as_ptr(), 0usize) }).map(drop)
}

/// The size of the kernel's signal sets in bytes.
const SIGSET_SIZE: usize = 8;

/// The kernel's `struct sigaction`; the restorer is missing on arm64, where the last word is unused.
type KernelSigaction = [usize; 4];

/// What a process does about a signal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disposition {
    Default,
    Ignored,
    Handled,
}

/// rt_sigaction(2), asking.
pub(crate) fn disposition(signal: i32) -> Result<Disposition, Errno> {
    let mut action: KernelSigaction = [0; 4];
    // SAFETY: the kernel writes at most four words.
    check(unsafe {
        raw_syscall!(Sysno::rt_sigaction, signal, 0usize, action.as_mut_ptr(), SIGSET_SIZE)
    })?;
    Ok(match action[0] {
        libc::SIG_DFL => Disposition::Default,
        libc::SIG_IGN => Disposition::Ignored,
        _ => Disposition::Handled,
    })
}

/// rt_sigaction(2) to SIG_DFL, for the whole process.
pub(crate) fn reset_signal(signal: i32) -> Result<(), Errno> {
    set_disposition(signal, libc::SIG_DFL)
}

/// rt_sigaction(2) to SIG_IGN, for the whole process.
pub(crate) fn ignore_signal(signal: i32) -> Result<(), Errno> {
    set_disposition(signal, libc::SIG_IGN)
}

fn set_disposition(signal: i32, disposition: usize) -> Result<(), Errno> {
    let action: KernelSigaction = [disposition, 0, 0, 0];
    // SAFETY: the kernel reads four words, and neither disposition is a function.
    check(unsafe {
        raw_syscall!(Sysno::rt_sigaction, signal, action.as_ptr(), 0usize, SIGSET_SIZE)
    })
    .map(drop)
}

/// rt_sigprocmask(2): the set of blocked signals becomes `set`; returns the one before.
pub(crate) fn set_signal_mask(set: u64) -> Result<u64, Errno> {
    let mut old = 0u64;
    // SAFETY: the kernel reads and writes one set of 64 bits each.
    check(unsafe {
        raw_syscall!(
            Sysno::rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const set,
            &raw mut old,
            SIGSET_SIZE
        )
    })?;
    Ok(old)
}

/// The set that holds only `signal`.
pub(crate) const fn signal_bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// rt_sigtimedwait(2): takes one pending signal of `set`; `None` when the time is over or a signal
/// outside the set came.
pub(crate) fn take_signal(set: u64, timeout: Option<Duration>) -> Option<i32> {
    let time = timeout.map(|time| [time.as_secs(), u64::from(time.subsec_nanos())]);
    let time_pointer = time.as_ref().map_or(0, |time| time.as_ptr() as usize);
    // SAFETY: the kernel reads one set and, unless it is null, one timespec of two 64-bit words.
    let answer = unsafe {
        raw_syscall!(Sysno::rt_sigtimedwait, &raw const set, 0usize, time_pointer, SIGSET_SIZE)
    };
    check(answer).ok().and_then(|signal| i32::try_from(signal).ok())
}

/// What waitid(2) says about the caller's children.
pub(crate) enum Peeked {
    /// This one has ended and can be reaped.
    Ended(i32),
    /// This one has stopped, which has not been taken note of.
    Stopped(i32),
    /// There are children, and none has ended or stopped.
    Nothing,
    /// There are no children.
    NoChildren,
}

/// waitid(2) for any child, without waiting and without reaping.
pub(crate) fn peek_any() -> Peeked {
    const P_ALL: u32 = 0;
    // SAFETY: all zeros is a valid siginfo.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let flags = libc::WEXITED | libc::WSTOPPED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
    // SAFETY: the kernel writes one `siginfo_t`.
    let answer = unsafe { raw_syscall!(Sysno::waitid, P_ALL, 0, &raw mut info, flags, 0usize) };
    match check(answer) {
        Err(libc::EINTR) => Peeked::Nothing,
        Err(_) => Peeked::NoChildren,
        // SAFETY: what waitid(2) fills in has a process id, which is 0 where it found nobody.
        Ok(_) => match (unsafe { info.si_pid() }, info.si_code) {
            (0, _) => Peeked::Nothing,
            (pid, libc::CLD_STOPPED | libc::CLD_TRAPPED) => Peeked::Stopped(pid),
            (pid, _) => Peeked::Ended(pid),
        },
    }
}

/// wait4(2) for a child that has ended: its status.
pub(crate) fn reap(pid: i32) -> Option<i32> {
    let mut status = 0i32;
    let flags = libc::WNOHANG | libc::__WALL;
    // SAFETY: the kernel writes one int.
    let answer = unsafe { raw_syscall!(Sysno::wait4, pid, &raw mut status, flags, 0usize) };
    (check(answer) == Ok(pid.cast_unsigned() as usize)).then_some(status)
}

/// waitid(2) for a child that has stopped: by which signal. One that has ended since is not reaped.
pub(crate) fn take_stop(pid: i32) -> Option<i32> {
    const P_PID: u32 = 1;
    // SAFETY: all zeros is a valid siginfo.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let flags = libc::WSTOPPED | libc::WNOHANG | libc::__WALL;
    // SAFETY: the kernel writes one `siginfo_t`.
    let answer = unsafe { raw_syscall!(Sysno::waitid, P_PID, pid, &raw mut info, flags, 0usize) };
    // SAFETY: what waitid(2) fills in has a process id and a status.
    let (found, signal) = unsafe { (info.si_pid(), info.si_status()) };
    (check(answer).is_ok() && found == pid).then_some(signal)
}

/// kill(2) with SIGKILL. `pid` is a child that the caller has not reaped; the signal is lost only
/// on one that has ended already.
pub(crate) fn kill_child(pid: i32) {
    // SAFETY: the call takes two numbers.
    unsafe { raw_syscall!(Sysno::kill, pid, libc::SIGKILL) };
}

/// kill(2) of the group that `leader` leads, which the caller has not reaped.
pub(crate) fn kill_group(leader: i32, signal: i32) {
    // SAFETY: the call takes two numbers.
    unsafe { raw_syscall!(Sysno::kill, -leader, signal) };
}

/// kill(2) with SIGKILL of everybody whom the caller may signal, but itself. The caller has a Landlock
/// domain that scopes signals, and has seen that it holds.
pub(crate) fn kill_everybody_in_scope() {
    // SAFETY: the call takes two numbers.
    unsafe { raw_syscall!(Sysno::kill, -1i32, libc::SIGKILL) };
}

/// kill(2) with the null signal: whether the caller may signal `pid`.
pub(crate) fn may_signal(pid: i32) -> Result<(), Errno> {
    // SAFETY: the call takes two numbers.
    check(unsafe { raw_syscall!(Sysno::kill, pid, 0) }).map(drop)
}

/// clock_gettime(2) CLOCK_MONOTONIC, which cannot fail for this clock.
pub(crate) fn monotonic_time() -> Duration {
    let mut time = [0u64; 2];
    // SAFETY: the kernel writes one timespec of two 64-bit words.
    unsafe { raw_syscall!(Sysno::clock_gettime, libc::CLOCK_MONOTONIC, time.as_mut_ptr()) };
    Duration::new(time[0], time[1] as u32)
}

/// write(2) of a count of one to an event descriptor.
pub(crate) fn ring(bell: i32) {
    let one = 1u64;
    // SAFETY: the kernel reads eight bytes.
    unsafe { raw_syscall!(Sysno::write, bell, &raw const one, size_of::<u64>()) };
}

/// getrusage(2) of all reaped children.
pub(crate) fn children_usage(usage: &mut libc::rusage) -> Result<(), Errno> {
    // SAFETY: the kernel writes one `struct rusage`.
    check(unsafe { raw_syscall!(Sysno::getrusage, libc::RUSAGE_CHILDREN, &raw mut *usage) })
        .map(drop)
}

/// getrusage(2) of the calling process: the peak of its memory, which it may share, in KiB.
pub(crate) fn own_peak() -> Result<i64, Errno> {
    // SAFETY: all zeros is a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes one `struct rusage`.
    check(unsafe { raw_syscall!(Sysno::getrusage, libc::RUSAGE_SELF, &raw mut usage) })?;
    Ok(usage.ru_maxrss)
}

/// openat(2), read-only and close-on-exec.
pub(crate) fn open(path: &std::ffi::CStr) -> Result<i32, Errno> {
    let flags = libc::O_RDONLY | libc::O_CLOEXEC;
    // SAFETY: the path is NUL-terminated.
    let answer = unsafe { raw_syscall!(Sysno::openat, libc::AT_FDCWD, path.as_ptr(), flags) };
    check(answer).map(|fd| fd as i32)
}

/// pread64(2).
pub(crate) fn pread(fd: i32, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
    // SAFETY: the kernel writes at most the length of the buffer.
    check(unsafe { raw_syscall!(Sysno::pread64, fd, buffer.as_mut_ptr(), buffer.len(), offset) })
}

/// close(2).
pub(crate) fn close(fd: i32) {
    // SAFETY: the caller owns the descriptor; the result says nothing that could be acted on.
    unsafe { raw_syscall!(Sysno::close, fd) };
}

/// exit_group(2); a trap instruction where a filter refuses the call.
pub(crate) fn exit(status: i32) -> ! {
    // SAFETY: ends the calling process, and nothing else.
    unsafe { raw_syscall!(Sysno::exit_group, status) };
    // SAFETY: raises SIGILL in the calling process.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!("ud2", options(noreturn))
    }
    // SAFETY: as above, SIGTRAP.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!("brk #1", options(noreturn))
    }
}

/// pidfd_open(2); `None` for a process that is not there.
pub(crate) fn pidfd_open(pid: i32) -> Option<OwnedFd> {
    // SAFETY: the call takes two numbers.
    let fd = check(unsafe { raw_syscall!(Sysno::pidfd_open, pid, 0) }).ok()?;
    // SAFETY: the kernel has just returned this descriptor; nobody else knows it.
    Some(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// pidfd_send_signal(2).
pub(crate) fn signal_pidfd(pidfd: i32, signal: i32) -> Result<(), Errno> {
    // SAFETY: the call takes numbers, and a null pointer for the default siginfo.
    check(unsafe { raw_syscall!(Sysno::pidfd_send_signal, pidfd, signal, 0usize, 0) }).map(drop)
}

/// execve(2); returns only when it failed.
///
/// # Safety
///
/// `path` is NUL-terminated, `argv` and `envp` are arrays of such texts that end in a null pointer.
pub(crate) unsafe fn execve(
    path: *const c_char,
    argv: *const *const c_char,
    envp: *const *const c_char,
) -> Errno {
    // SAFETY: as the caller promises.
    let answer = unsafe { raw_syscall!(Sysno::execve, path, argv, envp) };
    check(answer).err().unwrap_or(0)
}

/// `struct __user_cap_header_struct`, version 3, for the calling thread.
const CAPABILITY_HEADER: [u32; 2] = [0x2008_0522, 0];

/// The sets of capget(2) and capset(2), as masks.
#[derive(Clone, Copy, Default)]
pub(crate) struct CapabilitySets {
    pub(crate) effective: u64,
    pub(crate) permitted: u64,
    pub(crate) inheritable: u64,
}

/// capget(2) of the calling thread.
pub(crate) fn capabilities() -> Result<CapabilitySets, Errno> {
    let header = CAPABILITY_HEADER;
    let mut data = [0u32; 6];
    // SAFETY: version 3 writes two structures of three words.
    check(unsafe { raw_syscall!(Sysno::capget, header.as_ptr(), data.as_mut_ptr()) })?;
    let join = |low: usize| u64::from(data[low]) | u64::from(data[low + 3]) << 32;
    Ok(CapabilitySets { effective: join(0), permitted: join(1), inheritable: join(2) })
}

/// capset(2) of the calling thread.
pub(crate) fn set_capabilities(sets: CapabilitySets) -> Result<(), Errno> {
    let header = CAPABILITY_HEADER;
    let low = |mask: u64| (mask & 0xffff_ffff) as u32;
    let high = |mask: u64| (mask >> 32) as u32;
    let data = [
        low(sets.effective),
        low(sets.permitted),
        low(sets.inheritable),
        high(sets.effective),
        high(sets.permitted),
        high(sets.inheritable),
    ];
    // SAFETY: version 3 reads two structures of three words.
    check(unsafe { raw_syscall!(Sysno::capset, header.as_ptr(), data.as_ptr()) }).map(drop)
}
