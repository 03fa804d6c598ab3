//! Signals, raw: for keeper and child too (see `raw`).

#![allow(unsafe_code)]

use std::time::Duration;

use syscalls::{Sysno, raw_syscall};

use super::raw::{Errno, check};

/// The size of the kernel's signal sets in bytes.
const SIGSET_SIZE: usize = 8;

/// The kernel's `struct sigaction`: handler, flags, restorer, mask.
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
pub(crate) fn reset(signal: i32) -> Result<(), Errno> {
    set_disposition(signal, libc::SIG_DFL)
}

/// rt_sigaction(2) to SIG_IGN, for the whole process.
pub(crate) fn ignore(signal: i32) -> Result<(), Errno> {
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
pub(crate) fn set_mask(set: u64) -> Result<u64, Errno> {
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
pub(crate) const fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// rt_sigtimedwait(2): takes one pending signal of `set`; `None` when the time is over or a signal
/// outside the set came.
pub(crate) fn take(set: u64, timeout: Option<Duration>) -> Option<i32> {
    // The kernel refuses times that it cannot add to its clock.
    const LONGEST: Duration = Duration::from_secs(i32::MAX.unsigned_abs() as u64);
    let timeout = timeout.map(|time| time.min(LONGEST));
    let time = timeout.map(|time| [time.as_secs(), u64::from(time.subsec_nanos())]);
    let time_pointer = time.as_ref().map_or(0, |time| time.as_ptr() as usize);
    // SAFETY: the kernel reads one set and, unless it is null, one timespec of two 64-bit words.
    let answer = unsafe {
        raw_syscall!(Sysno::rt_sigtimedwait, &raw const set, 0usize, time_pointer, SIGSET_SIZE)
    };
    check(answer).ok().and_then(|signal| i32::try_from(signal).ok())
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

/// tgkill(2) with the null signal: whether `thread` is a thread of `process`, and the caller may signal
/// it.
pub(crate) fn is_thread_of(process: u32, thread: u32) -> bool {
    // SAFETY: the call takes three numbers.
    check(unsafe { raw_syscall!(Sysno::tgkill, process, thread, 0) }).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_one_of_its_process_and_of_no_other() {
        let process = std::process::id();
        let thread = || nix::unistd::gettid().as_raw().cast_unsigned();
        let other = std::thread::spawn(move || (thread(), is_thread_of(process, thread())));
        let (other, is_ours) = other.join().unwrap();
        assert!(is_ours && is_thread_of(process, process) && is_thread_of(process, thread()));
        assert!(!is_thread_of(other, thread()) && !is_thread_of(process, i32::MAX.unsigned_abs()));
    }
}
