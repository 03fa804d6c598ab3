//! Processes by descriptor, which means one process for ever, whoever gets its number later.

#![allow(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use syscalls::{Sysno, raw_syscall};

use super::raw::{Errno, check};
use crate::error::{Error, Result};

/// pidfd_open(2); `None` for a process that is not there.
pub(crate) fn open(pid: i32) -> Result<Option<OwnedFd>> {
    // SAFETY: the call takes two numbers.
    match check(unsafe { raw_syscall!(Sysno::pidfd_open, pid, 0) }) {
        // SAFETY: the kernel has just returned this descriptor; nobody else knows it.
        Ok(fd) => Ok(Some(unsafe { OwnedFd::from_raw_fd(fd as i32) })),
        Err(libc::ESRCH) => Ok(None),
        Err(errno) => Err(Error::io(format!("pidfd_open({pid})"), errno)),
    }
}

/// pidfd_send_signal(2) to `whom`, as errors call it. A process that has ended gets none.
pub(crate) fn send(pidfd: impl AsFd, whom: &str, signal: i32) -> Result<()> {
    match try_send(pidfd, signal) {
        Ok(()) | Err(libc::ESRCH) => Ok(()),
        Err(errno) => Err(Error::io(format!("pidfd_send_signal({whom}, {signal})"), errno)),
    }
}

/// Whether the process is there: running, or ended and not reaped.
pub(crate) fn is_there(pidfd: impl AsFd) -> bool {
    try_send(pidfd, 0) != Err(libc::ESRCH)
}

fn try_send(pidfd: impl AsFd, signal: i32) -> std::result::Result<(), Errno> {
    let pidfd = pidfd.as_fd().as_raw_fd();
    // SAFETY: the call takes numbers, and a null pointer for the default siginfo.
    check(unsafe { raw_syscall!(Sysno::pidfd_send_signal, pidfd, signal, 0usize, 0) }).map(drop)
}
