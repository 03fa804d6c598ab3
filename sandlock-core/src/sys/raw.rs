//! Raw system calls, as they are made between clone and exec: no libc, no `errno`, no allocation.
//! Here is what belongs to no family; signals, waiting and capabilities have files of their own.
//!
//! Every wrapper begins with the call it makes. All of them are also sound in an ordinary thread.

#![allow(unsafe_code)]

use std::ffi::c_char;
use std::sync::atomic::AtomicI32;
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
pub(super) unsafe fn prctl(option: i32, argument: usize, second: usize) -> Result<(), Errno> {
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

/// fcntl(2) with F_GETFD: whether a program gets this descriptor.
pub(crate) fn is_inherited(fd: i32) -> Result<bool, Errno> {
    // SAFETY: the call takes numbers.
    let flags = check(unsafe { raw_syscall!(Sysno::fcntl, fd, libc::F_GETFD) })?;
    Ok(flags & libc::FD_CLOEXEC as usize == 0)
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

/// clock_gettime(2) CLOCK_MONOTONIC, which cannot fail for this clock.
pub(crate) fn monotonic_time() -> Duration {
    let mut time = [0u64; 2];
    // SAFETY: the kernel writes one timespec of two 64-bit words.
    unsafe { raw_syscall!(Sysno::clock_gettime, libc::CLOCK_MONOTONIC, time.as_mut_ptr()) };
    Duration::new(time[0], time[1] as u32)
}

/// tgkill(2) with signal 0: whether this process has a thread of that id.
pub(crate) fn has_thread(id: i32) -> bool {
    // SAFETY: the call takes numbers.
    check(unsafe { raw_syscall!(Sysno::tgkill, getpid(), id, 0) }) != Err(libc::ESRCH)
}

/// write(2) of a count of one to an event descriptor.
pub(crate) fn ring(bell: i32) {
    let one = 1u64;
    // SAFETY: the kernel reads eight bytes.
    unsafe { raw_syscall!(Sysno::write, bell, &raw const one, size_of::<u64>()) };
}

/// getrusage(2) of the calling process or, with `RUSAGE_CHILDREN`, of all it has reaped.
pub(crate) fn usage(whose: i32) -> Result<libc::rusage, Errno> {
    // SAFETY: all zeros is a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes one `struct rusage`.
    check(unsafe { raw_syscall!(Sysno::getrusage, whose, &raw mut usage) })?;
    Ok(usage)
}

/// futex(2) FUTEX_WAIT: waits until `word` is woken, no longer has `value`, or the time is over.
/// Shared, as the kernel's own wake-ups are.
pub(crate) fn wait_while(word: &AtomicI32, value: i32, patience: Duration) {
    let time = [patience.as_secs(), u64::from(patience.subsec_nanos())];
    // SAFETY: the kernel reads one word and one timespec of two 64-bit words.
    unsafe { raw_syscall!(Sysno::futex, word.as_ptr(), libc::FUTEX_WAIT, value, time.as_ptr()) };
}

/// futex(2) FUTEX_WAKE: wakes everybody who waits for `word`.
pub(crate) fn wake(word: &AtomicI32) {
    // SAFETY: the kernel uses the address alone.
    unsafe { raw_syscall!(Sysno::futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX) };
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
