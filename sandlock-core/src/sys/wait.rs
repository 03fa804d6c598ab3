//! Waiting for children, raw: for the keeper (see `raw`). None of these calls blocks.

#![allow(unsafe_code)]

use syscalls::{Sysno, raw_syscall};

use super::raw::{Errno, check};

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
    /// The call is refused.
    Unknown,
}

/// waitid(2) for any child, without waiting and without reaping.
pub(crate) fn peek_any() -> Peeked {
    match waitid(libc::P_ALL, 0, libc::WEXITED | libc::WSTOPPED | libc::WNOWAIT) {
        Err(libc::EINTR) => Peeked::Nothing,
        Err(libc::ECHILD) => Peeked::NoChildren,
        Err(_) => Peeked::Unknown,
        Ok(Told { pid: 0, .. }) => Peeked::Nothing,
        Ok(Told { pid, code: libc::CLD_STOPPED | libc::CLD_TRAPPED, .. }) => Peeked::Stopped(pid),
        Ok(Told { pid, .. }) => Peeked::Ended(pid),
    }
}

/// waitid(2) for a child that has stopped: by which signal. One that has ended since is not reaped.
pub(crate) fn take_stop(pid: i32) -> Option<i32> {
    let told = waitid(libc::P_PID, pid, libc::WSTOPPED).ok()?;
    (told.pid == pid).then_some(told.status)
}

/// What waitid(2) fills in. No process has the id 0, which stands for nobody.
struct Told {
    pid: i32,
    code: i32,
    status: i32,
}

fn waitid(kind: libc::idtype_t, id: i32, flags: i32) -> Result<Told, Errno> {
    // SAFETY: all zeros is a valid siginfo.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let flags = flags | libc::WNOHANG | libc::__WALL;
    // SAFETY: the kernel writes one `siginfo_t`.
    check(unsafe { raw_syscall!(Sysno::waitid, kind, id, &raw mut info, flags, 0usize) })?;
    // SAFETY: the kernel has filled in these, or left all zeros.
    Ok(unsafe { Told { pid: info.si_pid(), code: info.si_code, status: info.si_status() } })
}

/// wait4(2) for a child that has ended: its status.
pub(crate) fn reap(pid: i32) -> Option<i32> {
    let mut status = 0i32;
    let flags = libc::WNOHANG | libc::__WALL;
    // SAFETY: the kernel writes one int.
    let answer = unsafe { raw_syscall!(Sysno::wait4, pid, &raw mut status, flags, 0usize) };
    (check(answer) == Ok(pid.cast_unsigned() as usize)).then_some(status)
}
